//! Stamps of all banks of a channel, compared at once.
//!
//! Loops over a fixed number of banks, without a branch that depends on what they hold: the compiler turns them
//! into vector instructions, and the processor has nothing to mispredict.

use super::{MOST_BANKS, Stamp, bank_number};

/// Banks that are compared together.
const HALF: usize = MOST_BANKS / 2;

/// The bit of each bank.
const BITS: [u32; HALF] = {
    let mut bits = [0; HALF];
    let mut bank = 0;
    while bank < HALF {
        bits[bank] = 1 << bank;
        bank += 1;
    }
    bits
};

/// A stamp for each bank.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    halves: [[Stamp; HALF]; 2],
}

impl Lanes {
    pub(super) const RESET: Self = Self { halves: [[0; HALF]; 2] };

    #[inline]
    pub(super) fn get(&self, bank: usize) -> Stamp {
        self.halves[bank / HALF % 2][bank % HALF]
    }

    /// No earlier than `stamp` for a run of banks.
    #[inline]
    pub(super) fn raise(&mut self, first: usize, count: usize, stamp: Stamp) {
        let half = &mut self.halves[first / HALF % 2];
        let first = first % HALF;
        match count {
            1 => half[first] = half[first].max(stamp),
            4 if first.is_multiple_of(4) => {
                raise_all(&mut half.as_chunks_mut::<4>().0[first / 4], stamp)
            }
            16 if first.is_multiple_of(16) => {
                raise_all(&mut half.as_chunks_mut::<16>().0[first / 16], stamp);
            }
            _ => {
                for bank in first..first + count {
                    self.raise_one(bank, stamp);
                }
            }
        }
    }

    #[inline]
    fn raise_one(&mut self, bank: usize, stamp: Stamp) {
        let known = &mut self.halves[bank / HALF % 2][bank % HALF];
        *known = stamp.max(*known);
    }

    /// The banks of a set whose stamp is at most `limit`.
    #[inline]
    pub(super) fn at_most(&self, limit: Stamp, banks: u64) -> u64 {
        if banks & banks.wrapping_sub(1) == 0 {
            let holds = banks != 0 && self.get(bank_number(banks.trailing_zeros())) <= limit;
            return if holds { banks } else { 0 };
        }
        let [low, high] = &self.halves;
        let mut found = u64::from(at_most(low, limit));
        if banks >> HALF != 0 {
            found |= u64::from(at_most(high, limit)) << HALF;
        }
        found & banks
    }

    /// The earliest stamp of a set of banks.
    #[inline]
    pub(super) fn earliest(&self, banks: u64) -> Stamp {
        if banks.is_power_of_two() {
            return self.get(bank_number(banks.trailing_zeros()));
        }
        let [low, high] = &self.halves;
        #[expect(clippy::cast_possible_truncation, reason = "the low half, then the high half")]
        let sets = [banks as u32, (banks >> HALF) as u32];
        let first = earliest(low, sets[0]);
        if sets[1] == 0 { first } else { first.min(earliest(high, sets[1])) }
    }

    /// The time that stamps count from moves by `span`.
    pub(super) fn rebase(&mut self, span: Stamp) {
        for stamp in self.halves.iter_mut().flatten() {
            *stamp = (*stamp - span).max(0);
        }
    }
}

#[inline]
fn raise_all<const N: usize>(banks: &mut [Stamp; N], stamp: Stamp) {
    for known in banks {
        *known = stamp.max(*known);
    }
}

#[inline]
fn at_most(stamps: &[Stamp; HALF], limit: Stamp) -> u32 {
    let mut found = 0;
    for (stamp, bit) in stamps.iter().zip(BITS) {
        found |= if *stamp <= limit { bit } else { 0 };
    }
    found
}

#[inline]
fn earliest(stamps: &[Stamp; HALF], banks: u32) -> Stamp {
    let mut least = Stamp::MAX;
    for (stamp, bit) in stamps.iter().zip(BITS) {
        let known = if banks & bit != 0 { *stamp } else { Stamp::MAX };
        least = least.min(known);
    }
    least
}
