//! From when on a command is legal, for all banks of a channel.
//!
//! Loops over a fixed number of lanes, without a branch that depends on what they hold: the compiler turns them
//! into vector instructions, and the processor has nothing to mispredict.

use std::{array, ops::Range};

use tamis_arch::dram::Organisation;

use super::{MOST_BANKS, Stamp, each};
use crate::age::{Age, Ages};

/// Lanes that are worked on together.
pub(super) const WIDE: usize = 8;
const HALF: usize = MOST_BANKS / 2;

/// The bit of each lane.
const BITS: [u32; HALF] = {
    let mut bits = [0; HALF];
    let mut lane = 0;
    while lane < HALF {
        bits[lane] = 1 << lane;
        lane += 1;
    }
    bits
};

/// How banks form groups, and how many of those there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups {
    /// Banks of a group, as a power of two.
    log2: u32,
    /// Chunks of lanes that hold all groups.
    chunks: usize,
    /// The banks of every set of four groups.
    banks: [u64; 16],
    /// The group of each bank.
    of: [u8; MOST_BANKS],
}

impl Groups {
    pub(super) fn new(organisation: &Organisation) -> Self {
        let count = |banks: u32| usize::try_from(banks).expect("64 fits");
        let (size, channel) = (count(organisation.banks), count(organisation.banks_per_channel()));
        let own = u64::MAX >> (MOST_BANKS - size);
        let mut banks = [0; 16];
        for (set, banks) in banks.iter_mut().enumerate() {
            for group in (0..MOST_BANKS / size).take(4).filter(|group| set >> group & 1 == 1) {
                *banks |= own << (group * size);
            }
        }
        let of = array::from_fn(|bank| u8::try_from(bank / size).expect("64 fits"));
        Self { log2: size.ilog2(), chunks: (channel / size).div_ceil(WIDE), banks, of }
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

    /// The banks of a set of groups.
    #[inline]
    fn banks(&self, mut groups: u64) -> u64 {
        let mut banks = 0;
        let mut first = 0;
        while groups != 0 {
            banks |= self.banks[(groups & 15) as usize] << first;
            groups >>= 4;
            first += 4 << self.log2;
        }
        banks
    }
}

/// What one command is held by: a stamp for each bank group, and one for each bank. The later one counts.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// Whether any stamp of a group was ever set.
    by_group: bool,
    groups: [Stamp; MOST_BANKS],
    banks: [Stamp; MOST_BANKS],
}

impl Lanes {
    pub(super) const RESET: Self =
        Self { by_group: false, groups: [0; MOST_BANKS], banks: [0; MOST_BANKS] };

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
        self.by_group = true;
        for (known, spans) in self.groups.as_chunks_mut::<WIDE>().0.iter_mut().zip(spans) {
            // Cannot wrap: a stamp and a span are each below a quarter of the range.
            let until = spans.map(|span| stamp.wrapping_add(span));
            *known = array::from_fn(|lane| until[lane].max(known[lane]));
        }
    }

    /// The banks of a set whose stamp is at most `limit`.
    #[inline]
    pub(super) fn at_most(&self, groups: &Groups, limit: Stamp, banks: u64) -> u64 {
        let banks =
            if self.by_group { self.by_groups_at_most(groups, limit, banks) } else { banks };
        if banks == 0 {
            return 0;
        }
        let [low, high] = self.banks.as_chunks::<HALF>().0 else { unreachable!("two halves") };
        let mut found = u64::from(at_most(low, limit));
        if banks >> HALF != 0 {
            found |= u64::from(at_most(high, limit)) << HALF;
        }
        found & banks
    }

    /// The same, as far as groups go.
    #[inline]
    fn by_groups_at_most(&self, groups: &Groups, limit: Stamp, banks: u64) -> u64 {
        let mut free = 0;
        for (chunk, stamps) in self.groups.as_chunks().0[..groups.chunks].iter().enumerate() {
            free |= u64::from(at_most::<WIDE>(stamps, limit)) << (chunk * WIDE);
        }
        groups.banks(free) & banks
    }

    /// The bank of least age of those of a set whose stamp is at most `limit`.
    #[inline]
    pub(super) fn oldest_at_most(
        &self,
        groups: &Groups,
        limit: Stamp,
        banks: u64,
        ages: &Ages,
    ) -> Option<usize> {
        let (mut least, mut oldest) = (Age::NONE, None);
        for bank in each(banks) {
            let age = ages[bank % MOST_BANKS];
            if age < least && self.get(groups, bank) <= limit {
                (least, oldest) = (age, Some(bank));
            }
        }
        oldest
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

#[inline]
fn at_most<const LANES: usize>(stamps: &[Stamp; LANES], limit: Stamp) -> u32 {
    let mut found = 0;
    for (stamp, bit) in stamps.iter().zip(BITS) {
        found |= if *stamp <= limit { bit } else { 0 };
    }
    found
}
