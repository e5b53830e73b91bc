//! The time of a selection from the sizes of its rounds, without its keys.
//!
//! All times count from the cycle in which the engine takes the last row of keys, or, if it still
//! works on the selection before, from the cycle in which that one's last row leaves.

use tamis_arch::{
    blocks::{Topk, TopkModel},
    units::Cycles,
};
use tamis_workloads::plan::Selection;

/// Cycles a round of the released delay model takes beyond its rows (`TopKLatencyModel`, class of
/// the Scala sources that the authors of SpAtten released).
const DELAY_MODEL_OVERHEAD: Cycles = Cycles(3);

/// Cycles that a round takes beyond one for each row of its candidates.
#[must_use]
pub fn round_overhead(topk: &Topk) -> Cycles {
    match topk.model {
        TopkModel::Engine => topk.compare_latency + topk.eliminate_latency + topk.decide_latency,
        TopkModel::DelayModel => DELAY_MODEL_OVERHEAD,
    }
}

/// When a selection does what, if the receiver always has room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The first row of candidates is read, to be compared with the first pivot.
    pub first_compare: Cycles,
    /// Each round's decision is known; the next round reads its first row in the same cycle.
    pub round_ends: Vec<Cycles>,
    /// The threshold is known: the end of the last round. The filter pass reads its first row.
    pub threshold: Cycles,
    /// The first row of the filter pass is offered.
    pub first_row: Cycles,
    /// The last row of the filter pass is offered; a row follows each cycle in between.
    pub last_row: Cycles,
}

impl Schedule {
    /// The times of `selection` on `topk`.
    ///
    /// The delay model knows no pipelines: its rounds start in the cycle after the last key, and
    /// its rows pass from the cycle in which the delay is over.
    ///
    /// # Panics
    ///
    /// If there is nothing to select from: such a selection never reaches the engine.
    #[must_use]
    pub fn new(topk: &Topk, selection: &Selection) -> Self {
        let (choose, filter) = match topk.model {
            TopkModel::Engine => (topk.decide_latency, row_latency(topk)),
            TopkModel::DelayModel => (Cycles(0), Cycles(0)),
        };
        let first_compare = Cycles(1) + choose;
        let mut threshold = first_compare;
        let round_ends = selection
            .rounds
            .iter()
            .map(|round| {
                threshold += rows(round.candidates, topk.comparators) + round_overhead(topk);
                threshold
            })
            .collect();
        assert!(selection.candidates > 0, "a selection has keys to select from");
        let first_row = threshold + filter;
        let last_row = first_row + rows(selection.candidates, topk.filter_lanes) - Cycles(1);
        Self { first_compare, round_ends, threshold, first_row, last_row }
    }

    /// The selection itself: first compare to threshold known.
    #[must_use]
    pub fn selection(&self) -> Cycles {
        self.threshold - self.first_compare
    }
}

/// Cycles from the read of a row to its landing in a FIFO, or in the output register: one to read,
/// then the comparators, then the zero eliminator.
pub(super) fn row_latency(topk: &Topk) -> Cycles {
    Cycles(1) + topk.compare_latency + topk.eliminate_latency
}

fn rows(keys: u32, lanes: u32) -> Cycles {
    Cycles(u64::from(keys.div_ceil(lanes)))
}
