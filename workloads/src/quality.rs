//! What a policy costs in quality: its outputs beside those of dense attention in f32.

use std::ops::AddAssign;

use serde::Serialize;

use crate::{dense_f32::DenseRow, plan::Phase, policy::Pass, trace::Shape};

/// Quality by phase and layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Prefill, then decode; only phases that were planned, each with all its layers.
    pub layers: Vec<LayerQuality>,
    #[serde(skip)]
    depth: u32,
}

/// Quality of one layer in one phase, over all steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerQuality {
    /// Prefill or decode.
    pub phase: Phase,
    /// Layer in the trace.
    pub layer: u32,
    /// Rows that dense attention has: one for each query and head.
    pub dense_rows: u64,
    /// Rows that were computed. The figures below are of these.
    pub live_rows: u64,
    /// Rows computed again with the LSBs.
    pub refetched_rows: u64,
    /// Values of this layer that were beyond the scale of the prompt and saturated.
    pub clipped_values: u64,
    /// Sum of the squares of the outputs' errors.
    pub error_squares: f64,
    /// Sum of the squares of the dense outputs.
    pub dense_squares: f64,
    /// Sum over rows of the dense probabilities of the keys whose values were kept.
    pub kept_mass: f64,
}

impl LayerQuality {
    /// Relative L2 error of the outputs; `None` if no output differs from 0.
    #[must_use]
    pub fn relative_error(&self) -> Option<f64> {
        (self.dense_squares > 0.0).then(|| libm::sqrt(self.error_squares / self.dense_squares))
    }

    /// Share of the attention mass that was kept; `None` if no row was live.
    #[must_use]
    pub fn mass_kept(&self) -> Option<f64> {
        (self.live_rows > 0).then(|| self.kept_mass / self.live_rows as f64)
    }

    /// Share of the live rows that were computed again; `None` if no row was live.
    #[must_use]
    pub fn refetched(&self) -> Option<f64> {
        (self.live_rows > 0).then(|| self.refetched_rows as f64 / self.live_rows as f64)
    }

    /// Rows that dense attention has and the policy did not compute.
    #[must_use]
    pub fn pruned_rows(&self) -> u64 {
        self.dense_rows - self.live_rows
    }
}

impl Quality {
    pub(crate) fn new(depth: u32) -> Self {
        Self { layers: Vec::new(), depth }
    }

    /// Adds a layer of one pass.
    pub(crate) fn note(&mut self, shape: &Shape, pass: Pass, layer: u32, tally: Tally, clips: u64) {
        if !self.layers.iter().any(|entry| entry.phase == pass.phase) {
            self.layers.extend((0..self.depth).map(|layer| LayerQuality {
                phase: pass.phase,
                layer,
                dense_rows: 0,
                live_rows: 0,
                refetched_rows: 0,
                clipped_values: 0,
                error_squares: 0.0,
                dense_squares: 0.0,
                kept_mass: 0.0,
            }));
        }
        let mut layers = self.layers.iter_mut();
        let entry = layers.find(|entry| entry.phase == pass.phase && entry.layer == layer);
        let entry = entry.expect("every layer of the phase has its entry");
        let queries = match pass.phase {
            Phase::Prefill => pass.tokens,
            Phase::Decode => 1,
        };
        entry.dense_rows += u64::from(shape.heads) * u64::from(queries);
        entry.live_rows += tally.rows;
        entry.refetched_rows += tally.refetched;
        // The prompt sets the scales, so that only later values clip.
        if pass.phase == Phase::Decode {
            entry.clipped_values = clips;
        }
        entry.error_squares += tally.error_squares;
        entry.dense_squares += tally.dense_squares;
        entry.kept_mass += tally.kept_mass;
    }
}

/// What rows add up to, in a fixed order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    rows: u64,
    refetched: u64,
    error_squares: f64,
    dense_squares: f64,
    kept_mass: f64,
}

impl Tally {
    pub(crate) fn row(&mut self, refetched: bool) {
        self.rows += 1;
        self.refetched += u64::from(refetched);
    }

    /// Adds a row's outputs, of which one unit stands for `unit`, and the tokens it kept, counted
    /// from the first that dense attention sees.
    pub(crate) fn judge(
        &mut self,
        dense: &DenseRow,
        outputs: &[i16],
        unit: f64,
        kept: impl Iterator<Item = u32>,
    ) {
        for (&output, &dense) in outputs.iter().zip(dense.output()) {
            let (output, dense) = (f64::from(output) * unit, f64::from(dense));
            self.error_squares += (output - dense) * (output - dense);
            self.dense_squares += dense * dense;
        }
        self.kept_mass +=
            kept.map(|key| f64::from(dense.probabilities()[key as usize])).sum::<f64>();
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.refetched += other.refetched;
        self.error_squares += other.error_squares;
        self.dense_squares += other.dense_squares;
        self.kept_mass += other.kept_mass;
    }
}
