//! What `cascade` remembers from layer to layer and step to step, and how it decides.

use std::sync::Arc;

use super::{
    super::{Choice, Course, Importance, ImportanceTooNarrow, Live, Pass, Seen, Setting, Share},
    Cascade, PromptImportance,
};
use crate::{
    fixed::{Arithmetic, quantise::largest},
    plan::{KeySet, LayerEnd, Phase, Selection, Weighs},
    quickselect::{PivotRule, SelectionOf, Site, select},
    row::{Planes, RowView},
};

/// Fraction bits of the factor from a unit of outputs to one of head importance.
const FACTOR_FRACTION: i32 = 16;

/// Fraction bits with which head importance starts, before the first layer makes room: more than
/// any accumulator can keep.
const UNBOUNDED_FRACTION: i32 = 128;

/// The course of `cascade`.
pub(super) struct Pruning {
    knobs: Cascade,
    arithmetic: Arithmetic,
    pivots: PivotRule,
    /// What each layer keeps.
    token_shares: Vec<Share>,
    head_shares: Vec<Share>,
    all_heads: u32,
    kv_heads: usize,
    head_dim: u32,
    causal: bool,
    prompt_rows: u32,
    /// A row whose largest probability is below this is computed again.
    threshold: u32,
    pass: Pass,
    /// Live in the layer at hand.
    tokens: Arc<[u32]>,
    heads: Vec<u32>,
    scores: Scores,
    /// What decode steps start from, where importance does not carry on from one to the next.
    after_prompt: Option<Scores>,
}

/// Importance of tokens, by position, and of heads.
#[derive(Clone)]
struct Scores {
    tokens: Importance,
    heads: Importance,
}

impl Pruning {
    pub(super) fn new(
        knobs: Cascade,
        token_shares: Vec<Share>,
        head_shares: Vec<Share>,
        setting: &Setting<'_>,
    ) -> Self {
        let (shape, arithmetic) = (setting.shape, setting.arithmetic);
        let fraction = arithmetic.probability_fraction();
        let width = arithmetic.importance_bits();
        let one = f64::from(1u32 << fraction);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a threshold is 0 to 1"
        )]
        let threshold = libm::round(knobs.refetch_threshold * one) as u32;
        Self {
            arithmetic,
            pivots: setting.pivots,
            token_shares,
            head_shares,
            all_heads: shape.heads,
            kv_heads: shape.kv_heads as usize,
            head_dim: shape.head_dim,
            causal: shape.causal,
            prompt_rows: shape.prompt_len.unwrap_or(shape.seq_len),
            threshold,
            pass: Pass { phase: Phase::Prefill, step: 0, tokens: 0 },
            tokens: Arc::from([]),
            heads: Vec::new(),
            scores: Scores {
                tokens: Importance::new(shape.seq_len as usize, width, fraction.cast_signed()),
                heads: Importance::new(shape.heads as usize, width, UNBOUNDED_FRACTION),
            },
            after_prompt: None,
            knobs,
        }
    }

    /// The prompt is done.
    fn end_prompt(&mut self) {
        if self.knobs.prompt_importance == PromptImportance::Mean {
            let power = self.prompt_rows.ilog2();
            let whole = self.arithmetic.probability_fraction().cast_signed();
            self.scores.tokens.divide(power, whole);
            self.scores.heads.divide(power, UNBOUNDED_FRACTION);
        }
        if !self.knobs.importance_over_steps {
            self.after_prompt = Some(self.scores.clone());
        }
    }

    fn site(&self, of: SelectionOf, layer: u32) -> Site {
        Site { of, phase: self.pass.phase, step: self.pass.step, layer, head: 0, token: 0 }
    }

    /// What some layer ranks. Importance persists, so that of every layer counts.
    fn weighs(&self) -> Weighs {
        let prunes = |shares: &[Share]| shares.iter().any(|share| *share < Share::ALL);
        Weighs { tokens: prunes(&self.token_shares), heads: prunes(&self.head_shares) }
    }

    /// The token that no layer may drop.
    fn protected(&self) -> Option<u32> {
        (self.knobs.protect_newest && self.causal).then(|| self.pass.tokens - 1)
    }

    fn note(&mut self, seen: &[Seen]) {
        for head in seen {
            for (&token, &mass) in head.tokens.iter().zip(&head.mass) {
                self.scores.tokens.add(token, mass);
            }
        }
        let rows = seen.iter().map(|head| head.rows).max().unwrap_or(0);
        let unit = seen.iter().map(|head| head.output_unit).fold(0.0, f64::max);
        let most = f64::from(rows) * f64::from(self.head_dim) * largest_output(self.arithmetic);
        let heads = &mut self.scores.heads;
        heads.make_room(|fraction| libm::ldexp(most * unit, fraction) + 1.0);
        for head in seen {
            // Rounded down, so that no sum grows beyond the bound.
            let factor = libm::ldexp(head.output_unit, heads.fraction() + FACTOR_FRACTION);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is positive, and room was made for thousands of units"
            )]
            let factor = factor as u64;
            for &(head, sum) in &head.outputs {
                let amount = (u128::from(sum) * u128::from(factor)) >> FACTOR_FRACTION;
                heads.add(head, u64::try_from(amount).expect("room was made for it"));
            }
        }
    }

    /// The heads of the next layer.
    fn choose_heads(&mut self, layer: u32) -> Option<Selection> {
        let keep = self.head_shares[layer as usize + 1].of(self.all_heads).max(1);
        if keep as usize >= self.heads.len() {
            return None;
        }
        let keys: Vec<i64> = self.heads.iter().map(|&head| self.scores.heads.total(head)).collect();
        let pivots = self.pivots.at(self.site(SelectionOf::Heads, layer));
        let selected = select(&keys, keep, pivots);
        self.heads = selected.kept.iter().map(|&place| self.heads[place as usize]).collect();
        Some(selected.selection)
    }

    /// The tokens of the next layer. The protected one is no candidate: it has its place.
    fn choose_tokens(&mut self, layer: u32) -> Option<Selection> {
        let keep = self.token_shares[layer as usize + 1].of(self.pass.tokens).max(1);
        if keep as usize >= self.tokens.len() {
            return None;
        }
        let protected = self.protected();
        let candidates: Vec<u32> =
            self.tokens.iter().copied().filter(|&token| Some(token) != protected).collect();
        let keep = keep - u32::from(protected.is_some());
        if keep == 0 {
            self.tokens = protected.into_iter().collect();
            return None;
        }
        let keys: Vec<i64> =
            candidates.iter().map(|&token| self.scores.tokens.total(token)).collect();
        let pivots = self.pivots.at(self.site(SelectionOf::Tokens, layer));
        let selected = select(&keys, keep, pivots);
        let kept = selected.kept.iter().map(|&place| candidates[place as usize]);
        self.tokens = kept.chain(protected).collect();
        Some(selected.selection)
    }
}

/// The largest magnitude of an output.
fn largest_output(arithmetic: Arithmetic) -> f64 {
    f64::from(largest(arithmetic.operand_bits()))
}

impl Course for Pruning {
    fn begin(&mut self, pass: Pass) {
        if pass.phase == Phase::Decode && pass.step == 0 {
            self.end_prompt();
        }
        if let Some(scores) = &self.after_prompt {
            self.scores = scores.clone();
        }
        self.pass = pass;
        self.tokens = (0..pass.tokens).collect();
        self.heads = (0..self.all_heads).collect();
    }

    fn live(&mut self, layer: u32) -> Result<Live, ImportanceTooNarrow> {
        let queries = match self.pass.phase {
            Phase::Prefill => self.tokens.clone(),
            Phase::Decode => Arc::from([self.pass.tokens - 1]),
        };
        let whole = self.arithmetic.probability_fraction().cast_signed();
        let probabilities = (queries.len() * self.heads.len()) as f64;
        // A probability is below 1; one that lost bits may round up to it.
        let most = |fraction: i32| probabilities * libm::exp2(f64::from(fraction));
        self.scores.tokens.make_room(most);
        let fraction = self.scores.tokens.fraction();
        if fraction < Importance::LEAST_FRACTION {
            let bits = self.arithmetic.importance_bits();
            return Err(ImportanceTooNarrow { bits, fraction, layer });
        }
        Ok(Live {
            heads: self.heads.clone(),
            queries,
            keys: vec![self.tokens.clone(); self.kv_heads],
            importance_shift: (whole - fraction).cast_unsigned(),
            weighs: self.weighs(),
        })
    }

    fn choose(&self, row: &mut RowView<'_>) -> Choice {
        row.attend(Planes::Msb);
        let refetch = self.knobs.key_lsb_bits > 0 && row.peak() < self.threshold;
        if refetch {
            row.attend(Planes::All);
        }
        let visible = row.visible();
        let share = match self.pass.phase {
            Phase::Prefill => self.knobs.values_keep_prefill,
            Phase::Decode => self.knobs.values_keep_decode,
        };
        let seen = visible.end - visible.start;
        let keep = share.of(seen).max(1);
        let worth = |place: u32| !self.knobs.skip_zero_values || row.probability(place) > 0;
        if keep == seen {
            let kept = KeySet::filtered(visible, worth);
            return Choice { refetch, kept, select: None };
        }
        let selected = row.top_scores(keep);
        let places = selected.kept.iter().map(|offset| visible.start + offset);
        let kept = KeySet::of(visible.clone(), places.filter(|&place| worth(place)));
        Choice { refetch, kept, select: Some(selected.selection) }
    }

    fn end_layer(&mut self, layer: u32, seen: &[Seen]) -> LayerEnd {
        self.note(seen);
        if layer as usize + 1 == self.token_shares.len() {
            return LayerEnd::default();
        }
        LayerEnd { tokens: self.choose_tokens(layer), heads: self.choose_heads(layer) }
    }
}
