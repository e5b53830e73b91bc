//! A trace: Q, K and V of every layer and head of one sequence.

/// What a trace says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Name of the model.
    pub model: String,
    /// Layers in the trace.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// K/V heads; divides `heads`. Query head `h` reads K/V head `h / (heads / kv_heads)`.
    pub kv_heads: u32,
    /// Values in a vector.
    pub head_dim: u32,
    /// Tokens.
    pub seq_len: u32,
    /// Tokens before this are the prompt; `None` for an encoder.
    pub prompt_len: Option<u32>,
    /// Whether a query sees no later key.
    pub causal: bool,
    /// Factor on Q·K before the softmax.
    pub scale: f64,
    /// Keys a query sees in each layer, itself included; 0 for all. One entry a layer.
    pub window: Vec<u32>,
}

/// Vectors of all heads of one kind: `[heads, seq_len, head_dim]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// Tokens.
    pub seq_len: u32,
    /// Values in a vector.
    pub head_dim: u32,
    /// The values.
    pub values: Vec<f32>,
}

/// One layer of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Queries, not scaled.
    pub q: Heads,
    /// Keys.
    pub k: Heads,
    /// Values.
    pub v: Heads,
}

impl Heads {
    /// The vector of one head and token.
    #[must_use]
    pub fn vector(&self, head: u32, token: u32) -> &[f32] {
        let dim = self.head_dim as usize;
        let start = (head as usize * self.seq_len as usize + token as usize) * dim;
        &self.values[start..start + dim]
    }
}
