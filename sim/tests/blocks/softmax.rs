//! Lines of scores become lines of probabilities: all of a row, rows in their order, on time.

use std::collections::VecDeque;

use proptest::prelude::*;
use tamis_arch::{
    blocks::{self, SoftmaxModel},
    units::{Bits, Cycles},
};
use tamis_sim::{
    blocks::softmax::{Softmax, SoftmaxPorts},
    component::Component,
    items::{KeyLine, ProbLine},
    stats::Ledger,
    work::WorkTable,
};
use tamis_workloads::plan::Phase;

use crate::{
    bench::{each_cycle, moves, offer, spatten, table, wire},
    common::Dense,
};

/// Rows that see 1, 2, 3 and so on keys.
fn triangle(tokens: u32) -> WorkTable {
    let dense = Dense { causal: true, ..Dense::one_head(Phase::Prefill, tokens) };
    table(&spatten(), dense.dimensions(), dense.tasks())
}

/// The scores of the rows, in lines of `width`, one row after the other or line by line together.
fn score_lines(rows: std::ops::Range<u32>, width: u32, together: bool) -> VecDeque<KeyLine> {
    let mut lines: Vec<(u32, KeyLine)> = Vec::new();
    for row in rows {
        let keys = row + 1;
        for line in 0..keys.div_ceil(width) {
            let left = keys - line * width;
            let line_of_row =
                KeyLine { row, keys: left.min(width), last: left <= width, full: false };
            lines.push((if together { line } else { 0 }, line_of_row));
        }
    }
    lines.sort_by_key(|&(line, _)| line);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn probabilities(
    spec: &blocks::Softmax,
    table: &WorkTable,
    mut lines: VecDeque<KeyLine>,
    give: &[bool],
    take: &[bool],
) -> Vec<(u64, ProbLine)> {
    let mut softmax = Softmax::new(spec, Bits(30), Bits(18), Ledger::default());
    let (mut scores, mut out) = (wire(Cycles(1)), wire(spec.round_latency));
    let mut came = Vec::new();
    each_cycle(8000, |clock| {
        let gives = moves(give, clock);
        offer(&mut scores, clock, &mut lines, gives);
        let ports = SoftmaxPorts { table, scores: &mut scores, probabilities: &mut out };
        softmax.tick(clock, ports);
        if moves(take, clock)
            && let Some(line) = out.pop(clock)
        {
            came.push((clock.now().0, line));
        }
    });
    came
}

/// Each row's keys in lines of `lanes`, rows in order.
fn expected(rows: std::ops::Range<u32>, lanes: u32) -> Vec<ProbLine> {
    rows.flat_map(|row| {
        let keys = row + 1;
        (0..keys).step_by(lanes as usize).map(move |start| ProbLine {
            row,
            start,
            keys: (keys - start).min(lanes),
            last: start + lanes >= keys,
            full: false,
        })
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_of_every_row_comes_out_in_order(
        lanes in (0_u32..7).prop_map(|level| 1 << level),
        width in (0_u32..7).prop_map(|level| 1 << level),
        together in any::<bool>(),
        wire in any::<bool>(),
        give in prop::collection::vec(any::<bool>(), 1..6),
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        let table = triangle(24);
        let mut spec = spatten().softmax;
        spec.lanes = lanes;
        // Room for the longest row alone, or for all that come together.
        let lines = |row: u32| (row + 1).div_ceil(lanes);
        spec.row_buffer_lines = if together { (0..24).map(lines).sum() } else { lines(23) };
        spec.model = if wire { SoftmaxModel::Wire } else { SoftmaxModel::Modelled };
        let came = probabilities(&spec, &table, score_lines(0..24, width, together), &give, &take);
        let came: Vec<ProbLine> = came.into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(came, expected(0..24, lanes));
    }
}

#[test]
fn a_row_takes_three_passes_and_the_latencies_of_its_stages() {
    let spec = spatten().softmax;
    let table = triangle(64);
    for row in [0, 7, 8, 63] {
        let came =
            probabilities(&spec, &table, score_lines(row..row + 1, 8, false), &[true], &[true]);
        let lines = u64::from((row + 1).div_ceil(8));
        // The first line is there in cycle 1; a line a cycle to scale, a line a cycle to exponentiate.
        let scaled = 1 + lines + spec.scale_latency.0;
        let summed = scaled
            + lines
            + spec.exponent_latency.0
            + spec.accumulate_latency.0
            + spec.divide_latency.0;
        let first = summed + spec.round_latency.0;
        let times: Vec<u64> = came.iter().map(|&(at, _)| at).collect();
        assert_eq!(times, (first..first + lines).collect::<Vec<u64>>(), "row {row}");
    }
}

#[test]
fn rows_of_64_lines_flow_at_a_line_a_cycle() {
    let spec = spatten().softmax;
    let table = triangle(512);
    let lines = score_lines(504..512, 8, false);
    let count = lines.len();
    let came = probabilities(&spec, &table, lines, &[true], &[true]);
    let (first, last) = (came[0].0, came[count - 1].0);
    assert_eq!(usize::try_from(last - first).unwrap() + 1, count);
}

#[test]
fn a_wire_passes_a_line_when_its_last_score_has_come() {
    let mut spec = spatten().softmax;
    spec.model = SoftmaxModel::Wire;
    let table = triangle(64);
    let came = probabilities(&spec, &table, score_lines(63..64, 8, false), &[true], &[true]);
    let times: Vec<u64> = came.iter().map(|&(at, _)| at).collect();
    let first = 1 + spec.round_latency.0;
    assert_eq!(times, (first..first + 8).collect::<Vec<u64>>());
}
