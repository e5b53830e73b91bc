//! Rows leave in order, whole, the dropped first passes replaced by the second.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::units::{Bits, Cycles};
use tamis_sim::{
    blocks::refetch::{Refetch, RefetchPorts},
    component::Component,
    items::{Pass, ProbLine},
    stats::Ledger,
    work::WorkTable,
};
use tamis_workloads::plan::Phase;

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::{Dense, PLANES},
};

const TOKENS: u32 = 20;
const LANES: u32 = 8;

/// Two batches of rows that see all 20 keys; those of `again` are computed again.
fn work(again: &[bool]) -> WorkTable {
    let dense =
        Dense { heads: 2, kv_heads: 2, bits: PLANES, ..Dense::one_head(Phase::Prefill, TOKENS) };
    let mut tasks = dense.tasks();
    let rows = tasks.iter_mut().flat_map(|task| &mut task.rows);
    for (row, &again) in rows.zip(again.iter().cycle()) {
        row.refetch = again;
    }
    table(&spatten(), dense.dimensions(), tasks)
}

fn lines(row: u32, full: bool) -> Vec<ProbLine> {
    (0..TOKENS)
        .step_by(LANES as usize)
        .map(|start| ProbLine {
            row,
            start,
            keys: (TOKENS - start).min(LANES),
            last: start + LANES >= TOKENS,
            full,
        })
        .collect()
}

/// What came out.
#[derive(Default)]
struct Seen {
    settled: Vec<(u64, ProbLine)>,
    replays: Vec<Pass>,
    batches: Vec<u32>,
    lines_back: u32,
    rows_back: u32,
}

/// Feeds first passes in order; a second pass comes some cycles after it is asked for.
fn drive(again: &[bool], rows: u32, delay: u64, take: &[bool]) -> Seen {
    let table = work(again);
    let spec = spatten().refetch;
    let mut refetch = Refetch::new(&spec, LANES, Bits(18), Ledger::default());
    let (mut probabilities, mut settled) = (wire(Cycles(1)), wire(Cycles(5)));
    let (mut replays, mut refetches) = (wire(Cycles(5)), wire(Cycles(5)));
    let mut row_credits = wire(Cycles(1));
    let mut first: VecDeque<ProbLine> = (0..rows).flat_map(|row| lines(row, false)).collect();
    let mut second: VecDeque<(u64, ProbLine)> = VecDeque::new();
    let mut seen = Seen::default();
    each_cycle(3000, |clock| {
        let ready = second.front().is_some_and(|&(at, _)| at <= clock.now().0);
        // Passes do not mix: a row goes through whole.
        let whole = first.front().is_none_or(|line| line.start == 0)
            || second.front().is_some_and(|(_, line)| line.start > 0);
        if ready && whole && probabilities.can_push(clock) {
            probabilities.push(clock, second.pop_front().unwrap().1);
        } else if second.front().is_none_or(|(_, line)| line.start == 0) {
            offer(&mut probabilities, clock, &mut first, true);
        }
        let ports = RefetchPorts {
            table: &table,
            probabilities: &mut probabilities,
            replays: &mut replays,
            refetches: &mut refetches,
            row_credits: &mut row_credits,
            settled: &mut settled,
        };
        refetch.tick(clock, ports);
        if let Some(pass) = replays.pop(clock) {
            seen.replays.push(pass);
            let at = clock.now().0 + delay;
            second.extend(lines(pass.first, true).into_iter().map(|line| (at, line)));
        }
        seen.batches.extend(refetches.pop(clock));
        if let Some(credit) = row_credits.pop(clock) {
            seen.lines_back += credit.lines;
            seen.rows_back += credit.rows;
        }
        if moves(take, clock) {
            seen.settled.extend(settled.pop(clock).map(|line| (clock.now().0, line)));
        }
    });
    assert_eq!(refetch.refetched(), seen.replays.len() as u64);
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_leave_whole_and_in_order_whichever_are_computed_again(
        again in prop::collection::vec(any::<bool>(), 1..40),
        delay in 0_u64..60,
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let rows = 2 * TOKENS;
        let seen = drive(&again, rows, delay, &take);
        let settled: Vec<ProbLine> = seen.settled.into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(settled, (0..rows).flat_map(|row| lines(row, true)).collect::<Vec<_>>());
        prop_assert_eq!((seen.lines_back, seen.rows_back), (rows * 3, rows));
        // Each row that wants it is asked for once, in order; each batch's LSBs once.
        let asked = |row: &u32| again[*row as usize % again.len()];
        let expected: Vec<Pass> = (0..rows)
            .filter(asked)
            .map(|first| Pass { first, rows: 1, full: true })
            .collect();
        prop_assert_eq!(seen.replays, expected);
        let batches: Vec<u32> =
            (0..2).filter(|batch| (batch * TOKENS..(batch + 1) * TOKENS).any(|row| asked(&row))).collect();
        prop_assert_eq!(seen.batches, batches);
    }
}

#[test]
fn a_line_takes_the_latency_and_the_next_follows_a_cycle_later() {
    let seen = drive(&[false], 10, 0, &[true]);
    let times: Vec<u64> = seen.settled.iter().map(|&(at, _)| at).collect();
    // Offered in cycle 0, here in cycle 1, five cycles to the other side.
    assert_eq!(times, (6..36).collect::<Vec<u64>>());
}
