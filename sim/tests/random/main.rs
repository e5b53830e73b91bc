//! Any machine that the checks let pass runs any plan, or refuses it by name: it never stops half-way,
//! panics, or loses work.

#[path = "../common/mod.rs"]
mod common;
mod machine;
mod workload;

use std::{cell::Cell, convert::Infallible};

use common::{count, shuffled};
use machine::{MachineFile, any_machine};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tamis_arch::units::Cycles;
use tamis_sim::{Options, error::RunError, outcome::Outcome, run};
use workload::{Shape, any_shape};

/// More cycles than any of these plans can take.
const LIMIT: Cycles = Cycles(20_000_000);

fn play(
    machine: &tamis_arch::Accelerator,
    shape: &Shape,
    options: &Options,
) -> Result<Outcome, RunError<Infallible>> {
    let tasks = shape.tasks().into_iter().map(Ok);
    run(machine, shape.dimensions(), shape.phase(), tasks, options, &|_| {})
}

/// Runs cases that are the same each time, and tells how many ended in a result.
fn cases(
    count: u32,
    check: impl Fn(&tamis_arch::Accelerator, &Shape) -> Result<bool, TestCaseError>,
) -> u32 {
    let config = Config { cases: count, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let ended = Cell::new(0);
    let case = |(file, shape): (MachineFile, Shape)| {
        let Some(machine) = file.parse() else { return Ok(()) };
        ended.set(ended.get() + u32::from(check(&machine, &shape)?));
        Ok(())
    };
    if let Err(failure) = runner.run(&(any_machine(), any_shape()), case) {
        panic!("{failure}");
    }
    ended.get()
}

#[test]
fn a_machine_ends_or_refuses_and_its_counts_are_those_of_the_plan() {
    // As many as PROPTEST_CASES says, if it does.
    let ended = cases(Config::default().cases, |machine, shape| {
        let options = Options { limit: LIMIT, ..Options::default() };
        let outcome = match play(machine, shape, &options) {
            Ok(outcome) => outcome,
            Err(RunError::Fit(_)) => return Ok(false),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let expected = count::of(machine, shape.dimensions(), &shape.tasks());
        prop_assert_eq!(count::found(&outcome), expected);
        common::accounts_balance(&outcome);
        Ok(true)
    });
    assert!(ended > 128, "hardly any case ran: {ended}");
}

#[test]
fn neither_the_order_of_ticks_nor_skipping_changes_anything() {
    let ended = cases(64, |machine, shape| {
        let Ok(outcome) = play(machine, shape, &Options::default()) else { return Ok(false) };
        for skip in [true, false] {
            let options = Options { skip, order: shuffled(shape.seed), ..Options::default() };
            let again = play(machine, shape, &options).expect("it ran before");
            prop_assert_eq!(&again, &outcome);
        }
        Ok(true)
    });
    assert!(ended > 16, "hardly any case ran: {ended}");
}
