//! Time in the DRAM's command clock.

use std::ops::{Add, AddAssign, Sub};

use serde::Serialize;

/// A point in time: edges of the command clock since reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Tick(pub u64);

/// A span of command clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Ticks(pub u64);

impl Tick {
    /// Reset.
    pub const ZERO: Self = Self(0);
    /// Later than any tick of any run.
    pub const NEVER: Self = Self(u64::MAX);
}

impl Sub for Tick {
    type Output = Ticks;
    fn sub(self, earlier: Self) -> Ticks {
        Ticks(self.0 - earlier.0)
    }
}

impl Add<Ticks> for Tick {
    type Output = Self;
    fn add(self, span: Ticks) -> Self {
        Self(self.0 + span.0)
    }
}

impl Add for Ticks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
