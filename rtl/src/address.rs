//! The address map as hardware wants it: which address bits a bit of a location is the parity of.

use tamis_arch::dram::{Field, MappingSpec, Segment};

/// One bit of a location in DRAM: the exclusive-or of the address bits of a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldBit {
    /// Part of the location.
    pub field: Field,
    /// Bit of it, from 0.
    pub bit: u32,
    /// Address bits whose parity it is.
    pub mask: u64,
}

/// Every bit of every field, by field and bit.
pub(crate) fn field_bits(mapping: &MappingSpec) -> Vec<FieldBit> {
    let mut bits = Vec::new();
    for segment in &mapping.segments {
        for offset in 0..segment.bits {
            let others =
                segment.xor.iter().map(|&(field, low)| address_bit(mapping, field, low + offset));
            let mask = others.fold(1 << (segment.shift + offset), |mask, bit| mask ^ (1 << bit));
            bits.push(FieldBit { field: segment.field, bit: segment.low + offset, mask });
        }
    }
    bits.sort_by_key(|bit| (bit.field.index(), bit.bit));
    bits
}

/// The address bit that a bit of a field is. What is exclusive-ored into others is never so itself.
fn address_bit(mapping: &MappingSpec, field: Field, bit: u32) -> u32 {
    let holds = |segment: &&Segment| {
        segment.field == field && (segment.low..segment.low + segment.bits).contains(&bit)
    };
    let segment = mapping.segments.iter().find(holds);
    let segment = segment.expect("a mapping names every bit of every field, as checked");
    segment.shift + bit - segment.low
}
