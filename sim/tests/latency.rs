//! The time of the smallest plan, one key of one head, is the sum of the latencies that the
//! description states: each of them moves the end by exactly its own change.

mod common;

use common::{Dense, WHOLE, play};
use proptest::prelude::*;
use tamis_arch::{
    Accelerator,
    blocks::{LayerBarrier, SoftmaxModel},
    units::Cycles,
};
use tamis_sim::Options;
use tamis_workloads::plan::Phase;

/// A record of 16 dimensions of 12 bits is one transaction.
const ONE_KEY: Dense = Dense {
    phase: Phase::Prefill,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 16,
    tokens: 1,
    causal: true,
    bits: WHOLE,
};

/// Everything that has a latency.
fn latencies(arch: &mut Accelerator) -> Vec<&mut Cycles> {
    vec![
        &mut arch.sequencer.latency,
        &mut arch.fetcher.latency,
        &mut arch.crossbar.request_latency,
        &mut arch.crossbar.response_latency,
        &mut arch.widen.latency,
        &mut arch.key_buffer.read_latency,
        &mut arch.qk_array.broadcast_latency,
        &mut arch.qk_array.multiply_latency,
        &mut arch.qk_array.accumulate_latency,
        &mut arch.softmax.scale_latency,
        &mut arch.softmax.exponent_latency,
        &mut arch.softmax.accumulate_latency,
        &mut arch.softmax.divide_latency,
        &mut arch.softmax.round_latency,
        &mut arch.refetch.latency,
        &mut arch.importance.latency,
        &mut arch.value_buffer.read_latency,
        &mut arch.pv_array.broadcast_latency,
        &mut arch.pv_array.multiply_latency,
        &mut arch.pv_array.accumulate_latency,
    ]
}

/// A read of a closed bank, in ticks of the DRAM's clock: it enters the queue, the activate takes the row
/// bus for one tick more than other commands, then activate to read, read to data, burst (JESD235).
const CLOSED_BANK: u64 = 1 + 1 + 14 + 14 + 2;

/// Registers that the description does not name, a cycle each: a lane's queue in the crossbar, the
/// DRAM's port, the reorder buffer, scores and exponents on their way through the softmax, the value
/// selection that has nothing to select, a row that waits for its line of V, and the report that the
/// batch is written (into its register, and out of it).
const REGISTERS: u64 = 1 + 1 + 1 + 2 + 1 + 1 + 2;

fn closed_formula(arch: &mut Accelerator) -> u64 {
    let stated: u64 = latencies(arch).iter().map(|latency| latency.0).sum();
    let qk_levels = 4; // 16 products
    let pv_levels = 5; // 512 / 16 values
    let trees = arch.qk_array.tree_level_latency.0 * qk_levels
        + arch.pv_array.tree_level_latency.0 * pv_levels;
    // The end is the cycle after the last move.
    stated + trees + CLOSED_BANK + REGISTERS + 1
}

fn elapsed(arch: &Accelerator) -> u64 {
    time_of(arch, &ONE_KEY)
}

fn time_of(arch: &Accelerator, dense: &Dense) -> u64 {
    play(arch, dense, dense.tasks(), &Options::default()).expect("it runs").elapsed.0
}

/// Only K is on the way to the result: no query before it, no write after it.
fn machine() -> Accelerator {
    let mut arch = tamis_arch::load("spatten").expect("a preset");
    arch.sequencer.query_traffic = false;
    arch.sequencer.write_traffic = false;
    arch
}

#[test]
fn one_key_takes_the_sum_of_the_stated_latencies() {
    let mut arch = machine();
    assert_eq!(elapsed(&arch), closed_formula(&mut arch));
}

#[test]
fn a_wire_in_place_of_the_softmax_takes_off_all_its_stages_but_the_last() {
    let mut arch = machine();
    let whole = elapsed(&arch);
    arch.softmax.model = SoftmaxModel::Wire;
    let softmax = &arch.softmax;
    let stages = softmax.scale_latency
        + softmax.exponent_latency
        + softmax.accumulate_latency
        + softmax.divide_latency;
    // With them go the two cycles in which a line of scores, then of exponents, is worked on.
    assert_eq!(elapsed(&arch), whole - stages.0 - 2);
}

#[test]
fn a_layer_that_is_made_from_the_one_before_starts_when_that_one_is_written() {
    for phase in [Phase::Prefill, Phase::Decode] {
        let one = Dense { phase, ..ONE_KEY };
        let two = Dense { layers: 2, ..one };
        let mut arch = machine();
        let whole = time_of(&arch, &one);
        // The report that the first layer is written is its last move, and the second one's first.
        assert_eq!(time_of(&arch, &two), 2 * whole - 1, "{phase:?}");
        for barrier in [LayerBarrier::Rows, LayerBarrier::None] {
            arch.sequencer.layer_barrier = barrier;
            let ahead = time_of(&arch, &two);
            assert!(
                ahead + CLOSED_BANK < 2 * whole,
                "{phase:?}, {barrier:?}: {ahead}, {whole} alone"
            );
        }
    }
}

#[test]
fn only_the_line_of_the_newest_key_waits_in_decode() {
    let arch = machine();
    let time = |phase, tokens, layers| time_of(&arch, &Dense { phase, layers, tokens, ..ONE_KEY });
    // A line holds 32 keys: of 32 all are in the line of the newest, of 320 a tenth.
    let second = |phase, tokens| time(phase, tokens, 2) - time(phase, tokens, 1);
    let (short, long) = (second(Phase::Decode, 32), second(Phase::Decode, 320));
    let fetched = 288 * 2 * 32 / 512;
    // The long row has 36 lines of scores more in each pass over them, but no more to fetch.
    let passes = time(Phase::Decode, 320, 1) - time(Phase::Decode, 32, 1);
    assert!(long < short + passes - fetched, "{long} and {short} cycles; {passes} more alone");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_latency_moves_the_end_by_its_own_change(drawn in prop::collection::vec(1_u64..40, 20)) {
        let mut arch = machine();
        for (latency, drawn) in latencies(&mut arch).into_iter().zip(drawn) {
            *latency = Cycles(drawn);
        }
        // V comes while K does: its read must not be what the end waits for.
        prop_assume!(arch.softmax.exponent_latency.0 + arch.softmax.divide_latency.0 > 20);
        prop_assert_eq!(elapsed(&arch), closed_formula(&mut arch));
    }
}
