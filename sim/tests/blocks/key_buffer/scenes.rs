//! Scenes made by hand, with the cycles that follow from the parameters.

use tamis_arch::units::Cycles;
use tamis_sim::work::WorkTable;
use tamis_workloads::plan::{KeySet, Phase, StoredBits, Task};

use super::surroundings::{Setting, drive};
use crate::{
    bench::{spatten, table},
    common::{Dense, PLANES, WHOLE},
};

/// Keys in a line of the preset, for 64 dimensions.
const WIDTH: u32 = 8;

/// So many tasks of so many blocks of keys; every row sees all of them.
fn tasks(phase: Phase, tasks: u32, blocks: u32, bits: StoredBits) -> (Dense, Vec<Task>) {
    let dense =
        Dense { heads: tasks, kv_heads: tasks, bits, ..Dense::one_head(phase, WIDTH * blocks) };
    (dense, dense.tasks())
}

fn prefill(count: u32, blocks: u32) -> WorkTable {
    let (dense, tasks) = tasks(Phase::Prefill, count, blocks, WHOLE);
    table(&spatten(), dense.dimensions(), tasks)
}

/// A task whose rows read one line each.
fn short_rows() -> WorkTable {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 8, WHOLE);
    for row in &mut tasks[0].rows {
        (row.visible, row.kept) = (0..WIDTH, KeySet::Range(0..WIDTH));
    }
    table(&spatten(), dense.dimensions(), tasks)
}

/// A memory that brings a block a cycle: 8 keys of 96 bytes are 24 transactions of 32. Rows have one
/// line of probabilities, and so one word that frees their room.
fn a_block_a_cycle(table: &WorkTable) -> Setting<'_> {
    Setting { rate: 24, lanes: 64, ..Setting::generous(table) }
}

/// When item `i` moves, if each frees its room `trip` cycles later and there is room for `room`.
fn with_room(first: u64, count: u64, room: u64, trip: u64) -> Vec<u64> {
    (0..count).map(|item| first + item + item / room * trip.saturating_sub(room)).collect()
}

#[test]
fn rows_read_a_line_a_cycle_from_keys_that_are_fetched_once() {
    for (read_latency, memory) in [(1, 1), (5, 1), (5, 9)] {
        let table = prefill(1, 4);
        let setting = Setting { read_latency, memory, ..a_block_a_cycle(&table) };
        let (seen, outcome) = drive(&setting);
        // Asked for in cycle 0, sent `memory` cycles later, here in the next, and read in that.
        let first = memory + 1;
        let lines = 32 * 4;
        let expected: Vec<u64> = (first..first + lines).map(|read| read + read_latency).collect();
        assert_eq!(seen.times(), expected);
        assert_eq!(seen.asked.len(), 4 * 24);
        let [reads, writes, ..] = &outcome.events[..] else { panic!("no reads and writes") };
        assert_eq!((reads.count, writes.count), (lines, 4));
        let activity = outcome.activity;
        assert_eq!((activity.busy, activity.blocked), (Cycles(lines), Cycles(0)));
    }
}

#[test]
fn while_one_half_is_read_the_other_fills_and_reading_never_waits() {
    // From a task's last line: to the array, decided, told; credit, asked for, brought, here.
    let (blocks, count) = (2, 6);
    let table = prefill(count, blocks);
    let usage = u64::from(WIDTH * blocks * blocks);
    let (read_latency, decision) = (5, 3);
    for late in [0, 1, 7] {
        // The lines of the task after the next are here as this one's last line is read, or `late` after.
        let memory = usage + late - read_latency - decision - 2;
        let lines = 2 * blocks;
        let setting = Setting { lines, read_latency, decision, memory, ..a_block_a_cycle(&table) };
        let (seen, _) = drive(&setting);
        let start = memory + 1 + read_latency;
        // Two tasks are there; then every second one is late.
        let expected: Vec<u64> = (0..u64::from(count))
            .flat_map(|task| {
                let first = start + task * usage + task / 2 * late;
                first..first + usage
            })
            .collect();
        assert_eq!(seen.times(), expected, "{late} cycles late");
    }
}

#[test]
fn a_line_less_than_two_tasks_and_the_second_waits_for_the_first_to_go() {
    let (blocks, count, decision) = (3, 4, 3);
    let table = prefill(count, blocks);
    let usage = u64::from(WIDTH * blocks * blocks);
    for (lines, apart) in [(2 * blocks, 0), (2 * blocks - 1, 5 + decision + 1)] {
        let (seen, _) = drive(&Setting { lines, decision, ..a_block_a_cycle(&table) });
        let expected: Vec<u64> = (0..u64::from(count))
            .flat_map(|task| {
                let first = 2 + 5 + task * (usage + apart);
                first..first + usage
            })
            .collect();
        assert_eq!(seen.times(), expected, "{lines} lines");
    }
}

#[test]
fn a_reader_that_stands_still_stops_the_fill_at_the_capacity() {
    let table = prefill(4, 3);
    for lines in [6, 7, 8, 12] {
        let still = Setting { lines, refused_until: 90, until: 90, ..a_block_a_cycle(&table) };
        let (seen, outcome) = drive(&still);
        assert_eq!(seen.asked.len(), 24 * lines as usize, "{lines} lines");
        // The pass is here in cycle 1, its keys in cycle 2; the link to the array takes six lines.
        let activity = outcome.activity;
        assert_eq!(
            (activity.starved, activity.busy, activity.blocked),
            (Cycles(2), Cycles(6), Cycles(82))
        );
    }
}

#[test]
fn without_passes_it_stores_and_starves() {
    let table = prefill(1, 4);
    let none =
        Setting { patience: [vec![], never_until(60), vec![], vec![]], ..a_block_a_cycle(&table) };
    let (_, outcome) = drive(&Setting { until: 60, ..none });
    let activity = outcome.activity;
    assert_eq!(
        (activity.starved, activity.busy, activity.blocked),
        (Cycles(56), Cycles(4), Cycles(0))
    );
}

/// Nothing for so many cycles.
fn never_until(cycles: usize) -> Vec<bool> {
    let mut pattern = vec![false; cycles];
    pattern.push(true);
    pattern
}

#[test]
fn rows_start_while_there_is_room_behind_them_and_not_before() {
    let table = short_rows();
    let (read_latency, decision) = (5, 4);
    // A row's room is free when its line has reached the array, is decided, and the word is here.
    let trip = read_latency + decision + 1;
    for room in [trip + 1, trip, trip - 1, 3, 1] {
        let some = u32::try_from(room).unwrap();
        let timing = Setting { read_latency, decision, ..a_block_a_cycle(&table) };
        let by_rows = Setting { rows: some, ..timing };
        let timing = Setting { read_latency, decision, ..a_block_a_cycle(&table) };
        let by_lines = Setting { row_lines: some, ..timing };
        for setting in [by_rows, by_lines] {
            let (seen, _) = drive(&setting);
            assert_eq!(seen.times(), with_room(2 + read_latency, 64, room, trip), "{room}");
        }
    }
}

#[test]
fn rows_wait_for_their_queries_of_which_there_are_as_many_as_fit() {
    let table = short_rows();
    let (read_latency, decision, memory) = (2, 1, 2);
    // Asked for, brought, here and read, at the array, decided, told, room told.
    let trip = memory + 1 + read_latency + decision + 1 + 1;
    for room in [trip + 1, trip, trip - 1, 1] {
        let setting = Setting {
            queries: u32::try_from(room).unwrap(),
            query_traffic: true,
            read_latency,
            decision,
            memory,
            rate: 300,
            ..Setting::generous(&table)
        };
        let (seen, _) = drive(&setting);
        let first = memory + 1 + read_latency;
        assert_eq!(seen.times(), with_room(first, 64, room, trip), "{room} queries");
    }
}

#[test]
fn keys_of_decode_stream_through_a_buffer_that_covers_the_way_to_memory() {
    let (dense, tasks) = tasks(Phase::Decode, 1, 40, WHOLE);
    let table = table(&spatten(), dense.dimensions(), tasks);
    for memory in [1, 9] {
        // Asked for, brought, here and read, room told.
        let trip = memory + 1 + 1;
        for room in [trip + 1, trip, trip - 1, 1] {
            let lines = u32::try_from(room).unwrap();
            let (seen, _) = drive(&Setting { lines, memory, ..a_block_a_cycle(&table) });
            assert_eq!(seen.times(), with_room(memory + 1 + 5, 40, room, trip), "{room} lines");
        }
    }
}

#[test]
fn a_polling_reader_finds_a_line_at_its_next_look() {
    let table = prefill(1, 1);
    for period in [1, 5] {
        for memory in 1..12 {
            let polls = Setting { poll: Some(period), memory, ..a_block_a_cycle(&table) };
            let (seen, outcome) = drive(&polls);
            // The first look is when the pass comes; the line is here a cycle after it was brought.
            let looks = memory.div_ceil(period);
            assert_eq!(seen.lines[0].0, 1 + looks * period + 5, "{memory} cycles, each {period}");
            assert_eq!(outcome.events[0].count, looks + 8);
            let told = Setting { poll: None, memory, ..a_block_a_cycle(&table) };
            assert_eq!(drive(&told).0.lines[0].0, memory + 1 + 5);
        }
    }
}

#[test]
fn a_second_pass_goes_before_a_first_that_has_not_begun() {
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 4, PLANES);
    tasks[0].rows[0].refetch = true;
    let table = table(&spatten(), dense.dimensions(), tasks);
    // Row 0 is read in cycles 2 to 5 and at the array in 6; its LSBs are asked for in 8, here in 10.
    for (memory, after) in
        [(1, [0, 1, 0, 2]), (2, [0, 1, 2, 0]), (5, [0, 1, 2, 0]), (6, [0, 1, 2, 3])]
    {
        let setting = Setting { read_latency: 1, memory, ..Setting::generous(&table) };
        let (seen, _) = drive(&setting);
        let rows: Vec<u32> = seen.lines.iter().step_by(4).map(|(_, line)| line.row).collect();
        assert_eq!(rows[..4], after, "{memory} cycles of memory");
        let first = memory + 2;
        assert_eq!(seen.times(), (first..first + 33 * 4).collect::<Vec<u64>>());
    }
}

#[test]
fn a_task_is_gone_when_the_last_of_what_was_asked_for_came_though_nobody_reads_it() {
    // A transaction a cycle: of the 8 blocks, all rows read the first.
    let table_of_one = short_rows();
    let slow = Setting { rate: 1, ..Setting::generous(&table_of_one) };
    // 192 transactions, each here two cycles later; the word is out one after the last.
    assert_eq!(drive(&slow).1.activity.total(), Cycles(191 + 2 + 1 + 1));
    // The same with LSBs, which are asked for when the array takes the only row's line in cycle 200:
    // decided in 201, 64 transactions from 202 on.
    let (dense, mut tasks) = tasks(Phase::Prefill, 1, 8, PLANES);
    tasks[0].rows.truncate(1);
    let row = &mut tasks[0].rows[0];
    (row.visible, row.kept, row.refetch) = (0..WIDTH, KeySet::Range(0..WIDTH), true);
    let table = table(&spatten(), dense.dimensions(), tasks);
    let slow = Setting { rate: 1, refused_until: 200, ..Setting::generous(&table) };
    assert_eq!(drive(&slow).1.activity.total(), Cycles(202 + 63 + 2 + 1 + 1));
}

#[test]
fn rows_that_a_second_pass_leaves_out_are_skipped_as_many_a_cycle_as_are_looked_at() {
    let dense = Dense {
        heads: 16,
        causal: true,
        bits: PLANES,
        ..Dense::one_head(Phase::Decode, 4 * WIDTH)
    };
    let mut tasks = dense.tasks();
    for row in [0, 9] {
        tasks[0].rows[row].refetch = true;
    }
    let table = table(&spatten(), dense.dimensions(), tasks);
    for skip in [1, 2, 3, 4, 8, 9, 16] {
        let (seen, _) = drive(&Setting { skip, exact: false, ..Setting::generous(&table) });
        let second: Vec<u64> =
            seen.lines.iter().filter(|(_, line)| line.full).map(|&(at, _)| at).collect();
        // From row 0 to row 9, and from there to row 0 at the next line.
        let (there, back) = (9_u64.div_ceil(skip.into()), 7_u64.div_ceil(skip.into()));
        let gaps: Vec<u64> = second.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(gaps, [there, back, there, back, there, back, there], "{skip} a cycle");
    }
}
