//! The arithmetic of the datapath, bit for bit, in operations that RTL can do.
//!
//! `docs/reference/fixed-point.md` has the formats, the formulas and the proofs of their bounds.
//! In order of the pipeline: [`quantise`] makes operands, [`dot`] scores, [`exponent`] and
//! [`softmax`] probabilities, [`output`] outputs.
//!
//! Kernels use wrapping operations, so that they vectorise in builds that check overflow. The bounds
//! that make wrapping impossible are those of [`Arithmetic::new`].

pub mod dot;
pub mod exponent;
pub mod output;
pub mod quantise;
pub mod softmax;

use tamis_arch::blocks::Formats;

/// Largest operand: a product then has 23 bits with its sign, and [`MAX_HEAD_DIM`] of them 31.
pub const MAX_OPERAND_BITS: u32 = 12;

/// Largest vector: `2047 * 2047 * 256 < 2^30`.
pub const MAX_HEAD_DIM: u32 = 256;

/// Longest row: rounding then adds less than `2^19` to a sum of probabilities of at most `2^19`, so
/// that an output accumulator stays below `2047 * 2^20 < 2^31`.
pub const MAX_KEYS: u32 = 1 << 20;

/// Widths of the datapath, for which the bounds of this module hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arithmetic {
    operand_bits: u32,
    probability_fraction: u32,
    importance_bits: u32,
}

/// A width for which the arithmetic proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} must be {least} to {most}: the bounds of the fixed point hold there (found {found})"
)]
pub struct Unsupported {
    what: &'static str,
    least: u32,
    most: u32,
    found: u32,
}

impl Arithmetic {
    /// The arithmetic of a machine, for vectors of `head_dim` and rows of up to `keys` keys.
    ///
    /// # Errors
    ///
    /// If a width or a length is beyond what the bounds are proved for.
    pub fn new(formats: &Formats, head_dim: u32, keys: u32) -> Result<Self, Unsupported> {
        let within = |what, least, most, found| match found {
            found if (least..=most).contains(&found) => Ok(found),
            found => Err(Unsupported { what, least, most, found }),
        };
        within("head_dim", 1, MAX_HEAD_DIM, head_dim)?;
        within("the number of tokens", 1, MAX_KEYS, keys)?;
        let probability = formats.probability_fraction.0;
        Ok(Self {
            operand_bits: within("formats.operand_bits", 2, MAX_OPERAND_BITS, formats.operand.0)?,
            probability_fraction: within("formats.probability_fraction_bits", 16, 19, probability)?,
            importance_bits: within("formats.importance_bits", 32, 48, formats.importance.0)?,
        })
    }

    /// Width of Q, K and V on chip, signed.
    #[must_use]
    pub fn operand_bits(self) -> u32 {
        self.operand_bits
    }

    /// Fraction bits of a probability, which has no others.
    #[must_use]
    pub fn probability_fraction(self) -> u32 {
        self.probability_fraction
    }

    /// Width of an importance accumulator, unsigned.
    #[must_use]
    pub fn importance_bits(self) -> u32 {
        self.importance_bits
    }
}
