//! Real traces on the machine: every policy and phase ends, adds up, and costs what its plan says.

mod common;

use common::{accounts_balance, count, shuffled};
use tamis_arch::Accelerator;
use tamis_sim::{Dimensions, Options, outcome::Outcome, run};
use tamis_workloads::{
    plan::{Phase, Task},
    planner::{Phases, Planner},
    policy::Policy,
    quickselect::PivotRule,
    trace::{TraceFile, bundled},
};

/// A plan for one phase of a bundled trace.
struct Workload {
    name: String,
    dimensions: Dimensions,
    phase: Phase,
    tasks: Vec<Task>,
}

fn plan(arch: &Accelerator, trace: &TraceFile, policy: &str) -> Vec<Task> {
    let policy = Policy::named(policy).expect("a policy");
    Planner::new(trace, &policy, &arch.formats, PivotRule::from(&arch.topk), Phases::All)
        .expect("it fits")
        .map(|task| task.expect("a task"))
        .collect()
}

/// Both bundled traces, both policies, both phases; the encoder has no decode.
fn workloads(arch: &Accelerator) -> Vec<Workload> {
    let mut workloads = Vec::new();
    for name in ["minilm-l6_alice_s40", "smollm2-135m_alice_s64"] {
        let trace = bundled(name).expect("bundled").open().expect("it opens");
        let dimensions = Dimensions::from(trace.shape());
        for policy in ["dense", "cascade"] {
            let tasks = plan(arch, &trace, policy);
            for phase in [Phase::Prefill, Phase::Decode] {
                let tasks: Vec<Task> =
                    tasks.iter().filter(|task| task.phase == phase).cloned().collect();
                if !tasks.is_empty() {
                    let name = format!("{name} {policy} {phase:?}");
                    workloads.push(Workload { name, dimensions, phase, tasks });
                }
            }
        }
    }
    assert_eq!(workloads.len(), 6);
    workloads
}

fn play(arch: &Accelerator, workload: &Workload, options: &Options) -> Outcome {
    let tasks = workload.tasks.iter().cloned().map(Ok::<_, std::convert::Infallible>);
    run(arch, workload.dimensions, workload.phase, tasks, options, &|_| {})
        .unwrap_or_else(|error| panic!("{}: {error}", workload.name))
}

fn spatten() -> Accelerator {
    tamis_arch::load("spatten").expect("a preset")
}

#[test]
fn neither_skipping_nor_the_order_of_ticks_changes_anything() {
    let arch = spatten();
    for (seed, workload) in (1..).zip(&workloads(&arch)) {
        let outcome = play(&arch, workload, &Options::default());
        let other = Options { order: shuffled(seed), ..Options::default() };
        assert_eq!(outcome, play(&arch, workload, &other), "{}", workload.name);
        let slow = Options { skip: false, order: shuffled(seed + 100), ..Options::default() };
        assert_eq!(outcome, play(&arch, workload, &slow), "{}", workload.name);
    }
}

#[test]
fn traffic_and_work_are_what_a_count_over_the_plan_says() {
    let arch = spatten();
    for workload in &workloads(&arch) {
        let outcome = play(&arch, workload, &Options::default());
        let expected = count::of(&arch, workload.dimensions, &workload.tasks);
        assert_eq!(count::found(&outcome), expected, "{}", workload.name);
        accounts_balance(&outcome);
    }
}

/// A knob, and what it may do to the time: at least and at most so many times the preset's.
type Variant = (&'static str, f64, f64);

/// The knobs of DESIGN 7 on real traces. A knob that takes something away must not make the machine
/// faster, beyond a hundredth: the memory meets its requests in another order, which may be luckier.
/// Room for more that is fetched ahead may cost up to two: it competes with what is needed sooner.
const VARIANTS: &[Variant] = &[
    ("sequencer.prefetch = \"serialized\"", 0.99, 3.0),
    ("sequencer.layer_barrier = \"rows\"", 0.2, 1.01),
    ("sequencer.layer_barrier = \"none\"", 0.2, 1.01),
    ("sequencer.query_traffic = false", 0.2, 1.01),
    ("sequencer.write_traffic = false", 0.2, 1.01),
    ("sequencer.round_counts_to = 8", 0.99, 1.5),
    ("crossbar.arbiter = \"fixed\"", 0.9, 1.1),
    ("crossbar.arbiter = \"oldest\"", 0.9, 1.1),
    ("crossbar.ports_per_channel = 1", 0.99, 1.5),
    ("reorder.join = \"row\"", 0.95, 2.0),
    ("key_buffer.read = \"polling\"", 0.99, 1.5),
    ("value_buffer.read = \"polling\"", 0.99, 1.5),
    ("softmax.model = \"wire\"", 0.2, 1.01),
    ("topk.engines = 1", 0.99, 1.5),
    ("topk.model = \"delay-model\"", 0.5, 1.5),
    ("layout.record = \"aligned\"", 0.9, 2.0),
    ("key_buffer.capacity_bytes = 393216", 0.9, 1.02),
    ("value_buffer.capacity_bytes = 393216", 0.9, 1.02),
    ("refetch.buffer_lines = 4096", 0.9, 1.02),
    ("softmax.row_buffer_lines = 2048", 0.9, 1.02),
    ("reorder.entries = 256", 0.9, 1.02),
    // A slower core has cheaper memory, in cycles, and the same arrays.
    ("core.clock_mhz = 800", 0.75, 1.01),
    ("core.clock_mhz = 333", 0.3, 1.01),
];

#[test]
fn every_knob_runs_every_plan_and_moves_time_the_way_it_must() {
    let base = spatten();
    let mut workloads = workloads(&base);
    workloads.retain(|workload| workload.name.contains("cascade"));
    let usual: Vec<f64> = workloads
        .iter()
        .map(|workload| play(&base, workload, &Options::default()).elapsed.0 as f64)
        .collect();
    for &(knob, least, most) in VARIANTS {
        let text =
            format!("extends = \"spatten\"\nname = \"knob\"\ndescription = \"one\"\n{knob}\n");
        let arch =
            Accelerator::parse("knob.toml", &text).unwrap_or_else(|faults| panic!("{faults}"));
        for (workload, usual) in workloads.iter().zip(&usual) {
            let outcome = play(&arch, workload, &Options::default());
            let expected = count::of(&arch, workload.dimensions, &workload.tasks);
            assert_eq!(count::found(&outcome), expected, "{knob}: {}", workload.name);
            accounts_balance(&outcome);
            let ratio = outcome.elapsed.0 as f64 / usual;
            assert!((least..=most).contains(&ratio), "{knob}: {}: {ratio}", workload.name);
        }
    }
}
