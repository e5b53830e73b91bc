//! Scenes made by hand, with the cycles that follow from the parameters.

use std::collections::VecDeque;

use tamis_arch::{blocks, units::Cycles};
use tamis_sim::{
    items::{Candidates, SelectJob},
    work::WorkTable,
};
use tamis_workloads::{
    plan::{LayerEnd, Phase, Round, Selection},
    quickselect::{PivotRule, SelectionOf, Site, select},
};

use super::{Place, Setting, drive, layer_ends, load_cycles, probabilities};
use crate::{
    bench::{spatten, table},
    common::Dense,
};

/// Rows that see `keys` keys, with what is selected from them and at the end of the layer.
fn rows(keys: u32, selections: &[Option<Selection>], end: LayerEnd) -> WorkTable {
    let dense = Dense::one_head(Phase::Prefill, keys.max(u32::try_from(selections.len()).unwrap()));
    let mut tasks = dense.tasks();
    tasks[0].rows.truncate(selections.len());
    for (row, select) in tasks[0].rows.iter_mut().zip(selections) {
        (row.visible, row.select) = (0..keys, select.clone());
    }
    tasks[0].layer_end = Some(end);
    table(&spatten(), dense.dimensions(), tasks)
}

/// A selection whose rounds compare so many candidates.
fn selection(candidates: u32, rounds: &[u32]) -> Selection {
    let round = |&candidates: &u32| Round { candidates, greater: 0, equal: candidates };
    Selection { candidates, keep: 1, rounds: rounds.iter().map(round).collect() }
}

fn lines_of(keys: u32, lanes: u32) -> u64 {
    u64::from(keys.div_ceil(lanes))
}

/// Cycles of the preset from the start of a selection to the first row of its last pass.
fn first_row(rounds: &[u32]) -> u64 {
    // One to store the last key and one to choose; a round reads 16 keys a cycle, and takes one to
    // compare, three to close gaps and one to decide; then a row is read and takes the first four.
    2 + rounds.iter().map(|&keys| lines_of(keys, 16) + 5).sum::<u64>() + 5
}

fn times<T>(came: &[(u64, T)]) -> Vec<u64> {
    came.iter().map(|&(at, _)| at).collect()
}

#[test]
fn a_row_leaves_after_its_rounds_a_line_a_cycle() {
    let cases: [(u32, &[u32]); 6] = [
        (1, &[1]),
        (16, &[16]),
        (17, &[17, 1]),
        (100, &[100, 64, 33, 2]),
        (40, &[]),
        (129, &[129]),
    ];
    for (keys, rounds) in cases {
        let table = rows(keys, &[Some(selection(keys, rounds))], LayerEnd::default());
        let mut setting = Setting::generous(&table, spatten().topk, Place::Values);
        setting.lines = probabilities(&table, 8);
        let (seen, _) = drive(&setting);
        // The last of its lines is here in this cycle, and what leaves is there a cycle later.
        let start = lines_of(keys, 8);
        let first = start + first_row(rounds) + 1;
        let last = first + lines_of(keys, 8);
        assert_eq!(times(&seen.kept), (first..last).collect::<Vec<u64>>(), "{keys}: {rounds:?}");
    }
}

/// What the engine does for real keys.
fn selected(keys: &[i64], keep: u32) -> Selection {
    let site = Site {
        of: SelectionOf::Values,
        phase: Phase::Decode,
        step: 0,
        layer: 0,
        head: 0,
        token: 0,
    };
    select(keys, keep, PivotRule::MIDPOINT.at(site)).selection
}

/// Cycles from the last key to each line that is kept.
fn after_the_last_key(spec: &blocks::Topk, keys: &[i64], keep: u32) -> Vec<u64> {
    let count = u32::try_from(keys.len()).unwrap();
    let table = rows(count, &[Some(selected(keys, keep))], LayerEnd::default());
    let mut setting = Setting::generous(&table, spec.clone(), Place::Values);
    setting.lines = probabilities(&table, 64);
    let start = lines_of(count, 64) + 1;
    times(&drive(&setting).0.kept).into_iter().map(|at| at - start).collect()
}

#[test]
fn the_example_of_the_reference_takes_the_cycles_that_it_says() {
    // docs/reference/topk.md, "An example".
    let four = blocks::Topk { comparators: 4, filter_lanes: 4, ..spatten().topk };
    assert_eq!(after_the_last_key(&four, &[0, 7, 3, 9, 4], 2), [20, 21]);
}

#[test]
fn equal_keys_take_one_round_however_many_are_kept() {
    // 40 keys: three rows to compare, five rows to filter.
    for keep in [1, 20, 39, 40] {
        let expected: Vec<u64> = (0..5).map(|line| 2 + 3 + 5 + 5 + line).collect();
        assert_eq!(after_the_last_key(&spatten().topk, &[7; 40], keep), expected, "{keep} kept");
    }
}

#[test]
fn the_next_row_comes_in_during_the_work_and_the_slower_of_the_two_sets_the_pace() {
    let spec = blocks::Topk {
        comparators: 64,
        filter_lanes: 64,
        compare_latency: Cycles(1),
        eliminate_latency: Cycles(0),
        decide_latency: Cycles(0),
        ..spatten().topk
    };
    let table = rows(64, &vec![Some(selection(64, &[64])); 10], LayerEnd::default());
    // Stored, a row read, compared; read again, compared: five cycles from row to row.
    for (lanes, pace) in [(64, 5), (16, 5), (13, 5), (12, 6), (8, 8), (1, 64)] {
        let mut setting = Setting::generous(&table, spec.clone(), Place::Values);
        setting.lines = probabilities(&table, lanes);
        let first = lines_of(64, lanes) + 5 + 1;
        let expected: Vec<u64> = (0..10).map(|row| first + row * pace).collect();
        assert_eq!(times(&drive(&setting).0.kept), expected, "{lanes} lanes");
    }
}

#[test]
fn a_row_of_which_nothing_is_selected_passes_in_a_cycle_but_not_the_one_before_it() {
    let free = rows(32, &[None, None], LayerEnd::default());
    let mut setting = Setting::generous(&free, spatten().topk, Place::Values);
    setting.lines = probabilities(&free, 8);
    assert_eq!(times(&drive(&setting).0.kept), (2..10).collect::<Vec<u64>>());

    let behind = rows(32, &[Some(selection(32, &[32])), None], LayerEnd::default());
    let mut setting = Setting::generous(&behind, spatten().topk, Place::Values);
    setting.lines = probabilities(&behind, 8);
    let first = 4 + first_row(&[32]) + 1;
    assert_eq!(times(&drive(&setting).0.kept), (first..first + 8).collect::<Vec<u64>>());
}

fn layer_end(keys: u32) -> LayerEnd {
    let of_tokens = selection(keys, &[keys, 20]);
    LayerEnd { tokens: Some(of_tokens), heads: Some(selection(12, &[12])) }
}

#[test]
fn a_layer_s_selection_loads_its_scores_first_and_tells_when_its_last_row_leaves() {
    for keys in [1, 16, 17, 100, 1000] {
        let table = rows(keys, &[None], layer_end(keys));
        let mut setting = Setting::generous(&table, spatten().topk, Place::Layers);
        setting.jobs = layer_ends(&table);
        let (seen, _) = drive(&setting);
        let load = |of, keys| u64::from(load_cycles(&setting.spec, of, keys));
        // Here in cycle 1; the heads wait for the tokens.
        let tokens =
            1 + load(Candidates::Tokens, keys) + first_row(&[keys, 20]) + lines_of(keys, 8) - 1;
        let heads = tokens + load(Candidates::Heads, 12) + first_row(&[12]) + lines_of(12, 8) - 1;
        assert_eq!(times(&seen.selected), [tokens + 1, heads + 1], "{keys} tokens");
        let of: Vec<Candidates> = seen.selected.iter().map(|(_, job)| job.of).collect();
        assert_eq!(of, [Candidates::Tokens, Candidates::Heads]);
    }
}

#[test]
fn a_shared_engine_ends_its_row_then_serves_the_layer_then_the_next_row() {
    let keys = 64;
    let table = rows(keys, &vec![Some(selection(keys, &[keys])); 3], layer_end(keys));
    let drive_at = |place, asked: u64| {
        let mut setting = Setting::generous(&table, spatten().topk, place);
        if place != Place::Layers {
            setting.lines = probabilities(&table, 8);
        }
        if place != Place::Values {
            let job = SelectJob { batch: 0, of: Candidates::Tokens };
            setting.jobs[0] = VecDeque::from([(asked, job)]);
        }
        let (seen, _) = drive(&setting);
        let ends = seen.kept.iter().filter(|(_, line)| line.last).map(|&(at, _)| at);
        (ends.collect::<Vec<u64>>(), times(&seen.selected))
    };
    let (row, load) =
        (first_row(&[keys]) + 7, u64::from(load_cycles(&spatten().topk, Candidates::Tokens, keys)));
    let job = load + first_row(&[keys, 20]) + 7;
    // The first row is here in cycle 8.
    let (values, _) = drive_at(Place::Values, 0);
    assert_eq!(values, [9 + row, 9 + 2 * row, 9 + 3 * row]);
    for (asked, ends, told) in [
        // Here in the cycle in which the row starts: before it.
        (7, [9 + job + row, 9 + job + 2 * row, 9 + job + 3 * row], 9 + job),
        // A cycle later: after it.
        (8, [9 + row, 9 + row + job + row, 9 + job + 3 * row], 9 + row + job),
        // Here in the cycle in which the first row leaves, and a cycle later.
        (7 + row, [9 + row, 9 + row + job + row, 9 + job + 3 * row], 9 + row + job),
        (8 + row, [9 + row, 9 + 2 * row, 9 + job + 3 * row], 9 + 2 * row + job),
    ] {
        assert_eq!(drive_at(Place::Shared, asked), (ends.to_vec(), vec![told]), "asked in {asked}");
        // An engine of its own waits for nobody.
        assert_eq!(drive_at(Place::Layers, asked).1, [asked + 1 + job + 1]);
    }
}

#[test]
fn it_is_blocked_when_two_lines_wait_and_the_next_row_still_comes_in() {
    for count in 1..=3 {
        let table = rows(64, &vec![Some(selection(64, &[64])); count], LayerEnd::default());
        let mut setting = Setting::generous(&table, spatten().topk, Place::Values);
        setting.lines = probabilities(&table, 8);
        (setting.refused_until, setting.until) = (200, 200);
        let (_, outcome) = drive(&setting);
        // Nothing in cycle 0; keys from 1 to 8; two lines of the last pass leave; then nothing moves.
        let busy = 8 + first_row(&[64]) + 1;
        let activity = outcome.activity;
        assert_eq!(
            (activity.starved, activity.busy, activity.blocked),
            (Cycles(1), Cycles(busy), Cycles(199 - busy)),
            "{count} rows"
        );
    }
}

#[test]
fn it_starves_when_nothing_comes() {
    let table = rows(8, &[None], LayerEnd::default());
    let mut setting = Setting::generous(&table, spatten().topk, Place::Values);
    setting.lines = probabilities(&table, 8);
    setting.lines[0].0 = 40;
    let activity = drive(&setting).1.activity;
    // Sent in cycle 40, here in 41, gone in 42.
    assert_eq!((activity.starved, activity.busy), (Cycles(42), Cycles(1)));
}
