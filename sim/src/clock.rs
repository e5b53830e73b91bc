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

/// Some of the blocks: a bit each, at its place in the order in which blocks tick.
type Blocks = u16;

const ALL: Blocks = Blocks::MAX;

const _: () = assert!(Block::COUNT == Blocks::BITS as usize, "a block is a bit");

/// The present cycle and the calendar of wakes, lent to each tick.
///
/// Every wake is kept, not only the first: a block that is called early for one reason still has to be
/// called for the other. Near wakes are bits in a ring of cycles; far ones wait in a heap.
#[derive(Debug)]
pub struct Clock {
    now: Cycle,
    /// In which order blocks tick within a cycle, and the bit of each by its number.
    order: [Block; Block::COUNT],
    bits: [Blocks; Block::COUNT],
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
        Self::in_order(Block::ALL)
    }

    /// Reset, for blocks that tick in this order within a cycle.
    ///
    /// # Panics
    /// If a block is not in it.
    #[must_use]
    pub fn in_order(order: [Block; Block::COUNT]) -> Self {
        let bits = Block::ALL.map(|block| {
            let place = order.iter().position(|&each| each == block);
            1 << place.expect("every block ticks")
        });
        Self {
            now: Cycle::ZERO,
            order,
            bits,
            due: ALL,
            due_next: 0,
            near: [0; HORIZON],
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
        self.due_next |= self.bits[block as usize];
    }

    /// Makes `block` due at `at`, which is not in the past.
    #[inline]
    pub fn wake(&mut self, block: Block, at: Cycle) {
        let bit = self.bits[block as usize];
        match (at - self.now).0 {
            0 => self.due |= bit,
            1 => self.due_next |= bit,
            ahead if ahead < HORIZON as u64 => {
                self.near[place(at)] |= bit;
                self.wakes |= 1 << place(at);
            }
            _ => self.far.push(Reverse((at, block))),
        }
    }

    /// Makes every block due in the present cycle.
    pub fn wake_all(&mut self) {
        self.due = ALL;
    }

    /// The earliest cycle in which any block is due; `None` if none ever is.
    #[inline]
    #[must_use]
    pub fn earliest(&self) -> Option<Cycle> {
        if self.due != 0 {
            return Some(self.now);
        }
        if self.due_next != 0 {
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
            self.due |= std::mem::take(&mut self.near[place(cycle)]);
            self.wakes &= !(1 << place(cycle));
        }
        while let Some(&Reverse((at, block))) = self.far.peek()
            && (at - cycle).0 < HORIZON as u64
        {
            self.far.pop();
            self.wake(block, at);
        }
    }

    /// The next block that is due now; it no longer is.
    #[inline]
    pub fn take_due(&mut self) -> Option<Block> {
        let place = self.due.trailing_zeros() as usize;
        let block = *self.order.get(place)?;
        self.due &= !(1 << place);
        Some(block)
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
    fn blocks_that_are_due_come_in_the_order_in_which_they_tick() {
        let mut order = Block::ALL;
        order.reverse();
        let mut clock = Clock::in_order(order);
        for block in order {
            assert_eq!(clock.take_due(), Some(block));
        }
        clock.wake_next(Block::Fetcher);
        clock.wake(Block::Softmax, Cycle(1));
        assert_eq!(clock.take_due(), None);
        clock.advance(Cycle(1));
        assert_eq!(
            [(); 3].map(|()| clock.take_due()),
            [Some(Block::Softmax), Some(Block::Fetcher), None]
        );
    }

    #[test]
    fn a_block_that_is_called_early_is_still_called_later() {
        let mut clock = Clock::new();
        while clock.take_due().is_some() {}
        clock.wake(Block::Softmax, Cycle(2));
        clock.wake(Block::Softmax, Cycle(1));
        clock.wake(Block::Softmax, Cycle(100));
        for at in [1, 2, 100] {
            assert_eq!(clock.earliest(), Some(Cycle(at)));
            clock.advance(Cycle(at));
            assert_eq!(clock.take_due(), Some(Block::Softmax));
            assert_eq!(clock.take_due(), None);
        }
        assert_eq!(clock.earliest(), None);
    }
}
