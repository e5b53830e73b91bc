//! What a machine can do: sizes that follow from its parameters, and workloads that it supports.

use thiserror::Error;

use super::{Accelerator, check::line_bytes};

/// Head dimensions that Tamis supports, each a power of two.
pub const HEAD_DIMS: std::ops::RangeInclusive<u32> = 16..=256;

/// What a workload asks of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Dimensions of a head.
    pub head_dim: u32,
    /// Tokens of the longest sequence.
    pub tokens: u32,
    /// Keys of the largest task whose keys must stay on chip: live tokens of a prefill; 0 in decode.
    pub resident_keys: u32,
    /// Probabilities that add to the importance of a token: queries × heads × layers, over all steps.
    pub token_terms: u64,
    /// Outputs that add to the importance of a head: queries × dimensions × layers, over all steps.
    pub head_terms: u64,
}

/// Why a machine cannot run a workload.
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
    /// The sequence is too long for the importance memory.
    #[error(
        "machine `{machine}` scores at most {limit} tokens (`importance.tokens`), and the sequence \
         has {tokens}"
    )]
    Tokens {
        /// Name of the machine.
        machine: String,
        /// What it can score.
        limit: u32,
        /// What the workload has.
        tokens: u32,
    },
    /// A prefill task does not fit half a buffer.
    #[error(
        "machine `{machine}` keeps at most {limit} keys of head_dim {head_dim} on chip (half of \
         `{buffer}.capacity_bytes`), and a prefill task has {keys}"
    )]
    Resident {
        /// Name of the machine.
        machine: String,
        /// Which buffer.
        buffer: &'static str,
        /// What half of it holds.
        limit: u64,
        /// What the workload has.
        keys: u32,
        /// Its head dimension.
        head_dim: u32,
    },
    /// An importance accumulator could wrap.
    #[error(
        "machine `{machine}` accumulates importance in {bits} bits (`formats.importance_bits`), and \
         {terms} terms of up to {largest} could need {needed}"
    )]
    Importance {
        /// Name of the machine.
        machine: String,
        /// Width of its accumulators.
        bits: u32,
        /// Terms of the sum.
        terms: u64,
        /// Largest term.
        largest: u64,
        /// Width that can never wrap.
        needed: u32,
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

    /// Whether a sum of `terms` unsigned terms, none above `largest`, can never wrap an importance
    /// accumulator.
    ///
    /// # Errors
    /// If `terms × largest` has more bits than `formats.importance`.
    pub fn importance_fits(&self, terms: u64, largest: u64) -> Result<(), Unsupported> {
        let bits = self.formats.importance.0;
        let needed = u128::BITS - (u128::from(terms) * u128::from(largest)).leading_zeros();
        if needed <= bits {
            return Ok(());
        }
        Err(Unsupported::Importance { machine: self.name.clone(), bits, terms, largest, needed })
    }

    /// Everything that keeps the machine from running a workload.
    ///
    /// # Errors
    /// One for each limit that the workload exceeds.
    pub fn admit(&self, demand: &Demand) -> Result<(), Vec<Unsupported>> {
        // A probability is at most one; an output is an operand, without its sign.
        let probability = 1 << self.formats.probability_fraction.0;
        let output = 1 << (self.formats.operand.0 - 1);
        let checks = [
            self.tokens_fit(demand.tokens),
            self.importance_fits(demand.token_terms, probability),
            self.importance_fits(demand.head_terms, output),
            self.keys_per_line(demand.head_dim)
                .and_then(|keys| self.half_fits("key_buffer", self.key_lines(), keys, demand)),
            self.values_per_line(demand.head_dim).and_then(|values| {
                self.half_fits("value_buffer", self.value_lines(), values, demand)
            }),
        ];
        let mut found = checks.into_iter().filter_map(Result::err).collect::<Vec<_>>();
        // Both arrays refuse a head dimension that is not supported at all.
        found.dedup();
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn tokens_fit(&self, tokens: u32) -> Result<(), Unsupported> {
        let limit = self.importance.tokens;
        if tokens <= limit {
            return Ok(());
        }
        Err(Unsupported::Tokens { machine: self.name.clone(), limit, tokens })
    }

    fn half_fits(
        &self,
        buffer: &'static str,
        lines: u64,
        per_line: u32,
        demand: &Demand,
    ) -> Result<(), Unsupported> {
        let limit = lines / 2 * u64::from(per_line);
        let (keys, head_dim) = (demand.resident_keys, demand.head_dim);
        if u64::from(keys) <= limit {
            return Ok(());
        }
        Err(Unsupported::Resident { machine: self.name.clone(), buffer, limit, keys, head_dim })
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
