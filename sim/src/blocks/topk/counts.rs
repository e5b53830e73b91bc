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
    /// Rows of `comparators` words written to the key memory and to the FIFOs. A row counts once, also
    /// where its words come one after the other: each lane is a bank.
    pub rows_written: u64,
    /// Rows read from them, the last of a round also where it is not full.
    pub rows_read: u64,
}

impl Counts {
    /// What the engine of `topk` counts over one whole selection, from the sizes of its rounds.
    #[must_use]
    pub fn of(topk: &Topk, selection: &Selection) -> Self {
        let keys = u64::from(selection.candidates);
        let rows_written = rows(topk.comparators, selection.candidates);
        let mut counts = Self { rows_written, ..Self::default() };
        if topk.pivot == Pivot::Midpoint {
            counts.compares += 2 * keys;
        }
        for round in &selection.rounds {
            counts += Self::of_round(topk.comparators, round);
        }
        counts += Self::of_filter(topk, selection);
        counts
    }

    /// One round: two zero eliminators, and the realigner of each side.
    fn of_round(lanes: u32, round: &Round) -> Self {
        let less = round.candidates - round.equal - round.greater;
        let sides = u64::from(round.greater + less);
        Self {
            compares: u64::from(round.candidates),
            adds: 2 * adds_of_prefix_sums(lanes, round.candidates),
            shifts: 2 * sides * u64::from(lanes.ilog2()),
            rows_written: rows(lanes, round.greater) + rows(lanes, less),
            rows_read: rows(lanes, round.candidates),
        }
    }

    /// The last pass: a prefix sum that ranks the ties, and one zero eliminator. A row of the key
    /// memory is read once, however many of its keys are filtered in a cycle.
    fn of_filter(topk: &Topk, selection: &Selection) -> Self {
        let lanes = topk.filter_lanes;
        Self {
            compares: u64::from(selection.candidates),
            adds: 2 * adds_of_prefix_sums(lanes, selection.candidates),
            shifts: u64::from(selection.keep) * u64::from(lanes.ilog2()),
            rows_written: 0,
            rows_read: rows(topk.comparators, selection.candidates),
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
        [
            Events { action: Action::Compare { width }, count: self.compares },
            Events { action: Action::Add { width: sum }, count: self.adds },
            Events { action: Action::Shift { width }, count: self.shifts },
            Events { action: Action::write(words, row), count: self.rows_written },
            Events { action: Action::read(words, row), count: self.rows_read },
        ]
    }
}

/// Rows that so many words fill.
fn rows(lanes: u32, words: u32) -> u64 {
    u64::from(words.div_ceil(lanes))
}

/// Adders that switch in one Kogge-Stone network while `keys` keys pass, `lanes` a cycle. Level `k`
/// has an adder in each lane from `2^k` on, so all levels have `N log2 N - (N - 1)`.
fn adds_of_prefix_sums(lanes: u32, keys: u32) -> u64 {
    rows(lanes, keys) * u64::from(lanes * lanes.ilog2() + 1 - lanes)
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.compares += other.compares;
        self.adds += other.adds;
        self.shifts += other.shifts;
        self.rows_written += other.rows_written;
        self.rows_read += other.rows_read;
    }
}
