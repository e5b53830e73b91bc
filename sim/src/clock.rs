//! Time as components see it: the present cycle, and when each block is due again.

use std::{cmp::Reverse, collections::BinaryHeap};

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

/// Cycles that the near calendar covers.
const HORIZON: u64 = 64;

/// The present cycle and the calendar of wakes, lent to each tick.
///
/// Every wake is kept, not only the first: a block that is called early for one reason still has to be
/// called for the other. Near wakes are bits, one a cycle; far ones wait in a heap.
#[derive(Debug)]
pub struct Clock {
    now: Cycle,
    /// By block: bit `i` is a wake at `now + i`.
    near: [u64; Block::COUNT],
    far: BinaryHeap<Reverse<(Cycle, Block)>>,
    last_move: Cycle,
}

impl Clock {
    /// Reset: every block is due in cycle 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Cycle::ZERO,
            near: [1; Block::COUNT],
            far: BinaryHeap::new(),
            last_move: Cycle::ZERO,
        }
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

    /// Notes that an item moved in the present cycle.
    #[inline]
    pub fn note_move(&mut self) {
        self.last_move = self.now;
    }

    /// The last cycle in which an item moved.
    #[must_use]
    pub fn last_move(&self) -> Cycle {
        self.last_move
    }

    /// Makes `block` due at `at`, which is not in the past.
    #[inline]
    pub fn wake(&mut self, block: Block, at: Cycle) {
        let ahead = (at - self.now).0;
        if ahead < HORIZON {
            self.near[block as usize] |= 1 << ahead;
        } else {
            self.far.push(Reverse((at, block)));
        }
    }

    /// The earliest cycle in which any block is due; `None` if none ever is.
    #[inline]
    #[must_use]
    pub fn earliest(&self) -> Option<Cycle> {
        let any = self.near.iter().fold(0, |all, bits| all | bits);
        if any != 0 {
            return Some(self.now + Cycles(u64::from(any.trailing_zeros())));
        }
        self.far.peek().map(|Reverse((at, _))| *at)
    }

    /// Moves to `cycle`, which is not in the past, and not after a wake.
    #[inline]
    pub fn advance(&mut self, cycle: Cycle) {
        let ahead = (cycle - self.now).0;
        self.now = cycle;
        for bits in &mut self.near {
            *bits = if ahead < HORIZON { *bits >> ahead } else { 0 };
        }
        while let Some(&Reverse((at, block))) = self.far.peek()
            && (at - cycle).0 < HORIZON
        {
            self.far.pop();
            self.near[block as usize] |= 1 << (at - cycle).0;
        }
    }

    /// Whether `block` is due now; if so, it is no longer.
    #[inline]
    pub fn take_due(&mut self, block: Block) -> bool {
        let bits = &mut self.near[block as usize];
        let is_due = *bits & 1 == 1;
        *bits &= !1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_called_early_is_still_called_later() {
        let mut clock = Clock::new();
        Block::ALL.iter().for_each(|&block| assert!(clock.take_due(block)));
        clock.wake(Block::Softmax, Cycle(2));
        clock.wake(Block::Softmax, Cycle(1));
        clock.wake(Block::Softmax, Cycle(100));
        for at in [1, 2, 100] {
            assert_eq!(clock.earliest(), Some(Cycle(at)));
            clock.advance(Cycle(at));
            assert!(clock.take_due(Block::Softmax));
            assert!(!clock.take_due(Block::Softmax));
        }
        assert_eq!(clock.earliest(), None);
    }
}
