//! A trace in a file, read one layer at a time.

use std::{borrow::Cow, path::Path};

use half::f16;

use super::{
    Heads, Layer, LayerSource, MAX_MAGNITUDE, Origin, Precision, Shape, TraceError,
    error::{Fault, Place},
    header::Header,
    layout::{Kind, Layout},
    metadata,
    store::Store,
};

/// A trace of the format `attention-trace` 1 whose header has been read and checked.
///
/// Only the header is in memory. [`LayerSource::layer`] reads at positions, not through a memory
/// map, so that a file that shrinks meanwhile is an error. It can be shared between threads.
#[derive(Debug)]
pub struct TraceFile {
    store: Store,
    shape: Shape,
    origin: Origin,
    layout: Layout,
}

impl TraceFile {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or breaks a rule of the format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        Self::new(Store::open(path.as_ref())?)
    }

    /// The same for a file that is already in memory. Errors call it `name`.
    ///
    /// # Errors
    ///
    /// If the bytes break a rule of the format.
    pub fn from_bytes(
        name: &str,
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Self, TraceError> {
        Self::new(Store::memory(name, bytes.into()))
    }

    fn new(store: Store) -> Result<Self, TraceError> {
        let header = Header::read(&store)?;
        let checked =
            metadata::parse(&header.metadata, header.tensors.len()).and_then(|(shape, origin)| {
                let layout = Layout::check(&header, &shape, store.len)?;
                Ok((shape, origin, layout))
            });
        let (shape, origin, layout) = checked.map_err(|fault| fault.in_file(&store.name))?;
        Ok(Self { store, shape, origin, layout })
    }

    /// The file as the caller named it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.store.name
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.store.len
    }

    /// What the trace says of itself.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Where the trace comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The finest precision in which any of its tensors is stored.
    #[must_use]
    pub fn precision(&self) -> Precision {
        let any_f32 = self.layout.extents().any(|extent| extent.precision == Precision::F32);
        if any_f32 { Precision::F32 } else { Precision::F16 }
    }

    /// SHA-256 of the file, in lower-case hexadecimal.
    ///
    /// # Errors
    ///
    /// If the file cannot be read any more.
    pub fn digest(&self) -> Result<String, TraceError> {
        self.store.digest()
    }

    /// Q, K and V of one layer as f32.
    ///
    /// # Errors
    ///
    /// If there is no such layer, if the file cannot be read any more, or if a value is not finite
    /// or beyond [`MAX_MAGNITUDE`].
    pub fn layer(&self, index: u32) -> Result<Layer, TraceError> {
        if index >= self.shape.layers {
            let rule = format!("has layers 0 to {} (asked for {index})", self.shape.layers - 1);
            return Err(Fault::new(Place::File, rule).in_file(self.name()));
        }
        let read = |kind| self.read(index, kind);
        Ok(Layer { q: read(Kind::Query)?, k: read(Kind::Key)?, v: read(Kind::Value)? })
    }

    fn read(&self, layer: u32, kind: Kind) -> Result<Heads, TraceError> {
        let extent = self.layout.extent(layer, kind);
        let [heads, seq_len, head_dim] = kind.dims(&self.shape);
        let count = u64::from(heads) * u64::from(seq_len) * u64::from(head_dim);
        let mut values = Vec::new();
        let reserved = usize::try_from(count).map(|count| values.try_reserve_exact(count).is_ok());
        if !matches!(reserved, Ok(true)) {
            let rule = format!("must fit into memory: it has {count} values");
            return Err(Fault::tensor(&kind.tensor(layer), rule).in_file(self.name()));
        }
        let bytes = count * extent.precision.bytes();
        self.store.read_pieces(extent.offset, bytes, |piece| match extent.precision {
            Precision::F16 => {
                let (halves, _) = piece.as_chunks();
                values.extend(halves.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()));
            }
            Precision::F32 => {
                let (words, _) = piece.as_chunks();
                values.extend(words.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            }
        })?;
        let tensor = Heads { seq_len, head_dim, values };
        check_values(&tensor, layer, kind).map_err(|fault| fault.in_file(self.name()))?;
        Ok(tensor)
    }
}

impl LayerSource for TraceFile {
    fn shape(&self) -> &Shape {
        self.shape()
    }

    fn layer(&self, index: u32) -> Result<Layer, TraceError> {
        self.layer(index)
    }
}

/// Every value is a number, and not too large.
pub(super) fn check_values(heads: &Heads, layer: u32, kind: Kind) -> Result<(), Fault> {
    let sound = |value: &f32| value.abs() <= MAX_MAGNITUDE;
    let Some(bad) = heads.values.iter().position(|value| !sound(value)) else {
        return Ok(());
    };
    let (seq_len, head_dim) = (u64::from(heads.seq_len), u64::from(heads.head_dim));
    let small = |number: u64| u32::try_from(number).expect("each place is below its dimension");
    let vector = bad as u64 / head_dim;
    let place = Place::Value {
        tensor: kind.tensor(layer),
        head: small(vector / seq_len),
        token: small(vector % seq_len),
        dim: small(bad as u64 % head_dim),
    };
    let rule = format!(
        "must be a finite number of at most {MAX_MAGNITUDE} in size (found {})",
        heads.values[bad]
    );
    Err(Fault::new(place, rule))
}
