//! From when on a command is legal, for all banks of a channel.

use std::{array, hint::select_unpredictable, ops::Range};

use tamis_arch::dram::Organisation;

use super::{MOST_BANKS, Stamp, each};
use crate::age::{Age, Ages};

/// Lanes that are worked on together: the compiler turns a loop over so many into vector instructions.
pub(super) const WIDE: usize = 8;

/// How banks form groups, and how many of those there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    /// Banks of a group, as a power of two.
    log2: u32,
    /// Chunks of lanes that hold all groups.
    chunks: usize,
    /// The group of each bank.
    of: [u8; MOST_BANKS],
}

impl Groups {
    pub(super) fn new(organisation: &Organisation) -> Self {
        let count = |banks: u32| usize::try_from(banks).expect("64 fits");
        let (size, channel) = (count(organisation.banks), count(organisation.banks_per_channel()));
        let of = array::from_fn(|bank| u8::try_from(bank / size).expect("64 fits"));
        Self { log2: size.ilog2(), chunks: (channel / size).div_ceil(WIDE), of }
    }

    #[inline]
    pub(super) fn of(&self, bank: usize) -> usize {
        usize::from(self.of[bank % MOST_BANKS])
    }

    /// The chunks of a bank's group, in a table by group.
    #[inline]
    pub(super) fn chunks_of(&self, bank: usize) -> Range<usize> {
        let first = self.of(bank) * self.chunks;
        first..first + self.chunks
    }

    /// Banks of a group.
    pub(super) fn size(&self) -> usize {
        1 << self.log2
    }

    /// Chunks of lanes that hold all groups.
    pub(super) fn chunks(&self) -> usize {
        self.chunks
    }
}

/// What one command is held by: a stamp for each bank group, and one for each bank. The later one counts.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    groups: [Stamp; MOST_BANKS],
    banks: [Stamp; MOST_BANKS],
}

impl Lanes {
    pub(super) const RESET: Self = Self { groups: [0; MOST_BANKS], banks: [0; MOST_BANKS] };

    #[inline]
    pub(super) fn get(&self, groups: &Groups, bank: usize) -> Stamp {
        self.banks[bank % MOST_BANKS].max(self.groups[groups.of(bank) % MOST_BANKS])
    }

    /// No earlier than `stamp` for a bank.
    #[inline]
    pub(super) fn raise(&mut self, bank: usize, stamp: Stamp) {
        let known = &mut self.banks[bank % MOST_BANKS];
        *known = stamp.max(*known);
    }

    /// No earlier than a span after `stamp` for every group; spans in whole chunks of lanes.
    #[inline]
    pub(super) fn raise_by(&mut self, stamp: Stamp, spans: &[[Stamp; WIDE]]) {
        for (known, spans) in self.groups.as_chunks_mut::<WIDE>().0.iter_mut().zip(spans) {
            // Cannot wrap: a stamp and a span are each below a quarter of the range.
            let until = spans.map(|span| stamp.wrapping_add(span));
            *known = array::from_fn(|lane| until[lane].max(known[lane]));
        }
    }

    /// The stamp of a bank alone.
    #[inline]
    pub(super) fn of_bank(&self, bank: usize) -> Stamp {
        self.banks[bank % MOST_BANKS]
    }

    /// The bank of least age, with its age, of those of a set whose stamp is at most `limit`.
    #[inline]
    pub(super) fn oldest(
        &self,
        groups: &Groups,
        limit: Stamp,
        banks: u64,
        ages: &Ages,
    ) -> (Age, usize) {
        oldest(banks, ages, |bank| self.get(groups, bank) <= limit)
    }

    /// Whether the stamp of a bank's group is at most `limit`.
    #[inline]
    pub(super) fn group_lets(&self, groups: &Groups, bank: usize, limit: Stamp) -> bool {
        self.groups[groups.of(bank) % MOST_BANKS] <= limit
    }

    /// The earliest stamp of a set of banks; any below `enough` will do.
    #[inline]
    pub(super) fn earliest(&self, groups: &Groups, banks: u64, enough: Stamp) -> Stamp {
        let mut least = Stamp::MAX;
        for bank in each(banks) {
            least = least.min(self.get(groups, bank));
            if least <= enough {
                break;
            }
        }
        least
    }

    /// The time that stamps count from moves by `span`.
    pub(super) fn rebase(&mut self, span: Stamp) {
        for stamp in self.groups.iter_mut().chain(&mut self.banks) {
            *stamp = (*stamp - span).max(0);
        }
    }
}

/// The bank of least age, with its age, of those of a set that are legal. Without branches on what is found: among many
/// banks the processor would guess wrong at every other one.
#[inline]
pub(crate) fn oldest(banks: u64, ages: &Ages, is_legal: impl Fn(usize) -> bool) -> (Age, usize) {
    let (mut least, mut oldest) = (Age::NONE, 0);
    for bank in each(banks) {
        let age = select_unpredictable(is_legal(bank), ages[bank % MOST_BANKS], Age::NONE);
        oldest = select_unpredictable(age < least, bank, oldest);
        least = age.min(least);
    }
    (least, oldest)
}
