//! Time as components see it: the present cycle, and when each block is due again.

use tamis_arch::units::{Cycle, Cycles};

use crate::outcome::Block;

/// When the engine must call a component again.
///
/// Whatever this says, a push wakes the receiver when the item lands, and a pop wakes the sender
/// one cycle later. So `OnLink` is the answer of a block that can only wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It holds work that it can advance.
    NextCycle,
    /// Nothing can happen before this cycle unless a link moves.
    At(Cycle),
    /// Nothing can happen until a link moves.
    OnLink,
}

/// The present cycle and the calendar of wakes, lent to each tick.
#[derive(Debug)]
pub struct Clock {
    now: Cycle,
    due: [Cycle; Block::COUNT],
}

impl Clock {
    /// Reset: every block is due in cycle 0.
    #[must_use]
    pub fn new() -> Self {
        Self { now: Cycle::ZERO, due: [Cycle::ZERO; Block::COUNT] }
    }

    /// The present cycle.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Cycle {
        self.now
    }

    /// The cycle after the present one.
    #[inline]
    #[must_use]
    pub fn next(&self) -> Cycle {
        self.now + Cycles(1)
    }

    /// Makes `block` due no later than `at`.
    #[inline]
    pub fn wake(&mut self, block: Block, at: Cycle) {
        let due = &mut self.due[block as usize];
        *due = (*due).min(at);
    }

    /// The earliest cycle in which any block is due.
    #[inline]
    #[must_use]
    pub fn earliest(&self) -> Cycle {
        self.due.iter().copied().fold(Cycle::NEVER, Cycle::min)
    }

    /// Moves to `cycle`, which is not in the past.
    #[inline]
    pub fn advance(&mut self, cycle: Cycle) {
        assert!(cycle >= self.now, "time runs forward");
        self.now = cycle;
    }

    /// Whether `block` is due now; if so, it is no longer.
    #[inline]
    pub fn take_due(&mut self, block: Block) -> bool {
        let due = &mut self.due[block as usize];
        let is_due = *due <= self.now;
        if is_due {
            *due = Cycle::NEVER;
        }
        is_due
    }

    /// Notes what a tick of `block` answered.
    #[inline]
    pub fn answer(&mut self, block: Block, wake: Wake) {
        match wake {
            Wake::NextCycle => self.wake(block, self.next()),
            Wake::At(cycle) => self.wake(block, cycle.max(self.next())),
            Wake::OnLink => {}
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
