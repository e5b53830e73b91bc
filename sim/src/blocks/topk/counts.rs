//! What a selection costs in energy: events, counted by the engine or found from sizes alone.

use std::ops::AddAssign;

use tamis_arch::{
    area::TOKEN,
    blocks::{Pivot, Topk},
    energy::{Action, Events},
    units::Bits,
};
use tamis_workloads::plan::{Round, Selection};

/// What the engine did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys compared with a pivot, with the threshold, or (midpoint) with an end of the range.
    pub compares: u64,
    /// Additions in prefix sums: every lane of every row switches.
    pub adds: u64,
    /// Words through one layer of multiplexers: empty lanes do not switch.
    pub shifts: u64,
    /// Words written to the key memory and to the FIFOs.
    pub words_written: u64,
    /// Words read from them.
    pub words_read: u64,
}

impl Counts {
    /// What the engine of `topk` counts over one whole selection, from the sizes of its rounds.
    #[must_use]
    pub fn of(topk: &Topk, selection: &Selection) -> Self {
        let keys = u64::from(selection.candidates);
        let mut counts = Self { words_written: keys, ..Self::default() };
        if topk.pivot == Pivot::Midpoint {
            counts.compares += 2 * keys;
        }
        for round in &selection.rounds {
            counts += Self::of_round(topk.comparators, round);
        }
        counts += Self::of_filter(topk.filter_lanes, selection);
        counts
    }

    /// One round: two zero eliminators, and the realigner of each side.
    fn of_round(lanes: u32, round: &Round) -> Self {
        let candidates = u64::from(round.candidates);
        let sides = u64::from(round.candidates - round.equal);
        Self {
            compares: candidates,
            adds: 2 * adds_of_prefix_sums(lanes, round.candidates),
            shifts: 2 * sides * u64::from(lanes.ilog2()),
            words_written: sides,
            words_read: candidates,
        }
    }

    /// The last pass: a prefix sum that ranks the ties, and one zero eliminator.
    fn of_filter(lanes: u32, selection: &Selection) -> Self {
        let keys = u64::from(selection.candidates);
        Self {
            compares: keys,
            adds: 2 * adds_of_prefix_sums(lanes, selection.candidates),
            shifts: u64::from(selection.keep) * u64::from(lanes.ilog2()),
            words_written: 0,
            words_read: keys,
        }
    }

    /// As priced actions, for keys of `width` bits.
    ///
    /// Keys move through the memories with their places, a row of lanes at a time.
    #[must_use]
    pub fn events(&self, topk: &Topk, width: Bits) -> [Events; 5] {
        let lanes = topk.comparators;
        let row = Bits(lanes * (width.0 + TOKEN));
        let words = topk.entries.div_ceil(lanes);
        let sum = Bits(topk.comparators.max(topk.filter_lanes).ilog2() + 1);
        let rows = |words: u64| words.div_ceil(u64::from(lanes));
        [
            Events { action: Action::Compare { width }, count: self.compares },
            Events { action: Action::Add { width: sum }, count: self.adds },
            Events { action: Action::Shift { width }, count: self.shifts },
            Events { action: Action::write(words, row), count: rows(self.words_written) },
            Events { action: Action::read(words, row), count: rows(self.words_read) },
        ]
    }
}

/// Adders that switch in one Kogge-Stone network while `keys` keys pass, `lanes` a cycle. Level `k`
/// has an adder in each lane from `2^k` on, so all levels have `N log2 N - (N - 1)`.
fn adds_of_prefix_sums(lanes: u32, keys: u32) -> u64 {
    u64::from(keys.div_ceil(lanes)) * u64::from(lanes * lanes.ilog2() + 1 - lanes)
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.compares += other.compares;
        self.adds += other.adds;
        self.shifts += other.shifts;
        self.words_written += other.words_written;
        self.words_read += other.words_read;
    }
}
