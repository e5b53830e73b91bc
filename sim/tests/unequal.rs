//! Heads that share transactions but not their keys: a table may give each head its own.

mod common;

use std::sync::Arc;

use common::{Dense, play};
use tamis_sim::Options;
use tamis_workloads::plan::{KeySet, Phase, StoredBits};

/// Two heads whose 6-bit records share transactions.
const PAIR: Dense = Dense {
    phase: Phase::Decode,
    layers: 1,
    heads: 2,
    kv_heads: 2,
    head_dim: 64,
    tokens: 100,
    causal: true,
    bits: StoredBits { query: 12, key_msb: 6, key_lsb: 4, value: 6 },
};

#[test]
fn heads_with_keys_of_their_own_each_fetch_them() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let bytes = |short: usize| {
        let mut tasks = PAIR.tasks();
        tasks[short].tokens = Arc::from(&PAIR.tasks()[short].tokens[50..]);
        for row in &mut tasks[short].rows {
            row.visible = 0..50;
            row.kept = KeySet::Range(0..50);
        }
        let outcome = play(&arch, &PAIR, tasks, &Options::default()).expect("it runs");
        assert_eq!(outcome.work.rows, 2);
        assert_eq!(outcome.work.qk_macs, 150 * 64);
        assert_eq!(outcome.work.pv_macs, 150 * 64);
        outcome.traffic.key_msb_read_bytes.0
    };
    // A record of 48 bytes alone takes two transactions of 32.
    assert_eq!(bytes(0), 150 * 64);
    assert_eq!(bytes(1), 150 * 64);
}
