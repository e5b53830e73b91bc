//! Turns batches and ids into DRAM transactions: one a lane and cycle, all lanes in lock step.
//!
//! Six kinds of work wait at once. The one that holds up the pipeline most goes first: LSBs that a
//! refetch waits for, values that a row waits for, queries, keys of the newest token, keys, values fetched
//! ahead. The keys of a decode step are fetched up to the line of the newest token before that one is made.

mod cursor;
mod room;

use std::collections::VecDeque;

use tamis_arch::{
    blocks::{self, Prefetch},
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle},
};

use self::{
    cursor::{Cursor, KeyCursor, QueryCursor, ValueCursor},
    room::Room,
};
use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{BatchId, Flight, KeyCredit, LaneCredits, Stream, ValueIds},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// What the fetcher is made for.
pub struct FetcherSpec<'a> {
    /// Its own parameters.
    pub fetcher: &'a blocks::Fetcher,
    /// Reorder buffers that it must not overrun.
    pub reorder: &'a blocks::Reorder,
    /// Prefetch and traffic.
    pub sequencer: &'a blocks::Sequencer,
    /// Lines of the key buffer.
    pub key_lines: u32,
    /// Queries of the key buffer's store.
    pub queries: u32,
    /// Bytes of a transaction.
    pub transaction: u64,
}

/// Ids to transactions.
pub struct Fetcher {
    serialized: bool,
    query_traffic: bool,
    ledger: Ledger,
    keys: Option<KeyCursor>,
    /// Batches whose keys are fetched but for the lines from the newest token on, which have their room.
    newest: VecDeque<KeyCursor>,
    refetches: VecDeque<KeyCursor>,
    queries: VecDeque<QueryCursor>,
    values: Option<ValueCursor>,
    room: Room,
    /// Batches loaded and not yet decided.
    undecided: u32,
    /// Whether the batch loaded last does not stay in the buffer and may be streamed again.
    streams_again: bool,
    /// Batches whose keys are streaming through for the first time.
    streaming: u32,
}

/// The fetcher's links.
pub struct FetcherPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Batches to load.
    pub loads: &'m mut Link<BatchId>,
    /// Batches whose operands are all made: queries to load.
    pub made: &'m mut Link<BatchId>,
    /// Batches whose LSBs are needed.
    pub refetches: &'m mut Link<BatchId>,
    /// Values to fetch.
    pub value_ids: &'m mut Link<ValueIds>,
    /// Room in the key buffer.
    pub key_credits: &'m mut Link<KeyCredit>,
    /// Room in the reorder buffers.
    pub lane_credits: &'m mut Link<LaneCredits>,
    /// Transactions.
    pub flights: &'m mut Link<Flight>,
}

impl Fetcher {
    /// A fetcher at reset.
    #[must_use]
    pub fn new(spec: &FetcherSpec<'_>, ledger: Ledger) -> Self {
        Self {
            serialized: spec.sequencer.prefetch == Prefetch::Serialized,
            query_traffic: spec.sequencer.query_traffic,
            ledger,
            keys: None,
            newest: VecDeque::new(),
            refetches: VecDeque::new(),
            queries: VecDeque::new(),
            values: None,
            room: Room::new(spec),
            undecided: 0,
            streams_again: false,
            streaming: 0,
        }
    }

    /// The oldest batch that it still works for.
    #[must_use]
    pub fn oldest(&self) -> Option<BatchId> {
        let keys = self.keys.iter().chain(&self.newest).chain(&self.refetches);
        let keys = keys.map(KeyCursor::batch);
        let queries = self.queries.iter().map(QueryCursor::batch);
        keys.chain(queries).chain(self.values.iter().map(ValueCursor::batch)).min()
    }

    /// Transactions of a stream so far.
    #[must_use]
    pub fn issued(&self, stream: Stream) -> u64 {
        self.room.issued(stream)
    }

    fn take_credits(&mut self, clock: &mut Clock, ports: &mut FetcherPorts<'_>) {
        if let Some(credit) = ports.key_credits.pop(clock) {
            self.room.key_lines += credit.lines;
            self.room.queries += credit.queries;
            self.undecided -= credit.batches;
            self.streaming -= credit.streamed;
        }
        if let Some(lanes) = ports.lane_credits.pop(clock) {
            self.room.give_back(lanes);
        }
    }

    fn take_work(&mut self, clock: &mut Clock, ports: &mut FetcherPorts<'_>) -> bool {
        let mut took = false;
        if let Some(id) = ports.made.pop(clock) {
            self.room.made = id + 1;
            if self.query_traffic {
                self.queries.push_back(QueryCursor::new(id));
            }
            took = true;
        }
        self.set_newest_aside(ports.table);
        let waits = (self.serialized || self.streams_again) && self.undecided > 0;
        if self.keys.is_none()
            && !waits
            && let Some(id) = ports.loads.pop(clock)
        {
            let batch = ports.table.batch(id);
            self.undecided += 1;
            self.streaming += u32::from(!batch.resident);
            self.streams_again = !batch.resident && !batch.lsb_units.is_empty();
            self.keys = Some(KeyCursor::first_pass(id));
            took = true;
        }
        if let Some(id) = ports.refetches.pop(clock) {
            self.refetches.push_back(KeyCursor::second_pass(id, ports.table.batch(id).resident));
            took = true;
        }
        if self.values.is_none()
            && let Some(ids) = ports.value_ids.pop(clock)
        {
            self.values = Some(ValueCursor::new(ids));
            took = true;
        }
        took
    }

    /// Makes way for the next batch where this one's keys are fetched up to the newest token, which is
    /// not made: once its lines have their room, so that a later batch cannot take it.
    fn set_newest_aside(&mut self, table: &WorkTable) {
        let (made, room) = (self.room.made, &mut self.room.key_lines);
        let waiting = self.keys.take_if(|keys| {
            let batch = table.batch(keys.batch());
            made <= batch.id && keys.is_at_newest(batch) && keys.claim(batch, room)
        });
        self.newest.extend(waiting);
    }

    /// The transactions of this cycle, all of the most urgent kind of work that can move.
    fn flight(&mut self, table: &WorkTable) -> Flight {
        let mut flight = Flight::new();
        if !self.room.takes_flights() {
            return flight;
        }
        let room = &mut self.room;
        while let Some(load) = self.refetches.front_mut()
            // Keys that stream again meet none of their first time: the two could not be told apart.
            && (self.streaming == 0 || !load.streams_again())
            && fill(load, table, room, &mut flight)
        {
            self.refetches.pop_front();
        }
        let urgent = self.values.as_ref().is_some_and(ValueCursor::urgent);
        let first = urgent.then_some(Kind::Values);
        let then = [Kind::Queries, Kind::Newest, Kind::Keys, Kind::Values];
        for kind in first.into_iter().chain(then) {
            if flight.is_empty() {
                self.fill_kind(kind, table, &mut flight);
            }
        }
        self.room.end(&mut flight);
        flight
    }

    fn fill_kind(&mut self, kind: Kind, table: &WorkTable, flight: &mut Flight) {
        let room = &mut self.room;
        match kind {
            Kind::Values => {
                if let Some(values) = &mut self.values
                    && fill(values, table, room, flight)
                {
                    self.values = None;
                }
            }
            Kind::Queries => {
                if let Some(queries) = self.queries.front_mut()
                    && fill(queries, table, room, flight)
                {
                    self.queries.pop_front();
                }
            }
            Kind::Newest => {
                if let Some(keys) = self.newest.front_mut()
                    && fill(keys, table, room, flight)
                {
                    self.newest.pop_front();
                }
            }
            Kind::Keys => {
                if let Some(keys) = &mut self.keys
                    && fill(keys, table, room, flight)
                {
                    self.keys = None;
                }
            }
        }
    }

    fn has_work(&self) -> bool {
        self.keys.is_some()
            || self.newest.front().is_some_and(|keys| keys.batch() < self.room.made)
            || !self.refetches.is_empty()
            || !self.queries.is_empty()
            || self.values.is_some()
    }
}

enum Kind {
    Values,
    Queries,
    Newest,
    Keys,
}

/// Adds a cursor's transactions to the flight while they fit; whether the cursor is through.
fn fill(cursor: &mut impl Cursor, table: &WorkTable, room: &mut Room, flight: &mut Flight) -> bool {
    let batch = table.batch(cursor.batch());
    loop {
        let needs = cursor.needs(batch);
        let unmade = needs.newest && batch.id >= room.made;
        if unmade || needs.key_lines > room.key_lines || needs.queries > room.queries {
            return false;
        }
        let run = cursor.run(batch, room.transaction);
        let added = room.issue(&run, flight);
        if added == 0 {
            return false;
        }
        room.key_lines -= needs.key_lines;
        room.queries -= needs.queries;
        if cursor.advance(batch, added) {
            return true;
        }
    }
}

impl Component for Fetcher {
    type Ports<'m> = FetcherPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: FetcherPorts<'_>) -> Wake {
        self.take_credits(clock, &mut ports);
        let took = self.take_work(clock, &mut ports);
        let mut sent = false;
        if self.has_work() && ports.flights.can_push(clock) {
            let flight = self.flight(ports.table);
            if !flight.is_empty() {
                ports.flights.push(clock, flight);
                sent = true;
            }
        }
        let moved = sent || took;
        let doing = match (moved, self.has_work()) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        (self.has_work() || !self.newest.is_empty()).then(|| {
            format!(
                "{}, {}, keys: {}, {} whose newest key waits, values: {}; operands are made before batch \
                 {}; room for {} and {}",
                counted(self.refetches.len(), "second pass", "second passes"),
                counted(self.queries.len(), "query", "queries"),
                self.keys.is_some(),
                counted(self.newest.len(), "batch", "batches"),
                self.values.is_some(),
                self.room.made,
                counted(self.room.key_lines, "key line", "key lines"),
                counted(self.room.queries, "query", "queries")
            )
        })
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let action = Action::Add { width: Bits(32) };
        let events = vec![Events { action, count: self.room.all_issued() }];
        BlockOutcome::new(Block::Fetcher, self.ledger.close(end), events)
    }
}
