//! A figure with the range that its sources leave.

use std::{
    iter::Sum,
    ops::{Add, AddAssign},
};

use serde::Serialize;

/// Least, typical and most. Not a distribution: the ends are what the sources disagree by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread<T> {
    /// What the lowest source says.
    pub low: T,
    /// The value to work with.
    pub typical: T,
    /// What the highest source says.
    pub high: T,
}

impl<T: Copy> Spread<T> {
    /// A value that is known.
    pub const fn exact(value: T) -> Self {
        Self { low: value, typical: value, high: value }
    }

    /// Each of the three, changed alike.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Spread<U> {
        Spread { low: change(self.low), typical: change(self.typical), high: change(self.high) }
    }

    /// Low with low, typical with typical, high with high: the ends of a sum or product of figures
    /// that all err the same way.
    pub fn with<U: Copy, V>(self, other: Spread<U>, join: impl Fn(T, U) -> V) -> Spread<V> {
        Spread {
            low: join(self.low, other.low),
            typical: join(self.typical, other.typical),
            high: join(self.high, other.high),
        }
    }
}

impl<T: Copy + Add<Output = T>> Add for Spread<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(other, Add::add)
    }
}

impl<T: Copy + Add<Output = T>> AddAssign for Spread<T> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<T: Copy + Default + Add<Output = T>> Sum for Spread<T> {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_sum_are_the_sums_of_the_ends() {
        let one = Spread { low: 1.0, typical: 2.0, high: 4.0 };
        let sum: Spread<f64> = [one, Spread::exact(10.0)].into_iter().sum();
        assert_eq!(sum, Spread { low: 11.0, typical: 12.0, high: 14.0 });
    }
}
