//! The top-k component, slow and obvious: a diary says what each cycle of a selection is spent on.
//!
//! The diary is written from `docs/reference/topk.md`.

use std::collections::VecDeque;

use tamis_arch::{
    blocks::{self, TopkModel},
    units::Cycles,
};
use tamis_sim::{
    items::{Candidates, KeptLine, ProbLine, RowId, SelectJob},
    stats::Activity,
    work::WorkTable,
};
use tamis_workloads::plan::Selection;

use crate::bench::Pipe;

/// What lands at the engine in a cycle.
#[derive(Default)]
pub(super) struct Landed {
    pub(super) line: Option<ProbLine>,
    pub(super) jobs: [Option<SelectJob>; 2],
}

pub(super) struct Oracle<'a> {
    table: &'a WorkTable,
    spec: &'a blocks::Topk,
    /// Lines that landed and wait.
    lines: VecDeque<ProbLine>,
    jobs: VecDeque<SelectJob>,
    /// A row whose keys are all here.
    full: Option<RowId>,
    work: Option<Work>,
    pub(super) kept: Pipe<KeptLine>,
    pub(super) selected: Pipe<SelectJob>,
    pub(super) activity: Activity,
    pub(super) rounds: u64,
}

/// A selection under way.
struct Work {
    of: Selected,
    /// Cycles before the first row of the last pass.
    diary: VecDeque<&'static str>,
    /// Rows of the last pass: first key, keys, whether it is the last.
    rows: VecDeque<(u32, u32, bool)>,
}

#[derive(Clone, Copy)]
enum Selected {
    Values(RowId),
    Layer(SelectJob),
}

/// Rows of so many lanes.
fn rows(keys: u32, lanes: u32) -> VecDeque<(u32, u32, bool)> {
    let starts = (0..keys).step_by(lanes as usize);
    starts.map(|start| (start, lanes.min(keys - start), start + lanes >= keys)).collect()
}

fn diary(spec: &blocks::Topk, load: u32, selection: &Selection) -> VecDeque<&'static str> {
    let mut diary = VecDeque::new();
    let mut spend = |cycles: Cycles, on| diary.extend((0..cycles.0).map(|_| on));
    let pipelined = spec.model == TopkModel::Engine;
    spend(Cycles(load.into()), "the scores come from their memory");
    spend(Cycles(1), "the last keys are stored");
    if pipelined {
        spend(spec.decide_latency, "the first pivot is chosen");
    }
    for round in &selection.rounds {
        let read = rows(round.candidates, spec.comparators).len();
        spend(Cycles(read as u64), "a row of candidates is read");
        if pipelined {
            spend(spec.compare_latency, "the last of them is compared");
            spend(spec.eliminate_latency, "its gaps are closed");
            spend(spec.decide_latency, "the side is chosen, and its pivot");
        } else {
            spend(Cycles(3), "the delay model adds three cycles");
        }
    }
    if pipelined {
        spend(Cycles(1), "the first row of the last pass is read");
        spend(spec.compare_latency, "it is compared with the threshold");
        spend(spec.eliminate_latency, "its gaps are closed");
    }
    diary
}

impl<'a> Oracle<'a> {
    pub(super) fn new(table: &'a WorkTable, spec: &'a blocks::Topk) -> Self {
        Self {
            table,
            spec,
            lines: VecDeque::new(),
            jobs: VecDeque::new(),
            full: None,
            work: None,
            kept: Pipe::new(1),
            selected: Pipe::new(1),
            activity: Activity::default(),
            rounds: 0,
        }
    }

    pub(super) fn tick(&mut self, now: u64, landed: Landed) {
        self.lines.extend(landed.line);
        let mut moved = landed.jobs.iter().any(Option::is_some);
        let (mut refused, mut at_work) = (false, false);
        let mut sent = false;
        if let Some(work) = &mut self.work {
            work.diary.pop_front();
            at_work = !work.diary.is_empty();
            if !at_work {
                sent = self.filter(now);
                refused = !sent;
            }
        }
        self.jobs.extend(landed.jobs.into_iter().flatten());
        moved |= sent | self.take(now);
        self.start();
        let account = if moved || at_work || (self.work.is_some() && !refused) {
            &mut self.activity.busy
        } else if refused || !self.lines.is_empty() {
            &mut self.activity.blocked
        } else {
            &mut self.activity.starved
        };
        *account += Cycles(1);
    }

    /// A row of the last pass leaves, if there is room.
    fn filter(&mut self, now: u64) -> bool {
        let work = self.work.as_mut().expect("it is at work");
        let &(start, keys, last) = work.rows.front().expect("a selection has keys");
        match work.of {
            Selected::Values(row) => {
                if !self.kept.has_room(now) {
                    return false;
                }
                let start = self.table.row(row).visible.start + start;
                self.kept.push(now, KeptLine { row, start, keys, last });
            }
            Selected::Layer(job) if last => {
                if !self.selected.has_room(now) {
                    return false;
                }
                self.selected.push(now, job);
            }
            Selected::Layer(_) => {}
        }
        work.rows.pop_front();
        if last {
            self.work = None;
        }
        true
    }

    /// Keys come in while there is a memory for them; rows of which nothing is selected pass an engine
    /// that is idle.
    fn take(&mut self, now: u64) -> bool {
        let Some(&line) = self.lines.front() else { return false };
        let row = self.table.row(line.row);
        if row.select.is_some() {
            if self.full.is_some() {
                return false;
            }
            self.full = line.last.then_some(line.row);
        } else {
            let idle = self.work.is_none() && self.full.is_none();
            if !idle || !self.kept.has_room(now) {
                return false;
            }
            let ProbLine { row: id, keys, last, .. } = line;
            let start = row.visible.start + line.start;
            self.kept.push(now, KeptLine { row: id, start, keys, last });
        }
        self.lines.pop_front();
        true
    }

    /// What the next layer waits for goes first.
    fn start(&mut self) {
        if self.work.is_some() {
            return;
        }
        let (of, load, selection) = if let Some(job) = self.jobs.pop_front() {
            let end = self.table.batch(job.batch).layer_end.as_ref().unwrap();
            let selection = if job.of == Candidates::Tokens { &end.tokens } else { &end.heads };
            let selection = selection.as_ref().unwrap();
            let load = super::load_cycles(self.spec, job.of, selection.candidates);
            (Selected::Layer(job), load, selection)
        } else if let Some(row) = self.full.take() {
            (Selected::Values(row), 0, self.table.row(row).select.as_ref().unwrap())
        } else {
            return;
        };
        self.rounds += selection.rounds.len() as u64;
        let rows = rows(selection.candidates, self.spec.filter_lanes);
        self.work = Some(Work { of, diary: diary(self.spec, load, selection), rows });
    }
}
