//! Dense attention in f32: what a policy's outputs are compared with, fast enough for every run.
//!
//! The same definition as [`crate::reference`]. Sums run over eight lanes in a fixed order and the
//! exponential is `libm`'s, so that the bytes do not depend on the platform.

use rayon::prelude::*;

use crate::trace::{Heads, Layer, Shape};

/// Partial sums of a dot product: one vector register of f32.
const LANES: usize = 8;

/// The attention of one query of one head, in buffers that are used again.
#[derive(Clone, Debug, Default)]
pub struct DenseRow {
    probabilities: Vec<f32>,
    output: Vec<f32>,
}

impl DenseRow {
    /// Attends with the query of `head` at position `token`, in `layer`, which is layer `index`.
    pub fn attend(&mut self, shape: &Shape, index: u32, layer: &Layer, head: u32, token: u32) {
        let kv_head = head / shape.group();
        let query = layer.q.vector(head, token);
        let visible = shape.visible(index, token);
        #[expect(clippy::cast_possible_truncation, reason = "f32 is the precision of this kernel")]
        let scale = shape.scale as f32;
        let score = |key| scale * dot(query, layer.k.vector(kv_head, key));
        self.probabilities.clear();
        self.probabilities.extend(visible.clone().map(score));
        softmax(&mut self.probabilities);
        self.output.clear();
        self.output.resize(shape.head_dim as usize, 0.0);
        for (key, &probability) in visible.zip(&self.probabilities) {
            for (sum, &value) in self.output.iter_mut().zip(layer.v.vector(kv_head, key)) {
                *sum += probability * value;
            }
        }
    }

    /// Probabilities of the keys that the query sees ([`Shape::visible`]), in their order.
    #[must_use]
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// Output: `[head_dim]`.
    #[must_use]
    pub fn output(&self) -> &[f32] {
        &self.output
    }
}

/// Outputs of all heads and queries of `layer`, which is layer `index`. Heads run in parallel.
#[must_use]
pub fn dense_f32(shape: &Shape, index: u32, layer: &Layer) -> Heads {
    let mut values = vec![0.0; layer.q.values.len()];
    let dim = shape.head_dim as usize;
    let heads = values.par_chunks_mut(shape.seq_len as usize * dim);
    heads.zip(0..shape.heads).for_each(|(rows, head)| {
        let mut row = DenseRow::default();
        for (token, output) in (0..).zip(rows.chunks_exact_mut(dim)) {
            row.attend(shape, index, layer, head, token);
            output.copy_from_slice(row.output());
        }
    });
    Heads { seq_len: shape.seq_len, head_dim: shape.head_dim, values }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a_lanes, a_rest) = a.as_chunks::<LANES>();
    let (b_lanes, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for score in &mut *scores {
        *score = libm::expf(*score - largest);
        total += *score;
    }
    for weight in scores {
        *weight /= total;
    }
}
