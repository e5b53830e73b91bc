//! Real values to integers: symmetric, one scale per layer, head and tensor.

/// Vectors of one head as integers: value is about `scale * integer`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// Values in a vector.
    pub head_dim: usize,
    /// Width of an integer, signed; it never takes its most negative value.
    pub bits: u32,
    /// What one unit stands for.
    pub scale: f64,
    /// The integers, vector after vector.
    pub values: Vec<i16>,
    /// Values beyond the largest integer, which were set to it.
    pub clips: u64,
}

/// The largest integer of a symmetric format: `2^(bits-1) - 1`.
///
/// # Panics
///
/// If `bits` is not 2 to 16.
#[must_use]
pub fn largest(bits: u32) -> i16 {
    assert!((2..=16).contains(&bits), "operands have 2 to 16 bits");
    i16::MAX >> (16 - bits)
}

impl Quantised {
    /// Rounds each value to the nearest integer (ties to even). The scale puts the largest magnitude
    /// among the first `calibration` vectors on the largest integer; it is 1 if those are all 0.
    #[must_use]
    pub fn new(values: &[f32], head_dim: usize, calibration: usize, bits: u32) -> Self {
        let most = f64::from(largest(bits));
        let peak = values[..calibration * head_dim]
            .iter()
            .fold(0.0f32, |peak, value| if value.abs() > peak { value.abs() } else { peak });
        let peak = if peak > 0.0 { f64::from(peak) } else { most };
        // The product is exact, so that the quotient is the nearest to the true one: ties are ties.
        let units = |&value: &f32| f64::from(value) * most / peak;
        let beyond = |value: &&f32| units(value).abs() >= most + 0.5;
        let clips = values[calibration * head_dim..].iter().filter(beyond).count() as u64;
        let values = values.iter().map(|value| nearest(units(value), most)).collect();
        let scale = peak / most;
        Self { head_dim, bits, scale, values, clips }
    }

    /// The vector of a token.
    #[must_use]
    pub fn vector(&self, token: u32) -> &[i16] {
        let start = token as usize * self.head_dim;
        &self.values[start..start + self.head_dim]
    }
}

/// The integer nearest to `value` within plus or minus `most`, below 2^15.
fn nearest(value: f64, most: f64) -> i16 {
    /// Added to a small number, its sum's last mantissa bit has the weight of 1, so that the
    /// addition rounds to an integer, which then stands in the low bits of the sum.
    const TO_UNITS: f64 = 1.5 * (1u64 << 52) as f64;
    let bits = (value.clamp(-most, most) + TO_UNITS).to_bits();
    #[expect(clippy::cast_possible_truncation, reason = "the integer is the low 16 bits")]
    let integer = bits as i16;
    integer
}

/// K as its MSB plane alone shows it: the low `lsb` bits are dropped (floor) and the middle of what
/// they could have been stands in their place (mid-rise). The same K where there is no LSB plane.
#[must_use]
pub fn first_pass(key: i16, lsb: u32) -> i16 {
    let step = 1i16.wrapping_shl(lsb);
    (key & step.wrapping_neg()) | (step >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_magnitude_is_the_largest_integer() {
        let quantised = Quantised::new(&[0.5, -2.0, 1.0, 0.0], 2, 2, 12);
        assert_eq!(quantised.values, [512, -2047, 1024, 0]);
        assert_eq!(quantised.clips, 0);
    }

    #[test]
    fn values_after_the_prompt_saturate_and_are_counted() {
        let quantised = Quantised::new(&[1.0, -1.0, 1.0002, 1.0003, -9.0, 0.5], 1, 2, 12);
        assert_eq!(quantised.values, [2047, -2047, 2047, 2047, -2047, 1024]);
        assert_eq!(quantised.clips, 2, "1.0002 is within half a unit of the largest integer");
    }

    #[test]
    fn a_prompt_of_zeros_has_a_scale() {
        let quantised = Quantised::new(&[0.0, 3.4], 1, 1, 12);
        assert_eq!((quantised.scale, quantised.values), (1.0, vec![0, 3]));
    }

    #[test]
    fn the_first_pass_of_8_and_4_bits() {
        let pairs = [(0, 8), (15, 8), (16, 24), (-1, -8), (-16, -8), (-17, -24), (2047, 2040)];
        for (key, seen) in pairs {
            assert_eq!(first_pass(key, 4), seen, "of {key}");
        }
        assert_eq!(first_pass(-2047, 4), -2040);
    }

    proptest! {
        #[test]
        fn a_quantised_value_is_within_half_a_unit(
            values in prop::collection::vec(-65504.0f32..65504.0, 1..50),
            bits in 2u32..=12,
        ) {
            let quantised = Quantised::new(&values, 1, values.len(), bits);
            for (&value, &integer) in values.iter().zip(&quantised.values) {
                let error = f64::from(value) - f64::from(integer) * quantised.scale;
                prop_assert!(error.abs() <= quantised.scale * 0.500_001, "{value}: {integer}");
                prop_assert!(integer.abs() <= largest(bits));
            }
        }

        #[test]
        fn the_first_pass_is_within_half_a_step(key in -2047i16..=2047, lsb in 0u32..=8) {
            let step = f64::from(1 << lsb);
            let msb = (f64::from(key) / step).floor();
            let middle = if lsb == 0 { 0.0 } else { step / 2.0 };
            let error = f64::from(first_pass(key, lsb)) - (msb * step + middle);
            prop_assert!(error.abs() < 1e-9);
        }
    }
}
