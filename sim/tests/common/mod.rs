//! Workloads for tests: dense tasks of any shape, made by hand.

#![expect(dead_code, reason = "each test file uses a part")]

pub(crate) mod count;

use std::sync::Arc;

use tamis_arch::Accelerator;
use tamis_sim::{
    Dimensions, Options,
    error::RunError,
    outcome::{Block, Outcome},
    run,
};
use tamis_workloads::plan::{KeySet, LayerEnd, Phase, Row, StoredBits, Task, Weighs};

/// Twelve bits in one plane.
pub(crate) const WHOLE: StoredBits = StoredBits { query: 12, key_msb: 12, key_lsb: 0, value: 12 };
/// Eight bits, and four more on demand.
pub(crate) const PLANES: StoredBits = StoredBits { query: 12, key_msb: 8, key_lsb: 4, value: 12 };

/// A dense workload.
#[derive(Clone, Copy)]
pub(crate) struct Dense {
    pub(crate) phase: Phase,
    pub(crate) layers: u32,
    pub(crate) heads: u32,
    pub(crate) kv_heads: u32,
    pub(crate) head_dim: u32,
    pub(crate) tokens: u32,
    pub(crate) causal: bool,
    pub(crate) bits: StoredBits,
}

impl Dense {
    /// One layer with one head of 64 dimensions, of which every query sees every key.
    pub(crate) const fn one_head(phase: Phase, tokens: u32) -> Self {
        Self {
            phase,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 64,
            tokens,
            causal: false,
            bits: WHOLE,
        }
    }

    pub(crate) fn dimensions(&self) -> Dimensions {
        Dimensions {
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            tokens: self.tokens,
        }
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        let tokens: Arc<[u32]> = (0..self.tokens).collect();
        let group = self.heads / self.kv_heads;
        let mut tasks = Vec::new();
        for layer in 0..self.layers {
            for kv_head in 0..self.kv_heads {
                let queries = match self.phase {
                    Phase::Prefill => 0..self.tokens,
                    Phase::Decode => self.tokens - 1..self.tokens,
                };
                let rows = (kv_head * group..(kv_head + 1) * group)
                    .flat_map(|head| queries.clone().map(move |token| (head, token)))
                    .map(|(head, token)| {
                        let visible = 0..if self.causal { token + 1 } else { self.tokens };
                        let kept = KeySet::Range(visible.clone());
                        Row { head, token, visible, refetch: false, kept, select: None }
                    })
                    .collect();
                tasks.push(Task {
                    phase: self.phase,
                    step: 0,
                    layer,
                    kv_head,
                    bits: self.bits,
                    tokens: Arc::clone(&tokens),
                    appended: (self.phase == Phase::Decode && kv_head == 0)
                        .then_some(self.tokens - 1),
                    values_ahead: true,
                    weighs: Weighs::default(),
                    rows,
                    layer_end: (kv_head + 1 == self.kv_heads).then(LayerEnd::default),
                });
            }
        }
        tasks
    }
}

pub(crate) fn play(
    arch: &Accelerator,
    dense: &Dense,
    tasks: Vec<Task>,
    options: &Options,
) -> Result<Outcome, RunError<std::convert::Infallible>> {
    run(arch, dense.dimensions(), dense.phase, tasks.into_iter().map(Ok), options, &|_| {})
}

/// Every cycle of every block is in one account, and the memory moved what was asked for.
pub(crate) fn accounts_balance(outcome: &Outcome) {
    for block in &outcome.blocks {
        assert_eq!(block.activity.total(), outcome.elapsed, "{}", block.block.name());
    }
    let layers: u64 = outcome.layers.iter().map(|layer| layer.elapsed.0).sum();
    assert_eq!(layers, outcome.elapsed.0, "the layers do not add up to the phase");
    let traffic = &outcome.traffic;
    let read = traffic.query_read_bytes.0
        + traffic.key_msb_read_bytes.0
        + traffic.key_lsb_read_bytes.0
        + traffic.value_read_bytes.0;
    assert!(outcome.channels.iter().map(|channel| channel.read_bytes.0).sum::<u64>() <= read);
}

/// The blocks in an order that depends on the seed.
pub(crate) fn shuffled(seed: u64) -> [Block; Block::COUNT] {
    let mut order = Block::ALL;
    let mut state = seed | 1;
    for last in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(last, usize::try_from(state >> 33).expect("31 bits") % (last + 1));
    }
    order
}
