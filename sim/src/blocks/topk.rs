//! The top-k engine: values of a row, and at the end of a layer tokens and heads.
//!
//! The keys of the next row come in while the engine works on this one. What quick-select does is
//! in [`Engine`], on real keys; here the same cycles come from the sizes of its rounds,
//! which the plan has from the real scores.

mod counts;
mod engine;
mod memory;
mod pipeline;
mod schedule;
pub mod zero_eliminator;

use std::collections::VecDeque;

use tamis_arch::{
    blocks,
    energy::Events,
    text::counted,
    units::{Bits, Cycle, Cycles},
};
use tamis_workloads::plan::Selection;

pub use self::{
    counts::Counts,
    engine::{Engine, Job, KeptRow, Threshold},
    schedule::{Schedule, round_overhead},
};
use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Candidates, KeptLine, ProbLine, RowId, SelectJob},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// One engine, with what waits for it.
pub struct Topk {
    spec: blocks::Topk,
    /// Token scores that come from the importance memory in a cycle.
    score_lanes: u32,
    block: Block,
    key: Bits,
    ledger: Ledger,
    /// The row whose keys come in.
    filling: Option<RowId>,
    /// A row whose keys are all there.
    filled: Option<RowId>,
    jobs: VecDeque<SelectJob>,
    run: Option<Run>,
    counts: Counts,
    selections: u64,
    rounds: u64,
}

/// A selection under way.
struct Run {
    of: Selected,
    /// When the first row of the filter pass is there.
    first_row: Cycle,
    keys: u32,
    sent: u32,
}

/// What is selected from.
#[derive(Clone, Copy)]
enum Selected {
    Values(RowId),
    Layer(SelectJob),
}

/// The engine's links. An engine without values has no `weighed` and no `kept`.
pub struct TopkPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Probabilities, with their scores.
    pub weighed: Option<&'m mut Link<ProbLine>>,
    /// Which values are kept.
    pub kept: Option<&'m mut Link<KeptLine>>,
    /// Tokens or heads to select.
    pub jobs: [Option<&'m mut Link<SelectJob>>; 2],
    /// Selections that are done.
    pub selected: Option<&'m mut Link<SelectJob>>,
}

impl Topk {
    /// An idle engine for keys of `key` bits. It takes no more keys a cycle than it compares, nor more
    /// token scores than the importance memory has `banks`.
    #[must_use]
    pub fn new(spec: &blocks::Topk, banks: u32, block: Block, key: Bits, ledger: Ledger) -> Self {
        Self {
            spec: spec.clone(),
            score_lanes: spec.comparators.min(banks),
            block,
            key,
            ledger,
            filling: None,
            filled: None,
            jobs: VecDeque::new(),
            run: None,
            counts: Counts::default(),
            selections: 0,
            rounds: 0,
        }
    }

    /// Selections and their rounds so far.
    #[must_use]
    pub fn work(&self) -> (u64, u64) {
        (self.selections, self.rounds)
    }

    /// Takes a line of a row: passes it on if nothing is to be selected, or else fills the engine.
    fn take(&mut self, clock: &mut Clock, ports: &mut TopkPorts<'_>) -> bool {
        let (Some(weighed), Some(kept)) = (&mut ports.weighed, &mut ports.kept) else {
            return false;
        };
        let Some(&line) = weighed.peek(clock) else { return false };
        let row = ports.table.row(line.row);
        if row.select.is_some() {
            // The engine has two key memories: one at work, one filling or full.
            if self.filled.is_some() {
                return false;
            }
            weighed.pop(clock);
            self.filling = Some(line.row);
            if line.last {
                self.filled = self.filling.take();
            }
            return true;
        }
        if self.run.is_some() || self.filled.is_some() || !kept.can_push(clock) {
            return false;
        }
        weighed.pop(clock);
        let start = row.visible.start + line.start;
        kept.push(clock, KeptLine { row: line.row, start, keys: line.keys, last: line.last });
        true
    }

    fn take_jobs(&mut self, clock: &mut Clock, ports: &mut TopkPorts<'_>) -> bool {
        let before = self.jobs.len();
        for link in ports.jobs.iter_mut().flatten() {
            self.jobs.extend(link.pop(clock));
        }
        self.jobs.len() > before
    }

    /// Starts on the selection that the next layer waits for, or else on the next row.
    fn start(&mut self, now: Cycle, table: &WorkTable) {
        if self.run.is_some() {
            return;
        }
        let (of, selection, loaded) = if let Some(job) = self.jobs.pop_front() {
            let end = table.batch(job.batch).layer_end.as_ref().expect("the layer ends here");
            let (selection, lanes) = match job.of {
                Candidates::Tokens => (&end.tokens, self.score_lanes),
                // There are few heads, and their scores are registers.
                Candidates::Heads => (&end.heads, self.spec.comparators),
            };
            let selection = selection.as_ref().expect("there is something to select");
            let loads = selection.candidates.div_ceil(lanes);
            (Selected::Layer(job), selection, now + Cycles(u64::from(loads)))
        } else if let Some(row) = self.filled.take() {
            let selection = table.row(row).select.as_ref().expect("the row selects");
            (Selected::Values(row), selection, now)
        } else {
            return;
        };
        let schedule = Schedule::new(&self.spec, selection);
        self.note(selection);
        self.run = Some(Run {
            of,
            first_row: loaded + schedule.first_row,
            keys: selection.candidates,
            sent: 0,
        });
    }

    fn note(&mut self, selection: &Selection) {
        self.counts += Counts::of(&self.spec, selection);
        self.selections += 1;
        self.rounds += selection.rounds.len() as u64;
    }

    /// The filter pass: a row of keys a cycle. `None` where none is ready.
    fn filter(&mut self, clock: &mut Clock, ports: &mut TopkPorts<'_>) -> Option<bool> {
        let run = self.run.as_mut().filter(|run| run.first_row <= clock.now())?;
        let keys = (run.keys - run.sent).min(self.spec.filter_lanes);
        let last = run.sent + keys == run.keys;
        match run.of {
            Selected::Values(row) => {
                let kept = ports.kept.as_mut().expect("an engine that selects values has it");
                if !kept.can_push(clock) {
                    return Some(false);
                }
                let start = ports.table.row(row).visible.start + run.sent;
                kept.push(clock, KeptLine { row, start, keys, last });
            }
            Selected::Layer(job) if last => {
                let selected =
                    ports.selected.as_mut().expect("an engine that selects tokens has it");
                if !selected.can_push(clock) {
                    return Some(false);
                }
                selected.push(clock, job);
            }
            Selected::Layer(_) => {}
        }
        run.sent += keys;
        if last {
            self.run = None;
        }
        Some(true)
    }
}

impl Component for Topk {
    type Ports<'m> = TopkPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: TopkPorts<'_>) -> Wake {
        let filtered = self.filter(clock, &mut ports);
        let took_jobs = self.take_jobs(clock, &mut ports);
        let took = self.take(clock, &mut ports);
        self.start(clock.now(), ports.table);
        let moved = filtered == Some(true) || took || took_jobs;
        let waits = ports.weighed.as_ref().is_some_and(|link| link.peek(clock).is_some());
        let doing = match (moved, filtered, self.run.is_some()) {
            (true, ..) | (false, None, true) => Doing::Busy,
            (false, Some(_), _) => Doing::Blocked,
            (false, None, false) if waits => Doing::Blocked,
            (false, None, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        match &self.run {
            _ if moved => Wake::NextCycle,
            Some(run) if run.first_row > clock.now() => Wake::At(run.first_row),
            _ => Wake::OnLink,
        }
    }

    fn holds(&self) -> Option<String> {
        let run = self.run.as_ref().map(|run| match run.of {
            Selected::Values(row) => {
                format!("row {row}: {} of {} filtered", run.sent, counted(run.keys, "key", "keys"))
            }
            Selected::Layer(job) => format!("{:?} of batch {}", job.of, job.batch),
        });
        let filled = self.filled.map(|row| format!("all keys of row {row} are here"));
        let filling = self.filling.map(|row| format!("keys of row {row} come"));
        let jobs = self.jobs.iter().map(|job| format!("{:?} of batch {} wait", job.of, job.batch));
        let all: Vec<String> = run.into_iter().chain(filled).chain(filling).chain(jobs).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let events: Vec<Events> = self.counts.events(&self.spec, self.key).to_vec();
        BlockOutcome::new(self.block, self.ledger.close(end), events)
    }
}
