//! What there is room for downstream of the fetcher, and which lanes and slots a flight takes.

use tamis_arch::blocks::Join;

use super::{FetcherSpec, cursor::Run};
use crate::items::{BatchId, Flight, LaneCredits, Stream, Transaction};

/// Room downstream, taken when a transaction is issued.
pub(super) struct Room {
    /// Batches before this one have all their operands.
    pub(super) made: BatchId,
    pub(super) key_lines: u32,
    pub(super) queries: u32,
    /// Bytes of a transaction.
    pub(super) transaction: u64,
    lanes: Box<[Lane]>,
    /// The lane of the next transaction.
    next_lane: usize,
    /// Slots of a lane.
    entries: u32,
    /// Whether rows leave whole: a flight then takes a slot of every lane.
    padded: bool,
    /// Transactions issued, by [`Stream`].
    issued: [u64; Stream::COUNT],
}

/// One lane's reorder buffer, as seen from here.
#[derive(Clone, Copy)]
struct Lane {
    free: u32,
    next_slot: u32,
}

impl Room {
    /// All of it, at reset.
    pub(super) fn new(spec: &FetcherSpec<'_>) -> Self {
        let entries = spec.reorder.entries;
        Self {
            made: 0,
            key_lines: spec.key_lines,
            queries: spec.queries,
            transaction: spec.transaction,
            lanes: vec![Lane { free: entries, next_slot: 0 }; spec.fetcher.lanes as usize].into(),
            next_lane: 0,
            entries,
            padded: spec.reorder.join == Join::Row,
            issued: [0; Stream::COUNT],
        }
    }

    /// Transactions of a stream so far.
    pub(super) fn issued(&self, stream: Stream) -> u64 {
        self.issued[stream as usize]
    }

    /// Transactions of all streams so far.
    pub(super) fn all_issued(&self) -> u64 {
        self.issued.iter().sum()
    }

    /// A slot comes free in each of these lanes.
    pub(super) fn give_back(&mut self, mut lanes: LaneCredits) {
        while lanes != 0 {
            self.lanes[lanes.trailing_zeros() as usize].free += 1;
            lanes &= lanes - 1;
        }
    }

    /// Whether a flight can leave at all: where rows leave whole, every lane must have room.
    pub(super) fn takes_flights(&self) -> bool {
        !self.padded || self.lanes.iter().all(|lane| lane.free > 0)
    }

    /// Adds the transactions of a run to a flight, each in the next lane, until a lane has no room or
    /// each has one of the flight; how many were added.
    pub(super) fn issue(&mut self, run: &Run, flight: &mut Flight) -> u32 {
        if flight.is_empty() {
            flight.reserve_exact(self.lanes.len());
            self.align(run.address);
        }
        let lanes_left = u32::try_from(self.lanes.len() - flight.len()).expect("lanes are few");
        let most = run.count.min(lanes_left);
        let (mut added, mut address) = (0, run.address);
        while added < most
            && let Some(slot) = self.claim(self.next_lane)
        {
            let lane = u8::try_from(self.next_lane).expect("lanes are few");
            flight.push(Transaction { address, to: run.to, lane, slot, ends_flight: false });
            self.next_lane =
                if self.next_lane + 1 < self.lanes.len() { self.next_lane + 1 } else { 0 };
            address += self.transaction;
            added += 1;
        }
        self.issued[run.to.stream as usize] += u64::from(added);
        added
    }

    /// Starts a flight at the lane of its first address, so that a stream meets each channel through
    /// the same lanes, however its flights begin. Rows that leave whole start at lane 0.
    fn align(&mut self, address: u64) {
        let lane =
            if self.padded { 0 } else { address / self.transaction % self.lanes.len() as u64 };
        self.next_lane = usize::try_from(lane).expect("lanes are few");
    }

    /// Ends a flight. Where rows leave whole, the lanes that it does not use lose a slot too.
    pub(super) fn end(&mut self, flight: &mut Flight) {
        let used = flight.len();
        let Some(last) = flight.last_mut() else { return };
        last.ends_flight = true;
        if self.padded {
            for lane in used..self.lanes.len() {
                self.claim(lane).expect("every lane has room");
            }
        }
    }

    /// Takes a slot of a lane's reorder buffer, if one is free.
    #[inline]
    fn claim(&mut self, lane: usize) -> Option<u32> {
        let lane = &mut self.lanes[lane];
        lane.free = lane.free.checked_sub(1)?;
        let slot = lane.next_slot;
        lane.next_slot = if slot + 1 < self.entries { slot + 1 } else { 0 };
        Some(slot)
    }
}
