//! How the value buffer's reader finds the lines of a row that hold a kept value, and how it knows that
//! one is the last: from what has come, in both phases.

use std::collections::VecDeque;

use tamis_arch::{
    Accelerator,
    units::{Bits, Cycles},
};
use tamis_sim::{
    blocks::value_buffer::{ValueBuffer, ValueBufferPorts, ValueBufferSpec},
    component::Component,
    items::{Arrivals, Destination, KeptLine, Stream, ValueIds, ValueLine},
    stats::Ledger,
};
use tamis_workloads::plan::{KeySet, Phase};

use crate::{
    bench::{each_cycle, offer, spatten, table, wire},
    common::Dense,
};

/// A value of 64 dimensions of 12 bits is three transactions.
const TRANSACTIONS: u32 = 3;
const TOKENS: u32 = 1024;

fn buffer(arch: &Accelerator) -> ValueBuffer {
    let spec = ValueBufferSpec {
        buffer: &arch.value_buffer,
        line: Bits(512 * 12),
        lines: 256,
        softmax_lanes: 8,
        probability: Bits(18),
        fetch_lanes: 32,
    };
    ValueBuffer::new(&spec, Ledger::default())
}

/// The keys of the row, eight a line.
fn keys() -> VecDeque<KeptLine> {
    let line = |start| KeptLine { row: 0, start, keys: 8, last: start + 8 == TOKENS };
    (0..TOKENS).step_by(8).map(line).collect()
}

/// What comes for values that were asked for.
fn brought(asked: &ValueIds) -> Arrivals {
    let of_line = |line| Destination { stream: Stream::Value, batch: 0, index: line };
    asked.ids.iter().map(|id| (of_line(id.line), TRANSACTIONS)).collect()
}

/// One row of 1024 keys that keeps `kept`. Lines of eight keys come to the buffer from cycle 1 on, one every
/// `gap` cycles, and values the cycle after they are asked for, but not before cycle `from`. Gives what the
/// array gets, with its cycle.
fn lines(phase: Phase, kept: &[u32], gap: u64, from: u64, skip: u32) -> Vec<(u64, ValueLine)> {
    let dense = Dense::one_head(phase, TOKENS);
    let mut tasks = dense.tasks();
    tasks[0].values_ahead = false;
    tasks[0].rows.truncate(1);
    tasks[0].rows[0].kept = KeySet::of(0..TOKENS, kept.iter().copied());
    let mut arch = spatten();
    arch.value_buffer.skip = skip;
    let table = table(&arch, dense.dimensions(), tasks);
    let mut buffer = buffer(&arch);
    let (mut value_loads, mut values_made) = (wire(Cycles(1)), wire(Cycles(1)));
    let (mut kept_lines, mut value_ids) = (wire(Cycles(1)), wire::<ValueIds>(Cycles(1)));
    let (mut arrivals, mut value_lines) = (wire(Cycles(1)), wire(Cycles(1)));
    let mut waiting = keys();
    let mut seen = Vec::new();
    each_cycle(8000, |clock| {
        if clock.now().0 == 0 {
            value_loads.push(clock, 0);
            values_made.push(clock, 0);
        }
        let may = clock.now().0.is_multiple_of(gap);
        offer(&mut kept_lines, clock, &mut waiting, may);
        if clock.now().0 >= from
            && let Some(asked) = value_ids.pop(clock)
        {
            arrivals.push(clock, brought(&asked));
        }
        let ports = ValueBufferPorts {
            table: &table,
            value_loads: &mut value_loads,
            values_made: &mut values_made,
            kept: &mut kept_lines,
            value_ids: &mut value_ids,
            arrivals: &mut arrivals,
            value_lines: &mut value_lines,
        };
        buffer.tick(clock, ports);
        seen.extend(value_lines.pop(clock).map(|line| (clock.now().0, line)));
    });
    assert!(buffer.holds().is_none(), "the row is through");
    seen
}

fn line(values: u32, last: bool) -> ValueLine {
    ValueLine { row: 0, values, last }
}

#[test]
fn a_line_that_leaves_before_the_row_has_come_is_followed_by_an_end_without_values() {
    // The last keys come in cycle 1 + 4 x 127; the end leaves in the next cycle at the earliest.
    let whole = 1 + 4 * 127;
    let seen = lines(Phase::Prefill, &[3, 5], 4, 0, 16);
    let (times, found): (Vec<u64>, Vec<ValueLine>) = seen.into_iter().unzip();
    assert_eq!(found, [line(2, false), line(0, true)]);
    assert!(times[0] < 20, "the line is not held back: {times:?}");
    assert!((whole + 1..whole + 4).contains(&times[1]), "{times:?}");
}

#[test]
fn a_line_that_leaves_when_the_row_has_come_is_the_last_itself() {
    for phase in [Phase::Prefill, Phase::Decode] {
        let seen = lines(phase, &[3, 5, 1020], 4, 0, 16);
        let found: Vec<ValueLine> = seen.iter().map(|&(_, line)| line).collect();
        let expected = match phase {
            Phase::Prefill => vec![line(2, false), line(1, true)],
            // Values are packed: one line, which is full when the row is.
            Phase::Decode => vec![line(3, true)],
        };
        assert_eq!(found, expected, "{phase:?}");
    }
}

#[test]
fn lines_without_a_kept_value_are_passed_over_as_many_a_cycle_as_the_machine_says() {
    // Of 128 lines the first and the last hold a value, and all keys are there before the first value is.
    for skip in [1, 2, 16, 126, 127, 1024] {
        let seen = lines(Phase::Prefill, &[0, 1023], 1, 500, skip);
        let found: Vec<ValueLine> = seen.iter().map(|&(_, line)| line).collect();
        assert_eq!(found, [line(1, false), line(1, true)]);
        assert_eq!(seen[1].0 - seen[0].0, 127_u64.div_ceil(skip.into()), "{skip} lines a cycle");
    }
}
