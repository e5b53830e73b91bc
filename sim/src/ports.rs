//! A link for each of many ports, looked through without asking the empty ones.

use std::ops::Range;

use tamis_arch::units::Cycle;

use crate::{clock::Clock, link::Link, outcome::Block, slots::Slots};

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

    /// The words of the set, which is looked through a word at a time.
    #[inline]
    #[must_use]
    pub fn words(&self) -> Range<usize> {
        0..self.words.len()
    }

    /// The ports of a word as it is now, in order. The set may change meanwhile.
    #[inline]
    pub fn of_word(&self, word: usize) -> impl Iterator<Item = usize> + use<> {
        let mut bits = self.words[word];
        std::iter::from_fn(move || {
            let first = (bits != 0).then_some(word * WORD + bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(first)
        })
    }
}

/// Ports in a word of a set.
const WORD: usize = u64::BITS as usize;

/// Links of one kind between two blocks, one a port.
///
/// Each moves as a [`Link`] does. That one moved is noted, and the blocks are woken, once in a cycle however
/// many do.
#[derive(Debug)]
pub struct Ports<T> {
    links: Box<[Slots<T>]>,
    /// Ports whose link holds an item, landed or not.
    filled: PortSet,
    from: Block,
    to: Block,
    /// The last cycle in which any was pushed into, and popped from.
    last_push: Cycle,
    last_pop: Cycle,
}

impl<T> Ports<T> {
    /// `count` empty links like this one.
    #[must_use]
    pub fn new(count: usize, link: &Link<T>) -> Self {
        Self {
            links: (0..count).map(|_| link.slots.emptied()).collect(),
            filled: PortSet::new(count),
            from: link.from,
            to: link.to,
            last_push: Cycle::NEVER,
            last_pop: Cycle::NEVER,
        }
    }

    /// Whether no link holds an item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    /// [`Link::can_push`].
    #[inline]
    #[must_use]
    pub fn can_push(&self, port: usize, clock: &Clock) -> bool {
        self.links[port].can_push(clock.now())
    }

    /// [`Link::push`].
    #[inline]
    pub fn push(&mut self, port: usize, clock: &mut Clock, item: T) {
        let lands = self.links[port].push(clock.now(), item);
        self.filled.insert(port);
        if self.last_push != clock.now() {
            self.note_push(clock, lands);
        }
    }

    /// Notes the first push of a cycle. Apart, so that the others are short.
    #[inline(never)]
    fn note_push(&mut self, clock: &mut Clock, lands: Cycle) {
        self.last_push = clock.now();
        clock.note_move();
        clock.wake(self.to, lands);
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
        let item = link.pop_if(clock.now(), accepts)?;
        if link.is_empty() {
            self.filled.remove(port);
        } else if link.has_landed(clock.next()) {
            clock.wake_next(self.to);
        }
        if self.last_pop != clock.now() {
            self.last_pop = clock.now();
            clock.note_move();
            clock.wake_next(self.from);
        }
        Some(item)
    }

    /// [`Link::pop_if`] of each port in order: `takes` is given each first item that may be taken, and says
    /// whether it is.
    #[inline]
    pub fn pop_each(&mut self, clock: &mut Clock, mut takes: impl FnMut(usize, &T) -> bool) {
        for word in self.filled.words() {
            for port in self.filled.of_word(word) {
                self.pop_if(port, clock, |item| takes(port, item));
            }
        }
    }

    /// [`Link::note_fill`], of every link.
    pub fn note_fill(&self, filled: &mut Vec<(Block, Block, usize, usize)>) {
        self.links.iter().for_each(|link| link.note_fill(self.from, self.to, filled));
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
            prop_assert!(set.words().flat_map(|word| set.of_word(word)).eq(expected));
        }
    }

    const PORTS: usize = 70;

    /// What is tried at a port in a cycle.
    #[derive(Clone, Copy, Debug)]
    enum Try {
        Push,
        /// A pop that accepts odd items alone, or any.
        Pop {
            odd: bool,
        },
        /// A pop of every port, of which the odd or all are accepted.
        PopEach {
            odd: bool,
        },
    }

    fn tries() -> impl Strategy<Value = Vec<(usize, Try)>> {
        let tried = prop_oneof![
            6 => Just(Try::Push),
            4 => any::<bool>().prop_map(|odd| Try::Pop { odd }),
            1 => any::<bool>().prop_map(|odd| Try::PopEach { odd }),
        ];
        // Few ports, far apart, so that they fill up.
        let port = prop::sample::select(vec![0, 1, 63, 64, 69]);
        prop::collection::vec((port, tried), 0..12)
    }

    proptest! {
        #[test]
        fn every_port_is_a_link_and_wakes_as_one(
            depth in 1_usize..5,
            latency in prop_oneof![1_u64..5, 60_u64..70],
            cycles in prop::collection::vec((prop_oneof![Just(1), 1_u64..80], tries()), 1..60),
        ) {
            let link = || Link::new(Block::Crossbar, Block::Dram, depth, Cycles(latency));
            let mut links: Vec<Link<u32>> = (0..PORTS).map(|_| link()).collect();
            let mut ports = Ports::new(PORTS, &link());
            let [mut of_links, mut of_ports] = [Clock::new(), Clock::new()];
            let mut names = 0..;
            for (ahead, tries) in cycles {
                // As the engine does: no wake is passed over.
                let next = of_links.earliest().unwrap_or(Cycle::NEVER).max(of_links.next());
                let next = next.min(of_links.now() + Cycles(ahead));
                for clock in [&mut of_links, &mut of_ports] {
                    clock.advance(next);
                }
                for (port, tried) in tries {
                    let takes = |odd: bool| move |item: &u32| !odd || item % 2 == 1;
                    match tried {
                        Try::Push => {
                            let may = links[port].can_push(&of_links);
                            prop_assert_eq!(ports.can_push(port, &of_ports), may);
                            if may {
                                let name = names.next().expect("names never end");
                                links[port].push(&mut of_links, name);
                                ports.push(port, &mut of_ports, name);
                            }
                        }
                        Try::Pop { odd } => prop_assert_eq!(
                            ports.pop_if(port, &mut of_ports, takes(odd)),
                            links[port].pop_if(&mut of_links, takes(odd))
                        ),
                        Try::PopEach { odd } => {
                            let expected: Vec<_> = (0..)
                                .zip(&mut links)
                                .filter_map(|(port, link)| {
                                    Some((port, link.pop_if(&mut of_links, takes(odd))?))
                                })
                                .collect();
                            let mut popped = Vec::new();
                            ports.pop_each(&mut of_ports, |port, item| {
                                popped.extend(takes(odd)(item).then_some((port, *item)));
                                takes(odd)(item)
                            });
                            prop_assert_eq!(popped, expected);
                        }
                    }
                }
                prop_assert_eq!(of_ports.earliest(), of_links.earliest());
                let due = |clock: &mut Clock| -> Vec<Block> {
                    std::iter::from_fn(|| clock.take_due()).collect()
                };
                prop_assert_eq!(due(&mut of_ports), due(&mut of_links));
                prop_assert_eq!(of_ports.last_move(), of_links.last_move());
            }
            let (mut filled, mut expected) = (Vec::new(), Vec::new());
            ports.note_fill(&mut filled);
            links.iter().for_each(|link| link.note_fill(&mut expected));
            prop_assert_eq!(ports.is_empty(), expected.is_empty());
            prop_assert_eq!(filled, expected);
        }
    }
}
