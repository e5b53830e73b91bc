//! Softmax of one row: maximum, exponentials, sum, one reciprocal, probabilities.

use super::exponent::{EXPONENTIAL_FRACTION, ScoreScale, exponential};

/// Bits of the divisor once it is normalised, first bit included; the reciprocal has as many.
pub const DIVISOR_BITS: u32 = 21;

/// One division for a row: the reciprocal of its sum of exponentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reciprocal {
    /// `⌊2^40 / divisor⌋`, where the divisor is the sum without its last `shift` bits.
    pub quotient: u64,
    /// Bits dropped to leave [`DIVISOR_BITS`].
    pub shift: u32,
}

impl Reciprocal {
    /// The reciprocal of a sum of exponentials, which is at least 1.
    ///
    /// # Panics
    ///
    /// If the sum is below 1: a row's largest score has the exponential 1.
    #[must_use]
    pub fn of(sum: u64) -> Self {
        assert!(sum >> EXPONENTIAL_FRACTION > 0, "the largest score of a row has exponential 1");
        let shift = u64::BITS - sum.leading_zeros() - DIVISOR_BITS;
        Self { quotient: (1 << (2 * (DIVISOR_BITS - 1))) / (sum >> shift), shift }
    }

    /// The probability of an exponential, rounded to nearest. It has `fraction` bits and no others:
    /// 1 itself saturates to the largest.
    #[must_use]
    pub fn probability(self, exponential: u32, fraction: u32) -> u32 {
        // 25 bits of exponential and 21 of quotient are 46.
        let place = 2 * (DIVISOR_BITS - 1) + self.shift - fraction;
        let product = u64::from(exponential).wrapping_mul(self.quotient);
        let rounded = product.wrapping_add(1u64.wrapping_shl(place - 1)).wrapping_shr(place);
        let most = 1u64.wrapping_shl(fraction) - 1;
        #[expect(clippy::cast_possible_truncation, reason = "it is below 2^fraction")]
        let saturated = rounded.min(most) as u32;
        saturated
    }
}

/// Writes the probabilities of a row of scores and returns the largest.
///
/// # Panics
///
/// If the row is empty.
pub fn softmax(scores: &[i32], scale: ScoreScale, fraction: u32, out: &mut Vec<u32>) -> u32 {
    let top = scores.iter().copied().max().expect("a row sees a key");
    out.clear();
    out.extend(scores.iter().map(|&score| {
        let distance = top.wrapping_sub(score).cast_unsigned();
        exponential(scale.exponent(distance))
    }));
    let sum = out.iter().map(|&exponential| u64::from(exponential)).fold(0, u64::wrapping_add);
    let reciprocal = Reciprocal::of(sum);
    for value in out.iter_mut() {
        *value = reciprocal.probability(*value, fraction);
    }
    reciprocal.probability(1 << EXPONENTIAL_FRACTION, fraction)
}

/// A probability without its last `bits` fraction bits, rounded to nearest: what a token's
/// importance takes up where its accumulators have no room for all of them.
#[must_use]
pub fn without_bits(probability: u32, bits: u32) -> u32 {
    let half = 1u32.wrapping_shl(bits) >> 1;
    probability.wrapping_add(half).wrapping_shr(bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRACTION: u32 = 18;

    fn run(scores: &[i32], bits: f64) -> Vec<u32> {
        let mut out = Vec::new();
        let peak = softmax(scores, ScoreScale::new(bits), FRACTION, &mut out);
        assert_eq!(out.iter().max(), Some(&peak));
        out
    }

    fn real(probability: u32) -> f64 {
        f64::from(probability) / f64::from(1 << FRACTION)
    }

    /// Slow and obvious: the same scores, in f64.
    fn exact(scores: &[i32], bits: f64) -> Vec<f64> {
        let top = f64::from(*scores.iter().max().unwrap());
        let raised: Vec<f64> =
            scores.iter().map(|&score| libm::exp2((f64::from(score) - top) * bits)).collect();
        let sum: f64 = raised.iter().sum();
        raised.into_iter().map(|value| value / sum).collect()
    }

    #[test]
    fn a_lone_key_has_the_largest_probability() {
        assert_eq!(run(&[-5], 0.1), [(1 << FRACTION) - 1]);
    }

    #[test]
    fn equal_scores_share_alike() {
        assert_eq!(run(&[7; 4], 0.1), [1 << (FRACTION - 2); 4]);
    }

    #[test]
    fn one_bit_apart_is_two_to_one() {
        let row = run(&[10, 0], 0.1);
        let error = [real(row[0]) - 2.0 / 3.0, real(row[1]) - 1.0 / 3.0];
        assert!(error.iter().all(|error| error.abs() < 1e-4), "{row:?}");
    }

    #[test]
    fn importance_takes_up_probabilities_rounded_to_nearest() {
        assert_eq!(
            [0, 5, 262_143].map(|probability| without_bits(probability, 0)),
            [0, 5, 262_143]
        );
        assert_eq!([3, 4, 11, 12].map(|probability| without_bits(probability, 3)), [0, 1, 1, 2]);
        assert_eq!(without_bits(262_143, 6), 1 << 12);
    }

    proptest! {
        #[test]
        fn every_probability_is_within_2_to_the_minus_10_of_f64(
            scores in prop::collection::vec(-(1i32 << 30)..=1 << 30, 1..1500),
            narrow in 0u32..30,
            power in -36.0f64..6.0,
        ) {
            let scores: Vec<i32> = scores.into_iter().map(|score| score >> narrow).collect();
            let bits = libm::exp2(power);
            let row = run(&scores, bits);
            for (&value, exact) in row.iter().zip(exact(&scores, bits)) {
                let error = real(value) - exact;
                prop_assert!(error.abs() <= libm::exp2(-10.0), "{error} at {exact}");
            }
            let sum: f64 = row.iter().map(|&value| real(value)).sum();
            prop_assert!((sum - 1.0).abs() <= libm::exp2(-8.0), "sum {sum}");
        }
    }
}
