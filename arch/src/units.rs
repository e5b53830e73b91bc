//! Units as types: no bare integer that means cycles, bytes or energy crosses a crate.

use std::{
    iter::Sum,
    num::NonZeroU64,
    ops::{Add, AddAssign, Div, Mul, Sub},
};

use serde::{Deserialize, Serialize};

/// A point in time: clock edges since reset.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cycle(pub u64);

impl Cycle {
    /// The first edge after reset.
    pub const ZERO: Self = Self(0);
    /// Later than any cycle of any run.
    pub const NEVER: Self = Self(u64::MAX);
}

/// A span of time. Two points differ by a span; two points never add.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cycles(pub u64);

/// A size, or an amount of traffic.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A width in bits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bits(pub u32);

/// A rate of transfer; never zero, so that no division can fail later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BytesPerCycle(pub NonZeroU64);

/// A clock frequency in megahertz, a whole number: ratios of clocks stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Megahertz(pub NonZeroU64);

/// Energy. Made once, when a report is written, from event counts: never summed per cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Picojoules(pub f64);

/// Power, made from energy and time when a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watts(pub f64);

/// Time as people read it, made from cycles and a clock when a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

/// Silicon area.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SquareMillimetres(pub f64);

impl Sub for Cycle {
    type Output = Cycles;
    fn sub(self, earlier: Self) -> Cycles {
        Cycles(self.0 - earlier.0)
    }
}

impl Add<Cycles> for Cycle {
    type Output = Self;
    fn add(self, span: Cycles) -> Self {
        Self(self.0 + span.0)
    }
}

impl AddAssign<Cycles> for Cycle {
    fn add_assign(&mut self, span: Cycles) {
        self.0 += span.0;
    }
}

/// Sums, running sums and multiples of a quantity that counts.
macro_rules! additive {
    ($($unit:ident($raw:ty)),+) => {$(
        impl Add for $unit {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $unit {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $unit {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Mul<$raw> for $unit {
            type Output = Self;
            fn mul(self, times: $raw) -> Self {
                Self(self.0 * times)
            }
        }
        impl Sum for $unit {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::default(), Add::add)
            }
        }
    )+};
}

additive!(Cycles(u64), Bytes(u64), Picojoules(f64), Watts(f64), Seconds(f64));
additive!(SquareMillimetres(f64));

/// Moving bytes takes whole cycles: a part-filled last beat costs a full one.
impl Div<BytesPerCycle> for Bytes {
    type Output = Cycles;
    fn div(self, rate: BytesPerCycle) -> Cycles {
        Cycles(self.0.div_ceil(rate.0.get()))
    }
}

impl Div<Seconds> for Picojoules {
    type Output = Watts;
    fn div(self, time: Seconds) -> Watts {
        Watts(self.0 * 1e-12 / time.0)
    }
}

impl Cycles {
    /// How long the span lasts at `clock`.
    #[must_use]
    pub fn at(self, clock: Megahertz) -> Seconds {
        Seconds(self.0 as f64 / (clock.0.get() as f64 * 1e6))
    }
}

impl Bits {
    /// Bytes that `count` values of this width fill, rounded up to whole bytes.
    #[must_use]
    pub fn times(self, count: u64) -> Bytes {
        Bytes((u64::from(self.0) * count).div_ceil(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_filled_beat_costs_a_whole_cycle() {
        let rate = BytesPerCycle(NonZeroU64::new(32).expect("32 is not zero"));
        assert_eq!(Bytes(64) / rate, Cycles(2));
        assert_eq!(Bytes(65) / rate, Cycles(3));
        assert_eq!(Bytes(0) / rate, Cycles(0));
    }

    #[test]
    fn two_points_differ_by_a_span() {
        assert_eq!(Cycle(9) - Cycle(4), Cycles(5));
        assert_eq!(Cycle(4) + Cycles(5), Cycle(9));
    }

    #[test]
    fn twelve_bit_values_pack_to_whole_bytes() {
        assert_eq!(Bits(12).times(64), Bytes(96));
        assert_eq!(Bits(12).times(3), Bytes(5));
    }

    #[test]
    fn a_gigahertz_cycle_lasts_a_nanosecond() {
        let clock = Megahertz(NonZeroU64::new(1000).expect("1000 is not zero"));
        assert!((Cycles(1_000_000).at(clock).0 - 1e-3).abs() < 1e-15);
    }
}
