//! Lines of values pass a cycle each; a row's output and a batch's selection come with their last.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::units::{Bits, Cycles};
use tamis_sim::{
    blocks::pv_array::{PvArray, PvArrayPorts, PvArraySpec},
    component::Component,
    items::{Candidates, SelectJob, ValueLine},
    stats::Ledger,
    work::WorkTable,
};
use tamis_workloads::plan::{LayerEnd, Phase, Selection};

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::Dense,
};

/// One decode step of four heads that share their values, and heads to select at its end.
fn one_step() -> WorkTable {
    let dense = Dense { heads: 4, causal: true, ..Dense::one_head(Phase::Decode, 16) };
    let mut tasks = dense.tasks();
    let heads = Selection { candidates: 4, keep: 2, rounds: Vec::new() };
    tasks[0].layer_end = Some(LayerEnd { tokens: None, heads: Some(heads) });
    table(&spatten(), dense.dimensions(), tasks)
}

type Came = (Vec<(u64, u32)>, Vec<(u64, SelectJob)>);

/// Rows and selections that came out, each with its cycle.
fn outputs(lines: &[ValueLine], latency: u64, give: &[bool], take: &[bool]) -> Came {
    let table = one_step();
    let mut array = PvArray::new(
        PvArraySpec {
            head_dim: 64,
            operand: Bits(12),
            probability: Bits(18),
            accumulator: Bits(31),
            importance: Bits(48),
            rows: 64,
        },
        Ledger::default(),
    );
    let mut waiting: VecDeque<ValueLine> = lines.to_vec().into();
    let (mut value_lines, mut outputs) = (wire(Cycles(1)), wire(Cycles(latency)));
    let mut head_jobs = wire(Cycles(latency));
    let (mut rows, mut jobs) = (Vec::new(), Vec::new());
    each_cycle(300, |clock| {
        let gives = moves(give, clock);
        offer(&mut value_lines, clock, &mut waiting, gives);
        let ports = PvArrayPorts {
            table: &table,
            value_lines: &mut value_lines,
            outputs: &mut outputs,
            head_jobs: &mut head_jobs,
        };
        array.tick(clock, ports);
        if moves(take, clock) {
            rows.extend(outputs.pop(clock).map(|row| (clock.now().0, row)));
        }
        jobs.extend(head_jobs.pop(clock).map(|job| (clock.now().0, job)));
    });
    let macs = lines.iter().map(|line| u64::from(line.values) * 64).sum();
    assert_eq!(array.work(), (lines.len() as u64, macs, rows.len() as u64));
    (rows, jobs)
}

/// Two lines of values; the rows end in the order 2, 0, 3, 1.
fn lines() -> Vec<ValueLine> {
    [(0, 0), (1, 0), (2, 1), (3, 0), (0, 1), (3, 1), (1, 1)]
        .map(|(row, last)| ValueLine { row, values: 5, last: last == 1 })
        .to_vec()
}

#[test]
fn outputs_take_the_latency_and_the_batch_ends_with_the_last_row_to_end() {
    let (rows, jobs) = outputs(&lines(), 9, &[true], &[true]);
    // Line n is at the array in cycle 1 + n.
    assert_eq!(rows, [(3 + 9, 2), (5 + 9, 0), (6 + 9, 3), (7 + 9, 1)]);
    assert_eq!(jobs, [(7 + 9, SelectJob { batch: 0, of: Candidates::Heads })]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_ends_once_in_the_order_of_its_last_line(
        latency in 1_u64..12,
        give in prop::collection::vec(any::<bool>(), 1..6),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let (rows, jobs) = outputs(&lines(), latency, &give, &take);
        prop_assert_eq!(rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [2, 0, 3, 1]);
        prop_assert_eq!(jobs.len(), 1);
    }
}
