//! The key buffer, slow and obvious: transactions are counted, passes are lists of lines.

use std::collections::{BTreeMap, VecDeque};

use tamis_sim::{
    items::{Arrivals, BatchId, KeyCredit, KeyLine, Pass, RowCredit, RowId, Stream},
    layout::Unit,
    work::Batch,
};

use super::surroundings::Setting;
use crate::bench::Pipe;

/// What lands at the buffer in a cycle.
#[derive(Default)]
pub(super) struct Landed {
    pub(super) arrivals: Option<Arrivals>,
    pub(super) first: Option<Pass>,
    pub(super) second: Option<Pass>,
    pub(super) decided: Option<RowCredit>,
}

/// A line of a pass, with the block that it is read from.
type Line = (u32, KeyLine);

pub(super) struct Oracle<'a> {
    setting: &'a Setting<'a>,
    /// Transactions that came, by batch, stream and place.
    came: BTreeMap<(BatchId, &'static str, u32), u32>,
    firsts: VecDeque<Pass>,
    seconds: VecDeque<Pass>,
    /// The pass of which a line was read, and its lines to come.
    begun: Option<(Pass, VecDeque<Line>)>,
    rows_free: u32,
    row_lines_free: u32,
    decided: RowId,
    /// Blocks of the present pass that were given back, where keys stream through.
    given: u32,
    /// How often the keys of each batch have streamed through.
    streamed: BTreeMap<BatchId, u32>,
    gone: BatchId,
    next_look: u64,
    credit: KeyCredit,
    pub(super) lines: Pipe<KeyLine>,
    pub(super) credits: Pipe<KeyCredit>,
    pub(super) reads: u64,
    pub(super) writes: u64,
}

fn stream(stream: Stream) -> &'static str {
    match stream {
        Stream::Query => "Q",
        Stream::KeyMsb => "MSB",
        Stream::KeyLsb => "LSB",
        _ => unreachable!("not for this buffer"),
    }
}

fn sum(units: &[Unit]) -> u32 {
    units.iter().map(|unit| unit.count).sum()
}

impl<'a> Oracle<'a> {
    pub(super) fn new(setting: &'a Setting<'a>) -> Self {
        Self {
            setting,
            came: BTreeMap::new(),
            firsts: VecDeque::new(),
            seconds: VecDeque::new(),
            begun: None,
            rows_free: setting.rows,
            row_lines_free: setting.row_lines,
            decided: 0,
            given: 0,
            streamed: BTreeMap::new(),
            gone: 0,
            next_look: 0,
            credit: KeyCredit::default(),
            lines: Pipe::new(setting.read_latency),
            credits: Pipe::new(1),
            reads: 0,
            writes: 0,
        }
    }

    pub(super) fn tick(&mut self, now: u64, landed: Landed) {
        self.store(&landed.arrivals.unwrap_or_default());
        self.firsts.extend(landed.first);
        self.seconds.extend(landed.second);
        self.free_rows(landed.decided);
        self.read(now);
        self.forget_batches();
        if self.credit != KeyCredit::default() && self.credits.has_room(now) {
            self.credits.push(now, std::mem::take(&mut self.credit));
        }
    }

    fn store(&mut self, arrivals: &Arrivals) {
        for &(to, count) in arrivals {
            let batch = self.setting.table.batch(to.batch);
            let name = stream(to.stream);
            *self.came.entry((to.batch, name, to.index)).or_default() += count;
            let complete = match to.stream {
                Stream::Query => false,
                _ => self.has(batch, name, to.index),
            };
            self.writes += u64::from(complete) * u64::from(batch.heads);
        }
    }

    /// Whether all of a block of keys, or of a query, came.
    fn has(&self, batch: &Batch, stream: &'static str, index: u32) -> bool {
        let keys = batch.keys_of_block(index).len();
        let keys = u32::try_from(keys).unwrap();
        let all = match stream {
            "Q" => sum(&batch.query_units) * u32::from(self.setting.query_traffic),
            "MSB" => keys * sum(&batch.msb_units),
            _ => keys * sum(&batch.lsb_units),
        };
        self.came.get(&(batch.id, stream, index)).copied().unwrap_or(0) == all
    }

    fn has_block(&self, batch: &Batch, block: u32, full: bool) -> bool {
        self.has(batch, "MSB", block) && (!full || self.has(batch, "LSB", block))
    }

    fn free_rows(&mut self, credit: Option<RowCredit>) {
        let Some(credit) = credit else { return };
        self.rows_free += credit.rows;
        self.row_lines_free += credit.lines;
        for _ in 0..credit.rows {
            let last_of_query = self.setting.table.row(self.decided).last.query;
            self.credit.queries += u32::from(last_of_query && self.setting.query_traffic);
            self.decided += 1;
        }
    }

    /// Every line of a pass, block by block, in a block row by row.
    fn all_lines(&self, pass: Pass) -> VecDeque<Line> {
        let table = self.setting.table;
        let batch = table.batch_of(pass.first);
        let mut lines = VecDeque::new();
        for block in 0..batch.blocks() {
            for id in pass.first..pass.first + pass.rows {
                let row = table.row(id);
                if pass.full && !row.refetch {
                    continue;
                }
                let seen = batch.keys_of_block(block).filter(|key| row.visible.contains(key));
                let keys = u32::try_from(seen.count()).unwrap();
                let last = row.visible.end <= (block + 1) * batch.keys_per_line;
                if keys > 0 {
                    lines.push_back((block, KeyLine { row: id, keys, last, full: pass.full }));
                }
            }
        }
        lines
    }

    fn probability_lines(&self, pass: Pass) -> u32 {
        let lanes = self.setting.lanes as usize;
        let lines = (pass.first..pass.first + pass.rows)
            .map(|row| self.setting.table.row(row).visible.len().div_ceil(lanes));
        u32::try_from(lines.sum::<usize>()).unwrap()
    }

    /// Lines that a batch needs to be read without waiting for another to go.
    fn lines_of(&self, id: BatchId) -> u32 {
        let batch = self.setting.table.batch(id);
        if batch.resident { batch.blocks() * batch.heads } else { batch.heads }
    }

    /// The pass of which a line may be read: the one that has begun; or a second pass whose first keys
    /// are there; or the next first pass, if there is room for its rows and for its keys.
    fn choose(&self) -> Option<(Pass, VecDeque<Line>)> {
        if self.begun.is_some() {
            return self.begun.clone();
        }
        if let Some(&pass) = self.seconds.front() {
            let lines = self.all_lines(pass);
            if self.has_block(self.setting.table.batch_of(pass.first), lines[0].0, true) {
                return Some((pass, lines));
            }
        }
        let &pass = self.firsts.front()?;
        let batch = self.setting.table.row(pass.first).batch;
        let keys: u32 = (self.gone..=batch).map(|id| self.lines_of(id)).sum();
        let room = pass.rows <= self.rows_free
            && self.probability_lines(pass) <= self.row_lines_free
            && keys <= self.setting.lines;
        room.then(|| (pass, self.all_lines(pass)))
    }

    fn read(&mut self, now: u64) {
        let Some((pass, mut lines)) = self.choose() else { return };
        let batch = self.setting.table.batch_of(pass.first);
        self.give_back(batch, pass, &lines);
        let Some(&(block, line)) = lines.front() else {
            return self.end(batch, pass, lines);
        };
        if !self.lines.has_room(now) || now < self.next_look {
            return;
        }
        let query = self.setting.table.row(line.row).query;
        if !self.has_block(batch, block, pass.full) || !self.has(batch, "Q", query) {
            if let Some(period) = self.setting.poll {
                self.next_look = now + period;
                self.reads += 1;
            }
            return;
        }
        self.reads += 1;
        self.lines.push(now, line);
        lines.pop_front();
        if self.begun.is_none() {
            if pass.full {
                self.seconds.pop_front();
            } else {
                self.rows_free -= pass.rows;
                self.row_lines_free -= self.probability_lines(pass);
                self.firsts.pop_front();
            }
        }
        self.give_back(batch, pass, &lines);
        self.end(batch, pass, lines);
    }

    /// Keys that stream through leave in order, when they are there and no line of the pass needs them.
    fn give_back(&mut self, batch: &Batch, pass: Pass, lines: &VecDeque<Line>) {
        let needed = lines.front().map_or(batch.blocks(), |&(block, _)| block);
        while !batch.resident && self.given < needed && self.has_block(batch, self.given, pass.full)
        {
            self.given += 1;
            self.credit.lines += batch.heads;
        }
    }

    /// A pass ends with its last line; one over keys that stream through, when all of them came.
    fn end(&mut self, batch: &Batch, pass: Pass, lines: VecDeque<Line>) {
        let waits = !batch.resident && self.given < batch.blocks();
        self.begun = (!lines.is_empty() || waits).then_some((pass, lines));
        if self.begun.is_none() && !batch.resident {
            self.given = 0;
            *self.streamed.entry(batch.id).or_default() += 1;
            self.credit.streamed += u32::from(!pass.full);
            // For a second pass they come again.
            self.came.retain(|&(id, stream, _), _| (id, stream) != (batch.id, "MSB"));
        }
    }

    /// A batch is gone when all its rows are decided and all that was asked for it came.
    fn forget_batches(&mut self) {
        while let Some(batch) = self.setting.table.get(self.gone) {
            let again = batch.rows.clone().any(|row| self.setting.table.row(row).refetch);
            let there = if batch.resident {
                (0..batch.blocks()).all(|block| self.has_block(batch, block, again))
            } else {
                self.streamed.get(&batch.id) == Some(&(1 + u32::from(again)))
            };
            if self.decided < batch.rows.end || !there {
                return;
            }
            self.gone += 1;
            self.credit.batches += 1;
            self.credit.lines += if batch.resident { self.lines_of(batch.id) } else { 0 };
        }
    }
}
