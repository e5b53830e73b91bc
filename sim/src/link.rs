//! The link: a registered valid/ready stream between two blocks.

use tamis_arch::units::{Cycle, Cycles};

use crate::{clock::Clock, outcome::Block, slots::Slots};

/// A registered valid/ready wire: at most one transfer per side per cycle.
///
/// What either side sees is fixed when the cycle starts, so the order in which components tick
/// cannot change a result. A push wakes the receiver when the item lands; a pop wakes the sender one
/// cycle later.
#[derive(Debug)]
pub struct Link<T> {
    pub(crate) slots: Slots<T>,
    pub(crate) from: Block,
    pub(crate) to: Block,
    last_pop: Cycle,
}

impl<T> Link<T> {
    /// A link of `depth` slots; an item lands `latency` cycles after its push.
    ///
    /// # Panics
    /// If `depth` or `latency` is 0: a registered link has at least one register.
    #[must_use]
    pub fn new(from: Block, to: Block, depth: usize, latency: Cycles) -> Self {
        Self { slots: Slots::new(depth, latency), from, to, last_pop: Cycle::NEVER }
    }

    /// Whether an item may be sent in this cycle: there is room, and none was. A slot freed in this
    /// very cycle can be refilled only from the next one on.
    #[inline]
    #[must_use]
    pub fn can_push(&self, clock: &Clock) -> bool {
        self.slots.can_push(clock.now())
    }

    /// Sends `item`.
    ///
    /// # Panics
    /// If [`Self::can_push`] says no.
    #[inline]
    pub fn push(&mut self, clock: &mut Clock, item: T) {
        let lands = self.slots.push(clock.now(), item);
        clock.note_move();
        clock.wake(self.to, lands);
    }

    /// Whether an item has landed and may be taken in this cycle.
    #[inline]
    #[must_use]
    pub fn has_landed(&self, clock: &Clock) -> bool {
        self.slots.has_landed(clock.now())
    }

    /// The item that has landed and is first in line, if one may be taken in this cycle.
    #[inline]
    #[must_use]
    pub fn peek(&self, clock: &Clock) -> Option<&T> {
        self.slots.peek(clock.now())
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
        let item = self.slots.pop_if(clock.now(), accepts)?;
        self.last_pop = clock.now();
        clock.note_move();
        clock.wake_next(self.from);
        if self.slots.has_landed(clock.next()) {
            clock.wake_next(self.to);
        }
        Some(item)
    }

    /// Adds the link to a deadlock report, if it holds items: from, to, items, slots.
    pub fn note_fill(&self, filled: &mut Vec<(Block, Block, usize, usize)>) {
        self.slots.note_fill(self.from, self.to, filled);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn link(depth: usize, latency: u64) -> (Clock, Link<u32>) {
        (Clock::new(), Link::new(Block::QkArray, Block::Softmax, depth, Cycles(latency)))
    }

    proptest! {
        #[test]
        fn either_side_moves_when_the_items_and_the_last_moves_let_it(
            depth in 1_usize..5,
            latency in 1_u64..5,
            tries in prop::collection::vec((1_u64..4, any::<bool>(), any::<[bool; 2]>()), 1..80),
        ) {
            let (mut clock, mut link) = link(depth, latency);
            // Items with their landing, and the cycles in which either side moved last.
            let mut items = VecDeque::new();
            let (mut pushed, mut popped) = (None, None);
            for (ahead, pop_first, [pops, pushes]) in tries {
                let now = clock.now().0 + ahead;
                clock.advance(Cycle(now));
                for receives in [pop_first, !pop_first] {
                    if receives {
                        let landed = items.front().filter(|&&(lands, _)| lands <= now);
                        let expected = landed.map(|&(_, item)| item);
                        prop_assert_eq!(link.peek(&clock).copied(), expected);
                        if pops {
                            prop_assert_eq!(link.pop(&mut clock), expected);
                        }
                        if pops && expected.is_some() {
                            items.pop_front();
                            popped = Some(now);
                            prop_assert_eq!(link.peek(&clock), None);
                        }
                    } else {
                        let used = items.len() + usize::from(popped == Some(now));
                        let may = used < depth && pushed != Some(now);
                        prop_assert_eq!(link.can_push(&clock), may);
                        if may && pushes {
                            let item = u32::try_from(now).expect("a test is short");
                            link.push(&mut clock, item);
                            items.push_back((now + latency, item));
                            pushed = Some(now);
                            prop_assert!(!link.can_push(&clock));
                        }
                    }
                }
            }
        }
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
        while clock.take_due().is_some() {}
        link.push(&mut clock, 7);
        assert_eq!(clock.earliest(), Some(Cycle(3)));
        clock.advance(Cycle(3));
        assert_eq!(clock.take_due(), Some(Block::Softmax));
        link.pop(&mut clock);
        assert_eq!(clock.earliest(), Some(Cycle(4)));
    }
}
