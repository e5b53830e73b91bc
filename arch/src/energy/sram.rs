//! SRAM: energy of an access, leakage and area as functions of capacity and word width.
//!
//! A wide memory is made of macros side by side, as memory compilers make them, each of at most 128
//! bits: a memory of capacity `C` and width `w` is `n = max(1, w / 128)` macros of capacity `C / n`,
//! and an access reads all of them. `n` is not rounded, so that the energy grows with the width
//! without jumps. One macro costs `e (c / 8 KiB)^p (w / 64)^q` an access, a power law fitted to CACTI
//! (`arch/tables/sram-cacti.csv`); its area is `a` a bit and `b` a bit of its edge.

use serde::Serialize;

use super::{spread::Spread, table::Figure};
use crate::{
    reader::Rule,
    units::{Bits, Bytes, Picojoules, SquareMillimetres, Watts},
};

/// Widest word that one macro gives: the limit of common memory compilers.
const MACRO_BITS: f64 = 128.0;
/// A memory of fewer bits is smaller as registers than as a macro with its decoder and amplifiers.
const MACRO_FROM_BITS: u64 = 4096;
/// The macro whose access energy the table states.
const REFERENCE_BYTES: f64 = 8192.0;
const REFERENCE_BITS: f64 = 64.0;

crate::parameters! {
    /// How the energy of an access grows with the macro.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Growth {
        /// Exponent of the capacity, of a read.
        pub read_capacity: f64 where Rule::real(0.0, 1.0),
        /// Exponent of the width, of a read.
        pub read_width: f64 where Rule::real(0.0, 1.0),
        /// Exponent of the capacity, of a write.
        pub write_capacity: f64 where Rule::real(0.0, 1.0),
        /// Exponent of the width, of a write.
        pub write_width: f64 where Rule::real(0.0, 1.0),
    }
}

/// The SRAM of a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sram {
    /// Reading 64 bits from a macro of 8 KiB.
    pub read: Figure,
    /// Writing 64 bits to it.
    pub write: Figure,
    /// How both grow.
    pub growth: Growth,
    /// Static power of a byte.
    pub leakage: Figure,
    /// Area of a bit, decoders and sense amplifiers included.
    pub bit_area: Figure,
    /// Area of a bit of the edge of a macro: what does not grow with its capacity.
    pub edge_area: Figure,
}

/// Whether a memory is made of macros; if not, of registers.
pub(crate) fn is_macro(words: u32, width: Bits) -> bool {
    u64::from(words) * u64::from(width.0) >= MACRO_FROM_BITS
}

/// A memory as the macros that it is made of.
struct Macros {
    count: f64,
    bytes: f64,
    bits: f64,
}

impl Macros {
    fn of(capacity: Bytes, width: Bits) -> Self {
        let width = f64::from(width.0);
        let count = (width / MACRO_BITS).max(1.0);
        Self { count, bytes: capacity.0 as f64 / count, bits: width / count }
    }

    fn growth(&self, capacity: f64, width: f64) -> f64 {
        self.count
            * libm::pow(self.bytes / REFERENCE_BYTES, capacity)
            * libm::pow(self.bits / REFERENCE_BITS, width)
    }
}

impl Sram {
    /// Energy of reading one word.
    #[must_use]
    pub fn read(&self, capacity: Bytes, width: Bits) -> Spread<Picojoules> {
        let growth =
            Macros::of(capacity, width).growth(self.growth.read_capacity, self.growth.read_width);
        self.read.spread().map(|energy| Picojoules(energy * growth))
    }

    /// Energy of writing one word.
    #[must_use]
    pub fn write(&self, capacity: Bytes, width: Bits) -> Spread<Picojoules> {
        let growth =
            Macros::of(capacity, width).growth(self.growth.write_capacity, self.growth.write_width);
        self.write.spread().map(|energy| Picojoules(energy * growth))
    }

    /// Static power.
    #[must_use]
    pub fn leakage(&self, capacity: Bytes) -> Spread<Watts> {
        self.leakage.spread().map(|nanowatts| Watts(nanowatts * 1e-9 * capacity.0 as f64))
    }

    /// Area of the macros.
    #[must_use]
    pub fn area(&self, capacity: Bytes, width: Bits) -> Spread<SquareMillimetres> {
        let macros = Macros::of(capacity, width);
        let bits = 8.0 * macros.bytes;
        let edge = libm::sqrt(bits);
        self.bit_area.spread().with(self.edge_area.spread(), |bit, side| {
            SquareMillimetres(macros.count * (bit * bits + side * edge) * 1e-6)
        })
    }
}
