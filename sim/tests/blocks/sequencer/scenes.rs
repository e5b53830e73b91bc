//! Scenes made by hand, with the cycles that follow from the parameters.

use tamis_arch::{
    blocks::{self, LayerBarrier},
    units::Cycles,
};
use tamis_sim::work::WorkTable;
use tamis_workloads::plan::{LayerEnd, Phase, Selection, Task};

use super::{Setting, drive};
use crate::{
    bench::{spatten, table},
    common::Dense,
};

const TOKENS: u32 = 8;

/// Layers of two heads.
fn tasks(phase: Phase, layers: u32) -> (Dense, Vec<Task>) {
    let dense =
        Dense { layers, heads: 2, kv_heads: 2, causal: true, ..Dense::one_head(phase, TOKENS) };
    (dense, dense.tasks())
}

fn layers(phase: Phase, layers: u32) -> WorkTable {
    let (dense, tasks) = tasks(phase, layers);
    table(&spatten(), dense.dimensions(), tasks)
}

fn spec(layer_barrier: LayerBarrier, latency: u64) -> blocks::Sequencer {
    let mut spec = spatten().sequencer;
    (spec.layer_barrier, spec.latency) = (layer_barrier, Cycles(latency));
    spec
}

#[test]
fn a_batch_and_a_row_a_cycle_each_there_after_the_latency() {
    let table = layers(Phase::Prefill, 2);
    for latency in [1, 3, 7] {
        let (seen, outcome) = drive(&Setting::generous(&table, spec(LayerBarrier::None, latency)));
        let loads: Vec<u64> = seen.loads.iter().map(|&(at, _)| at).collect();
        assert_eq!(loads, (latency..latency + 4).collect::<Vec<u64>>());
        let rows: Vec<u64> = seen.passes.iter().map(|&(at, _)| at).collect();
        let all = u64::from(4 * TOKENS);
        assert_eq!(rows, (latency..latency + all).collect::<Vec<u64>>());
        // Then it has nothing to do.
        let activity = outcome.activity;
        assert_eq!((activity.busy, activity.blocked), (Cycles(all), Cycles(0)));
    }
}

#[test]
fn what_waits_for_the_layer_before_is_what_the_barrier_says() {
    let latency = 3;
    for phase in [Phase::Prefill, Phase::Decode] {
        let table = layers(phase, 2);
        let rows_of_a_layer = if phase == Phase::Prefill { 2 * u64::from(TOKENS) } else { 2 };
        for written_after in [1, 40] {
            for barrier in [LayerBarrier::None, LayerBarrier::Rows, LayerBarrier::Operands] {
                let mut setting = Setting::generous(&table, spec(barrier, latency));
                setting.written_after = written_after;
                let (seen, _) = drive(&setting);
                // The second batch ends the layer: the first one's outputs release nothing.
                let heard = seen.written[1].0 + latency;
                let free = 2 + latency;
                let (load, made, row) = match (barrier, phase) {
                    (LayerBarrier::None, _) => (free, free, latency + rows_of_a_layer),
                    (LayerBarrier::Rows, _) => (free, free, heard),
                    (LayerBarrier::Operands, Phase::Prefill) => (heard, heard, heard),
                    (LayerBarrier::Operands, Phase::Decode) => (free, heard, heard),
                };
                let told = format!("{phase:?}, {barrier:?}, written after {written_after}");
                assert_eq!(seen.loads[2], (load, 2), "K: {told}");
                assert_eq!(seen.made[2], (made, 2), "Q: {told}");
                assert_eq!(seen.first_row(&table, 2), row, "rows: {told}");
                if phase == Phase::Decode {
                    assert_eq!(seen.appends[1], (made, 2), "new K and V: {told}");
                }
            }
        }
    }
}

#[test]
fn the_next_layer_is_loaded_when_the_last_of_its_selections_is_done() {
    let chosen = || Some(Selection { candidates: 8, keep: 4, rounds: Vec::new() });
    for (tokens, heads) in [(None, None), (chosen(), None), (None, chosen()), (chosen(), chosen())]
    {
        let (dense, mut tasks) = tasks(Phase::Prefill, 2);
        tasks[1].layer_end = Some(LayerEnd { tokens, heads });
        let table = table(&spatten(), dense.dimensions(), tasks);
        let mut setting = Setting::generous(&table, spec(LayerBarrier::None, 3));
        setting.selected_after = 25;
        let (seen, _) = drive(&setting);
        let expected = seen.selected.last().map_or(2 + 3, |done| done + 3);
        assert_eq!(seen.loads[2], (expected, 2));
    }
}

#[test]
fn it_is_blocked_when_rows_are_refused_and_the_memory_side_still_hears_of_all() {
    let table = layers(Phase::Prefill, 1);
    let mut setting = Setting::generous(&table, spec(LayerBarrier::None, 3));
    (setting.rows_from, setting.cycles) = (60, 100);
    let (seen, outcome) = drive(&setting);
    assert_eq!(seen.loads.len(), 2);
    // Four rows are on the way and wait; the others follow the first that is taken, a cycle later.
    let rows: Vec<u64> = seen.passes.iter().map(|&(at, _)| at).collect();
    assert_eq!(rows[..4], [60, 61, 62, 63]);
    assert_eq!(rows[4], 61 + 3);
    let activity = outcome.activity;
    assert_eq!(
        (activity.busy, activity.blocked, activity.starved),
        (Cycles(4 + 12), Cycles(57), Cycles(27))
    );
}

#[test]
fn rows_of_a_step_wait_until_its_new_keys_are_on_their_way_to_memory() {
    // The appends of four layers fill their link; the fifth layer's goes when one is taken.
    let table = layers(Phase::Decode, 6);
    let mut setting = Setting::generous(&table, spec(LayerBarrier::None, 3));
    setting.appends_from = 50;
    let (seen, _) = drive(&setting);
    let fifth = 2 * 4;
    assert_eq!(seen.made[fifth].0, 51 + 3);
    assert_eq!(seen.first_row(&table, 8), 51 + 3);
    assert!(seen.first_row(&table, 7) < 20);
    assert_eq!(seen.loads[fifth].0, 3 + 8, "its earlier keys are fetched ahead");
}
