//! Progressive quantisation: which rows are computed again with the LSBs. Keeps rows in order.
//!
//! A row whose largest probability is below the threshold is dropped here and asked for again; the
//! rows behind it wait in this block's buffer, in which every row has had its room since it started.

use std::collections::VecDeque;

use tamis_arch::{
    blocks,
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{BatchId, Pass, ProbLine, RowCredit, RowId},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::{RowWork, WorkTable},
};

/// Progressive quantisation.
pub struct Refetch {
    capacity_lines: u32,
    lanes: u32,
    line: Bits,
    ledger: Ledger,
    rows: VecDeque<Row>,
    /// Batches before this one have asked for their LSBs, or never will.
    asked: BatchId,
    lines: u64,
    refetched: u64,
}

/// A row between its first probability and its last.
struct Row {
    id: RowId,
    keys: u32,
    came: u32,
    sent: u32,
}

/// The refetch block's links.
pub struct RefetchPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Probabilities of first and second passes.
    pub probabilities: &'m mut Link<ProbLine>,
    /// Rows to compute again.
    pub replays: &'m mut Link<Pass>,
    /// Batches whose LSBs are needed.
    pub refetches: &'m mut Link<BatchId>,
    /// Room for rows.
    pub row_credits: &'m mut Link<RowCredit>,
    /// Probabilities that are settled, in order.
    pub settled: &'m mut Link<ProbLine>,
}

impl Refetch {
    /// An empty buffer of lines of `lanes` probabilities.
    #[must_use]
    pub fn new(spec: &blocks::Refetch, lanes: u32, probability: Bits, ledger: Ledger) -> Self {
        Self {
            capacity_lines: spec.buffer_lines,
            lanes,
            line: Bits(probability.0 * lanes),
            ledger,
            rows: VecDeque::new(),
            asked: 0,
            lines: 0,
            refetched: 0,
        }
    }

    /// Rows computed again so far.
    #[must_use]
    pub fn refetched(&self) -> u64 {
        self.refetched
    }

    /// Takes a line: stores it, or drops it if its row is to be computed again.
    fn take(&mut self, clock: &mut Clock, ports: &mut RefetchPorts<'_>) -> bool {
        let Some(&line) = ports.probabilities.peek(clock) else { return false };
        let work = ports.table.row(line.row);
        let dropped = work.refetch && !line.full;
        if !self.ask(clock, ports, line, work) {
            return false;
        }
        ports.probabilities.pop(clock);
        if line.start == 0 && !line.full {
            let keys = work.visible.end - work.visible.start;
            self.rows.push_back(Row { id: line.row, keys, came: 0, sent: 0 });
            self.refetched += u64::from(dropped);
        }
        if !dropped {
            let row = self.rows.iter_mut().rfind(|row| row.id == line.row);
            row.expect("its first pass came first").came += line.keys;
            self.lines += 1;
        }
        true
    }

    /// Where `line` settles that rows are computed again: asks for them, and for their LSBs. Whether
    /// there was room to.
    fn ask(
        &mut self,
        clock: &mut Clock,
        ports: &mut RefetchPorts<'_>,
        line: ProbLine,
        work: &RowWork,
    ) -> bool {
        if line.full {
            return true;
        }
        let batch = ports.table.batch(work.batch);
        let pass = if batch.line_by_line() {
            // Its rows were read together, and are read together again once all are decided.
            let all = || batch.rows.clone().any(|row| ports.table.row(row).refetch);
            if !(line.last && work.last.batch && all()) {
                return true;
            }
            Pass { first: batch.rows.start, rows: batch.rows.end - batch.rows.start, full: true }
        } else {
            if !(line.start == 0 && work.refetch) {
                return true;
            }
            Pass { first: line.row, rows: 1, full: true }
        };
        let first = self.asked <= work.batch;
        if !ports.replays.can_push(clock) || (first && !ports.refetches.can_push(clock)) {
            return false;
        }
        ports.replays.push(clock, pass);
        if first {
            ports.refetches.push(clock, work.batch);
            self.asked = work.batch + 1;
        }
        true
    }

    /// Hands on a line of the oldest row. `None` where it has none.
    fn send(&mut self, clock: &mut Clock, ports: &mut RefetchPorts<'_>) -> Option<bool> {
        let row = self.rows.front_mut().filter(|row| row.came > row.sent)?;
        if !ports.settled.can_push(clock) || !ports.row_credits.can_push(clock) {
            return Some(false);
        }
        let keys = (row.keys - row.sent).min(self.lanes);
        let last = row.sent + keys == row.keys;
        ports
            .settled
            .push(clock, ProbLine { row: row.id, start: row.sent, keys, last, full: true });
        row.sent += keys;
        ports.row_credits.push(clock, RowCredit { lines: 1, rows: u32::from(last) });
        if last {
            self.rows.pop_front();
        }
        Some(true)
    }
}

impl Component for Refetch {
    type Ports<'m> = RefetchPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: RefetchPorts<'_>) -> Wake {
        let took = self.take(clock, &mut ports);
        let sent = self.send(clock, &mut ports);
        let moved = took || sent == Some(true);
        let blocked = sent == Some(false) || ports.probabilities.peek(clock).is_some();
        let doing = match (moved, blocked) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        let row = self.rows.front()?;
        let (came, keys) = (row.came, row.keys);
        let rows = counted(self.rows.len(), "row", "rows");
        Some(format!("row {}: {came} of {keys} came; {rows} in all", row.id))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let (words, width) = (self.capacity_lines, self.line);
        let events = vec![
            Events { action: Action::read(words, width), count: self.lines },
            Events { action: Action::write(words, width), count: self.lines },
        ];
        BlockOutcome::new(Block::Refetch, self.ledger.close(end), events)
    }
}
