//! What blocks count.

use serde::Serialize;

use super::sram;
use crate::units::{Bits, Bytes};

/// Something that costs energy each time it happens. Blocks count these as integers; a table of
/// `arch/tables` prices them once, when the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Action {
    /// One multiplication and the addition of its product.
    MultiplyAccumulate {
        /// Width of one factor.
        left: Bits,
        /// Width of the other.
        right: Bits,
    },
    /// One addition.
    Add {
        /// Width of the sum.
        width: Bits,
    },
    /// One comparison of two numbers.
    Compare {
        /// Their width.
        width: Bits,
    },
    /// One base-2 exponential.
    Exponent {
        /// Fraction bits of its result.
        width: Bits,
    },
    /// One reciprocal or division.
    Divide {
        /// Width of the quotient.
        width: Bits,
    },
    /// One multiplexer stage of a shifter moving one word.
    Shift {
        /// Width of the word.
        width: Bits,
    },
    /// One word into and out of a FIFO, or of a memory that is used as one.
    Fifo {
        /// Words that it holds: a deep one is an SRAM, a shallow one registers.
        entries: u32,
        /// Width of the word.
        width: Bits,
    },
    /// One word read from a memory of registers.
    RegisterRead {
        /// Words that it holds.
        words: u32,
        /// Width of the word.
        width: Bits,
    },
    /// One word written to a memory of registers.
    RegisterWrite {
        /// Width of the word.
        width: Bits,
    },
    /// One read of an SRAM.
    SramRead {
        /// Capacity of the SRAM.
        capacity: Bytes,
        /// Bits read.
        width: Bits,
    },
    /// One write of an SRAM.
    SramWrite {
        /// Capacity of the SRAM.
        capacity: Bytes,
        /// Bits written.
        width: Bits,
    },
    /// One word through a crossbar.
    Crossbar {
        /// Inputs.
        inputs: u32,
        /// Outputs.
        outputs: u32,
        /// Width of the word.
        width: Bits,
    },
}

/// Layers of multiplexers of a shifter that moves a bit to any place of a word: each doubles the
/// distance.
#[must_use]
pub fn barrel_stages(width: Bits) -> u32 {
    width.0.max(2).next_power_of_two().ilog2()
}

impl Action {
    /// Reading a word of a memory: an SRAM, or registers if it is small.
    #[must_use]
    pub fn read(words: u32, width: Bits) -> Self {
        if sram::is_macro(words, width) {
            Self::SramRead { capacity: width.times(u64::from(words)), width }
        } else {
            Self::RegisterRead { words, width }
        }
    }

    /// Writing a word of a memory: an SRAM, or registers if it is small.
    #[must_use]
    pub fn write(words: u32, width: Bits) -> Self {
        if sram::is_macro(words, width) {
            Self::SramWrite { capacity: width.times(u64::from(words)), width }
        } else {
            Self::RegisterWrite { width }
        }
    }

    /// Whether it happens in a memory, and not in gates.
    #[must_use]
    pub fn is_of_sram(&self) -> bool {
        match *self {
            Self::SramRead { .. } | Self::SramWrite { .. } => true,
            Self::Fifo { entries, width } => sram::is_macro(entries, width),
            _ => false,
        }
    }
}

/// How often an action happened in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Events {
    /// What happened.
    pub action: Action,
    /// How often.
    pub count: u64,
}
