//! Probabilities times values: the PV array and the rounding of its outputs.

use super::quantise::largest;

/// Adds one value times its probability. The accumulator has 32 bits: the probabilities of a row add
/// up to less than `2^20` (see [`MAX_KEYS`](super::MAX_KEYS)) and a value is at most 2047.
pub fn accumulate(accumulators: &mut [i32], probability: u32, value: &[i16]) {
    let probability = probability.cast_signed();
    for (sum, &v) in accumulators.iter_mut().zip(value) {
        *sum = sum.wrapping_add(probability.wrapping_mul(i32::from(v)));
    }
}

/// What a row writes: each accumulator as an operand, rounded to nearest (ties up) and saturated.
///
/// Its unit is that of a V whose integers are aligned to the operand's first bit: the scale of V
/// over `2^(operand bits - value bits)`.
pub fn round(accumulators: &[i32], fraction: u32, value_bits: u32, bits: u32, out: &mut Vec<i16>) {
    let place = fraction - (bits - value_bits);
    let most = i32::from(largest(bits));
    out.clear();
    out.extend(accumulators.iter().map(|&sum| {
        // The bound on the accumulator leaves room for the half.
        let rounded = sum.wrapping_add(1i32.wrapping_shl(place - 1)).wrapping_shr(place);
        #[expect(clippy::cast_possible_truncation, reason = "it is an operand")]
        let saturated = rounded.clamp(-most, most) as i16;
        saturated
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_of_nearly_1_gives_the_value_back() {
        let mut sums = [0; 3];
        accumulate(&mut sums, (1 << 18) - 1, &[2047, -2047, 1]);
        let mut out = Vec::new();
        round(&sums, 18, 12, 12, &mut out);
        assert_eq!(out, [2047, -2047, 1]);
    }

    #[test]
    fn outputs_round_to_nearest_and_saturate() {
        let half = 1 << 17;
        let mut out = Vec::new();
        round(&[half - 1, half, -half - 1, -half, i32::MAX - half], 18, 12, 12, &mut out);
        assert_eq!(out, [0, 1, -1, 0, 2047]);
    }

    #[test]
    fn a_narrow_value_keeps_the_bits_that_the_operand_has_room_for() {
        // 3 / 4 with a V of 8 bits: 12 sixteenths of a unit.
        let mut sums = [0; 1];
        accumulate(&mut sums, 1 << 16, &[3]);
        let mut out = Vec::new();
        round(&sums, 18, 8, 12, &mut out);
        assert_eq!(out, [12]);
    }

    #[test]
    fn the_longest_row_does_not_wrap() {
        // All the mass that MAX_KEYS and a fraction of 19 bits allow, on the largest value.
        let mass = (1i64 << 19) + (1 << 19) - 1;
        assert!(mass * 2047 + (1 << 18) <= i64::from(i32::MAX));
    }
}
