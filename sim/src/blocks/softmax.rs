//! Scores to probabilities: maximum, exponential and sum, reciprocal.
//!
//! Three stages, each with a row of its own: the first scales scores and finds the row's maximum as
//! they come; the second takes exponentials and their sum; the third multiplies with the reciprocal
//! of the sum. Each goes at `lanes` scores a cycle. A row's scores stay in the row buffer from their
//! arrival until their probability leaves.

use std::collections::VecDeque;

use tamis_arch::{
    blocks::{self, SoftmaxModel},
    energy::{Action, Events},
    text::counted,
    units::{Bits, Cycle, Cycles},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{ProbLine, RowId, ScoreLine},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// Probabilities.
pub struct Softmax {
    spec: blocks::Softmax,
    score: Bits,
    probability: Bits,
    ledger: Ledger,
    rows: VecDeque<Row>,
    lines_free: u32,
    /// When the first stage can take the next line of scores.
    scale_free: Cycle,
    /// When the second stage can take the next row.
    exponent_free: Cycle,
    scores: u64,
    /// Lines of the row buffer that rows filled.
    lines_done: u64,
    rows_done: u64,
}

/// A row in the softmax.
struct Row {
    id: RowId,
    full: bool,
    keys: u32,
    came: u32,
    sent: u32,
    stage: Stage,
}

/// How far a row has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Scores come.
    Filling,
    /// All scores are there; the maximum is known at this cycle.
    Scaled(Cycle),
    /// The reciprocal of the sum is known at this cycle.
    Summed(Cycle),
}

/// The softmax's links.
pub struct SoftmaxPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Lines of scores.
    pub scores: &'m mut Link<ScoreLine>,
    /// Lines of probabilities.
    pub probabilities: &'m mut Link<ProbLine>,
}

impl Softmax {
    /// A softmax at reset, for scores of `score` bits.
    #[must_use]
    pub fn new(spec: &blocks::Softmax, score: Bits, probability: Bits, ledger: Ledger) -> Self {
        Self {
            spec: spec.clone(),
            score,
            probability,
            ledger,
            rows: VecDeque::new(),
            lines_free: spec.row_buffer_lines,
            scale_free: Cycle::ZERO,
            exponent_free: Cycle::ZERO,
            scores: 0,
            lines_done: 0,
            rows_done: 0,
        }
    }

    fn lines(&self, keys: u32) -> u32 {
        keys.div_ceil(self.spec.lanes)
    }

    /// First stage: takes a line of scores. `None` where it works on one or none is there, `false` where
    /// there is no room.
    fn scale(&mut self, clock: &mut Clock, ports: &mut SoftmaxPorts<'_>) -> Option<bool> {
        if clock.now() < self.scale_free {
            return None;
        }
        let &line = ports.scores.peek(clock)?;
        let place = self.rows.iter().rposition(|row| (row.id, row.full) == (line.row, line.full));
        let came = place.map_or(0, |place| self.rows[place].came);
        let lines = self.lines(came + line.keys) - self.lines(came);
        if lines > self.lines_free {
            return Some(false);
        }
        ports.scores.pop(clock);
        self.lines_free -= lines;
        self.scores += u64::from(line.keys);
        let cycles = Cycles(u64::from(line.keys.div_ceil(self.spec.lanes)));
        self.scale_free = clock.now() + cycles;
        let place = place.unwrap_or_else(|| {
            let visible = &ports.table.row(line.row).visible;
            let keys = visible.end - visible.start;
            self.rows.push_back(Row {
                id: line.row,
                full: line.full,
                keys,
                came: 0,
                sent: 0,
                stage: Stage::Filling,
            });
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        row.came += line.keys;
        if line.last {
            row.stage = Stage::Scaled(self.scale_free + self.spec.scale_latency);
        }
        Some(true)
    }

    /// Whether any stage works: on the line that came last, or on a row whose scores are all there. A row
    /// whose next scores have not come is no work.
    fn works(&self, now: Cycle) -> bool {
        now < self.scale_free || self.rows.iter().any(|row| row.stage != Stage::Filling)
    }

    /// Second stage: starts on the oldest row whose maximum is known.
    fn exponentiate(&mut self, now: Cycle) {
        if now < self.exponent_free {
            return;
        }
        let lanes = self.spec.lanes;
        let waiting = self.rows.iter_mut().find(|row| !matches!(row.stage, Stage::Summed(_)));
        if let Some(row) = waiting
            && let Stage::Scaled(at) = row.stage
            && at <= now
        {
            let spec = &self.spec;
            self.exponent_free = now + Cycles(u64::from(row.keys.div_ceil(lanes)));
            let summed = self.exponent_free + spec.exponent_latency + spec.accumulate_latency;
            row.stage = Stage::Summed(summed + spec.divide_latency);
        }
    }

    /// Third stage: sends a line of probabilities of the oldest row. `None` where it has none ready.
    fn normalise(&mut self, clock: &mut Clock, ports: &mut SoftmaxPorts<'_>) -> Option<bool> {
        let row = self.rows.front_mut()?;
        let ready = match self.spec.model {
            SoftmaxModel::Modelled => {
                matches!(row.stage, Stage::Summed(at) if at <= clock.now())
            }
            SoftmaxModel::Wire => row.came >= row.sent + self.spec.lanes || row.came == row.keys,
        };
        if !ready {
            return None;
        }
        if !ports.probabilities.can_push(clock) {
            return Some(false);
        }
        let keys = (row.keys - row.sent).min(self.spec.lanes);
        let last = row.sent + keys == row.keys;
        let line = ProbLine { row: row.id, start: row.sent, keys, last, full: row.full };
        row.sent += keys;
        ports.probabilities.push(clock, line);
        self.lines_free += 1;
        self.lines_done += 1;
        if last {
            self.rows.pop_front();
            self.rows_done += 1;
        }
        Some(true)
    }

    /// When something happens next without a link moving.
    fn next(&self, now: Cycle) -> Wake {
        let stages = self.rows.iter().filter_map(|row| match row.stage {
            Stage::Filling => None,
            Stage::Scaled(at) => Some(at.max(self.exponent_free)),
            Stage::Summed(at) => Some(at),
        });
        let soonest = stages.chain([self.scale_free]).filter(|&at| at > now).min();
        soonest.map_or(Wake::OnLink, Wake::At)
    }
}

impl Component for Softmax {
    type Ports<'m> = SoftmaxPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: SoftmaxPorts<'_>) -> Wake {
        let took = self.scale(clock, &mut ports);
        if self.spec.model == SoftmaxModel::Modelled {
            self.exponentiate(clock.now());
        }
        let sent = self.normalise(clock, &mut ports);
        let moved = took == Some(true) || sent == Some(true);
        let doing = match (moved, sent == Some(false) || took == Some(false)) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) if self.works(clock.now()) => Doing::Busy,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if sent == Some(true) { Wake::NextCycle } else { self.next(clock.now()) }
    }

    fn holds(&self) -> Option<String> {
        let row = self.rows.front()?;
        let (came, keys) = (row.came, row.keys);
        let (scores, rows) =
            (counted(keys, "score", "scores"), counted(self.rows.len(), "row", "rows"));
        Some(format!("row {}: {came} of {scores} came; {rows} in all", row.id))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let lanes = self.spec.lanes;
        let width = Bits(self.score.0 * lanes);
        let words = self.spec.row_buffer_lines;
        // Scores come in and go out; so do their exponentials, in the same lines.
        let times = match self.spec.model {
            SoftmaxModel::Modelled => 2,
            SoftmaxModel::Wire => 1,
        };
        let mut events = vec![
            Events { action: Action::read(words, width), count: times * self.lines_done },
            Events { action: Action::write(words, width), count: times * self.lines_done },
        ];
        if self.spec.model == SoftmaxModel::Modelled {
            let probability = self.probability;
            let multiply = Action::MultiplyAccumulate { left: self.score, right: Bits(16) };
            let normalise = Action::MultiplyAccumulate { left: probability, right: probability };
            events.extend([
                Events { action: multiply, count: self.scores },
                Events { action: Action::Compare { width: self.score }, count: self.scores },
                Events { action: Action::Exponent { width: probability }, count: self.scores },
                Events { action: Action::Add { width: Bits(32) }, count: self.scores },
                Events { action: normalise, count: self.scores },
                Events { action: Action::Divide { width: probability }, count: self.rows_done },
            ]);
        }
        BlockOutcome::new(Block::Softmax, self.ledger.close(end), events)
    }
}
