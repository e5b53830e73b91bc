//! The blocks around the key buffer, as far as it can tell: a memory that brings what there is room
//! for, and decisions that free the room of rows and ask for second passes.

use std::collections::VecDeque;

use tamis_arch::{
    blocks::BufferRead,
    units::{Bits, Bytes, Cycle, Cycles},
};
use tamis_sim::{
    blocks::key_buffer::{KeyBuffer, KeyBufferPorts, KeyBufferSpec},
    clock::Clock,
    component::Component,
    items::{Arrivals, BatchId, Destination, KeyCredit, KeyLine, Pass, RowCredit, RowId},
    link::Link,
    outcome::BlockOutcome,
    stats::Ledger,
    work::WorkTable,
};

use super::{
    memory::Memory,
    oracle::{Landed, Oracle},
};
use crate::bench::{moves, spatten, wire};

/// A key buffer and the patience of its neighbours.
pub(super) struct Setting<'a> {
    pub(super) table: &'a WorkTable,
    pub(super) lines: u32,
    pub(super) queries: u32,
    pub(super) rows: u32,
    pub(super) row_lines: u32,
    /// Scores in a line of probabilities.
    pub(super) lanes: u32,
    pub(super) query_traffic: bool,
    /// Rows that it looks at in a cycle for the next that reads a line. The oracle knows no search.
    pub(super) skip: u32,
    /// Whether the search never takes a cycle, so that each line leaves in the cycle of the oracle.
    pub(super) exact: bool,
    pub(super) poll: Option<u64>,
    pub(super) read_latency: u64,
    /// Cycles from asking for a transaction to its sending.
    pub(super) memory: u64,
    /// Transactions asked for, and brought, in a cycle.
    pub(super) rate: usize,
    /// Of so many transactions, any may come first.
    pub(super) disorder: usize,
    /// Cycles from a row's last line to its decision.
    pub(super) decision: u64,
    /// The array takes nothing before this cycle.
    pub(super) refused_until: u64,
    /// In which cycles transactions are sent, passes are issued, lines are taken and credits are taken.
    pub(super) patience: [Vec<bool>; 4],
    /// The run ends here, if not with its last batch.
    pub(super) until: u64,
}

impl<'a> Setting<'a> {
    /// Room and patience without end.
    pub(super) fn generous(table: &'a WorkTable) -> Self {
        Self {
            table,
            lines: 1 << 20,
            queries: 1 << 20,
            rows: 1 << 20,
            row_lines: 1 << 20,
            lanes: 8,
            query_traffic: false,
            skip: 1024,
            exact: true,
            poll: None,
            read_latency: 5,
            memory: 1,
            rate: 64,
            disorder: 1,
            decision: 1,
            refused_until: 0,
            patience: [const { Vec::new() }; 4],
            until: 100_000,
        }
    }
}

/// What was seen at the ports, each with its cycle.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<(u64, KeyLine)>,
    /// Transactions that were asked for.
    pub(super) asked: Vec<(u64, Destination)>,
    /// Every batch is through.
    pub(super) ended: bool,
}

impl Seen {
    pub(super) fn times(&self) -> Vec<u64> {
        self.lines.iter().map(|&(at, _)| at).collect()
    }
}

/// Decides rows in order, some time after their last line.
struct Decisions<'a> {
    setting: &'a Setting<'a>,
    /// Rows whose last scores are known.
    known: Vec<RowId>,
    /// The first row that is not decided.
    next: RowId,
    credits: VecDeque<(u64, RowCredit)>,
    again: VecDeque<(u64, Pass)>,
    /// Batches before this one have asked for their second pass of keys, or never will.
    asked_again: BatchId,
}

impl<'a> Decisions<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        Self {
            setting,
            known: Vec::new(),
            next: 0,
            credits: VecDeque::new(),
            again: VecDeque::new(),
            asked_again: 0,
        }
    }

    fn see(&mut self, now: u64, line: KeyLine) {
        if !line.last {
            return;
        }
        let table = self.setting.table;
        let (row, batch, at) =
            (table.row(line.row), table.batch_of(line.row), now + self.setting.decision);
        let any = || batch.rows.clone().any(|row| table.row(row).refetch);
        if !line.full && batch.line_by_line() && row.last.batch && any() {
            let rows = batch.rows.end - batch.rows.start;
            self.again.push_back((at, Pass { first: batch.rows.start, rows, full: true }));
        } else if !line.full && !batch.line_by_line() && row.refetch {
            self.again.push_back((at, Pass { first: line.row, rows: 1, full: true }));
        }
        if line.full || !row.refetch {
            self.known.push(line.row);
        }
        while self.known.contains(&self.next) {
            let visible = &table.row(self.next).visible;
            let lines = (visible.end - visible.start).div_ceil(self.setting.lanes);
            for line in 1..=lines {
                let credit = RowCredit { lines: 1, rows: u32::from(line == lines) };
                self.credits.push_back((at, credit));
            }
            self.next += 1;
        }
    }
}

/// Every row, or all of a batch where they go together.
fn passes(table: &WorkTable) -> VecDeque<Pass> {
    let mut passes = VecDeque::new();
    for batch in (0..).map_while(|id| table.get(id)) {
        let (first, rows) = (batch.rows.start, batch.rows.end - batch.rows.start);
        if batch.line_by_line() {
            passes.push_back(Pass { first, rows, full: false });
        } else {
            passes.extend(batch.rows.clone().map(|first| Pass { first, rows: 1, full: false }));
        }
    }
    passes
}

/// A key buffer among its neighbours, with the oracle beside it.
struct Scene<'a> {
    setting: &'a Setting<'a>,
    block: KeyBuffer,
    oracle: Oracle<'a>,
    memory: Memory<'a>,
    decisions: Decisions<'a>,
    todo: VecDeque<Pass>,
    arrivals: Link<Arrivals>,
    firsts: Link<Pass>,
    replays: Link<Pass>,
    row_credits: Link<RowCredit>,
    key_credits: Link<KeyCredit>,
    key_lines: Link<KeyLine>,
    gone: usize,
    seen: Seen,
}

impl<'a> Scene<'a> {
    fn new(setting: &'a Setting<'a>) -> Self {
        let mut buffer = spatten().key_buffer;
        buffer.capacity = Bytes(u64::from(setting.lines) * 768);
        buffer.queue = setting.queries;
        buffer.read_latency = Cycles(setting.read_latency);
        buffer.skip = setting.skip;
        buffer.read = BufferRead::Notified;
        if let Some(period) = setting.poll {
            (buffer.read, buffer.poll_period) = (BufferRead::Polling, Cycles(period));
        }
        let spec = KeyBufferSpec {
            buffer: &buffer,
            line: Bits(6144),
            lines: setting.lines,
            query: Bits(768),
            query_traffic: setting.query_traffic,
            rows: setting.rows,
            row_lines: setting.row_lines,
            softmax_lanes: setting.lanes,
        };
        Self {
            setting,
            block: KeyBuffer::new(&spec, Ledger::default()),
            oracle: Oracle::new(setting),
            memory: Memory::new(setting),
            decisions: Decisions::new(setting),
            todo: passes(setting.table),
            arrivals: wire(Cycles(1)),
            firsts: wire(Cycles(1)),
            replays: wire(Cycles(1)),
            row_credits: wire(Cycles(1)),
            key_credits: wire(Cycles(1)),
            key_lines: wire(Cycles(setting.read_latency)),
            gone: 0,
            seen: Seen::default(),
        }
    }

    /// Takes what the buffer and the oracle have given: the same.
    fn take(&mut self, clock: &mut Clock) {
        let now = clock.now().0;
        let [_, _, take, credit] = &self.setting.patience;
        if moves(credit, clock) {
            let given = self.key_credits.pop(clock);
            if self.setting.exact {
                assert_eq!(given, self.oracle.credits.pop(now), "credit of cycle {now}");
            }
            if let Some(given) = given {
                self.memory.credit(given);
                self.gone += given.batches as usize;
                self.seen.ended = self.gone == self.setting.table.len();
            }
        }
        if now >= self.setting.refused_until && moves(take, clock) {
            let line = self.key_lines.pop(clock);
            if self.setting.exact {
                assert_eq!(line, self.oracle.lines.pop(now), "line of cycle {now}");
            }
            if let Some(line) = line {
                self.seen.lines.push((now, line));
                self.decisions.see(now, line);
            }
        }
    }

    /// Sends what the neighbours have.
    fn give(&mut self, clock: &mut Clock) -> Landed {
        let now = clock.now().0;
        let [bring, issue, ..] = &self.setting.patience;
        let mut sent = Landed::default();
        self.memory.ask(now, &mut self.seen.asked);
        if moves(bring, clock) {
            sent.arrivals = Some(self.memory.bring(now)).filter(|group| !group.is_empty());
        }
        if moves(issue, clock) && self.firsts.can_push(clock) {
            sent.first = self.todo.pop_front();
        }
        let due = |at: u64| at <= now;
        sent.second = self.decisions.again.pop_front_if(|(at, _)| due(*at)).map(|(_, pass)| pass);
        sent.decided = self.decisions.credits.pop_front_if(|(at, _)| due(*at)).map(|(_, one)| one);
        sent.arrivals.iter().for_each(|group| self.arrivals.push(clock, group.clone()));
        sent.first.iter().for_each(|&pass| self.firsts.push(clock, pass));
        sent.decided.iter().for_each(|&credit| self.row_credits.push(clock, credit));
        if let Some(pass) = sent.second {
            self.replays.push(clock, pass);
            let batch = self.setting.table.row(pass.first).batch;
            if self.decisions.asked_again <= batch {
                self.decisions.asked_again = batch + 1;
                self.memory.load_again(batch);
            }
        }
        sent
    }

    fn tick(&mut self, clock: &mut Clock) {
        let ports = KeyBufferPorts {
            table: self.setting.table,
            arrivals: &mut self.arrivals,
            passes: &mut self.firsts,
            replays: &mut self.replays,
            row_credits: &mut self.row_credits,
            key_credits: &mut self.key_credits,
            key_lines: &mut self.key_lines,
        };
        self.block.tick(clock, ports);
    }
}

/// Runs the key buffer and the oracle side by side: in every cycle the same comes out of
/// both.
pub(super) fn drive(setting: &Setting<'_>) -> (Seen, BlockOutcome) {
    let mut scene = Scene::new(setting);
    let (mut clock, mut end) = (Clock::new(), 0);
    let mut landed = Landed::default();
    while end < setting.until && !scene.seen.ended {
        clock.advance(Cycle(end));
        scene.take(&mut clock);
        let sent = scene.give(&mut clock);
        let landed = std::mem::replace(&mut landed, sent);
        if setting.exact {
            scene.oracle.tick(end, landed);
        }
        scene.tick(&mut clock);
        end += 1;
    }
    let outcome = scene.block.close(Cycle(end));
    assert_eq!(outcome.activity.total(), Cycles(end));
    if setting.exact {
        assert_eq!(outcome.events[0].count, scene.oracle.reads, "lines read");
        assert_eq!(outcome.events[1].count, scene.oracle.writes, "lines written");
    }
    (scene.seen, outcome)
}
