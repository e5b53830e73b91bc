//! Exact integer dot products: the QK array.

/// Dot product of two vectors. Below `2^30` for operands of 12 bits and 256 of them, so that the
/// order of the adder tree cannot matter.
#[must_use]
pub fn dot(query: &[i16], key: &[i16]) -> i32 {
    query
        .iter()
        .zip(key)
        .map(|(&q, &k)| i32::from(q).wrapping_mul(i32::from(k)))
        .fold(0, i32::wrapping_add)
}

/// Scores of one query with `keys`, vector after vector.
pub fn scores(query: &[i16], keys: &[i16], out: &mut Vec<i32>) {
    out.clear();
    out.extend(keys.chunks_exact(query.len()).map(|key| dot(query, key)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{MAX_HEAD_DIM, MAX_OPERAND_BITS, quantise::largest};

    #[test]
    fn the_largest_score_does_not_wrap() {
        let most = vec![largest(MAX_OPERAND_BITS); MAX_HEAD_DIM as usize];
        let least: Vec<i16> = most.iter().map(|value| -value).collect();
        assert_eq!(i64::from(dot(&most, &most)), 2047 * 2047 * 256);
        assert_eq!(i64::from(dot(&most, &least)), -2047 * 2047 * 256);
    }

    #[test]
    fn scores_are_the_dot_products_in_order() {
        let mut out = vec![9; 9];
        scores(&[1, -2], &[3, 4, 5, 6, 0, 1], &mut out);
        assert_eq!(out, [-5, -7, -2]);
    }
}
