//! Where each tensor of a trace lies in its file.

use std::collections::BTreeSet;

use super::{
    Heads, Layer, Shape,
    error::{Fault, short},
    header::{Header, TensorEntry},
};

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
}

impl Precision {
    /// Bytes of one value.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    /// Its name in the header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::F16, Self::F32].into_iter().find(|precision| precision.name() == name)
    }
}

/// Which of the three tensors of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Key,
    Value,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Query, Self::Key, Self::Value];

    pub(super) fn tensor(self, layer: u32) -> String {
        let letter = match self {
            Self::Query => 'q',
            Self::Key => 'k',
            Self::Value => 'v',
        };
        format!("layer.{layer}.{letter}")
    }

    pub(super) fn of(self, layer: &Layer) -> &Heads {
        match self {
            Self::Query => &layer.q,
            Self::Key => &layer.k,
            Self::Value => &layer.v,
        }
    }

    /// `[heads, tokens, values in a vector]`.
    pub(super) fn dims(self, shape: &Shape) -> [u32; 3] {
        let heads = if self == Self::Query { shape.heads } else { shape.kv_heads };
        [heads, shape.seq_len, shape.head_dim]
    }

    fn dim_names(self) -> &'static str {
        match self {
            Self::Query => "[num_heads, seq_len, head_dim]",
            Self::Key | Self::Value => "[num_kv_heads, seq_len, head_dim]",
        }
    }
}

/// A tensor's values: where they start in the file, and how they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) precision: Precision,
}

/// The tensors of each layer, in the order of [`Kind::ALL`].
#[derive(Debug)]
pub(super) struct Layout(Vec<[Extent; 3]>);

impl Layout {
    /// Checks every tensor against the shape and against the length of the file.
    pub(super) fn check(header: &Header, shape: &Shape, file_len: u64) -> Result<Self, Fault> {
        let mut layers = Vec::new();
        for layer in 0..shape.layers {
            let [q, k, v] = Kind::ALL.map(|kind| extent(header, shape, layer, kind));
            layers.push([q?, k?, v?]);
        }
        if header.tensors.len() > 3 * layers.len() {
            let names = |layer| Kind::ALL.map(|kind| kind.tensor(layer));
            let known: BTreeSet<String> = (0..shape.layers).flat_map(names).collect();
            let extra = header.tensors.keys().find(|name| !known.contains(*name));
            let name = extra.expect("more tensors than the layers have, and names are unique");
            let rule = format!("is not part of a trace with num_layers = {}", shape.layers);
            return Err(Fault::tensor(name, rule));
        }
        check_cover(header, file_len)?;
        Ok(Self(layers))
    }

    pub(super) fn extent(&self, layer: u32, kind: Kind) -> Extent {
        self.0[layer as usize][kind as usize]
    }

    pub(super) fn extents(&self) -> impl Iterator<Item = Extent> {
        self.0.iter().flatten().copied()
    }
}

fn extent(header: &Header, shape: &Shape, layer: u32, kind: Kind) -> Result<Extent, Fault> {
    let name = kind.tensor(layer);
    let entry = header.tensors.get(&name).ok_or_else(|| {
        let rule = format!("is missing; num_layers = {} asks for it", shape.layers);
        Fault::tensor(&name, rule)
    })?;
    let precision = Precision::from_name(&entry.dtype).ok_or_else(|| {
        let rule = format!("dtype must be F16 or F32 (found {})", short(&entry.dtype));
        Fault::tensor(&name, rule)
    })?;
    let dims = kind.dims(shape).map(u64::from);
    if entry.shape != dims {
        let first = &entry.shape[..entry.shape.len().min(8)];
        let rule = format!("shape must be {} = {dims:?} (found {first:?})", kind.dim_names());
        return Err(Fault::tensor(&name, rule));
    }
    check_size(&name, entry, dims, precision)?;
    Ok(Extent { offset: header.data_start + entry.data_offsets[0], precision })
}

fn check_size(
    name: &str,
    entry: &TensorEntry,
    dims: [u64; 3],
    precision: Precision,
) -> Result<(), Fault> {
    let needed =
        dims.into_iter().try_fold(precision.bytes(), |size: u64, dim| size.checked_mul(dim));
    let [start, end] = entry.data_offsets;
    if needed.is_some() && end.checked_sub(start) == needed {
        return Ok(());
    }
    let needed = needed.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
    let rule = format!("data_offsets must span {needed} bytes (found [{start}, {end}])");
    Err(Fault::tensor(name, rule))
}

/// The tensors follow each other and cover the data: no hole, no overlap, nothing out of bounds.
fn check_cover(header: &Header, file_len: u64) -> Result<(), Fault> {
    let mut order: Vec<_> =
        header.tensors.iter().map(|(name, entry)| (entry.data_offsets, name)).collect();
    order.sort_unstable();
    let mut covered = 0;
    for ([start, end], name) in order {
        if start != covered {
            let rule = format!(
                "data_offsets must start where the tensor before ends, at {covered} (found \
                 [{start}, {end}])"
            );
            return Err(Fault::tensor(name, rule));
        }
        covered = end;
    }
    let data = file_len - header.data_start;
    if covered != data {
        let rule = format!(
            "must hold the {covered} bytes of data that its tensors span, after {} bytes of \
             header (found {data})",
            header.data_start
        );
        return Err(Fault::new(super::Place::File, rule));
    }
    Ok(())
}
