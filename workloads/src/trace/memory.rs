//! A trace in memory, for tests and for small generators.

use super::{
    Heads, Layer, LayerSource, Shape, TraceError,
    error::{Fault, Place},
    file::check_values,
    layout::Kind,
    metadata::check_shape,
};

/// Layers that satisfy the rules of the format, all in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryTrace {
    shape: Shape,
    layers: Vec<Layer>,
}

/// What errors call a trace that has no file.
const NAME: &str = "trace in memory";

impl MemoryTrace {
    /// Checks what a file would have to satisfy.
    ///
    /// # Errors
    ///
    /// If the shape breaks a rule, if the layers do not have that shape, or if a value is not finite.
    pub fn new(shape: Shape, layers: Vec<Layer>) -> Result<Self, TraceError> {
        let trace = Self { shape, layers };
        trace.check().map_err(|fault| fault.in_file(NAME))?;
        Ok(trace)
    }

    fn check(&self) -> Result<(), Fault> {
        check_shape(&self.shape)?;
        if self.layers.len() != self.shape.layers as usize {
            let rule = format!(
                "must be the number of layers given, {} (found {})",
                self.layers.len(),
                self.shape.layers
            );
            return Err(Fault::metadata("num_layers", rule));
        }
        (0..)
            .zip(&self.layers)
            .try_for_each(|(index, layer)| check_layer(layer, index, &self.shape))
    }
}

impl LayerSource for MemoryTrace {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn layer(&self, index: u32) -> Result<Layer, TraceError> {
        self.layers.get(index as usize).cloned().ok_or_else(|| {
            let rule = format!("has layers 0 to {} (asked for {index})", self.shape.layers - 1);
            Fault::new(Place::File, rule).in_file(NAME)
        })
    }
}

/// The layer has the sizes of the shape, and its values are sound.
pub(super) fn check_layer(layer: &Layer, index: u32, shape: &Shape) -> Result<(), Fault> {
    for kind in Kind::ALL {
        let heads = kind.of(layer);
        check_size(heads, index, kind, shape)?;
        check_values(heads, index, kind)?;
    }
    Ok(())
}

fn check_size(heads: &Heads, layer: u32, kind: Kind, shape: &Shape) -> Result<(), Fault> {
    let dims = kind.dims(shape);
    let found = [heads.seq_len, heads.head_dim];
    let count = dims.into_iter().map(u64::from).try_fold(1, u64::checked_mul);
    if found == dims[1..] && count == Some(heads.values.len() as u64) {
        return Ok(());
    }
    let rule = format!(
        "must have [heads, seq_len, head_dim] = {dims:?} (found {} values of {found:?})",
        heads.values.len()
    );
    Err(Fault::tensor(&kind.tensor(layer), rule))
}
