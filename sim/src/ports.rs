//! A link for each of many ports, looked through without asking the empty ones.

use crate::{clock::Clock, link::Link, outcome::Block};

/// Ports, by number.
#[derive(Clone, Debug, Default)]
pub struct PortSet {
    words: Box<[u64]>,
}

impl PortSet {
    /// None of `count` ports.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { words: vec![0; count.div_ceil(WORD)].into() }
    }

    /// Adds a port.
    #[inline]
    pub fn insert(&mut self, port: usize) {
        self.words[port / WORD] |= 1 << (port % WORD);
    }

    /// Takes a port out.
    #[inline]
    pub fn remove(&mut self, port: usize) {
        self.words[port / WORD] &= !(1 << (port % WORD));
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The first port at or after `from`. The set may change from one call to the next.
    #[inline]
    #[must_use]
    pub fn first(&self, from: usize) -> Option<usize> {
        let mut word = from / WORD;
        let mut bits = self.words.get(word)? & (!0 << (from % WORD));
        while bits == 0 {
            word += 1;
            bits = *self.words.get(word)?;
        }
        Some(word * WORD + bits.trailing_zeros() as usize)
    }
}

/// Ports in a word of a set.
const WORD: usize = u64::BITS as usize;

/// Links of one kind, one a port.
#[derive(Debug)]
pub struct Ports<T> {
    links: Box<[Link<T>]>,
    /// Ports whose link holds an item, landed or not.
    filled: PortSet,
}

impl<T> Ports<T> {
    /// A link a port, in order.
    #[must_use]
    pub fn new(links: impl IntoIterator<Item = Link<T>>) -> Self {
        let links: Box<[_]> = links.into_iter().collect();
        Self { filled: PortSet::new(links.len()), links }
    }

    /// [`Link::can_push`].
    #[inline]
    #[must_use]
    pub fn can_push(&self, port: usize, clock: &Clock) -> bool {
        self.links[port].can_push(clock)
    }

    /// [`Link::push`].
    #[inline]
    pub fn push(&mut self, port: usize, clock: &mut Clock, item: T) {
        self.links[port].push(clock, item);
        self.filled.insert(port);
    }

    /// [`Link::pop`].
    #[inline]
    pub fn pop(&mut self, port: usize, clock: &mut Clock) -> Option<T> {
        self.pop_if(port, clock, |_| true)
    }

    /// [`Link::pop_if`].
    #[inline]
    pub fn pop_if(
        &mut self,
        port: usize,
        clock: &mut Clock,
        accepts: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let link = &mut self.links[port];
        let item = link.pop_if(clock, accepts)?;
        if link.is_empty() {
            self.filled.remove(port);
        }
        Some(item)
    }

    /// The first port at or after `from` whose link holds an item, landed or not.
    #[inline]
    #[must_use]
    pub fn filled(&self, from: usize) -> Option<usize> {
        self.filled.first(from)
    }

    /// The first port at or after `from` that has an item to give in this cycle.
    #[inline]
    #[must_use]
    pub fn landed(&self, from: usize, clock: &Clock) -> Option<usize> {
        let mut next = self.filled(from);
        while let Some(port) = next.filter(|&port| !self.links[port].has_landed(clock)) {
            next = self.filled(port + 1);
        }
        next
    }

    /// [`Link::note_fill`], of every link.
    pub fn note_fill(&self, filled: &mut Vec<(Block, Block, usize, usize)>) {
        self.links.iter().for_each(|link| link.note_fill(filled));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tamis_arch::units::{Cycle, Cycles};

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_ports_gives_each_once_in_order(
            steps in prop::collection::vec((any::<bool>(), 0_usize..200), 0..100),
        ) {
            let (mut set, mut expected) = (PortSet::new(200), BTreeSet::new());
            for (insert, port) in steps {
                if insert {
                    set.insert(port);
                    expected.insert(port);
                } else {
                    set.remove(port);
                    expected.remove(&port);
                }
            }
            prop_assert_eq!(set.is_empty(), expected.is_empty());
            let found = std::iter::successors(set.first(0), |port| set.first(port + 1));
            prop_assert!(found.eq(expected));
        }
    }

    #[test]
    fn a_port_has_an_item_from_its_landing_until_its_pop() {
        let link = || Link::new(Block::Crossbar, Block::Dram, 2, Cycles(1));
        let mut clock = Clock::new();
        let mut ports = Ports::new((0..3).map(|_| link()));
        ports.push(2, &mut clock, 7);
        assert_eq!((ports.filled(0), ports.landed(0, &clock)), (Some(2), None));
        clock.advance(Cycle(1));
        assert_eq!(ports.landed(0, &clock), Some(2));
        ports.push(2, &mut clock, 8);
        assert_eq!(ports.pop_if(2, &mut clock, |&item| item == 8), None);
        assert_eq!(ports.pop(2, &mut clock), Some(7));
        assert_eq!(ports.landed(0, &clock), None);
        clock.advance(Cycle(2));
        assert_eq!(ports.landed(0, &clock), Some(2));
        assert_eq!(ports.pop(2, &mut clock), Some(8));
        assert_eq!(ports.filled(0), None);
    }
}
