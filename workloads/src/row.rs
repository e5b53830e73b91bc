//! One row of attention as the hardware computes it, and as a policy sees it.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::{
    fixed::{
        Arithmetic, dot,
        exponent::ScoreScale,
        output,
        quantise::{Quantised, first_pass},
        softmax,
    },
    plan::{Phase, Row, StoredBits},
    quickselect::{PivotRule, Selected, SelectionOf, Site, select},
};

/// Which planes of K a row is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planes {
    /// The first pass: MSBs, and the middle of what the LSBs could be.
    Msb,
    /// All bits.
    All,
}

/// The live keys of one K/V head, side by side as they lie in the key buffer.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    /// Their positions.
    pub(crate) tokens: Arc<[u32]>,
    head: &'a Quantised,
    lsb_bits: u32,
    msb: OnceLock<Vec<i16>>,
    all: OnceLock<Vec<i16>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(tokens: Arc<[u32]>, head: &'a Quantised, lsb_bits: u32) -> Self {
        Self { tokens, head, lsb_bits, msb: OnceLock::new(), all: OnceLock::new() }
    }

    fn vectors(&self, planes: Planes) -> &[i16] {
        match planes {
            Planes::Msb if self.lsb_bits > 0 => self.msb.get_or_init(|| {
                let mut keys = self.gather();
                for key in &mut keys {
                    *key = first_pass(*key, self.lsb_bits);
                }
                keys
            }),
            _ => self.all.get_or_init(|| self.gather()),
        }
    }

    fn gather(&self) -> Vec<i16> {
        let mut keys = Vec::with_capacity(self.tokens.len() * self.head.head_dim);
        for &token in &*self.tokens {
            keys.extend_from_slice(self.head.vector(token));
        }
        keys
    }
}

/// Buffers that rows use one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    scores: Vec<i32>,
    probabilities: Vec<u32>,
}

/// One query of one head, with the keys it sees.
#[derive(Debug)]
pub struct RowView<'a> {
    site: Site,
    keys: &'a Keys<'a>,
    visible: Range<u32>,
    query: &'a [i16],
    scale: ScoreScale,
    fraction: u32,
    pivots: PivotRule,
    peak: u32,
    scratch: &'a mut Scratch,
}

/// What the rows of one head share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowSetting {
    /// Of the row's value selection; `token` is set for each row.
    pub(crate) site: Site,
    /// Scores to exponents.
    pub(crate) scale: ScoreScale,
    /// Fraction bits of a probability.
    pub(crate) fraction: u32,
    /// Choice of pivots.
    pub(crate) pivots: PivotRule,
}

impl<'a> RowView<'a> {
    pub(crate) fn new(
        setting: RowSetting,
        token: u32,
        query: &'a [i16],
        keys: &'a Keys<'a>,
        visible: Range<u32>,
        scratch: &'a mut Scratch,
    ) -> Self {
        let RowSetting { site, scale, fraction, pivots } = setting;
        let site = Site { token, ..site };
        Self { site, keys, visible, query, scale, fraction, pivots, peak: 0, scratch }
    }

    /// Prefill or decode.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.site.phase
    }

    /// Layer in the trace.
    #[must_use]
    pub fn layer(&self) -> u32 {
        self.site.layer
    }

    /// Query head.
    #[must_use]
    pub fn head(&self) -> u32 {
        self.site.head
    }

    /// Position of the query in the sequence.
    #[must_use]
    pub fn token(&self) -> u32 {
        self.site.token
    }

    /// Positions of the layer's keys, by place.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.keys.tokens
    }

    /// Places of the keys it sees.
    #[must_use]
    pub fn visible(&self) -> Range<u32> {
        self.visible.clone()
    }

    /// Computes scores and probabilities, in place of those it has.
    pub fn attend(&mut self, planes: Planes) {
        let dim = self.query.len();
        let seen = self.visible.start as usize * dim..self.visible.end as usize * dim;
        let Scratch { scores, probabilities } = &mut *self.scratch;
        dot::scores(self.query, &self.keys.vectors(planes)[seen], scores);
        self.peak = softmax::softmax(scores, self.scale, self.fraction, probabilities);
    }

    /// Scores of the keys it sees.
    #[must_use]
    pub fn scores(&self) -> &[i32] {
        &self.scratch.scores
    }

    /// Probabilities of the keys it sees.
    #[must_use]
    pub fn probabilities(&self) -> &[u32] {
        &self.scratch.probabilities
    }

    /// The probability of one key that it sees.
    #[must_use]
    pub fn probability(&self, place: u32) -> u32 {
        self.scratch.probabilities[(place - self.visible.start) as usize]
    }

    /// The largest probability.
    #[must_use]
    pub fn peak(&self) -> u32 {
        self.peak
    }

    /// Selects the `keep` largest scores; places count from the first visible key.
    #[must_use]
    pub fn top_scores(&self, keep: u32) -> Selected {
        debug_assert_eq!(self.site.of, SelectionOf::Values);
        let keys: Vec<i64> = self.scratch.scores.iter().map(|&score| i64::from(score)).collect();
        select(&keys, keep, self.pivots.at(self.site))
    }
}

/// The PV array and the rounding of its outputs, one row after the other.
pub(crate) struct Outputs {
    accumulators: Vec<i32>,
    outputs: Vec<i16>,
    fraction: u32,
    value_bits: u32,
    operand_bits: u32,
}

impl Outputs {
    pub(crate) fn new(arithmetic: Arithmetic, bits: StoredBits, head_dim: usize) -> Self {
        Self {
            accumulators: vec![0; head_dim],
            outputs: Vec::new(),
            fraction: arithmetic.probability_fraction(),
            value_bits: bits.value,
            operand_bits: arithmetic.operand_bits(),
        }
    }

    /// `probabilities` are those of the visible keys.
    pub(crate) fn compute(
        &mut self,
        row: &Row,
        probabilities: &[u32],
        tokens: &[u32],
        values: &Quantised,
    ) {
        self.accumulators.fill(0);
        for place in row.kept.places() {
            let probability = probabilities[(place - row.visible.start) as usize];
            if probability > 0 {
                let value = values.vector(tokens[place as usize]);
                output::accumulate(&mut self.accumulators, probability, value);
            }
        }
        let (fraction, value, operand) = (self.fraction, self.value_bits, self.operand_bits);
        output::round(&self.accumulators, fraction, value, operand, &mut self.outputs);
    }

    pub(crate) fn accumulators(&self) -> &[i32] {
        &self.accumulators
    }

    pub(crate) fn outputs(&self) -> &[i16] {
        &self.outputs
    }

    /// Sum of the outputs' magnitudes.
    pub(crate) fn magnitude(&self) -> u64 {
        self.outputs.iter().map(|output| u64::from(output.unsigned_abs())).sum()
    }

    /// What one unit of an output stands for, where V has this scale.
    pub(crate) fn unit(&self, value_scale: f64) -> f64 {
        libm::ldexp(value_scale, self.value_bits.cast_signed() - self.operand_bits.cast_signed())
    }
}
