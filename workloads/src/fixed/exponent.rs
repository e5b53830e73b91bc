//! Scores to the exponent's domain, and the base-2 exponential: integers only.

/// Fraction bits of an exponent. Its whole part has 5: beyond `2^-31` an exponential is 0 here.
pub const EXPONENT_FRACTION: u32 = 16;

/// The largest exponent; larger ones saturate.
pub const MAX_EXPONENT: u32 = (1 << (EXPONENT_FRACTION + 5)) - 1;

/// Fraction bits of an exponential, which is at most 1.
pub const EXPONENTIAL_FRACTION: u32 = 24;

/// How a distance from the largest score becomes an exponent: `(distance * multiplier * 64) >> shift`.
///
/// The multiplier has 16 bits, the first of them set wherever the shift allows, so that the factor is
/// exact to `2^-16` of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreScale {
    /// At most `2^16 - 1`.
    pub multiplier: u32,
    /// 0 to 63.
    pub shift: u32,
}

impl ScoreScale {
    /// The scale for scores of which one unit multiplies the exponential by `2^-bits`:
    /// `bits = scale * q scale * k scale * log2(e)`.
    #[must_use]
    pub fn new(bits: f64) -> Self {
        // Where one unit already saturates the exponent, more makes no difference.
        let bits = bits.min(32.0);
        let multiplier = |shift: u32| bits * libm::exp2(f64::from(shift + EXPONENT_FRACTION - 6));
        let shift = (0..=63).rev().find(|&shift| multiplier(shift) < 65_535.5).unwrap_or(0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive and below 65535.5 at the shift found; at most 32768 at shift 0"
        )]
        let multiplier = libm::round(multiplier(shift)) as u32;
        Self { multiplier, shift }
    }

    /// The exponent of a score that lies `distance` below the largest.
    #[must_use]
    pub fn exponent(self, distance: u32) -> u32 {
        // 31 bits of distance, 16 of multiplier and 6 of place are 53.
        let product = u64::from(distance).wrapping_mul(u64::from(self.multiplier));
        let exponent = (product << 6).wrapping_shr(self.shift);
        #[expect(clippy::cast_possible_truncation, reason = "it is below 2^21")]
        let saturated = exponent.min(MAX_EXPONENT as u64) as u32;
        saturated
    }
}

/// Values of `2^-(i/64)` with [`EXPONENTIAL_FRACTION`] bits, rounded to nearest: the ROM of the
/// exponential. A test computes them again.
pub const EXPONENTIALS: [u32; 65] = [
    16_777_216, 16_596_492, 16_417_715, 16_240_863, 16_065_917, 15_892_855, 15_721_658, 15_552_304,
    15_384_775, 15_219_050, 15_055_111, 14_892_937, 14_732_511, 14_573_813, 14_416_824, 14_261_526,
    14_107_901, 13_955_931, 13_805_598, 13_656_884, 13_509_772, 13_364_245, 13_220_286, 13_077_877,
    12_937_002, 12_797_645, 12_659_789, 12_523_418, 12_388_516, 12_255_067, 12_123_055, 11_992_466,
    11_863_283, 11_735_492, 11_609_078, 11_484_025, 11_360_319, 11_237_946, 11_116_891, 10_997_140,
    10_878_679, 10_761_494, 10_645_571, 10_530_897, 10_417_458, 10_305_242, 10_194_234, 10_084_422,
    9_975_792, 9_868_333, 9_762_032, 9_656_875, 9_552_851, 9_449_948, 9_348_154, 9_247_455,
    9_147_842, 9_049_301, 8_951_823, 8_855_394, 8_760_003, 8_665_641, 8_572_295, 8_479_954,
    8_388_608,
];

/// `2^-exponent`: a line between two entries of the table, then a shift, rounded to nearest.
///
/// The line lies above the curve by at most `2^-16` of it.
#[must_use]
pub fn exponential(exponent: u32) -> u32 {
    let place = ((exponent >> 10) & 63) as usize;
    let (start, end) = (EXPONENTIALS[place], EXPONENTIALS[place + 1]);
    let fall = start.wrapping_sub(end).wrapping_mul(exponent & 1023) >> 10;
    let whole = exponent >> EXPONENT_FRACTION;
    let half = 1u32.wrapping_shl(whole) >> 1;
    start.wrapping_sub(fall).wrapping_add(half).wrapping_shr(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(exponential: u32) -> f64 {
        f64::from(exponential) / f64::from(1 << EXPONENTIAL_FRACTION)
    }

    #[test]
    fn the_table_holds_the_nearest_integers() {
        for (place, &entry) in (0..).zip(&EXPONENTIALS) {
            let exact = libm::exp2(24.0 - f64::from(place) / 64.0);
            assert!((f64::from(entry) - exact).abs() <= 0.5, "entry {place}");
        }
    }

    #[test]
    fn the_exponential_is_within_its_bound_for_every_exponent() {
        let unit = 1.0 / f64::from(1 << EXPONENTIAL_FRACTION);
        for exponent in 0..=MAX_EXPONENT {
            let exact = libm::exp2(-f64::from(exponent) / 65_536.0);
            let error = real(exponential(exponent)) - exact;
            let most = exact / 65_536.0 + 2.0 * unit;
            assert!((-2.0 * unit..=most).contains(&error), "{exponent}: {error}");
        }
    }

    #[test]
    fn the_exponential_falls_from_1_to_0() {
        assert_eq!(exponential(0), 1 << EXPONENTIAL_FRACTION);
        assert_eq!(exponential(MAX_EXPONENT), 0);
        let all: Vec<u32> = (0..=MAX_EXPONENT).map(exponential).collect();
        assert!(all.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn a_score_scale_is_exact_to_a_part_in_65536() {
        // Below 2^-58 the shift is at its end, and so is any effect on a probability.
        for power in -58..5 {
            for step in 0..16 {
                let bits = libm::exp2(f64::from(power) + f64::from(step) / 16.0);
                let scale = ScoreScale::new(bits);
                let factor =
                    f64::from(scale.multiplier) * libm::exp2(-f64::from(scale.shift) - 10.0);
                let error = (factor - bits).abs() / bits;
                assert!(error <= 1.0 / 65_536.0, "{bits}: {scale:?} is off by {error}");
            }
        }
    }

    #[test]
    fn exponents_saturate_at_both_ends_of_the_scale() {
        let steep = ScoreScale::new(1e30);
        assert_eq!((steep.exponent(0), steep.exponent(1)), (0, MAX_EXPONENT));
        assert_eq!(steep.exponent(1 << 31), MAX_EXPONENT);
        assert_eq!(ScoreScale::new(0.0).exponent(1 << 31), 0);
    }
}
