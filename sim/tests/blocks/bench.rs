//! What tests of a block share: a clock that visits every cycle, work tables, and random patience.

use std::collections::VecDeque;

use tamis_arch::{
    Accelerator,
    units::{Cycle, Cycles},
};
use tamis_sim::{
    Dimensions,
    clock::Clock,
    cutter::Cutter,
    items::{Arrivals, Destination},
    layout::Layout,
    link::Link,
    outcome::Block,
    work::WorkTable,
};
use tamis_workloads::plan::Task;

pub(crate) fn spatten() -> Accelerator {
    tamis_arch::load("spatten").expect("a preset")
}

/// A link of a test, which sustains an item a cycle: its ends do not matter.
pub(crate) fn wire<T>(latency: Cycles) -> Link<T> {
    let depth = usize::try_from(latency.0).expect("a latency is a small number") + 1;
    Link::new(Block::Sequencer, Block::Sequencer, depth, latency)
}

/// Visits `cycles` cycles, one after the other.
pub(crate) fn each_cycle(cycles: u64, mut visit: impl FnMut(&mut Clock)) {
    let mut clock = Clock::new();
    for cycle in 0..cycles {
        clock.advance(Cycle(cycle));
        visit(&mut clock);
    }
}

/// Whether a side moves in a cycle: a pattern that repeats; all false never ends, so it is all true.
pub(crate) fn moves(pattern: &[bool], clock: &Clock) -> bool {
    let place = clock.now().0 % pattern.len().max(1) as u64;
    pattern.iter().all(|&moves| !moves)
        || pattern[usize::try_from(place).expect("a pattern is short")]
}

/// Sends the next item, if it may and there is one.
pub(crate) fn offer<T>(link: &mut Link<T>, clock: &mut Clock, items: &mut VecDeque<T>, may: bool) {
    if may
        && link.can_push(clock)
        && let Some(item) = items.pop_front()
    {
        link.push(clock, item);
    }
}

/// What comes of what flies in a cycle: `rate` transactions, each any of the first `disorder` that are due.
pub(crate) fn bring(
    flying: &mut Vec<(u64, Destination)>,
    (rate, disorder): (usize, usize),
    dice: &mut u64,
    now: u64,
) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for _ in 0..rate {
        let due = flying.iter().take_while(|&&(due, _)| due <= now).count();
        if due == 0 {
            break;
        }
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = usize::try_from(*dice >> 33).expect("31 bits") % due.min(disorder);
        let (_, to) = flying.remove(at);
        match arrivals.iter_mut().find(|(place, _)| *place == to) {
            Some((_, count)) => *count += 1,
            None => arrivals.push((to, 1)),
        }
    }
    arrivals
}

/// What a link promises, for an oracle: an item lands after the latency, one moves a cycle on either
/// side, and a slot is free again a cycle after its item was taken.
pub(crate) struct Pipe<T> {
    items: VecDeque<(u64, T)>,
    latency: u64,
    given: Option<u64>,
    taken: Option<u64>,
}

impl<T> Pipe<T> {
    pub(crate) fn new(latency: u64) -> Self {
        Self { items: VecDeque::new(), latency, given: None, taken: None }
    }

    pub(crate) fn has_room(&self, now: u64) -> bool {
        let used = self.items.len() + usize::from(self.taken == Some(now));
        self.given != Some(now) && used as u64 <= self.latency
    }

    pub(crate) fn push(&mut self, now: u64, item: T) {
        self.given = Some(now);
        self.items.push_back((now + self.latency, item));
    }

    pub(crate) fn pop(&mut self, now: u64) -> Option<T> {
        self.pop_if(now, |_| true)
    }

    pub(crate) fn pop_if(&mut self, now: u64, accepts: impl FnOnce(&T) -> bool) -> Option<T> {
        let (_, item) = self.items.pop_front_if(|(lands, item)| *lands <= now && accepts(item))?;
        self.taken = Some(now);
        Some(item)
    }
}

/// Limits that no work of a test meets, but for those of the machine's arrays.
pub(crate) fn cutter(arch: &Accelerator, dimensions: Dimensions) -> Cutter {
    Cutter {
        layout: Layout::new(arch, dimensions),
        keys_per_line: arch.qk_array.multipliers / dimensions.head_dim,
        values_per_line: arch.pv_array.multipliers / dimensions.head_dim,
        round_counts_to: 1,
        key_lines: 256,
        value_lines: 256,
        softmax_lanes: arch.softmax.lanes,
        softmax_lines: 1 << 20,
        refetch_lines: 1 << 20,
        refetch_rows: 1 << 20,
        probability_lines: 1 << 20,
        importance_tokens: 1 << 20,
        topk_entries: 1 << 20,
    }
}

/// A table with batches of one task each.
pub(crate) fn table(arch: &Accelerator, dimensions: Dimensions, tasks: Vec<Task>) -> WorkTable {
    let cutter = cutter(arch, dimensions);
    let mut table = WorkTable::default();
    for task in tasks {
        table.push(&cutter, vec![task], false).expect("it fits");
    }
    table
}

/// A table in which the heads of a layer that share transactions are one batch, as in the machine.
pub(crate) fn batches(cutter: &Cutter, tasks: &[Task]) -> WorkTable {
    let mut table = WorkTable::default();
    let place =
        |task: &Task| (task.step, task.layer, task.kv_head / cutter.heads_together(task.bits));
    for together in tasks.chunk_by(|a, b| place(a) == place(b)) {
        table.push(cutter, together.to_vec(), false).expect("it fits");
    }
    table
}
