//! The engine: plays a plan on a machine, cycle by cycle, and finds the time.
//!
//! A block is called when something can have changed for it: an item lands, room comes free, or the
//! cycle that it named has come. [`Options::skip`] off calls every block in every cycle; the outcome
//! is the same, bit for bit.

use std::collections::BTreeMap;

use tamis_arch::{
    Accelerator,
    units::{Bytes, Cycle, Cycles},
};
use tamis_workloads::plan::{Phase, Task};

use crate::{
    blocks::writeback::LayerEnded,
    clock::Clock,
    cutter::{Cutter, cutter},
    error::{Deadlock, RunError, Waiting},
    items::{BatchId, Stream},
    layout::Dimensions,
    machine::Machine,
    outcome::{Block, LayerTime, Outcome, Traffic, Work},
    work::WorkTable,
};

/// Batches that are known ahead of the one that is launched next.
const LOOKAHEAD: BatchId = 2;

/// How a run is done; nothing here changes its outcome, but for `limit` and `timeline`.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Call blocks only when something can happen.
    pub skip: bool,
    /// In which order blocks tick within a cycle.
    pub order: [Block; Block::COUNT],
    /// Keep every block's intervals.
    pub timeline: bool,
    /// Give up after this many cycles.
    pub limit: Cycles,
}

impl Default for Options {
    fn default() -> Self {
        Self { skip: true, order: Block::ALL, timeline: false, limit: Cycles(u64::MAX) }
    }
}

/// Plays the tasks of one phase on the machine that `arch` describes.
///
/// `progress` is told the number of tasks begun.
///
/// # Errors
/// [`RunError`]: the plan failed, a task does not fit, blocks wait for each other, or the limit.
pub fn run<E: std::error::Error + 'static>(
    arch: &Accelerator,
    dimensions: Dimensions,
    phase: Phase,
    tasks: impl Iterator<Item = Result<Task, E>>,
    options: &Options,
    progress: &dyn Fn(u64),
) -> Result<Outcome, RunError<E>> {
    let machine = Machine::new(arch, dimensions.head_dim, options.timeline)?;
    let source =
        Source { tasks, cutter: cutter(arch, dimensions)?, ahead: None, ended: false, begun: 0 };
    let run =
        Run { machine, source, table: WorkTable::default(), clock: Clock::in_order(options.order) };
    run.play(phase, options, progress)
}

/// The plan on its way into the machine.
struct Source<I> {
    tasks: I,
    cutter: Cutter,
    /// A task that was read and belongs to the next batch.
    ahead: Option<Task>,
    ended: bool,
    begun: u64,
}

struct Run<I> {
    machine: Machine,
    source: Source<I>,
    table: WorkTable,
    clock: Clock,
}

impl<I, E> Source<I>
where
    I: Iterator<Item = Result<Task, E>>,
    E: std::error::Error + 'static,
{
    fn next_task(&mut self) -> Result<Option<Task>, RunError<E>> {
        if self.ahead.is_none() && !self.ended {
            self.ahead = self.tasks.next().transpose().map_err(RunError::Plan)?;
            self.ended = self.ahead.is_none();
        }
        Ok(self.ahead.take())
    }

    /// Reads the tasks of the next batch into the table, if there are any.
    fn next_batch(&mut self, table: &mut WorkTable) -> Result<(), RunError<E>> {
        let Some(first) = self.next_task()? else { return Ok(()) };
        let step = first.step;
        let together = self.cutter.heads_together(first.bits);
        let mut batch = vec![first];
        let mut step_end = true;
        while let Some(task) = self.next_task()? {
            if shares_a_batch(&batch[0], &task, together) {
                batch.push(task);
                continue;
            }
            step_end = task.step != step;
            self.ahead = Some(task);
            break;
        }
        self.begun += batch.len() as u64;
        table.push(&self.cutter, batch, step_end)?;
        Ok(())
    }
}

impl<I, E> Run<I>
where
    I: Iterator<Item = Result<Task, E>>,
    E: std::error::Error + 'static,
{
    fn play(
        mut self,
        phase: Phase,
        options: &Options,
        progress: &dyn Fn(u64),
    ) -> Result<Outcome, RunError<E>> {
        self.refill(progress)?;
        while let Some(due) = self.clock.earliest() {
            if due.0 > options.limit.0 {
                return Err(RunError::Limit { limit: options.limit.0 });
            }
            self.clock.advance(if options.skip { due } else { due.min(self.clock.next()) });
            let launched = self.machine.sequencer.next_launch();
            if !options.skip {
                self.clock.wake_all();
            }
            while let Some(block) = self.clock.take_due() {
                let wake = self.machine.tick(block, &mut self.clock, &self.table);
                self.clock.answer(block, wake);
            }
            if self.machine.sequencer.next_launch() != launched {
                self.refill(progress)?;
            }
        }
        let waiting = self.machine.holds();
        let links = self.machine.links.filled();
        let launched = self.machine.sequencer.next_launch() == self.table.next_batch();
        if !launched || !waiting.is_empty() || !links.is_empty() {
            let waiting =
                waiting.into_iter().map(|(block, state)| Waiting { block, state }).collect();
            let cycle = self.clock.now().0;
            return Err(Box::new(Deadlock { cycle, waiting, links }).into());
        }
        Ok(self.outcome(phase))
    }

    /// Keeps batches ready ahead of the sequencer, and drops those that no block needs.
    fn refill(&mut self, progress: &dyn Fn(u64)) -> Result<(), RunError<E>> {
        let machine = &self.machine;
        let oldest =
            [machine.fetcher.oldest(), machine.key_buffer.oldest(), machine.value_buffer.oldest()];
        let keep = oldest.into_iter().flatten().fold(machine.sequencer.oldest(), BatchId::min);
        self.table.retire_before(keep);
        while self.table.next_batch() < machine.sequencer.next_launch() + LOOKAHEAD {
            let before = self.table.next_batch();
            self.source.next_batch(&mut self.table)?;
            if self.table.next_batch() == before {
                break;
            }
            let next = self.clock.next();
            self.clock.wake(Block::Sequencer, next);
            progress(self.source.begun);
        }
        Ok(())
    }

    fn outcome(mut self, phase: Phase) -> Outcome {
        let end = self.clock.last_move() + Cycles(1);
        let machine = &mut self.machine;
        let channels = machine.dram.stats(end);
        let (layers, step_ends) = times(machine.writeback.layer_ends(), end);
        let (qk_lines, qk_macs) = machine.qk_array.work();
        let (pv_lines, pv_macs, rows) = machine.pv_array.work();
        let (tokens, values) = (machine.token_topk.work(), machine.value_topk.work());
        let work = Work {
            rows,
            refetched_rows: machine.refetch.refetched(),
            qk_macs,
            pv_macs,
            qk_lines,
            pv_lines,
            selections: tokens.0 + values.0,
            selection_rounds: tokens.1 + values.1,
        };
        let traffic = traffic(machine, self.source.cutter.layout.transaction());
        Outcome {
            phase,
            elapsed: end - Cycle::ZERO,
            layers,
            step_ends,
            blocks: self.machine.close(end),
            channels,
            traffic,
            work,
        }
    }
}

/// Whether two tasks run together: neighbours in a group of `together` heads, with the same keys at
/// the same widths. Where a table gives heads different keys, each fetches its own.
fn shares_a_batch(first: &Task, task: &Task, together: u32) -> bool {
    (task.step, task.layer) == (first.step, first.layer)
        && task.kv_head / together == first.kv_head / together
        && task.bits == first.bits
        && task.tokens == first.tokens
        && task.values_ahead == first.values_ahead
}

/// Time by layer, summed over steps, and the ends of steps. The last layer ends with the phase, when
/// its last write has moved, so that the layers add up to the phase.
fn times(ends: &[LayerEnded], phase_end: Cycle) -> (Vec<LayerTime>, Vec<Cycle>) {
    let mut layers: BTreeMap<u32, Cycles> = BTreeMap::new();
    let mut steps = Vec::new();
    let mut before = Cycle::ZERO;
    for (index, end) in ends.iter().enumerate() {
        let at = if index + 1 == ends.len() { phase_end } else { end.at };
        *layers.entry(end.layer).or_default() += at - before;
        before = at;
        if end.step_end {
            steps.push(at);
        }
    }
    let layers = layers.into_iter().map(|(layer, elapsed)| LayerTime { layer, elapsed }).collect();
    (layers, steps)
}

/// Bytes by stream, as the blocks issued them.
fn traffic(machine: &Machine, transaction: u64) -> Traffic {
    let read = |stream| Bytes(machine.fetcher.issued(stream) * transaction);
    let written = |stream| Bytes(machine.writeback.issued(stream) * transaction);
    Traffic {
        query_read_bytes: read(Stream::Query),
        key_msb_read_bytes: read(Stream::KeyMsb),
        key_lsb_read_bytes: read(Stream::KeyLsb),
        value_read_bytes: read(Stream::Value),
        output_written_bytes: written(Stream::Output),
        key_value_written_bytes: written(Stream::Append),
    }
}
