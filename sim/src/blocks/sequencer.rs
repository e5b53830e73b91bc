//! Issues batches to the memory side and rows to the arrays, in the order of the plan.
//!
//! A layer's keys are fetched when the tokens and heads that it works on are known: after the
//! selections at the end of the layer before. What else waits for that layer's outputs is
//! `layer_barrier`: rows alone, or also the fetch of what is made from them.

use std::collections::VecDeque;

use tamis_arch::{
    blocks::{self, LayerBarrier},
    text::counted,
    units::Cycle,
};
use tamis_workloads::plan::Phase;

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{BatchId, Pass, SelectJob},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::{Batch, WorkTable},
};

/// Issues batches and rows.
pub struct Sequencer {
    spec: blocks::Sequencer,
    ledger: Ledger,
    /// Next batch to send to the memory side.
    launch: BatchId,
    issuing: VecDeque<Issuing>,
    /// Selections that the next layer waits for.
    selections: u32,
    /// The last batch of the layer before, whose outputs this one is made from.
    barrier: Option<BatchId>,
    /// Batches before this one are written.
    written: BatchId,
}

/// A batch that is launched and whose rows are still to be issued.
struct Issuing {
    batch: BatchId,
    issued: u32,
    after: Option<BatchId>,
    /// Whether the memory side knows that all its operands are made.
    made: bool,
}

/// What one of the sequencer's tasks came to in a cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Moved,
    /// A link has no room.
    Blocked,
    /// There is nothing to do, or what it needs is not known yet.
    Waiting,
}

/// The sequencer's links.
pub struct SequencerPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// K to fetch.
    pub loads: &'m mut Link<BatchId>,
    /// Batches to come, for the value buffer.
    pub value_loads: &'m mut Link<BatchId>,
    /// Batches whose operands are all made: Q can be fetched, and K of the newest token.
    pub made: &'m mut Link<BatchId>,
    /// The same, for V of the newest token.
    pub values_made: &'m mut Link<BatchId>,
    /// New K and V to write.
    pub appends: &'m mut Link<BatchId>,
    /// Rows to compute.
    pub passes: &'m mut Link<Pass>,
    /// Selections that are done.
    pub selected: &'m mut Link<SelectJob>,
    /// Batches whose outputs are written.
    pub written: &'m mut Link<BatchId>,
}

impl Sequencer {
    /// A sequencer at reset.
    #[must_use]
    pub fn new(spec: &blocks::Sequencer, ledger: Ledger) -> Self {
        Self {
            spec: spec.clone(),
            ledger,
            launch: 0,
            issuing: VecDeque::new(),
            selections: 0,
            barrier: None,
            written: 0,
        }
    }

    /// The batch that is launched next.
    #[must_use]
    pub fn next_launch(&self) -> BatchId {
        self.launch
    }

    /// The oldest batch that is not written, or on whose selections the next layer waits.
    #[must_use]
    pub fn oldest(&self) -> BatchId {
        if self.selections > 0 { self.written.min(self.launch - 1) } else { self.written }
    }

    /// Whether the outputs up to those of `last` are written.
    fn is_written(&self, last: Option<BatchId>) -> bool {
        last.is_none_or(|last| last < self.written)
    }

    /// Whether nothing of a batch exists before the outputs of the layer before do. In decode, K and V of
    /// earlier tokens do.
    fn is_all_new(&self, batch: &Batch) -> bool {
        self.spec.layer_barrier == LayerBarrier::Operands && batch.phase == Phase::Prefill
    }

    /// Sends the next batch to the memory side.
    fn launch(&mut self, clock: &mut Clock, ports: &mut SequencerPorts<'_>) -> Step {
        let Some(batch) = ports.table.get(self.launch) else { return Step::Waiting };
        let waits = self.is_all_new(batch) && !self.is_written(self.barrier);
        if self.selections > 0 || waits {
            return Step::Waiting;
        }
        if !ports.loads.can_push(clock) || !ports.value_loads.can_push(clock) {
            return Step::Blocked;
        }
        ports.loads.push(clock, batch.id);
        ports.value_loads.push(clock, batch.id);
        let issuing = Issuing { batch: batch.id, issued: 0, after: self.barrier, made: false };
        self.issuing.push_back(issuing);
        if let Some(end) = &batch.layer_end {
            self.selections = u32::from(end.tokens.is_some()) + u32::from(end.heads.is_some());
            self.barrier = (self.spec.layer_barrier != LayerBarrier::None).then_some(batch.id);
        }
        self.launch += 1;
        Step::Moved
    }

    /// Tells the memory side of the next batch whose operands are all made, and has its new K and V
    /// written.
    fn complete(&mut self, clock: &mut Clock, ports: &mut SequencerPorts<'_>) -> Step {
        let Some(place) = self.issuing.iter().position(|issuing| !issuing.made) else {
            return Step::Waiting;
        };
        let (id, after) = (self.issuing[place].batch, self.issuing[place].after);
        let waits = self.spec.layer_barrier == LayerBarrier::Operands && !self.is_written(after);
        if waits {
            return Step::Waiting;
        }
        let appends = self.spec.write_traffic && ports.table.batch(id).append.is_some();
        if !ports.made.can_push(clock)
            || !ports.values_made.can_push(clock)
            || (appends && !ports.appends.can_push(clock))
        {
            return Step::Blocked;
        }
        ports.made.push(clock, id);
        ports.values_made.push(clock, id);
        if appends {
            ports.appends.push(clock, id);
        }
        self.issuing[place].made = true;
        Step::Moved
    }

    /// Issues the next row, or the rows that go line by line together.
    fn issue(&mut self, clock: &mut Clock, ports: &mut SequencerPorts<'_>) -> Step {
        let written = self.written;
        let Some(front) = self.issuing.front_mut() else { return Step::Waiting };
        if !front.made || front.after.is_some_and(|last| last >= written) {
            return Step::Waiting;
        }
        if !ports.passes.can_push(clock) {
            return Step::Blocked;
        }
        let batch = ports.table.batch(front.batch);
        let rows = batch.rows.end - batch.rows.start;
        let together = if batch.line_by_line() { rows } else { 1 };
        let pass = Pass { first: batch.rows.start + front.issued, rows: together, full: false };
        ports.passes.push(clock, pass);
        front.issued += together;
        if front.issued == rows {
            self.issuing.pop_front();
        }
        Step::Moved
    }
}

impl Component for Sequencer {
    type Ports<'m> = SequencerPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: SequencerPorts<'_>) -> Wake {
        if ports.selected.pop(clock).is_some() {
            self.selections -= 1;
        }
        if let Some(batch) = ports.written.pop(clock) {
            self.written = batch + 1;
        }
        let steps = [
            self.launch(clock, &mut ports),
            self.complete(clock, &mut ports),
            self.issue(clock, &mut ports),
        ];
        let moved = steps.contains(&Step::Moved);
        let doing = match (moved, steps.contains(&Step::Blocked)) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        let mut waits = Vec::new();
        if self.selections > 0 {
            let selections = counted(self.selections, "selection", "selections");
            waits.push(format!("batch {} waits for {selections}", self.launch));
        }
        if let Some(Issuing { batch, issued, after, made }) = self.issuing.front() {
            waits.push(format!("batch {batch}, rows issued: {issued}"));
            if let Some(last) = after.filter(|&last| last >= self.written) {
                waits.push(format!("it waits for the outputs of batch {last}"));
            } else if !made {
                waits.push("the fetcher has not been told of its queries".to_owned());
            }
        } else if let Some(last) = self.barrier.filter(|&last| last >= self.written) {
            waits.push(format!("the outputs of batch {last} are not written"));
        }
        (!waits.is_empty()).then(|| waits.join("; "))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        BlockOutcome::new(Block::Sequencer, self.ledger.close(end), Vec::new())
    }
}
