//! What there is room for downstream of the fetcher, and which lanes and slots a flight takes.

use tamis_arch::blocks::Join;

use super::FetcherSpec;
use crate::items::{BatchId, Flight};

/// Room downstream, taken when a transaction is issued.
pub(super) struct Room {
    /// Batches before this one have all their operands.
    pub(super) made: BatchId,
    pub(super) key_lines: u32,
    pub(super) queries: u32,
    /// The lane of the flight's first transaction.
    first_lane: usize,
    pub(super) lanes: Vec<u32>,
    slots: Vec<u32>,
    entries: u32,
    pub(super) padded: bool,
}

impl Room {
    /// All of it, at reset.
    pub(super) fn new(spec: &FetcherSpec<'_>) -> Self {
        let lanes = spec.fetcher.lanes as usize;
        Self {
            made: 0,
            key_lines: spec.key_lines,
            queries: spec.queries,
            first_lane: 0,
            lanes: vec![spec.reorder.entries; lanes],
            slots: vec![0; lanes],
            entries: spec.reorder.entries,
            padded: spec.reorder.join == Join::Row,
        }
    }

    /// Starts a flight at the lane of its first address, so that a stream meets each channel through
    /// the same lanes, however its flights begin. Rows that leave whole start at lane 0.
    pub(super) fn align(&mut self, transaction: u64) {
        if !self.padded {
            let lanes = self.lanes.len() as u64;
            self.first_lane = usize::try_from(transaction % lanes).expect("lanes are few");
        }
    }

    /// Takes a slot of each used lane's reorder buffer; of all lanes, where rows leave whole.
    pub(super) fn claim(&mut self, flight: &mut Flight) {
        if flight.is_empty() {
            return;
        }
        let lanes = self.lanes.len();
        for transaction in flight.iter_mut() {
            transaction.slot = self.slots[usize::from(transaction.lane)];
        }
        flight.last_mut().expect("it is not empty").ends_flight = true;
        let used = if self.padded { lanes } else { flight.len() };
        for place in 0..used {
            let lane = self.lane(place);
            self.lanes[lane] -= 1;
            self.slots[lane] += 1;
            if self.slots[lane] == self.entries {
                self.slots[lane] = 0;
            }
        }
    }

    /// The lane of a place in the flight.
    pub(super) fn lane(&self, place: usize) -> usize {
        let lane = self.first_lane + place;
        if lane < self.lanes.len() { lane } else { lane - self.lanes.len() }
    }
}
