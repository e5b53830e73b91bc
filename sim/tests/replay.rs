//! Real traces on the machine: every policy and phase ends, and adds up.

use tamis_arch::Accelerator;
use tamis_sim::{
    Dimensions, Options,
    outcome::{Block, Outcome},
    run,
};
use tamis_workloads::{
    plan::{Phase, Task},
    planner::{Phases, Planner},
    policy::Policy,
    quickselect::PivotRule,
    trace::{TraceFile, bundled},
};

fn plan(arch: &Accelerator, trace: &TraceFile, policy: &str) -> Vec<Task> {
    let policy = Policy::named(policy).expect("a policy");
    let pivots = PivotRule { pivot: arch.topk.pivot, seed: arch.topk.seed };
    Planner::new(trace, &policy, &arch.formats, pivots, Phases::All)
        .expect("it fits")
        .map(|task| task.expect("a task"))
        .collect()
}

fn play(
    arch: &Accelerator,
    trace: &TraceFile,
    phase: Phase,
    tasks: &[Task],
    options: &Options,
) -> Outcome {
    let shape = trace.shape();
    let dimensions = Dimensions {
        layers: shape.layers,
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        head_dim: shape.head_dim,
        tokens: shape.seq_len,
    };
    let tasks = tasks.iter().filter(|task| task.phase == phase).cloned();
    run(arch, dimensions, phase, tasks.map(Ok::<_, std::convert::Infallible>), options, &|_| {})
        .expect("it runs")
}

#[test]
fn skipping_and_order_change_nothing() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    for name in ["minilm-l6_alice_s40", "smollm2-135m_alice_s64"] {
        let trace = bundled(name).expect("bundled").open().expect("it opens");
        for policy in ["dense", "cascade"] {
            let tasks = plan(&arch, &trace, policy);
            for phase in [Phase::Prefill, Phase::Decode] {
                let outcome = play(&arch, &trace, phase, &tasks, &Options::default());
                let mut order = Block::ALL;
                order.reverse();
                let slow = Options { skip: false, order, ..Options::default() };
                assert_eq!(outcome, play(&arch, &trace, phase, &tasks, &slow));
            }
        }
    }
}
