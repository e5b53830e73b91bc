//! Registers in a row, as the cycle in which each item leaves the last of them.

use std::collections::VecDeque;

/// A pipeline that takes at most one item a cycle.
#[derive(Debug)]
pub(super) struct Pipeline<T>(VecDeque<(u64, T)>);

impl<T> Pipeline<T> {
    /// `item` leaves in cycle `at`.
    pub(super) fn push(&mut self, at: u64, item: T) {
        self.0.push_back((at, item));
    }

    /// Whether an item leaves in this cycle.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.0.front().is_some_and(|&(at, _)| at == now)
    }

    /// The item that leaves in this cycle.
    pub(super) fn take(&mut self, now: u64) -> Option<T> {
        self.0.pop_front_if(|&mut (at, _)| at == now).map(|(_, item)| item)
    }
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}
