//! Who goes first.

use crate::timing::MOST_BANKS;

/// The age of a request: the tick of arrival, then the order within it. Lower is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age(u64);

const ORDER_BITS: u32 = 24;

impl Age {
    /// Younger than every request.
    pub(crate) const NONE: Self = Self(u64::MAX);

    /// Of the `order`-th request of a tick.
    pub(crate) fn new(arrived: u64, order: u64) -> Self {
        assert!(arrived < 1 << (64 - ORDER_BITS), "a run has fewer than 2^40 ticks");
        Self(arrived << ORDER_BITS | order.min((1 << ORDER_BITS) - 1))
    }

    pub(crate) fn arrived(self) -> u64 {
        self.0 >> ORDER_BITS
    }

    /// Of a request whose row opens at `now`: those of one tick go in the order in which their rows opened.
    pub(crate) fn opened(self, now: u64) -> Self {
        Self::new(self.arrived(), now - self.arrived())
    }
}

/// The oldest request of each bank.
pub(crate) type Ages = [Age; MOST_BANKS];
