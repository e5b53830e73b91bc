//! What a baseline is asked to compute: the dense attention of a model.

use serde::Serialize;

/// Which part of inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// All queries at once.
    Prefill {
        /// Whether a query sees no later key.
        causal: bool,
    },
    /// One query a step; each step has one key more.
    Decode {
        /// Tokens generated.
        steps: u32,
    },
}

/// Dense attention of all layers of a model: no projections, no feed-forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// Which part of inference.
    #[serde(flatten)]
    pub phase: Phase,
    /// Sequences.
    pub batch: u32,
    /// Layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// K/V heads.
    pub kv_heads: u32,
    /// Values in a vector.
    pub head_dim: u32,
    /// Queries a step: 1 in decode.
    pub q_len: u32,
    /// Keys, the new token included; in decode, of the first step.
    pub kv_len: u32,
}

/// Attention of one layer in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    workload: Workload,
    kv_len: u32,
}

impl Workload {
    /// Each step in order: one of prefill.
    pub fn steps(self) -> impl Iterator<Item = Step> {
        let steps = match self.phase {
            Phase::Prefill { .. } => 1,
            Phase::Decode { steps } => steps,
        };
        (0..steps)
            .map(move |step| Step { workload: self, kv_len: self.kv_len.saturating_add(step) })
    }

    /// Keys of the last step.
    #[must_use]
    pub fn last_keys(&self) -> u32 {
        match self.phase {
            Phase::Prefill { .. } => self.kv_len,
            Phase::Decode { steps } => self.kv_len.saturating_add(steps.saturating_sub(1)),
        }
    }

    /// Whether one query is computed a step.
    #[must_use]
    pub fn is_decode(&self) -> bool {
        matches!(self.phase, Phase::Decode { .. })
    }

    /// Gigabytes that must be in memory at once: K and V of all layers, and, where the code writes it out,
    /// the score tensor of one layer.
    pub(super) fn gigabytes(&self, size: f64, writes_scores: bool) -> f64 {
        let last = Step { workload: *self, kv_len: self.last_keys() };
        let scores = if writes_scores { last.scores() * size } else { 0.0 };
        (f64::from(self.layers) * last.kv_bytes(size) + scores) * 1e-9
    }

    /// Whether several query heads share a K/V head.
    #[must_use]
    pub fn is_grouped(&self) -> bool {
        self.kv_heads < self.heads
    }
}

impl Step {
    /// What it is a step of.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Keys of this step.
    #[must_use]
    pub fn kv_len(&self) -> u32 {
        self.kv_len
    }

    /// Query-key pairs of all heads, masked ones too: what a dense score tensor holds.
    #[must_use]
    pub fn scores(&self) -> f64 {
        let Workload { batch, heads, q_len, .. } = self.workload;
        f64::from(batch) * f64::from(heads) * f64::from(q_len) * f64::from(self.kv_len)
    }

    /// Operations on all pairs: a multiplication and an addition a dimension, for scores and outputs.
    #[must_use]
    pub fn dense_flops(&self) -> f64 {
        4.0 * f64::from(self.workload.head_dim) * self.scores()
    }

    /// Operations on the pairs that the mask leaves, half of them under a causal one.
    #[must_use]
    pub fn flops(&self) -> f64 {
        match self.workload.phase {
            Phase::Prefill { causal: true } => self.dense_flops() / 2.0,
            _ => self.dense_flops(),
        }
    }

    /// Bytes of K and V, elements of `size` bytes.
    #[must_use]
    pub fn kv_bytes(&self, size: f64) -> f64 {
        let Workload { batch, kv_heads, head_dim, .. } = self.workload;
        let vectors = 2.0 * f64::from(batch) * f64::from(kv_heads) * f64::from(self.kv_len);
        vectors * f64::from(head_dim) * size
    }

    /// Bytes of Q, K and V read once and of the output written once.
    #[must_use]
    pub fn bytes(&self, size: f64) -> f64 {
        let Workload { batch, heads, head_dim, q_len, .. } = self.workload;
        let rows = 2.0 * f64::from(batch) * f64::from(heads) * f64::from(q_len);
        self.kv_bytes(size) + rows * f64::from(head_dim) * size
    }
}
