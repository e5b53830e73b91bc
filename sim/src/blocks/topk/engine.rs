//! The engine on real keys, cycle by cycle.
//!
//! A selection goes through four phases. *Fill*: the keys come into one of two key memories, while
//! the engine may work on those in the other. *Rounds*: a row of candidates a cycle is read and
//! compared with the pivot; what is greater and what is less lands, compacted, in a FIFO each.
//! *Decide*: when the last row of a round has landed, its counts say which side goes on, and the
//! next pivot is chosen. *Filter*: the keys are streamed once more, `filter_lanes` a cycle, against
//! the threshold.
//!
//! Registers: a row read in cycle `t` stands in the read register in `t + 1`. Its flags are
//! registered `compare_latency` later, and its sides and counts `eliminate_latency` after that. A
//! decision is registered `decide_latency` after the last row landed. What stands between which
//! registers is in `docs/reference/topk.md`.

use std::mem;

use tamis_arch::{blocks::Topk, units::Cycles};
use tamis_workloads::{plan::Round, quickselect::Pivots};

use super::{
    Counts,
    memory::{CandidateFifo, KeyMemory},
    pipeline::Pipeline,
    schedule::row_latency,
    zero_eliminator::{eliminate, set_below, words_in},
};

/// What the sequencer asks of the engine, sent before the keys.
#[derive(Clone, Debug)]
pub struct Job {
    /// Keys that follow.
    pub candidates: u32,
    /// How many to keep, 1 to `candidates`.
    pub keep: u32,
    /// The pivots of this selection.
    pub pivots: Pivots,
}

/// What the rounds found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The smallest key kept.
    pub key: i64,
    /// How many of the keys equal to it are kept: the first ones.
    pub ties: u32,
}

/// What the filter pass leaves of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// Places of the kept keys, ascending; none if the row holds none.
    pub places: Vec<u32>,
    /// Whether this is the last row of the selection.
    pub is_last: bool,
}

/// One top-k engine.
#[derive(Debug)]
pub struct Engine {
    lanes: usize,
    filter_lanes: usize,
    row_latency: u64,
    decide_latency: u64,

    filling: Option<Job>, // its keys come into, or wait in, `arriving`
    arriving: KeyMemory,

    now: u64, // cycles that were not stalled
    phase: Phase,
    pivots: Pivots,
    rank: u32, // of the answer among the candidates: 1 is the largest
    pivot: i64,
    round: Round, // as counted so far
    rounds: Vec<Round>,
    threshold: Option<Threshold>,
    ties: u32, // that the filter pass may still keep

    keys: KeyMemory,
    greater: CandidateFifo,
    less: CandidateFifo,
    splits: Pipeline<Split>,
    kept: Pipeline<KeptRow>,
    counts: Counts,
}

/// What the control does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// Chooses the first pivot until this cycle of [`Engine::now`].
    Choose(u64),
    Round(Source),
    /// Decides, and chooses the next pivot, until this cycle.
    Decide(u64),
    Filter(Threshold),
}

/// Where the candidates of a round lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Keys,
    Greater,
    Less,
}

/// A row of candidates after the comparators and the zero eliminators.
#[derive(Debug)]
struct Split {
    greater: Vec<Option<i64>>,
    less: Vec<Option<i64>>,
    counted: Round,
    is_last: bool,
}

const NOTHING_COUNTED: Round = Round { candidates: 0, greater: 0, equal: 0 };

impl Engine {
    /// An engine after reset.
    #[must_use]
    pub fn new(topk: &Topk) -> Self {
        let lanes = size(topk.comparators);
        let entries = size(topk.entries);
        let Cycles(row_latency) = row_latency(topk);
        Self {
            lanes,
            filter_lanes: size(topk.filter_lanes),
            row_latency,
            decide_latency: topk.decide_latency.0,
            filling: None,
            arriving: KeyMemory::new(lanes, entries),
            now: 0,
            phase: Phase::Idle,
            pivots: Pivots::Midpoint { range: None },
            rank: 0,
            pivot: 0,
            round: NOTHING_COUNTED,
            rounds: Vec::new(),
            threshold: None,
            ties: 0,
            keys: KeyMemory::new(lanes, entries),
            greater: CandidateFifo::new(lanes, entries),
            less: CandidateFifo::new(lanes, entries),
            splits: Pipeline::default(),
            kept: Pipeline::default(),
            counts: Counts::default(),
        }
    }

    /// Announces a selection: its keys are taken from the next tick on.
    ///
    /// # Panics
    ///
    /// If the keys of another are still waiting, or if none or more than all keys are kept.
    pub fn start(&mut self, job: Job) {
        assert!(self.can_start(), "a selection is announced when a key memory is free");
        assert!((1..=job.candidates).contains(&job.keep), "a selection keeps 1 to all of its keys");
        self.arriving.clear();
        self.filling = Some(job);
    }

    /// One cycle. Takes a row of `keys`, of any width (empty if none is offered), and gives a row of
    /// the filter pass. If one is due and there is no `room` for it, nothing but keys can move.
    ///
    /// # Panics
    ///
    /// If there are more keys than were announced.
    #[must_use]
    pub fn tick(&mut self, keys: &[i64], room: bool) -> Option<KeptRow> {
        self.fill(keys);
        if !room && self.kept.is_due(self.now) {
            return None;
        }
        let kept = self.kept.take(self.now);
        if kept.as_ref().is_some_and(|row| row.is_last) {
            self.phase = Phase::Idle;
        }
        if let Some(split) = self.splits.take(self.now) {
            self.land(&split);
        }
        match self.phase {
            Phase::Choose(at) if at == self.now => self.begin_round(Source::Keys),
            Phase::Decide(at) if at == self.now => self.decide(),
            _ => {}
        }
        match self.phase {
            Phase::Idle => self.turn_to_filled(),
            Phase::Round(source) => self.read_candidates(source),
            Phase::Filter(threshold) => self.read_filtered(threshold),
            Phase::Choose(_) | Phase::Decide(_) => {}
        }
        self.now += 1;
        kept
    }

    /// Whether another selection may be announced.
    #[must_use]
    pub fn can_start(&self) -> bool {
        self.filling.is_none()
    }

    /// Whether there is neither a selection under way nor one that waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle && self.can_start()
    }

    /// The threshold of the present or last selection, once known.
    #[must_use]
    pub fn threshold(&self) -> Option<Threshold> {
        self.threshold
    }

    /// The rounds decided so far in the present or last selection.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// What all selections so far took.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn fill(&mut self, keys: &[i64]) {
        if keys.is_empty() {
            return;
        }
        let job = self.filling.as_ref().expect("keys come after their announcement");
        self.arriving.append(keys, &mut self.counts);
        assert!(self.arriving.len() <= job.candidates, "no more keys than announced");
        if let Pivots::Midpoint { .. } = job.pivots {
            // Two more comparators a lane follow the lowest and the highest key as they come.
            self.counts.compares += 2 * u64::try_from(keys.len()).expect("a row is short");
        }
    }

    fn turn_to_filled(&mut self) {
        let filled = |job: &mut Job| job.candidates == self.arriving.len();
        let Some(job) = self.filling.take_if(filled) else { return };
        mem::swap(&mut self.keys, &mut self.arriving);
        (self.rank, self.pivots) = (job.keep, job.pivots);
        self.rounds.clear();
        self.threshold = None;
        self.phase = Phase::Choose(self.now + 1 + self.decide_latency);
    }

    fn begin_round(&mut self, source: Source) {
        self.pivot = match source {
            Source::Keys => {
                self.keys.rewind();
                self.pivots.choose(self.keys.words())
            }
            Source::Greater => self.pivots.choose(&self.greater.turn()),
            Source::Less => self.pivots.choose(&self.less.turn()),
        };
        self.round = NOTHING_COUNTED;
        self.phase = Phase::Round(source);
    }

    fn read_candidates(&mut self, source: Source) {
        let (row, is_last) = match source {
            Source::Keys => self.keys.read_row(self.lanes, &mut self.counts),
            Source::Greater => self.greater.read_row(&mut self.counts),
            Source::Less => self.less.read_row(&mut self.counts),
        };
        let candidates = words_in(&row);
        if candidates == 0 {
            return; // All rows of this round are on their way.
        }
        self.counts.compares += u64::from(candidates);
        let pivot = self.pivot;
        let greater: Vec<_> = row.iter().map(|lane| lane.filter(|&key| key > pivot)).collect();
        let less: Vec<_> = row.iter().map(|lane| lane.filter(|&key| key < pivot)).collect();
        let equal = candidates - words_in(&greater) - words_in(&less);
        let split = Split {
            counted: Round { candidates, greater: words_in(&greater), equal },
            greater: eliminate(&greater, &mut self.counts),
            less: eliminate(&less, &mut self.counts),
            is_last,
        };
        self.splits.push(self.now + self.row_latency, split);
    }

    fn land(&mut self, split: &Split) {
        self.greater.append(&split.greater, &mut self.counts);
        self.less.append(&split.less, &mut self.counts);
        self.round.candidates += split.counted.candidates;
        self.round.greater += split.counted.greater;
        self.round.equal += split.counted.equal;
        if split.is_last {
            self.phase = Phase::Decide(self.now + self.decide_latency);
        }
    }

    fn decide(&mut self) {
        let Round { greater, equal, .. } = self.round;
        self.rounds.push(self.round);
        if self.rank <= greater {
            self.less.flush();
            self.pivots.answer_is_above(self.pivot);
            self.begin_round(Source::Greater);
        } else if self.rank <= greater + equal {
            self.greater.flush();
            self.less.flush();
            self.begin_filter(Threshold { key: self.pivot, ties: self.rank - greater });
        } else {
            self.greater.flush();
            self.rank -= greater + equal;
            self.pivots.answer_is_below(self.pivot);
            self.begin_round(Source::Less);
        }
    }

    fn begin_filter(&mut self, threshold: Threshold) {
        self.keys.rewind();
        self.threshold = Some(threshold);
        self.ties = threshold.ties;
        self.phase = Phase::Filter(threshold);
    }

    fn read_filtered(&mut self, threshold: Threshold) {
        let first = self.keys.next_place();
        let (row, is_last) = self.keys.read_row(self.filter_lanes, &mut self.counts);
        let keys = words_in(&row);
        if keys == 0 {
            return; // All rows are on their way.
        }
        self.counts.compares += u64::from(keys);
        let tied: Vec<bool> = row.iter().map(|&lane| lane == Some(threshold.key)).collect();
        let ties_before = set_below(&tied, &mut self.counts);
        let ties_left = self.ties;
        let lanes: Vec<_> = (first..)
            .zip(row)
            .zip(tied.iter().zip(ties_before))
            .map(|((place, lane), (&tied, before))| {
                let key = lane?;
                (key > threshold.key || (tied && before < ties_left)).then_some(place)
            })
            .collect();
        let tied = tied.into_iter().map(u32::from).sum();
        self.ties = self.ties.saturating_sub(tied);
        let places = eliminate(&lanes, &mut self.counts).into_iter().flatten().collect();
        self.kept.push(self.now + self.row_latency, KeptRow { places, is_last });
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).expect("a machine that runs the simulator addresses 2^32 words")
}
