//! Where Q, K, V and outputs lie in DRAM. The rule is stated in `docs/reference/layout.md`.
//!
//! Each plane (Q, K most significant bits, K least significant bits, V, outputs) is one region of
//! every layer, in this order, layer after layer. In a plane, heads are taken in groups whose
//! records together fill whole transactions; within a group the records of a token lie side by side,
//! and tokens follow each other. So the vectors of one head are a sequential stream, and a record
//! smaller than a transaction shares one with its neighbours.

use std::ops::Range;

use tamis_arch::{Accelerator, blocks::RecordLayout, units::Bits};
use tamis_workloads::trace::Shape;

/// The sizes of a workload that addresses depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Layers.
    pub layers: u32,
    /// Query heads.
    pub heads: u32,
    /// K/V heads.
    pub kv_heads: u32,
    /// Values in a vector.
    pub head_dim: u32,
    /// Tokens that a region has room for.
    pub tokens: u32,
}

impl From<&Shape> for Dimensions {
    fn from(shape: &Shape) -> Self {
        Self {
            layers: shape.layers,
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            tokens: shape.seq_len,
        }
    }
}

/// One kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Queries.
    Query,
    /// First pass of K.
    KeyMsb,
    /// Second pass of K.
    KeyLsb,
    /// Values.
    Value,
    /// Outputs.
    Output,
}

/// Transactions of one record of every token: `count` from `origin + token × stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Address of the first transaction of token 0.
    pub origin: u64,
    /// Bytes from a token to the next.
    pub stride: u64,
    /// Transactions a token.
    pub count: u32,
}

/// The address map.
#[derive(Clone, Debug)]
pub struct Layout {
    dimensions: Dimensions,
    record: RecordLayout,
    transaction: u64,
    alignment: u64,
    operand: u32,
}

impl Layout {
    /// The map of a machine for a workload.
    #[must_use]
    pub fn new(arch: &Accelerator, dimensions: Dimensions) -> Self {
        Self {
            dimensions,
            record: arch.layout.record,
            transaction: arch.dram.transaction.0,
            alignment: arch.layout.region_alignment.0,
            operand: arch.formats.operand.0,
        }
    }

    /// Bytes that one access moves.
    #[must_use]
    pub fn transaction(&self) -> u64 {
        self.transaction
    }

    /// K/V heads of the workload.
    #[must_use]
    pub fn kv_heads(&self) -> u32 {
        self.dimensions.kv_heads
    }

    /// Heads whose records lie side by side, and the bytes that they fill together.
    #[must_use]
    pub fn group(&self, plane: Plane, bits: u32) -> (u32, u64) {
        let record = Bits(bits).times(u64::from(self.dimensions.head_dim)).0;
        let whole = record.next_multiple_of(self.transaction);
        match (plane, self.record) {
            (Plane::Query | Plane::Output, RecordLayout::Packed) => {
                let heads = self.dimensions.heads;
                (heads, (record * u64::from(heads)).next_multiple_of(self.transaction))
            }
            (_, RecordLayout::Aligned) => (1, whole),
            (_, RecordLayout::Packed) => {
                let mut heads = 1;
                while heads < self.dimensions.kv_heads
                    && !(record * u64::from(heads)).is_multiple_of(self.transaction)
                {
                    heads *= 2;
                }
                (heads, (record * u64::from(heads)).next_multiple_of(self.transaction))
            }
        }
    }

    fn plane_heads(&self, plane: Plane) -> u32 {
        match plane {
            Plane::Query | Plane::Output => self.dimensions.heads,
            Plane::KeyMsb | Plane::KeyLsb | Plane::Value => self.dimensions.kv_heads,
        }
    }

    /// Bytes that are set aside for a plane of one layer: room for records of the operand width.
    fn region(&self, plane: Plane) -> u64 {
        let (heads, bytes) = self.group(plane, self.operand);
        let groups = u64::from(self.plane_heads(plane).div_ceil(heads));
        (groups * bytes * u64::from(self.dimensions.tokens)).next_multiple_of(self.alignment)
    }

    fn base(&self, plane: Plane, layer: u32) -> u64 {
        const ORDER: [Plane; 5] =
            [Plane::Query, Plane::KeyMsb, Plane::KeyLsb, Plane::Value, Plane::Output];
        let whole: u64 = ORDER.iter().map(|&each| self.region(each)).sum();
        let before: u64 =
            ORDER.iter().take_while(|&&each| each != plane).map(|&each| self.region(each)).sum();
        whole * u64::from(layer) + before
    }

    /// The transactions that hold the records of `heads` (ascending) in one plane of one layer.
    /// Records that share transactions, or lie side by side in a group, are one unit.
    #[must_use]
    pub fn units(&self, plane: Plane, bits: u32, layer: u32, heads: &[u32]) -> Vec<Unit> {
        let record = Bits(bits).times(u64::from(self.dimensions.head_dim)).0;
        let (group_heads, stride) = self.group(plane, bits);
        let base = self.base(plane, layer);
        let mut runs: Vec<(u64, Range<u64>)> = Vec::new();
        for &head in heads {
            let group = u64::from(head / group_heads);
            let offset = u64::from(head % group_heads) * record;
            let first = offset / self.transaction;
            let last = (offset + record).div_ceil(self.transaction);
            let start = base + group * stride * u64::from(self.dimensions.tokens);
            match runs.last_mut() {
                Some((run_start, run)) if *run_start == start && first <= run.end => run.end = last,
                _ => runs.push((start, first..last)),
            }
        }
        runs.into_iter()
            .map(|(start, run)| Unit {
                origin: start + run.start * self.transaction,
                stride,
                count: u32::try_from(run.end - run.start).expect("a record is a few transactions"),
            })
            .collect()
    }
}

impl Unit {
    /// Address of transaction `index` of `token`.
    #[inline]
    #[must_use]
    pub fn address(&self, token: u32, index: u32, transaction: u64) -> u64 {
        self.origin + u64::from(token) * self.stride + u64::from(index) * transaction
    }
}
