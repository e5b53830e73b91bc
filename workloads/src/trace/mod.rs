//! A trace: Q, K and V of every layer and head of one sequence.
//!
//! A trace lives in a file of the format `attention-trace` 1 ([`TraceFile`]), in memory
//! ([`MemoryTrace`]), or comes out of a generator. All of them are a [`LayerSource`]: a [`Shape`]
//! and one [`Layer`] at a time, so that a run holds one layer whatever the model's depth.
//!
//! The format is [safetensors] with tensors `layer.{l}.q` of shape `[heads, seq, head_dim]` and
//! `layer.{l}.k`, `layer.{l}.v` of shape `[kv heads, seq, head_dim]`, in f16 or f32. Q is not
//! scaled: attention is `p = softmax(scale * q·k)`, `out = p·v`. The metadata are strings:
//!
//! | key | value |
//! | --- | --- |
//! | `format`, `version` | `attention-trace`, `1` |
//! | `model`, `task`, `source_text` | any text |
//! | `num_layers`, `num_heads`, `num_kv_heads`, `head_dim`, `seq_len` | whole numbers, at least 1; `num_kv_heads` divides `num_heads` |
//! | `causal` | `true` or `false` |
//! | `scale` | a number from 1e-6 to 1e6 |
//! | `prompt_len` | tokens of the prompt, from 1 to `seq_len`; causal traces only; may be left out |
//! | `window` | JSON list, for each layer the keys that a query sees, itself included, or 0 for all; causal traces only; may be left out |
//! | `tokens` | JSON list of `seq_len` strings; may be left out |
//! | `model_num_layers`, `source_layers` | layers of the model, and which of them these are, as `0,7,14`; may be left out |
//! | `sampling`, `f16_max_abs_prob_error`, `f16_max_rel_output_error`, `x_…` | notes, passed on; may be left out |
//!
//! Any other key is an error, so that a misspelt one cannot pass for one that was left out.
//!
//! [safetensors]: https://github.com/huggingface/safetensors

mod bundled;
mod error;
mod file;
mod header;
mod layout;
mod memory;
mod metadata;
mod store;
mod write;

use std::ops::Range;

use serde::Serialize;

pub use bundled::{BUNDLED, Bundled, DECODER, ENCODER, bundled};
pub use error::{Place, TraceError};
pub use file::TraceFile;
pub use layout::Precision;
pub use memory::MemoryTrace;
pub use metadata::Origin;
pub use write::write;

/// Largest absolute value that a trace may hold: the largest finite f16.
///
/// f32 traces obey it too. They exist for precision, not for range, and the bound keeps dot
/// products of any supported length finite in f32.
pub const MAX_MAGNITUDE: f32 = 65504.0;

/// What a trace says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// Anything that yields the layers of a trace, one at a time and in any order.
pub trait LayerSource {
    /// What the trace says of itself; satisfies the rules of the format.
    fn shape(&self) -> &Shape;

    /// Q, K and V of layer `index`: finite, and of the sizes that [`Self::shape`] says.
    ///
    /// # Errors
    ///
    /// If there is no such layer, if it cannot be read, or if a value is not finite.
    fn layer(&self, index: u32) -> Result<Layer, TraceError>;
}

impl Shape {
    /// Query heads that read one K/V head.
    #[must_use]
    pub fn group(&self) -> u32 {
        self.heads / self.kv_heads
    }

    /// Bytes of one layer's Q, K and V in memory, as f32.
    #[must_use]
    pub fn layer_bytes(&self) -> u64 {
        let vectors =
            (u64::from(self.heads) + 2 * u64::from(self.kv_heads)) * u64::from(self.seq_len);
        vectors * u64::from(self.head_dim) * size_of::<f32>() as u64
    }

    /// Keys that the query at position `token` sees in `layer`. Never empty.
    #[must_use]
    pub fn visible(&self, layer: u32, token: u32) -> Range<u32> {
        let end = if self.causal { token + 1 } else { self.seq_len };
        match self.window[layer as usize] {
            0 => 0..end,
            window => end.saturating_sub(window)..end,
        }
    }
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
