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

/// Cycles that the near calendar covers: a bit each in one word.
const HORIZON: usize = 64;

/// Some of the blocks: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks(u16);

impl Blocks {
    const NONE: Self = Self(0);
    const ALL: Self = Self(u16::MAX);

    /// Whether `block` is one of them.
    #[inline]
    #[must_use]
    pub fn contains(self, block: Block) -> bool {
        self.0 >> block as u32 & 1 == 1
    }

    #[inline]
    fn insert(&mut self, block: Block) {
        self.0 |= 1 << block as u32;
    }
}

const _: () = assert!(Block::COUNT == u16::BITS as usize, "a block is a bit");

/// The present cycle and the calendar of wakes, lent to each tick.
///
/// Every wake is kept, not only the first: a block that is called early for one reason still has to be
/// called for the other. Near wakes are bits in a ring of cycles; far ones wait in a heap.
#[derive(Debug)]
pub struct Clock {
    now: Cycle,
    /// Blocks that are due now, and in the next cycle: most wakes are for that.
    due: Blocks,
    due_next: Blocks,
    /// Blocks that are due in the cycles after it, by cycle modulo the horizon.
    near: [Blocks; HORIZON],
    /// Places of the ring that are not empty.
    wakes: u64,
    far: BinaryHeap<Reverse<(Cycle, Block)>>,
    last_move: Cycle,
}

impl Clock {
    /// Reset: every block is due in cycle 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: Cycle::ZERO,
            due: Blocks::ALL,
            due_next: Blocks::NONE,
            near: [Blocks::NONE; HORIZON],
            wakes: 0,
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

    /// Makes `block` due in the next cycle.
    #[inline]
    pub fn wake_next(&mut self, block: Block) {
        self.due_next.insert(block);
    }

    /// Makes `block` due at `at`, which is not in the past.
    #[inline]
    pub fn wake(&mut self, block: Block, at: Cycle) {
        match (at - self.now).0 {
            0 => self.due.insert(block),
            1 => self.due_next.insert(block),
            ahead if ahead < HORIZON as u64 => {
                self.near[place(at)].insert(block);
                self.wakes |= 1 << place(at);
            }
            _ => self.far.push(Reverse((at, block))),
        }
    }

    /// The earliest cycle in which any block is due; `None` if none ever is.
    #[inline]
    #[must_use]
    pub fn earliest(&self) -> Option<Cycle> {
        if self.due != Blocks::NONE {
            return Some(self.now);
        }
        if self.due_next != Blocks::NONE {
            return Some(self.next());
        }
        if self.wakes != 0 {
            let ahead = u32::try_from(place(self.now)).expect("the ring is small");
            let from_now = self.wakes.rotate_right(ahead);
            return Some(self.now + Cycles(u64::from(from_now.trailing_zeros())));
        }
        self.far.peek().map(|Reverse((at, _))| *at)
    }

    /// Moves to `cycle`, which is not in the past, and not after a wake but those of the present cycle.
    #[inline]
    pub fn advance(&mut self, cycle: Cycle) {
        if cycle > self.now {
            self.now = cycle;
            self.due = std::mem::take(&mut self.due_next);
            self.due.0 |= std::mem::take(&mut self.near[place(cycle)]).0;
            self.wakes &= !(1 << place(cycle));
        }
        while let Some(&Reverse((at, block))) = self.far.peek()
            && (at - cycle).0 < HORIZON as u64
        {
            self.far.pop();
            self.wake(block, at);
        }
    }

    /// The blocks that are due now; they are no longer.
    #[inline]
    pub fn take_due(&mut self) -> Blocks {
        std::mem::take(&mut self.due)
    }

    /// Notes what a tick of `block` answered.
    #[inline]
    pub fn answer(&mut self, block: Block, wake: Wake) {
        match wake {
            Wake::NextCycle => self.wake_next(block),
            Wake::At(cycle) => self.wake(block, cycle.max(self.next())),
            Wake::OnLink => {}
        }
    }
}

/// A cycle's place in the ring.
#[inline]
fn place(cycle: Cycle) -> usize {
    usize::try_from(cycle.0 % HORIZON as u64).expect("the ring is small")
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
        assert_eq!(clock.take_due(), Blocks::ALL);
        clock.wake(Block::Softmax, Cycle(2));
        clock.wake(Block::Softmax, Cycle(1));
        clock.wake(Block::Softmax, Cycle(100));
        for at in [1, 2, 100] {
            assert_eq!(clock.earliest(), Some(Cycle(at)));
            clock.advance(Cycle(at));
            assert!(clock.take_due().contains(Block::Softmax));
            assert_eq!(clock.take_due(), Blocks::NONE);
        }
        assert_eq!(clock.earliest(), None);
    }
}
