//! How a planner reads its trace.

use std::sync::atomic::{AtomicU32, Ordering};

use tamis_workloads::{
    planner::{Phases, PlanError, Planner},
    trace::{Layer, LayerSource, MemoryTrace, Shape, TraceError},
};

use crate::build::{cascade, decoder, dense, layer, plan, planner, trace};

/// A trace that counts how often it is read, and lacks a layer.
struct Watched {
    trace: MemoryTrace,
    missing: Option<u32>,
    reads: AtomicU32,
}

impl Watched {
    fn new(missing: Option<u32>) -> Self {
        let shape = decoder(3, 4, 9);
        let one = |_, _| 1.0;
        let trace = trace(&shape, vec![layer(&shape, one, one, one); 3]);
        Self { trace, missing, reads: AtomicU32::new(0) }
    }
}

impl LayerSource for Watched {
    fn shape(&self) -> &Shape {
        self.trace.shape()
    }

    fn layer(&self, index: u32) -> Result<Layer, TraceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.trace.layer(if self.missing == Some(index) { u32::MAX } else { index })
    }
}

#[test]
fn a_layer_is_read_when_its_first_task_is_asked_for() {
    let source = Watched::new(None);
    let mut planner = planner(&source, &dense(), Phases::All);
    assert_eq!(source.reads.load(Ordering::Relaxed), 0);
    planner.next().unwrap().unwrap();
    assert_eq!(source.reads.load(Ordering::Relaxed), 1);
}

#[test]
fn small_layers_are_read_once_though_every_step_visits_them() {
    let source = Watched::new(None);
    let (tasks, _) = plan(&source, &cascade(""), Phases::All);
    assert_eq!(tasks.len(), 18, "the prompt and five steps of three layers");
    assert_eq!(source.reads.load(Ordering::Relaxed), 3);
}

#[test]
fn a_trace_that_fails_in_the_middle_ends_the_plan_with_its_error() {
    let source = Watched::new(Some(1));
    let mut planner = planner(&source, &dense(), Phases::All);
    assert!(planner.next().unwrap().is_ok());
    assert!(matches!(planner.next(), Some(Err(PlanError::Trace(_)))));
    assert!(planner.next().is_none(), "nothing follows an error");
}

#[test]
fn a_planner_can_run_in_a_thread_of_its_own() {
    fn sendable<T: Send>() {}
    sendable::<Planner<'_>>();
}
