//! The machine reaches the bounds that its arrays and its memory set.

mod common;

use common::{Dense, WHOLE, play};
use tamis_sim::Options;
use tamis_workloads::plan::Phase;

/// Attention of BERT-base at 384 tokens, one layer.
const BERT: Dense = Dense {
    phase: Phase::Prefill,
    layers: 1,
    heads: 12,
    kv_heads: 12,
    head_dim: 64,
    tokens: 384,
    causal: false,
    bits: WHOLE,
};

#[test]
fn a_dense_bert_layer_is_bound_by_the_arrays() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let outcome = play(&arch, &BERT, BERT.tasks(), &Options::default()).expect("it runs");
    let lines = 12 * 384 * 384 / 8;
    assert_eq!(outcome.work.qk_lines, lines);
    assert_eq!(outcome.work.pv_lines, lines);
    let share = lines as f64 / outcome.elapsed.0 as f64;
    assert!((0.95..=1.0).contains(&share), "the QK array is busy {share} of the time");
}

#[test]
fn a_dense_gpt2_decode_is_bound_by_the_memory() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let gpt2 = Dense { phase: Phase::Decode, layers: 12, tokens: 1024, causal: true, ..BERT };
    let outcome = play(&arch, &gpt2, gpt2.tasks(), &Options::default()).expect("it runs");
    let record = 64 * 12 / 8;
    let keys_and_values = 12 * 12 * 1024 * 2 * record;
    let traffic = &outcome.traffic;
    assert_eq!(traffic.key_msb_read_bytes.0 + traffic.value_read_bytes.0, keys_and_values);

    // 16 channels of 32 B a nanosecond, less the time that all-bank refresh takes (JESD235: tRFC every
    // tREFI; 260 of every 3900 ns).
    let peak = 512.0 * (1.0 - 260.0 / 3900.0);
    let share = keys_and_values as f64 / outcome.elapsed.0 as f64 / peak;
    assert!((0.90..=1.0).contains(&share), "the memory gives {share} of its bandwidth");
}
