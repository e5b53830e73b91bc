//! Small traces and policies to plan with.

use tamis_arch::{blocks::Formats, units::Bits};
use tamis_workloads::{
    plan::{Phase, Task},
    planner::{Phases, Planner},
    policy::Policy,
    quality::Quality,
    quickselect::PivotRule,
    trace::{Heads, Layer, LayerSource, MemoryTrace, Shape},
};

pub(crate) const FORMATS: Formats =
    Formats { operand: Bits(12), probability_fraction: Bits(18), importance: Bits(32) };

/// An encoder of one head of 16, with scale 1.
pub(crate) fn encoder(layers: u32, seq_len: u32) -> Shape {
    Shape {
        model: "hand-made".into(),
        layers,
        heads: 1,
        kv_heads: 1,
        head_dim: 16,
        seq_len,
        prompt_len: None,
        causal: false,
        scale: 1.0,
        window: vec![0; layers as usize],
    }
}

/// The same as a decoder.
pub(crate) fn decoder(layers: u32, prompt_len: u32, seq_len: u32) -> Shape {
    Shape { prompt_len: Some(prompt_len), causal: true, ..encoder(layers, seq_len) }
}

/// Vectors `[value(head, token), 0, 0, ...]`.
pub(crate) fn heads(shape: &Shape, heads: u32, value: impl Fn(u32, u32) -> f32) -> Heads {
    let mut values = Vec::new();
    for head in 0..heads {
        for token in 0..shape.seq_len {
            values.push(value(head, token));
            values.resize(values.len() + shape.head_dim as usize - 1, 0.0);
        }
    }
    Heads { seq_len: shape.seq_len, head_dim: shape.head_dim, values }
}

/// A layer in which the score of a query and a key is the product of their numbers.
pub(crate) fn layer(
    shape: &Shape,
    query: impl Fn(u32, u32) -> f32,
    key: impl Fn(u32, u32) -> f32,
    value: impl Fn(u32, u32) -> f32,
) -> Layer {
    Layer {
        q: heads(shape, shape.heads, query),
        k: heads(shape, shape.kv_heads, key),
        v: heads(shape, shape.kv_heads, value),
    }
}

pub(crate) fn trace(shape: &Shape, layers: Vec<Layer>) -> MemoryTrace {
    MemoryTrace::new(shape.clone(), layers).expect("a hand-made trace is sound")
}

/// `cascade` with some knobs set.
pub(crate) fn cascade(knobs: &str) -> Policy {
    Policy::parse("test.toml", &format!("extends = \"cascade\"\n{knobs}")).expect("it is sound")
}

pub(crate) fn dense() -> Policy {
    Policy::named("dense").expect("it comes with the program")
}

pub(crate) fn planner<'a>(
    trace: &'a (dyn LayerSource + Sync),
    policy: &Policy,
    phases: Phases,
) -> Planner<'a> {
    let pivots = PivotRule::MIDPOINT;
    Planner::new(trace, policy, &FORMATS, pivots, phases).expect("policy and trace fit")
}

pub(crate) fn plan(
    trace: &(dyn LayerSource + Sync),
    policy: &Policy,
    phases: Phases,
) -> (Vec<Task>, Quality) {
    let mut planner = planner(trace, policy, phases);
    let tasks = planner.by_ref().map(|task| task.expect("the trace can be read")).collect();
    (tasks, planner.quality().clone())
}

/// Tasks of one layer of one pass.
pub(crate) fn tasks_of(tasks: &[Task], phase: Phase, step: u32, layer: u32) -> Vec<&Task> {
    tasks
        .iter()
        .filter(|task| (task.phase, task.step, task.layer) == (phase, step, layer))
        .collect()
}

/// The live keys of the only task of a layer.
pub(crate) fn tokens(tasks: &[Task], phase: Phase, step: u32, layer: u32) -> &[u32] {
    let found = tasks_of(tasks, phase, step, layer);
    assert_eq!(found.len(), 1, "{phase:?} {step} {layer} has one task");
    &found[0].tokens
}
