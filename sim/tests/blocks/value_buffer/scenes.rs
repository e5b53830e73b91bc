//! Scenes made by hand, with the cycles that follow from the parameters.

use tamis_arch::units::Cycles;
use tamis_sim::work::WorkTable;
use tamis_workloads::plan::{KeySet, Phase, Task};

use super::surroundings::{Setting, drive};
use crate::{
    bench::{spatten, table},
    common::Dense,
};

/// Values in a line of the preset, for 64 dimensions.
const WIDTH: u32 = 8;

/// So many tasks of so many lines of values, fetched ahead; every row keeps what it sees: all.
fn tasks(phase: Phase, tasks: u32, lines: u32) -> (Dense, Vec<Task>) {
    let dense = Dense { heads: tasks, kv_heads: tasks, ..Dense::one_head(phase, WIDTH * lines) };
    (dense, dense.tasks())
}

fn prefill(count: u32, lines: u32) -> WorkTable {
    let (dense, tasks) = tasks(Phase::Prefill, count, lines);
    table(&spatten(), dense.dimensions(), tasks)
}

/// When item `i` moves, if each frees its room `trip` cycles later and there is room for `room`.
fn with_room(first: u64, count: u64, room: u64, trip: u64) -> Vec<u64> {
    (0..count).map(|item| first + item + item / room * trip.saturating_sub(room)).collect()
}

#[test]
fn rows_read_a_line_a_cycle_from_values_that_are_fetched_once() {
    for (read_latency, memory) in [(1, 1), (5, 1), (5, 9)] {
        let table = prefill(1, 4);
        let setting = Setting { read_latency, memory, ..Setting::generous(&table) };
        let (seen, outcome) = drive(&setting);
        // Announced in cycle 1, asked for in the same, at the memory in 2, sent, here and read.
        let first = 2 + memory + 1;
        let lines = 32 * 4;
        let expected: Vec<u64> = (first..first + lines).map(|read| read + read_latency).collect();
        assert_eq!(seen.times(), expected);
        assert_eq!(seen.asked.len(), 32);
        let counts: Vec<u64> = outcome.events.iter().map(|events| events.count).collect();
        // Lines read and written; words of probabilities read and written.
        assert_eq!(counts, [lines, 4, lines, lines]);
    }
}

#[test]
fn a_value_is_asked_for_when_the_first_row_keeps_it_and_served_to_all() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 1);
    tasks[0].values_ahead = false;
    let table = table(&spatten(), dense.dimensions(), tasks);
    let memory = 6;
    let (seen, _) = drive(&Setting { memory, ..Setting::generous(&table) });
    // Row 0 is here in cycle 1, its ids are at the memory in 2.
    let asked: Vec<(u64, u32)> = seen.asked.iter().map(|&(at, _, id)| (at, id.token)).collect();
    assert_eq!(asked, (0..8).map(|token| (2, token)).collect::<Vec<_>>());
    let first = 2 + memory + 1;
    assert_eq!(seen.times(), (first + 5..first + 5 + 8).collect::<Vec<u64>>());
}

#[test]
fn lines_of_which_a_row_keeps_nothing_are_skipped_as_many_a_cycle_as_are_looked_at() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 8);
    tasks[0].rows.truncate(1);
    tasks[0].rows[0].kept = KeySet::of(0..64, [0, 40, 41].into_iter());
    let table = table(&spatten(), dense.dimensions(), tasks);
    for (skip, later) in [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1), (64, 1)] {
        // All values are here when all keys of the row come, in cycle 101.
        let setting = Setting { skip, kept_from: 100, lanes: 64, ..Setting::generous(&table) };
        let (seen, _) = drive(&setting);
        let lines: Vec<(u64, u32, bool)> =
            seen.lines.iter().map(|&(at, line)| (at, line.values, line.last)).collect();
        let first = 102 + 5;
        assert_eq!(lines, [(first, 1, false), (first + later, 2, true)], "{skip} a cycle");
    }
}

#[test]
fn a_row_whose_last_line_left_before_its_last_keys_came_ends_behind_it() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 8);
    tasks[0].rows.truncate(1);
    tasks[0].rows[0].kept = KeySet::of(0..64, [3].into_iter());
    let table = table(&spatten(), dense.dimensions(), tasks);
    let (seen, outcome) = drive(&Setting { kept_from: 100, ..Setting::generous(&table) });
    let lines: Vec<(u64, u32, bool)> =
        seen.lines.iter().map(|&(at, line)| (at, line.values, line.last)).collect();
    // A line of keys a cycle from 101 on, the last in 108.
    assert_eq!(lines, [(102 + 5, 1, false), (109 + 5, 0, true)]);
    assert_eq!(outcome.events[0].count, 1, "an end reads nothing");
}

#[test]
fn while_one_half_is_read_the_other_fills_but_not_with_a_line_less() {
    let table = prefill(2, 2);
    let rows_of_both = |first, second| -> Vec<u64> {
        let task = |start: u64| start + 5..start + 5 + 32;
        task(first).chain(task(second)).collect()
    };
    let (seen, _) = drive(&Setting { lines: 4, ..Setting::generous(&table) });
    assert_eq!(seen.times(), rows_of_both(4, 36));
    assert_eq!((seen.asked[16].0, seen.asked[24].0), (4, 5));
    // The first task's last line is read in cycle 35; its lines are free in the next.
    let (seen, _) = drive(&Setting { lines: 3, exact: false, ..Setting::generous(&table) });
    assert_eq!(seen.times(), rows_of_both(4, 39));
    assert_eq!((seen.asked[16].0, seen.asked[24].0), (37, 38));
}

#[test]
fn values_of_decode_stream_through_a_buffer_that_covers_the_way_to_memory() {
    let (dense, tasks) = tasks(Phase::Decode, 1, 40);
    let table = table(&spatten(), dense.dimensions(), tasks);
    for memory in [1, 9] {
        // Asked for, at the memory, brought, here and read: the line is free.
        let trip = 1 + memory + 1;
        for room in [trip + 1, trip, trip - 1, 1] {
            let lines = u32::try_from(room).unwrap();
            let tight = Setting { lines, memory, exact: false, ..Setting::generous(&table) };
            let (seen, _) = drive(&tight);
            let expected = with_room(2 + memory + 1 + 5, 40, room, trip);
            assert_eq!(seen.times(), expected, "{room} lines, {memory} cycles");
        }
    }
}

#[test]
fn a_later_batch_takes_no_line_that_an_earlier_one_will_ask_for() {
    // Of two heads, the first is fetched ahead in five lines, the second as its row keeps values.
    let (dense, mut tasks) = tasks(Phase::Decode, 2, 5);
    tasks[1].values_ahead = false;
    let table = table(&spatten(), dense.dimensions(), tasks);
    for lines in [1, 2, 4] {
        let tight = Setting { lines, exact: false, ..Setting::generous(&table) };
        let (seen, _) = drive(&tight);
        assert!(seen.ended, "{lines} lines");
        let batches: Vec<u32> = seen.asked.iter().map(|&(_, batch, _)| batch).collect();
        assert!(batches.is_sorted(), "{lines} lines: {batches:?}");
    }
}

/// A task whose rows see, and keep, one line each.
fn short_rows() -> WorkTable {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 8);
    for row in &mut tasks[0].rows {
        (row.visible, row.kept) = (0..WIDTH, KeySet::Range(0..WIDTH));
    }
    table(&spatten(), dense.dimensions(), tasks)
}

#[test]
fn an_array_that_stands_still_stops_the_rows_when_their_room_is_full() {
    let table = short_rows();
    for queue in [1, 4, 16] {
        let (refused_until, until) = (200, 200);
        let still =
            Setting { queue, refused_until, until, exact: false, ..Setting::generous(&table) };
        let (seen, outcome) = drive(&still);
        // The link to the array takes six lines, whose rows are gone; the link to here holds two.
        assert_eq!(seen.kept_sent, 6 + queue as usize + 2, "room for {queue}");
        if queue == 16 {
            // Nothing in cycle 0; a line of probabilities a cycle from 1 to 22; then nothing moves.
            let activity = outcome.activity;
            assert_eq!(
                (activity.starved, activity.busy, activity.blocked),
                (Cycles(1), Cycles(22), Cycles(177))
            );
        }
    }
}

#[test]
fn it_starves_when_no_row_comes() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 1);
    tasks[0].rows.truncate(1);
    let table = table(&spatten(), dense.dimensions(), tasks);
    let (_, outcome) = drive(&Setting { kept_from: 50, ..Setting::generous(&table) });
    // Announced and asked for in 1, here in 4; keys in 51, read in 52, at the array in 57.
    let activity = outcome.activity;
    assert_eq!((activity.busy, activity.blocked), (Cycles(4), Cycles(0)));
    assert_eq!(activity.total(), Cycles(58));
}

#[test]
fn a_polling_reader_finds_a_line_at_its_next_look() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 1);
    tasks[0].rows.truncate(1);
    let table = table(&spatten(), dense.dimensions(), tasks);
    for period in [1, 5] {
        for memory in 1..12 {
            let polls = Setting { poll: Some(period), memory, ..Setting::generous(&table) };
            let (seen, outcome) = drive(&polls);
            // The first look is in cycle 2; the line is here a cycle after it was brought.
            let looks = (memory + 1).div_ceil(period);
            assert_eq!(seen.times(), [2 + looks * period + 5], "{memory} cycles, each {period}");
            assert_eq!(outcome.events[0].count, looks + 1);
        }
    }
}
