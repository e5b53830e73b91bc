//! Exact fractions: a bound is compared and printed without rounding.

use std::{cmp::Ordering, fmt};

/// A fraction in lowest terms, not negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ratio {
    /// `numerator / denominator`.
    ///
    /// # Panics
    /// If the denominator is 0.
    #[must_use]
    pub fn new(numerator: u128, denominator: u128) -> Self {
        assert!(denominator > 0, "a fraction has a denominator");
        let shared = gcd(numerator, denominator);
        Self { numerator: numerator / shared, denominator: denominator / shared }
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: impl Into<u128>) -> Self {
        Self { numerator: number.into(), denominator: 1 }
    }

    /// What stands above the line.
    #[must_use]
    pub fn numerator(self) -> u128 {
        self.numerator
    }

    /// What stands below it; never 0.
    #[must_use]
    pub fn denominator(self) -> u128 {
        self.denominator
    }

    /// A part of it.
    ///
    /// # Panics
    /// If `parts` is 0.
    #[must_use]
    pub fn over(self, parts: u128) -> Self {
        Self::new(self.numerator, self.denominator * parts)
    }

    /// For a report.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

fn gcd(mut one: u128, mut other: u128) -> u128 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one.max(1)
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numerator * other.denominator).cmp(&(other.numerator * self.denominator))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(out, "{}", self.numerator),
            denominator => write!(out, "{}/{denominator}", self.numerator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_in_lowest_terms_and_compare_exactly() {
        assert_eq!(Ratio::new(6, 4), Ratio::new(3, 2));
        assert_eq!(Ratio::new(0, 7), Ratio::whole(0_u32));
        assert!(Ratio::new(1, 3) < Ratio::new(3_334, 10_000));
        assert_eq!(Ratio::new(9, 3).to_string(), "3");
        assert_eq!(Ratio::whole(3_u32).over(2).to_string(), "3/2");
    }
}
