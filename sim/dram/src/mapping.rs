//! Byte address to location, by the mapping of a checked [`Dram`].

use tamis_arch::dram::{Dram, Field, Segment};

use crate::Location;

/// Moves one run of address bits to its place in a field.
#[derive(Clone, Copy, Debug)]
struct Slice {
    shift: u32,
    mask: u32,
    low: u32,
    field: usize,
}

/// Exclusive-ors bits of one field into another.
#[derive(Clone, Copy, Debug)]
struct Xor {
    source: usize,
    source_low: u32,
    mask: u32,
    low: u32,
    field: usize,
}

/// An address mapping, ready to be applied millions of times.
#[derive(Clone, Debug)]
pub struct Mapping {
    slices: Vec<Slice>,
    xors: Vec<Xor>,
}

impl Mapping {
    /// The mapping of a memory.
    #[must_use]
    pub fn new(dram: &Dram) -> Self {
        let mask = |segment: &Segment| {
            u32::try_from((1u64 << segment.bits) - 1).expect("a field of a location has 32 bits")
        };
        let segments = &dram.mapping.segments;
        let slices = segments.iter().map(|segment| Slice {
            shift: segment.shift,
            mask: mask(segment),
            low: segment.low,
            field: segment.field.index(),
        });
        let xors = segments.iter().flat_map(|segment| {
            segment.xor.iter().map(move |&(source, source_low)| Xor {
                source: source.index(),
                source_low,
                mask: mask(segment),
                low: segment.low,
                field: segment.field.index(),
            })
        });
        Self { slices: slices.collect(), xors: xors.collect() }
    }

    /// Where the transaction that holds a byte address lies. Addresses beyond the capacity wrap around.
    #[must_use]
    pub fn decode(&self, address: u64) -> Location {
        let mut fields = [0u32; Field::COUNT];
        for slice in &self.slices {
            // Keeps 32 bits on purpose: no field has more.
            #[expect(clippy::cast_possible_truncation, reason = "the mask keeps fewer bits")]
            let bits = (address >> slice.shift) as u32 & slice.mask;
            fields[slice.field] |= bits << slice.low;
        }
        for xor in &self.xors {
            let bits = (fields[xor.source] >> xor.source_low) & xor.mask;
            fields[xor.field] ^= bits << xor.low;
        }
        Location {
            channel: fields[Field::Channel.index()],
            pseudo: fields[Field::Pseudo.index()],
            group: fields[Field::Group.index()],
            bank: fields[Field::Bank.index()],
            row: fields[Field::Row.index()],
            column: fields[Field::Column.index()],
        }
    }
}
