//! What a machine can do: sizes that follow from its parameters, and vectors that it supports. Whether its
//! buffers hold the tasks of a plan, only the simulator can tell: it cuts them.

use thiserror::Error;

use super::{Accelerator, check::line_bytes};

/// Head dimensions that Tamis supports, each a power of two.
pub const HEAD_DIMS: std::ops::RangeInclusive<u32> = 16..=256;

/// Why a machine has no line for vectors of some size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// The head dimension is not one of [`HEAD_DIMS`].
    #[error(
        "machine `{machine}` supports head_dim 16, 32, 64, 128 and 256 (found {head_dim}): a line \
         holds a power of two of keys"
    )]
    HeadDim {
        /// Name of the machine.
        machine: String,
        /// What the workload has.
        head_dim: u32,
    },
    /// A head does not fit an array.
    #[error(
        "machine `{machine}` has {multipliers} multipliers in `{array}`, fewer than head_dim \
         {head_dim}: a line must hold a whole key"
    )]
    Array {
        /// Name of the machine.
        machine: String,
        /// Which array.
        array: &'static str,
        /// What it has.
        multipliers: u32,
        /// What the workload has.
        head_dim: u32,
    },
}

impl Accelerator {
    /// Keys that a line of the key buffer holds, and scores that the QK array gives a cycle.
    ///
    /// # Errors
    /// If `head_dim` is none of [`HEAD_DIMS`], or larger than the array.
    pub fn keys_per_line(&self, head_dim: u32) -> Result<u32, Unsupported> {
        self.vectors_per_line("qk_array", self.qk_array.multipliers, head_dim)
    }

    /// Values that a line of the value buffer holds, and probabilities that the PV array takes a cycle.
    ///
    /// # Errors
    /// If `head_dim` is none of [`HEAD_DIMS`], or larger than the array.
    pub fn values_per_line(&self, head_dim: u32) -> Result<u32, Unsupported> {
        self.vectors_per_line("pv_array", self.pv_array.multipliers, head_dim)
    }

    /// Lines of the key buffer; even, as checked.
    #[must_use]
    pub fn key_lines(&self) -> u64 {
        self.key_buffer.capacity.0 / line_bytes(self.qk_array.multipliers, self.formats.operand)
    }

    /// Lines of the value buffer; even, as checked.
    #[must_use]
    pub fn value_lines(&self) -> u64 {
        self.value_buffer.capacity.0 / line_bytes(self.pv_array.multipliers, self.formats.operand)
    }

    /// Ports of a DRAM channel for requests, and as many for responses: no more than it has
    /// pseudo-channels.
    #[must_use]
    pub fn ports_per_channel(&self) -> u32 {
        self.crossbar.ports_per_channel.min(self.dram.standard.organisation.pseudo_channels)
    }

    /// Width of a score that can never wrap, for any head: a product of two operands has twice their
    /// width, and a sum of 256 products log2(256) bits more.
    #[must_use]
    pub fn score_bits(&self) -> u32 {
        2 * self.formats.operand.0 + HEAD_DIMS.end().ilog2()
    }

    /// Width of an accumulator of the PV array that can never wrap, sign included, for rows of up to
    /// `importance.tokens` keys. Rounding to nearest adds at most half a unit to each probability, so
    /// that those of a row add up to at most one and half a unit for each key.
    #[must_use]
    pub fn output_accumulator_bits(&self) -> u32 {
        let one = 1_u64 << self.formats.probability_fraction.0;
        let probabilities = one + u64::from(self.importance.tokens).div_ceil(2);
        let most_negative = 1_u64 << (self.formats.operand.0 - 1);
        1 + u64::BITS - (probabilities * most_negative).leading_zeros()
    }

    fn vectors_per_line(
        &self,
        array: &'static str,
        multipliers: u32,
        head_dim: u32,
    ) -> Result<u32, Unsupported> {
        let machine = || self.name.clone();
        if !HEAD_DIMS.contains(&head_dim) || !head_dim.is_power_of_two() {
            return Err(Unsupported::HeadDim { machine: machine(), head_dim });
        }
        if head_dim > multipliers {
            return Err(Unsupported::Array { machine: machine(), array, multipliers, head_dim });
        }
        Ok(multipliers / head_dim)
    }
}
