//! What is in a link, and when either side may move: the time of a link, without its ends.

use std::collections::VecDeque;

use tamis_arch::units::{Cycle, Cycles};

use crate::outcome::Block;

/// The slots of a link.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// First in, first out; each with the cycle in which it lands.
    items: VecDeque<(Cycle, T)>,
    depth: usize,
    latency: Cycles,
    /// The first cycle in which an item may be pushed; never, while every slot is filled.
    opens: Cycle,
    /// The first cycle in which an item may be popped; never, while none is there.
    gives: Cycle,
}

impl<T> Slots<T> {
    /// `depth` empty slots; an item lands `latency` cycles after its push.
    pub(crate) fn new(depth: usize, latency: Cycles) -> Self {
        assert!(depth > 0 && latency.0 > 0, "a link has at least one slot and one register");
        let items = VecDeque::with_capacity(depth);
        Self { items, depth, latency, opens: Cycle::ZERO, gives: Cycle::NEVER }
    }

    /// As many slots, of the same latency, with nothing in them.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.depth, self.latency)
    }

    #[inline]
    pub(crate) fn can_push(&self, now: Cycle) -> bool {
        self.opens <= now
    }

    /// Adds an item; when it lands.
    #[inline]
    pub(crate) fn push(&mut self, now: Cycle, item: T) -> Cycle {
        assert!(self.can_push(now), "push into a link that takes none now: ask can_push first");
        let lands = now + self.latency;
        if self.items.is_empty() {
            self.gives = lands;
        }
        self.items.push_back((lands, item));
        let full = self.items.len() == self.depth;
        self.opens = if full { Cycle::NEVER } else { now + Cycles(1) };
        lands
    }

    #[inline]
    pub(crate) fn has_landed(&self, now: Cycle) -> bool {
        self.gives <= now
    }

    #[inline]
    pub(crate) fn peek(&self, now: Cycle) -> Option<&T> {
        self.items.front().filter(|_| self.has_landed(now)).map(|(_, item)| item)
    }

    /// Takes the first item, if it may be taken and is accepted.
    #[inline]
    pub(crate) fn pop_if(&mut self, now: Cycle, accepts: impl FnOnce(&T) -> bool) -> Option<T> {
        if !self.has_landed(now) || !accepts(&self.items.front()?.1) {
            return None;
        }
        let (_, item) = self.items.pop_front()?;
        let next = now + Cycles(1);
        if self.opens == Cycle::NEVER {
            self.opens = next;
        }
        self.gives = self.items.front().map_or(Cycle::NEVER, |&(lands, _)| lands.max(next));
        Some(item)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn note_fill(
        &self,
        from: Block,
        to: Block,
        filled: &mut Vec<(Block, Block, usize, usize)>,
    ) {
        if !self.is_empty() {
            filled.push((from, to, self.items.len(), self.depth));
        }
    }
}
