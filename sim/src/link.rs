//! The link: a registered valid/ready stream between two blocks.

use tamis_arch::units::{Cycle, Cycles};

use crate::{clock::Clock, outcome::Block};

/// A registered valid/ready wire: at most one transfer per side per cycle.
///
/// What either side sees is fixed when the cycle starts, so the order in which components tick
/// cannot change a result. A push wakes the receiver when the item lands; a pop wakes the sender one
/// cycle later.
#[derive(Debug)]
pub struct Link<T> {
    /// A ring of items, from `head` on, each with the cycle in which it lands.
    slots: Box<[(Cycle, Option<T>)]>,
    head: usize,
    len: usize,
    latency: Cycles,
    last_push: Cycle,
    last_pop: Cycle,
    from: Block,
    to: Block,
}

impl<T> Link<T> {
    /// A link of `depth` slots; an item lands `latency` cycles after its push.
    ///
    /// # Panics
    /// If `depth` or `latency` is 0: a registered link has at least one register.
    #[must_use]
    pub fn new(from: Block, to: Block, depth: usize, latency: Cycles) -> Self {
        assert!(depth > 0 && latency.0 > 0, "a link has at least one slot and one register");
        Self {
            slots: (0..depth).map(|_| (Cycle::NEVER, None)).collect(),
            head: 0,
            len: 0,
            latency,
            last_push: Cycle::NEVER,
            last_pop: Cycle::NEVER,
            from,
            to,
        }
    }

    /// Whether an item may be sent in this cycle: there is room, and none was. A slot freed in this
    /// very cycle can be refilled only from the next one on.
    #[inline]
    #[must_use]
    pub fn can_push(&self, clock: &Clock) -> bool {
        let now = clock.now();
        let freed_now = usize::from(self.last_pop == now);
        self.last_push != now && self.len + freed_now < self.slots.len()
    }

    /// Sends `item`.
    ///
    /// # Panics
    /// If [`Self::can_push`] says no.
    #[inline]
    pub fn push(&mut self, clock: &mut Clock, item: T) {
        assert!(self.can_push(clock), "push into a link that takes none now: ask can_push first");
        self.last_push = clock.now();
        clock.note_move();
        let lands = clock.now() + self.latency;
        let place = self.place(self.len);
        self.slots[place] = (lands, Some(item));
        self.len += 1;
        clock.wake(self.to, lands);
    }

    /// Whether an item has landed and may be taken in this cycle.
    #[inline]
    #[must_use]
    pub fn has_landed(&self, clock: &Clock) -> bool {
        let now = clock.now();
        self.len > 0 && self.slots[self.head].0 <= now && self.last_pop != now
    }

    /// The item that has landed and is first in line, if one may be taken in this cycle.
    #[inline]
    #[must_use]
    pub fn peek(&self, clock: &Clock) -> Option<&T> {
        self.slots[self.head].1.as_ref().filter(|_| self.has_landed(clock))
    }

    /// Takes the first item, if it has landed.
    ///
    /// # Panics
    /// For the second time in a cycle.
    #[inline]
    pub fn pop(&mut self, clock: &mut Clock) -> Option<T> {
        assert!(self.last_pop != clock.now(), "a link gives one item per cycle");
        self.pop_if(clock, |_| true)
    }

    /// Takes the first item, if it has landed, may be taken in this cycle, and is accepted.
    #[inline]
    pub fn pop_if(&mut self, clock: &mut Clock, accepts: impl FnOnce(&T) -> bool) -> Option<T> {
        if !self.has_landed(clock) {
            return None;
        }
        let item = self.slots[self.head].1.take_if(|item| accepts(item))?;
        let now = clock.now();
        self.last_pop = now;
        self.head = self.place(1);
        self.len -= 1;
        clock.note_move();
        clock.wake_next(self.from);
        // One that lands later wakes the receiver then: its push saw to that.
        if self.len > 0 && self.slots[self.head].0 <= now {
            clock.wake_next(self.to);
        }
        Some(item)
    }

    /// The slot that is `ahead` of the first in line, up to a whole round.
    #[inline]
    fn place(&self, ahead: usize) -> usize {
        let place = self.head + ahead;
        if place < self.slots.len() { place } else { place - self.slots.len() }
    }

    /// Whether nothing is in the link.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds the link to a deadlock report, if it holds items: from, to, items, slots.
    pub fn note_fill(&self, filled: &mut Vec<(Block, Block, usize, usize)>) {
        if !self.is_empty() {
            filled.push((self.from, self.to, self.len, self.slots.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(depth: usize, latency: u64) -> (Clock, Link<u32>) {
        (Clock::new(), Link::new(Block::QkArray, Block::Softmax, depth, Cycles(latency)))
    }

    #[test]
    fn an_item_lands_after_the_latency_and_not_before() {
        let (mut clock, mut link) = link(2, 3);
        link.push(&mut clock, 7);
        clock.advance(Cycle(2));
        assert_eq!(link.pop(&mut clock), None);
        clock.advance(Cycle(3));
        assert_eq!(link.pop(&mut clock), Some(7));
    }

    #[test]
    fn a_slot_freed_in_this_cycle_is_refilled_only_in_the_next() {
        let (mut clock, mut link) = link(1, 1);
        link.push(&mut clock, 7);
        clock.advance(Cycle(1));
        assert_eq!(link.pop(&mut clock), Some(7));
        assert!(!link.can_push(&clock));
        clock.advance(Cycle(2));
        assert!(link.can_push(&clock));
    }

    #[test]
    fn latency_plus_one_slots_sustain_an_item_a_cycle_and_one_less_does_not() {
        for (depth, expected) in [(5, 100), (4, 80)] {
            let (mut clock, mut link) = link(depth, 4);
            let mut moved = 0;
            for cycle in 0..104 {
                clock.advance(Cycle(cycle));
                if link.can_push(&clock) {
                    link.push(&mut clock, 0);
                }
                moved += u32::from(link.pop(&mut clock).is_some());
            }
            assert!(moved == expected, "depth {depth} moved {moved}");
        }
    }

    #[test]
    fn a_link_takes_one_item_a_cycle_however_deep_it_is() {
        let (mut clock, mut link) = link(8, 1);
        link.push(&mut clock, 7);
        assert!(!link.can_push(&clock));
        clock.advance(Cycle(1));
        assert!(link.can_push(&clock));
    }

    #[test]
    #[should_panic(expected = "ask can_push first")]
    fn a_push_without_asking_is_a_broken_promise() {
        let (mut clock, mut link) = link(1, 1);
        link.push(&mut clock, 1);
        clock.advance(Cycle(1));
        link.push(&mut clock, 2);
    }

    #[test]
    fn a_push_wakes_the_receiver_and_a_pop_the_sender() {
        let (mut clock, mut link) = link(2, 3);
        clock.take_due();
        link.push(&mut clock, 7);
        assert_eq!(clock.earliest(), Some(Cycle(3)));
        clock.advance(Cycle(3));
        assert!(clock.take_due().contains(Block::Softmax));
        link.pop(&mut clock);
        assert_eq!(clock.earliest(), Some(Cycle(4)));
    }
}
