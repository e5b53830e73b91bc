//! Dense attention in f64, by plain loops: what every faster or smaller computation is held against.
//!
//! For query `i` of head `h`, with `g = h / (heads / kv_heads)` and the keys `j` that it sees:
//! `s_j = scale * q_i·k_gj`, `p_j = exp(s_j - max s) / Σ exp(s - max s)`, `out_i = Σ p_j v_gj`.
//! It sees key `j` if `j <= i` or the trace is not causal, and if `i - j < window` or the layer has
//! none.

use crate::trace::{Layer, Shape};

/// The attention of one query of one head.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Scaled scores by key: `[seq_len]`, minus infinity for keys that the query does not see.
    pub scores: Vec<f64>,
    /// Probabilities by key: `[seq_len]`, 0 for keys that the query does not see.
    pub probabilities: Vec<f64>,
    /// Output: `[head_dim]`.
    pub output: Vec<f64>,
}

/// Attends with the query of `head` at position `token`, in `layer`, which is layer `index`.
#[must_use]
pub fn attend(shape: &Shape, index: u32, layer: &Layer, head: u32, token: u32) -> Attention {
    let kv_head = head / (shape.heads / shape.kv_heads);
    let query = layer.q.vector(head, token);
    let score = |key| {
        if sees(shape, index, token, key) {
            shape.scale * dot(query, layer.k.vector(kv_head, key))
        } else {
            f64::NEG_INFINITY
        }
    };
    let scores: Vec<f64> = (0..shape.seq_len).map(score).collect();
    let probabilities = softmax(&scores);
    let mut output = vec![0.0; shape.head_dim as usize];
    for (key, probability) in (0..).zip(&probabilities) {
        for (sum, &value) in output.iter_mut().zip(layer.v.vector(kv_head, key)) {
            *sum += probability * f64::from(value);
        }
    }
    Attention { scores, probabilities, output }
}

fn sees(shape: &Shape, layer: u32, query: u32, key: u32) -> bool {
    let window = shape.window[layer as usize];
    let not_later = key <= query || !shape.causal;
    let not_too_old = window == 0 || u64::from(query) < u64::from(key) + u64::from(window);
    not_later && not_too_old
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| libm::exp(score - largest)).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}
