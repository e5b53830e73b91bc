//! The plan: what a policy decided, ready to be timed.
//!
//! A plan is a stream of [`Task`]s in the order in which the machine runs them. This is its *timing*
//! part: counts, ids where they become addresses, refetches, and the sizes of the top-k rounds. It
//! does not depend on the machine's speed, so every design point with the same algorithm shares it.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

/// Which part of inference a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// All prompt queries at once (the paper's summarisation).
    Prefill,
    /// One query a step (the paper's generation).
    Decode,
}

/// Widths in bits at which operands are stored in DRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredBits {
    /// Q: always whole.
    pub query: u32,
    /// First pass of K.
    pub key_msb: u32,
    /// Second pass of K; 0 where K has one plane.
    pub key_lsb: u32,
    /// V.
    pub value: u32,
}

/// One K/V head of one layer with the queries of its group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Prefill or decode.
    pub phase: Phase,
    /// Decode step, from 0; 0 in prefill.
    pub step: u32,
    /// Layer in the trace.
    pub layer: u32,
    /// K/V head.
    pub kv_head: u32,
    /// Widths of the stored operands.
    pub bits: StoredBits,
    /// Positions, in the sequence, of the keys that are live in this layer and that a row sees,
    /// ascending. Rows count keys by their place in this list.
    pub tokens: Arc<[u32]>,
    /// The token whose K and V are new in this step and are written to DRAM: those of every K/V
    /// head, live or not, as the next step starts from all. On the first task of a layer in decode.
    pub appended: Option<u32>,
    /// Whether the values to fetch are known before the scores are, so that they can be fetched
    /// ahead: all that are visible (policy `dense`). Otherwise each row's choice is fetched when
    /// it is made.
    pub values_ahead: bool,
    /// What its rows add to the importance memories.
    pub weighs: Weighs,
    /// Queries, head by head, in the order of the sequence.
    pub rows: Vec<Row>,
    /// What is decided after this task, if it is the last of its layer.
    pub layer_end: Option<LayerEnd>,
}

/// Which importance is added up. What no choice ever ranks is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighs {
    /// Each probability, to its token.
    pub tokens: bool,
    /// Each output's magnitude, to its head.
    pub heads: bool,
}

/// One query of one head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Query head.
    pub head: u32,
    /// Position of the query in the sequence.
    pub token: u32,
    /// Keys it sees: a range of places in [`Task::tokens`]. Never empty.
    pub visible: Range<u32>,
    /// Whether its scores are computed again with the LSBs.
    pub refetch: bool,
    /// Values it fetches and multiplies.
    pub kept: KeySet,
    /// The selection that chose them; `None` where nothing had to be selected.
    pub select: Option<Selection>,
}

/// A set of keys of one row, by their place in [`Task::tokens`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeySet {
    /// All keys in the range.
    Range(Range<u32>),
    /// Bit `i` of word `w` stands for place `start + 64 w + i`.
    Bits {
        /// Place of the first bit.
        start: u32,
        /// The set.
        words: Box<[u64]>,
    },
}

/// Decisions at the end of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerEnd {
    /// Choice of the tokens that the next layer keeps.
    pub tokens: Option<Selection>,
    /// Choice of the heads that the next layer keeps.
    pub heads: Option<Selection>,
}

/// One run of quick-select, as sizes: what the top-k engine needs to keep time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Keys it chose from.
    pub candidates: u32,
    /// Keys it kept.
    pub keep: u32,
    /// Rounds until the threshold was known, in order.
    pub rounds: Vec<Round>,
}

/// One round of quick-select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Keys compared with the pivot.
    pub candidates: u32,
    /// Those above it.
    pub greater: u32,
    /// Those equal to it.
    pub equal: u32,
}

impl KeySet {
    /// The keys `places` of a row that sees `range`; a range if those are all it sees, or none.
    ///
    /// # Panics
    ///
    /// If a place is not in the range.
    #[must_use]
    pub fn of(range: Range<u32>, places: impl Iterator<Item = u32>) -> Self {
        let seen = range.end - range.start;
        let mut words = vec![0u64; seen.div_ceil(64) as usize];
        for place in places {
            assert!(range.contains(&place), "a row keeps only keys that it sees");
            let offset = place - range.start;
            words[offset as usize / 64] |= 1 << (offset % 64);
        }
        let set = Self::Bits { start: range.start, words: words.into_boxed_slice() };
        match set.len() {
            0 => Self::Range(range.start..range.start),
            count if count == seen => Self::Range(range),
            _ => set,
        }
    }

    /// The keys of a row that sees `range` for which `keep` holds.
    #[must_use]
    pub fn filtered(range: Range<u32>, keep: impl Fn(u32) -> bool) -> Self {
        Self::of(range.clone(), range.filter(|&place| keep(place)))
    }

    /// Its keys, ascending.
    pub fn places(&self) -> impl Iterator<Item = u32> {
        let (range, words) = match self {
            Self::Range(range) => (range.clone(), &[][..]),
            Self::Bits { start, words } => (*start..*start, &words[..]),
        };
        let first = range.end;
        let set = (0u32..).zip(words).flat_map(move |(index, &word)| {
            let bits = std::iter::successors(Some(word), |&left| Some(left & left.wrapping_sub(1)));
            bits.take_while(|&left| left != 0)
                .map(move |left| first + 64 * index + left.trailing_zeros())
        });
        range.chain(set)
    }

    /// Number of keys in the set.
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::Bits { words, .. } => words.iter().map(|word| word.count_ones()).sum(),
        }
    }

    /// Whether no key is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys of the set in a range of places.
    #[must_use]
    pub fn count_in(&self, places: Range<u32>) -> u32 {
        match self {
            Self::Range(range) => {
                range.end.min(places.end).saturating_sub(range.start.max(places.start))
            }
            Self::Bits { start, words } => {
                let from = places.start.saturating_sub(*start);
                let to = places.end.saturating_sub(*start);
                (from / 64..to.div_ceil(64))
                    .zip(words.iter().skip(from as usize / 64))
                    .map(|(index, word)| {
                        let below = |place: u32| match place.saturating_sub(index * 64) {
                            bits @ 0..64 => (1u64 << bits) - 1,
                            _ => u64::MAX,
                        };
                        (word & below(to) & !below(from)).count_ones()
                    })
                    .sum()
            }
        }
    }

    /// Whether `place` is in the set.
    #[must_use]
    pub fn contains(&self, place: u32) -> bool {
        match self {
            Self::Range(range) => range.contains(&place),
            Self::Bits { start, words } => place.checked_sub(*start).is_some_and(|offset| {
                words.get(offset as usize / 64).is_some_and(|word| word >> (offset % 64) & 1 == 1)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_the_places_it_was_made_of(
            start in 0u32..100,
            keep in prop::collection::vec(any::<bool>(), 1..300),
        ) {
            let end = start + u32::try_from(keep.len()).unwrap();
            let wanted = |place: u32| keep[(place - start) as usize];
            let set = KeySet::filtered(start..end, wanted);
            let expected: Vec<u32> = (start..end).filter(|&place| wanted(place)).collect();
            prop_assert_eq!(set.len() as usize, expected.len());
            prop_assert!((0..end + 70).all(|place| set.contains(place) == expected.contains(&place)));
            prop_assert_eq!(set.places().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_row_that_keeps_all_or_none_is_a_range() {
        assert_eq!(KeySet::filtered(3..70, |_| true), KeySet::Range(3..70));
        assert_eq!(KeySet::filtered(3..70, |_| false), KeySet::Range(3..3));
    }
}
