//! K on chip, the queries beside it, and the reader that feeds the QK array.
//!
//! A line holds the keys of one head that the array multiplies in one cycle. Prefill goes row by row
//! over K that stays in the buffer; decode goes line by line, each line for all rows of the batch, so
//! that K larger than the buffer streams through. Rows start only when the refetch buffer has room
//! for them, so a row that is computed again never waits for room.

mod held;
mod run;

use std::collections::VecDeque;

use tamis_arch::{
    blocks::{self, BufferRead},
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle, Cycles},
};

use self::{held::Held, run::Run};
use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Arrivals, BatchId, KeyCredit, KeyLine, Pass, RowCredit, RowId, Stream},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::{Batch, WorkTable},
};

/// What the key buffer is made for.
pub struct KeyBufferSpec<'a> {
    /// Its own parameters.
    pub buffer: &'a blocks::KvBuffer,
    /// Bits of a line.
    pub line: Bits,
    /// Lines that it holds.
    pub lines: u32,
    /// Bits of a query.
    pub query: Bits,
    /// Whether queries come from DRAM.
    pub query_traffic: bool,
    /// Rows that may be under way.
    pub rows: u32,
    /// Lines of probabilities that they may need.
    pub row_lines: u32,
    /// Scores in a line of probabilities.
    pub softmax_lanes: u32,
}

/// K on chip.
pub struct KeyBuffer {
    read: BufferRead,
    poll_period: Cycles,
    skip: u32,
    capacity_lines: u32,
    line: Bits,
    /// Words and width of the store of queries.
    query_store: (u32, Bits),
    query_traffic: bool,
    softmax_lanes: u32,
    ledger: Ledger,
    batches: VecDeque<Held>,
    /// Rows whose second pass is due.
    replays: VecDeque<Pass>,
    run: Option<Run>,
    /// A first pass that a second one overtook before its first line came.
    overtaken: Option<Run>,
    rows_free: u32,
    row_lines_free: u32,
    /// The oldest row that is not yet handed on by the refetch buffer.
    oldest_row: RowId,
    credit: KeyCredit,
    /// With a polling reader: when it looks again.
    next_poll: Cycle,
    reads: u64,
    writes: u64,
    /// The row whose query stands at the array.
    at_array: Option<RowId>,
    /// Queries that came into their store, and that were read from it.
    queries_stored: u64,
    queries_read: u64,
}

/// The key buffer's links.
pub struct KeyBufferPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Keys and queries that came.
    pub arrivals: &'m mut Link<Arrivals>,
    /// Rows to compute.
    pub passes: &'m mut Link<Pass>,
    /// Rows to compute again.
    pub replays: &'m mut Link<Pass>,
    /// Rows that are decided and gone.
    pub row_credits: &'m mut Link<RowCredit>,
    /// Room for the fetcher.
    pub key_credits: &'m mut Link<KeyCredit>,
    /// To the QK array.
    pub key_lines: &'m mut Link<KeyLine>,
}

impl KeyBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(spec: &KeyBufferSpec<'_>, ledger: Ledger) -> Self {
        Self {
            read: spec.buffer.read,
            poll_period: spec.buffer.poll_period,
            skip: spec.buffer.skip,
            capacity_lines: spec.lines,
            line: spec.line,
            query_store: (spec.buffer.queue, spec.query),
            query_traffic: spec.query_traffic,
            softmax_lanes: spec.softmax_lanes,
            ledger,
            batches: VecDeque::new(),
            replays: VecDeque::new(),
            run: None,
            overtaken: None,
            rows_free: spec.rows,
            row_lines_free: spec.row_lines,
            oldest_row: 0,
            credit: KeyCredit::default(),
            next_poll: Cycle::ZERO,
            reads: 0,
            writes: 0,
            at_array: None,
            queries_stored: 0,
            queries_read: 0,
        }
    }

    /// The oldest batch that it still holds.
    #[must_use]
    pub fn oldest(&self) -> Option<BatchId> {
        self.batches.front().map(|held| held.batch)
    }

    fn held(&mut self, table: &WorkTable, batch: BatchId) -> &mut Held {
        let first = match self.batches.front() {
            Some(held) => held.batch,
            None => table.row(self.oldest_row).batch,
        };
        let place = (batch - first) as usize;
        while self.batches.len() <= place {
            let next = first + BatchId::try_from(self.batches.len()).expect("few batches");
            let batch = table.batch(next);
            let refetches = batch.rows.clone().any(|row| table.row(row).refetch);
            self.batches.push_back(Held::new(batch, refetches, self.query_traffic));
        }
        &mut self.batches[place]
    }

    fn store(&mut self, clock: &mut Clock, ports: &mut KeyBufferPorts<'_>) -> bool {
        let Some(arrivals) = ports.arrivals.pop(clock) else { return false };
        for (to, count) in arrivals {
            let complete = self.held(ports.table, to.batch).arrive(to, count);
            if complete && to.stream != Stream::Query {
                self.writes += u64::from(ports.table.batch(to.batch).heads);
            }
        }
        true
    }

    fn take_row_credit(&mut self, clock: &mut Clock, ports: &mut KeyBufferPorts<'_>) -> bool {
        let Some(credit) = ports.row_credits.pop(clock) else { return false };
        self.row_lines_free += credit.lines;
        self.rows_free += credit.rows;
        for _ in 0..credit.rows {
            let row = ports.table.row(self.oldest_row);
            self.oldest_row += 1;
            self.credit.queries += u32::from(row.last.query && self.query_traffic);
            if row.last.batch {
                self.held(ports.table, row.batch).decided = true;
            }
        }
        true
    }

    /// Forgets the oldest batches when every row is decided and all that was asked for has come.
    fn retire(&mut self, table: &WorkTable) {
        while let Some(held) = self.batches.front() {
            let batch = table.batch(held.batch);
            if !held.is_through(batch) {
                return;
            }
            self.batches.pop_front();
            self.credit.batches += 1;
            if batch.resident {
                self.credit.lines += batch.blocks() * batch.heads;
            }
        }
    }

    fn give_credit(&mut self, clock: &mut Clock, ports: &mut KeyBufferPorts<'_>) {
        if self.credit != KeyCredit::default() && ports.key_credits.can_push(clock) {
            ports.key_credits.push(clock, std::mem::take(&mut self.credit));
        }
    }

    /// Chooses what to read next: a second pass whose keys are there, or else a new one.
    fn start(&mut self, clock: &mut Clock, ports: &mut KeyBufferPorts<'_>) {
        if let Some(pass) = ports.replays.pop(clock) {
            self.replays.push_back(pass);
        }
        if self.run.as_ref().is_some_and(|run| run.pass.full || run.begun) {
            return;
        }
        if let Some(&pass) = self.replays.front() {
            let run = Run::new(pass, ports.table, self.skip);
            if self.held(ports.table, run.batch).has_block(run.block, true) {
                self.replays.pop_front();
                // What a first pass waits for may come only when the rows before it are decided.
                self.overtaken = self.run.replace(run).or(self.overtaken.take());
                return;
            }
        }
        if self.run.is_none() {
            self.run = self.overtaken.take();
        }
        if self.run.is_some() {
            return;
        }
        let Some(&pass) = ports.passes.peek(clock) else { return };
        let lines = self.lines(pass, ports.table);
        let batch = ports.table.row(pass.first).batch;
        self.held(ports.table, batch);
        if pass.rows <= self.rows_free && lines <= self.row_lines_free && self.keys_can_come(batch)
        {
            ports.passes.pop(clock);
            self.rows_free -= pass.rows;
            self.queries_stored += u64::from(pass.rows);
            self.row_lines_free -= lines;
            self.run = Some(Run::new(pass, ports.table, self.skip));
        }
    }

    /// Whether a batch's keys fit beside those of the batches before it, so that its pass, once
    /// started, never waits for one of them: that one may itself wait for a second pass.
    fn keys_can_come(&self, batch: BatchId) -> bool {
        let lines: u32 =
            self.batches.iter().filter(|held| held.batch <= batch).map(|held| held.lines).sum();
        lines <= self.capacity_lines
    }

    /// Lines of probabilities that the rows of a pass fill.
    fn lines(&self, pass: Pass, table: &WorkTable) -> u32 {
        (pass.first..pass.first + pass.rows)
            .map(|row| {
                let visible = &table.row(row).visible;
                (visible.end - visible.start).div_ceil(self.softmax_lanes)
            })
            .sum()
    }

    /// Keys that stream through: gives back the blocks that came and that no row of the pass reads any
    /// more. Windows and counts that are rounded up have blocks that none ever reads.
    fn give_back(&mut self, run: &mut Run, batch: &Batch) {
        let until = if run.through { batch.blocks() } else { run.block };
        let first = self.batches.front().expect("its pass goes on").batch;
        let held = &mut self.batches[(batch.id - first) as usize];
        let before = run.freed;
        while run.freed < until && held.has_block(run.freed, run.pass.full) {
            run.freed += 1;
        }
        self.credit.lines += (run.freed - before) * batch.heads;
        if run.freed == batch.blocks() {
            held.forget(batch);
            self.credit.streamed += u32::from(!run.pass.full);
        }
    }

    /// Reads one line, if it is there.
    fn read(&mut self, clock: &mut Clock, ports: &mut KeyBufferPorts<'_>) -> Reading {
        let Some(mut run) = self.run.take() else { return Reading::Nothing };
        let batch = ports.table.batch(run.batch);
        if !batch.resident {
            self.give_back(&mut run, batch);
        }
        if run.through {
            self.run = run.goes_on(batch).then_some(run);
            return Reading::Waiting;
        }
        if !run.found {
            run.search(ports.table, self.skip);
            self.run = run.goes_on(batch).then_some(run);
            return Reading::Searching;
        }
        let row = ports.table.row(run.row);
        if !ports.key_lines.can_push(clock) {
            self.run = Some(run);
            return Reading::Blocked;
        }
        if clock.now() < self.next_poll {
            self.run = Some(run);
            return Reading::Waiting;
        }
        let held = self.held(ports.table, run.batch);
        if !held.has_block(run.block, run.pass.full) || !held.has_query(row.query) {
            if self.read == BufferRead::Polling {
                self.next_poll = clock.now() + self.poll_period;
                self.reads += 1;
            }
            self.run = Some(run);
            return Reading::Waiting;
        }
        let block = batch.keys_of_block(run.block);
        let keys = block.end.min(row.visible.end) - block.start.max(row.visible.start);
        let last = row.visible.end <= block.end;
        ports.key_lines.push(clock, KeyLine { row: run.row, keys, last, full: run.pass.full });
        self.reads += 1;
        if self.at_array != Some(run.row) {
            self.at_array = Some(run.row);
            self.queries_read += 1;
        }
        run.begun = true;
        run.advance(ports.table, self.skip);
        if !batch.resident {
            self.give_back(&mut run, batch);
        }
        self.run = run.goes_on(batch).then_some(run);
        Reading::Read
    }
}

/// What the reader did in a cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Read,
    /// It looked for the next line and has not found it yet.
    Searching,
    Blocked,
    Waiting,
    Nothing,
}

impl Component for KeyBuffer {
    type Ports<'m> = KeyBufferPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: KeyBufferPorts<'_>) -> Wake {
        let stored = self.store(clock, &mut ports);
        let credited = self.take_row_credit(clock, &mut ports);
        self.start(clock, &mut ports);
        let reading = self.read(clock, &mut ports);
        self.retire(ports.table);
        self.give_credit(clock, &mut ports);
        let doing = match reading {
            Reading::Read | Reading::Searching => Doing::Busy,
            Reading::Blocked => Doing::Blocked,
            _ if stored => Doing::Busy,
            Reading::Waiting | Reading::Nothing => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        let moved = matches!(reading, Reading::Read | Reading::Searching);
        if moved || stored || credited {
            Wake::NextCycle
        } else if clock.now() < self.next_poll && reading == Reading::Waiting {
            Wake::At(self.next_poll)
        } else {
            Wake::OnLink
        }
    }

    fn holds(&self) -> Option<String> {
        let held = self.batches.front()?;
        Some(format!(
            "batch {}: {}; second passes that wait: {}; room for {} and {} of probabilities",
            held.batch,
            held.waits_for(),
            self.replays.len(),
            counted(self.rows_free, "row", "rows"),
            counted(self.row_lines_free, "line", "lines")
        ))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let (words, width) = (self.capacity_lines, self.line);
        let (queries, query) = self.query_store;
        let events = vec![
            Events { action: Action::read(words, width), count: self.reads },
            Events { action: Action::write(words, width), count: self.writes },
            Events { action: Action::read(queries, query), count: self.queries_read },
            Events { action: Action::write(queries, query), count: self.queries_stored },
        ];
        BlockOutcome::new(Block::KeyBuffer, self.ledger.close(end), events)
    }
}
