//! A layer as the datapath sees it: quantised, with the scales that follow from it.

use std::sync::Arc;

use rayon::prelude::*;

use crate::{
    fixed::{exponent::ScoreScale, quantise::Quantised},
    plan::StoredBits,
    trace::{Heads, Layer, LayerSource, Shape, TraceError},
};

/// Bytes of layers that are kept for the next decode step. Two policies run side by side, and a run
/// takes at most 200 MB beside what a layer needs.
const CACHE_BYTES: usize = 64 << 20;

/// One layer, by head.
#[derive(Debug)]
pub(crate) struct Operands {
    pub(crate) q: Vec<Quantised>,
    pub(crate) k: Vec<Quantised>,
    pub(crate) v: Vec<Quantised>,
    /// The layer as the trace has it.
    pub(crate) exact: Layer,
}

impl Operands {
    /// Quantises a layer. The scales come from the prompt.
    pub(crate) fn new(exact: Layer, shape: &Shape, bits: StoredBits) -> Self {
        let prompt = shape.prompt_len.unwrap_or(shape.seq_len) as usize;
        let key = bits.key_msb + bits.key_lsb;
        let heads = |heads: &Heads, bits| -> Vec<Quantised> {
            let (seq, dim) = (heads.seq_len as usize, heads.head_dim as usize);
            let head = |values| Quantised::new(values, dim, prompt, bits);
            heads.values.par_chunks_exact(seq * dim).map(head).collect()
        };
        Self {
            q: heads(&exact.q, bits.query),
            k: heads(&exact.k, key),
            v: heads(&exact.v, bits.value),
            exact,
        }
    }

    /// Values that saturated.
    pub(crate) fn clips(&self) -> u64 {
        [&self.q, &self.k, &self.v].into_iter().flatten().map(|head| head.clips).sum()
    }

    fn bytes(&self) -> usize {
        let exact = [&self.exact.q, &self.exact.k, &self.exact.v];
        let count: usize = exact.iter().map(|heads| heads.values.len()).sum();
        count * (size_of::<f32>() + size_of::<i16>())
    }
}

/// How scores of a query head become exponents.
pub(crate) fn score_scale(shape: &Shape, query: &Quantised, key: &Quantised) -> ScoreScale {
    ScoreScale::new(shape.scale * query.scale * key.scale * std::f64::consts::LOG2_E)
}

/// Layers of a trace, quantised. Steps visit them in turn, so the first that fit are kept: of a
/// larger set, keeping the latest would keep none that is used again.
pub(crate) struct Layers<'a> {
    source: &'a (dyn LayerSource + Sync),
    bits: StoredBits,
    kept: Vec<Option<Arc<Operands>>>,
    room: usize,
}

impl<'a> Layers<'a> {
    /// `revisited`: whether a layer will be asked for more than once.
    pub(crate) fn new(
        source: &'a (dyn LayerSource + Sync),
        bits: StoredBits,
        revisited: bool,
    ) -> Self {
        let layers = source.shape().layers as usize;
        Self { source, bits, kept: vec![None; layers], room: CACHE_BYTES * usize::from(revisited) }
    }

    pub(crate) fn get(&mut self, index: u32) -> Result<Arc<Operands>, TraceError> {
        if let Some(operands) = &self.kept[index as usize] {
            return Ok(Arc::clone(operands));
        }
        let exact = self.source.layer(index)?;
        let operands = Arc::new(Operands::new(exact, self.source.shape(), self.bits));
        if let Some(room) = self.room.checked_sub(operands.bytes()) {
            self.room = room;
            self.kept[index as usize] = Some(Arc::clone(&operands));
        }
        Ok(operands)
    }
}
