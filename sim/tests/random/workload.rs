//! Random plans: small, and with everything that a policy may ask for.

use std::sync::Arc;

use proptest::prelude::*;
use tamis_sim::Dimensions;
use tamis_workloads::{
    plan::{KeySet, LayerEnd, Phase, Row, Selection, StoredBits, Task, Weighs},
    quickselect::{PivotRule, SelectionOf, Site, select},
};

/// What a plan is drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) decode: bool,
    pub(crate) layers: u32,
    pub(crate) kv_heads: u32,
    pub(crate) group: u32,
    pub(crate) head_dim: u32,
    pub(crate) tokens: u32,
    pub(crate) steps: u32,
    pub(crate) causal: bool,
    pub(crate) window: u32,
    pub(crate) bits: StoredBits,
    /// Of 8 keys, heads, values and rows: those that are pruned, or computed again.
    pub(crate) pruned_tokens: u64,
    pub(crate) pruned_heads: u64,
    pub(crate) pruned_values: u64,
    pub(crate) refetched: u64,
    /// Of 8 layers: those whose values are fetched ahead.
    pub(crate) ahead: u64,
    pub(crate) selects: bool,
    pub(crate) seed: u64,
}

pub(crate) fn any_shape() -> impl Strategy<Value = Shape> {
    let eighths = || 0_u64..=8;
    let bits = prop_oneof![
        Just((12, 0, 12)),
        Just((8, 4, 12)),
        Just((6, 6, 8)),
        Just((4, 0, 4)),
        Just((4, 8, 6)),
        Just((7, 0, 5)),
    ];
    let size = (1_u32..3, 1_u32..6, 1_u32..4, 4_u32..9, 1_u32..48, 1_u32..4);
    let shares = (eighths(), eighths(), eighths(), eighths(), eighths());
    let modes = (any::<bool>(), any::<bool>(), any::<bool>(), 0_u32..3);
    (size, bits, shares, modes, any::<u64>()).prop_map(|(size, bits, shares, modes, seed)| {
        let (layers, kv_heads, group, dim, tokens, steps) = size;
        let (key_msb, key_lsb, value) = bits;
        let (decode, causal, selects, window) = modes;
        Shape {
            decode,
            layers,
            kv_heads,
            group,
            head_dim: 1 << dim,
            tokens,
            steps,
            causal,
            window: [0, 3, 20][window as usize],
            bits: StoredBits { query: 12, key_msb, key_lsb, value },
            pruned_tokens: shares.0,
            pruned_heads: shares.1,
            pruned_values: shares.2,
            refetched: if key_lsb == 0 { 0 } else { shares.3 },
            ahead: shares.4,
            selects,
            seed,
        }
    })
}

/// Numbers without end, the same each time (Steele et al., SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True in `eighths` of 8 cases.
    fn falls(&mut self, eighths: u64) -> bool {
        self.roll() % 8 < eighths
    }
}

impl Shape {
    pub(crate) fn phase(&self) -> Phase {
        if self.decode { Phase::Decode } else { Phase::Prefill }
    }

    pub(crate) fn dimensions(&self) -> Dimensions {
        Dimensions {
            layers: self.layers,
            heads: self.kv_heads * self.group,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            tokens: self.tokens + self.steps,
        }
    }

    pub(crate) fn tasks(&self) -> Vec<Task> {
        let mut dice = Dice(self.seed);
        let steps = if self.decode { self.steps } else { 1 };
        let mut tasks = Vec::new();
        for step in 0..steps {
            let length = if self.decode { self.tokens + step + 1 } else { self.tokens };
            for layer in 0..self.layers {
                self.layer(step, layer, length, &mut dice, &mut tasks);
            }
        }
        tasks
    }

    /// The tasks of one layer: some tokens and heads of it are pruned.
    fn layer(&self, step: u32, layer: u32, length: u32, dice: &mut Dice, into: &mut Vec<Task>) {
        let seen_from = if self.decode { self.first_seen(length - 1) } else { 0 };
        let live: Arc<[u32]> = (seen_from..length)
            .filter(|&token| token + 1 == length || !dice.falls(self.pruned_tokens))
            .collect();
        let queries: Vec<u32> = if self.decode { vec![length - 1] } else { live.to_vec() };
        let all = self.kv_heads * self.group;
        let survivor = u32::try_from(dice.roll() % u64::from(all)).unwrap();
        let heads: Vec<u32> =
            (0..all).filter(|&head| head == survivor || !dice.falls(self.pruned_heads)).collect();
        let values_ahead = dice.falls(self.ahead);
        let first = into.len();
        for of_task in heads.chunk_by(|a, b| a / self.group == b / self.group) {
            let mut rows = Vec::new();
            for &head in of_task {
                for &token in &queries {
                    rows.push(self.row(head, token, &live, values_ahead, dice));
                }
            }
            into.push(Task {
                phase: self.phase(),
                step,
                layer,
                kv_head: of_task[0] / self.group,
                bits: self.bits,
                tokens: Arc::clone(&live),
                appended: (self.decode && into.len() == first).then_some(length - 1),
                values_ahead,
                weighs: Weighs { tokens: self.selects, heads: self.selects },
                rows,
                layer_end: None,
            });
        }
        let tokens = self.selects.then(|| choice(live.len(), dice).1);
        let heads = dice.falls(4).then(|| choice(heads.len(), dice).1);
        let last = into[first..].last_mut().expect("a head survives");
        last.layer_end = Some(LayerEnd { tokens, heads });
    }

    /// The first position that the query at `token` sees.
    fn first_seen(&self, token: u32) -> u32 {
        match self.window {
            0 => 0,
            window => (token + 1).saturating_sub(window),
        }
    }

    fn row(&self, head: u32, token: u32, live: &[u32], ahead: bool, dice: &mut Dice) -> Row {
        let place = |position: u32| {
            u32::try_from(live.iter().filter(|&&token| token < position).count()).unwrap()
        };
        let end = if self.causal { token + 1 } else { u32::MAX };
        let visible = place(self.first_seen(token))..place(end);
        let selects = self.selects && !ahead;
        let (mut kept, select) = if selects {
            let (places, selection) = choice(visible.len(), dice);
            (places.into_iter().map(|at| visible.start + at).collect(), Some(selection))
        } else {
            (visible.clone().collect::<Vec<u32>>(), None)
        };
        // Values whose probability is 0 are never read.
        let least = kept[usize::try_from(dice.roll() % kept.len() as u64).unwrap()];
        kept.retain(|&place| place == least || !dice.falls(self.pruned_values));
        Row {
            head,
            token,
            visible: visible.clone(),
            refetch: dice.falls(self.refetched),
            kept: KeySet::of(visible, kept.into_iter()),
            select,
        }
    }
}

/// A selection among random keys: what it keeps, and its rounds.
fn choice(candidates: usize, dice: &mut Dice) -> (Vec<u32>, Selection) {
    let keys: Vec<i64> =
        (0..candidates).map(|_| i64::try_from(dice.roll() % 50).unwrap()).collect();
    let keep = u32::try_from(1 + dice.roll() % candidates as u64).unwrap();
    let site = Site {
        of: SelectionOf::Values,
        phase: Phase::Decode,
        step: 0,
        layer: 0,
        head: 0,
        token: 0,
    };
    let selected = select(&keys, keep, PivotRule::MIDPOINT.at(site));
    (selected.kept, selected.selection)
}
