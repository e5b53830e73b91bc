//! Simulated cycles per host second, plan time apart: `elem/s` below is cycles a second.
//!
//! The bundled traces, and every trace in the folder that `TAMIS_TRACES` names; each phase and policy.
//! Two hand-made workloads show the ends of the range: arrays that never wait (prefill of a BERT
//! layer), and sixteen channels that never rest (decode over 1024 keys).

use std::{hint::black_box, path::PathBuf, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_arch::Accelerator;
use tamis_sim::{Dimensions, Options, outcome::Outcome, run};
use tamis_workloads::{
    plan::{Phase, Task},
    planner::{Phases, Planner},
    policy::Policy,
    quickselect::PivotRule,
    trace::{BUNDLED, TraceFile},
};

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Dense, WHOLE};

fn traces() -> Vec<TraceFile> {
    let mut traces: Vec<TraceFile> =
        BUNDLED.iter().map(|each| each.open().expect("a bundled trace opens")).collect();
    if let Some(folder) = std::env::var_os("TAMIS_TRACES") {
        let entries = std::fs::read_dir(&folder).expect("TAMIS_TRACES names a folder");
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "safetensors"));
        paths.sort();
        traces = paths.iter().map(|path| TraceFile::open(path).expect("a trace")).collect();
    }
    traces
}

fn plan(arch: &Accelerator, trace: &TraceFile, policy: &str) -> Vec<Task> {
    let policy = Policy::named(policy).expect("a policy");
    let pivots = PivotRule::from(&arch.topk);
    Planner::new(trace, &policy, &arch.formats, pivots, Phases::All)
        .expect("it fits")
        .map(|task| task.expect("a task"))
        .collect()
}

fn play(arch: &Accelerator, dimensions: Dimensions, tasks: &[Task]) -> Outcome {
    let phase = tasks[0].phase;
    let tasks = tasks.iter().cloned().map(Ok::<_, std::convert::Infallible>);
    run(arch, dimensions, phase, tasks, &Options::default(), &|_| {}).expect("it runs")
}

fn measure(criterion: &mut Criterion, name: &str, dimensions: Dimensions, tasks: &[Task]) {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let cycles = play(&arch, dimensions, tasks).elapsed.0;
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(2)).throughput(Throughput::Elements(cycles));
    group.bench_function(name, |bencher| {
        bencher.iter(|| black_box(play(&arch, dimensions, tasks)));
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let bert = Dense {
        phase: Phase::Prefill,
        layers: 1,
        heads: 12,
        kv_heads: 12,
        head_dim: 64,
        tokens: 384,
        causal: false,
        bits: WHOLE,
    };
    let gpt2 = Dense { phase: Phase::Decode, layers: 2, tokens: 1024, causal: true, ..bert };
    measure(criterion, "bert-384 dense prefill", bert.dimensions(), &bert.tasks());
    measure(criterion, "gpt2-1024 dense decode", gpt2.dimensions(), &gpt2.tasks());

    let arch = tamis_arch::load("spatten").expect("a preset");
    for trace in traces() {
        let dimensions = Dimensions::from(trace.shape());
        for policy in ["cascade", "dense"] {
            let tasks = plan(&arch, &trace, policy);
            for (phase, word) in [(Phase::Prefill, "prefill"), (Phase::Decode, "decode")] {
                let tasks: Vec<Task> =
                    tasks.iter().filter(|task| task.phase == phase).cloned().collect();
                if !tasks.is_empty() {
                    let stem = std::path::Path::new(trace.name()).file_stem();
                    let stem = stem.expect("a trace has a name").to_string_lossy();
                    let name = format!("{stem} {policy} {word}");
                    measure(criterion, &name, dimensions, &tasks);
                }
            }
        }
    }
}

criterion_group!(benches, replay);
criterion_main!(benches);
