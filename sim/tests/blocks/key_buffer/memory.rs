//! The memory in front of the key buffer: it asks for what there is room for, and brings it later.

use std::collections::VecDeque;

use tamis_sim::{
    items::{Arrivals, BatchId, Destination, KeyCredit, Stream},
    layout::Unit,
    work::Batch,
};

use super::surroundings::Setting;
use crate::bench::bring;

/// A transaction to ask for: where to, and how many lines and queries it needs room for.
type Ask = (Destination, u32, u32);

/// Asks for what there is room for, and brings it later.
pub(super) struct Memory<'a> {
    setting: &'a Setting<'a>,
    /// Lines that may be asked for.
    lines: u32,
    queries_free: u32,
    undecided: u32,
    streaming: u32,
    next: BatchId,
    streams_again: bool,
    keys: VecDeque<Ask>,
    queries: VecDeque<Ask>,
    seconds: VecDeque<(BatchId, VecDeque<Ask>)>,
    flying: Vec<(u64, Destination)>,
    dice: u64,
}

fn asks(batch: &Batch, planes: &[(Stream, &[Unit])], lines: u32) -> VecDeque<Ask> {
    let mut asks = VecDeque::new();
    for index in 0..batch.blocks() {
        let mut first = true;
        for &(stream, units) in planes {
            let a_key: u32 = units.iter().map(|unit| unit.count).sum();
            for _ in 0..a_key as usize * batch.keys_of_block(index).len() {
                let to = Destination { stream, batch: batch.id, index };
                asks.push_back((to, if first { lines } else { 0 }, 0));
                first = false;
            }
        }
    }
    asks
}

impl<'a> Memory<'a> {
    pub(super) fn new(setting: &'a Setting<'a>) -> Self {
        Self {
            setting,
            lines: setting.lines,
            queries_free: setting.queries,
            undecided: 0,
            streaming: 0,
            next: 0,
            streams_again: false,
            keys: VecDeque::new(),
            queries: VecDeque::new(),
            seconds: VecDeque::new(),
            flying: Vec::new(),
            dice: 7,
        }
    }

    pub(super) fn credit(&mut self, given: KeyCredit) {
        self.lines += given.lines;
        self.queries_free += given.queries;
        self.undecided -= given.batches;
        self.streaming -= given.streamed;
        assert!(self.lines <= self.setting.lines, "a line was given back twice");
        assert!(self.queries_free <= self.setting.queries, "a query was given back twice");
    }

    fn load(&mut self) {
        let waits = self.streams_again && self.undecided > 0;
        let Some(batch) = self.setting.table.get(self.next) else { return };
        if waits || !self.keys.is_empty() {
            return;
        }
        self.next += 1;
        self.undecided += 1;
        self.streaming += u32::from(!batch.resident);
        self.streams_again = !batch.resident && !batch.lsb_units.is_empty();
        self.keys = asks(batch, &[(Stream::KeyMsb, &batch.msb_units)], batch.heads);
        let a_query: u32 = batch.query_units.iter().map(|unit| unit.count).sum();
        for index in (0..).take(batch.queries.len()).filter(|_| self.setting.query_traffic) {
            let to = Destination { stream: Stream::Query, batch: batch.id, index };
            self.queries.extend((0..a_query).map(|one| (to, 0, u32::from(one == 0))));
        }
    }

    pub(super) fn load_again(&mut self, id: BatchId) {
        let batch = self.setting.table.batch(id);
        let lsb = (Stream::KeyLsb, &batch.lsb_units[..]);
        let again = if batch.resident {
            asks(batch, &[lsb], 0)
        } else {
            asks(batch, &[(Stream::KeyMsb, &batch.msb_units), lsb], batch.heads)
        };
        self.seconds.push_back((id, again));
    }

    pub(super) fn ask(&mut self, now: u64, asked: &mut Vec<(u64, Destination)>) {
        self.load();
        let mut left = self.setting.rate;
        if let Some((id, again)) = self.seconds.front_mut() {
            let kept = self.setting.table.batch(*id).resident;
            // Keys that stream again meet none of their first time.
            if kept || self.streaming == 0 {
                let mut rooms = (&mut self.lines, &mut self.queries_free);
                let due = now + self.setting.memory;
                issue(again, &mut left, &mut rooms, due, &mut self.flying, asked);
            }
            if again.is_empty() {
                self.seconds.pop_front();
            }
        }
        for asks in [&mut self.queries, &mut self.keys] {
            let mut rooms = (&mut self.lines, &mut self.queries_free);
            let due = now + self.setting.memory;
            issue(asks, &mut left, &mut rooms, due, &mut self.flying, asked);
        }
    }

    /// What comes in a cycle: any of the first few that are due.
    pub(super) fn bring(&mut self, now: u64) -> Arrivals {
        let pace = (self.setting.rate, self.setting.disorder);
        bring(&mut self.flying, pace, &mut self.dice, now)
    }
}

/// Asks for the first of a queue while there is room.
fn issue(
    asks: &mut VecDeque<Ask>,
    left: &mut usize,
    (lines, queries): &mut (&mut u32, &mut u32),
    due: u64,
    flying: &mut Vec<(u64, Destination)>,
    asked: &mut Vec<(u64, Destination)>,
) {
    while let Some(&(to, needs_lines, needs_queries)) = asks.front()
        && *left > 0
        && needs_lines <= **lines
        && needs_queries <= **queries
    {
        **lines -= needs_lines;
        **queries -= needs_queries;
        *left -= 1;
        asks.pop_front();
        flying.push((due, to));
        asked.push((due, to));
    }
}
