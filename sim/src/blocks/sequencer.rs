//! Issues batches to the memory side and rows to the arrays, in the order of the plan.
//!
//! A layer's keys are fetched when the tokens and heads that it works on are known: after the
//! selections at the end of the layer before. With `layer_barrier`, its queries wait until the outputs
//! of the layer before are written.

use std::collections::VecDeque;

use tamis_arch::{blocks, units::Cycle};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{BatchId, Pass, SelectJob},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
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
    /// The last batch of the layer before, whose outputs the queries of this one are made from.
    barrier: Option<BatchId>,
    /// Batches before this one are written.
    written: BatchId,
}

/// A batch that is launched and whose rows are still to be issued.
struct Issuing {
    batch: BatchId,
    issued: u32,
    after: Option<BatchId>,
}

/// The sequencer's links.
pub struct SequencerPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// K and Q to fetch.
    pub loads: &'m mut Link<BatchId>,
    /// Batches to come, for the value buffer.
    pub value_loads: &'m mut Link<BatchId>,
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

    /// Sends the next batch to the memory side; `None` where there is none.
    fn launch(&mut self, clock: &mut Clock, ports: &mut SequencerPorts<'_>) -> Option<bool> {
        let batch = ports.table.get(self.launch)?;
        let appends = self.spec.write_traffic && batch.append.is_some();
        let room = ports.loads.can_push(clock)
            && ports.value_loads.can_push(clock)
            && (!appends || ports.appends.can_push(clock));
        if self.selections > 0 || !room {
            return Some(false);
        }
        ports.loads.push(clock, batch.id);
        ports.value_loads.push(clock, batch.id);
        if appends {
            ports.appends.push(clock, batch.id);
        }
        self.issuing.push_back(Issuing { batch: batch.id, issued: 0, after: self.barrier });
        if let Some(end) = &batch.layer_end {
            self.selections = u32::from(end.tokens.is_some()) + u32::from(end.heads.is_some());
            self.barrier = self.spec.layer_barrier.then_some(batch.id);
        }
        self.launch += 1;
        Some(true)
    }

    /// Issues the next row, or the rows that go line by line together.
    fn issue(&mut self, clock: &mut Clock, ports: &mut SequencerPorts<'_>) -> bool {
        let Some(front) = self.issuing.front_mut() else { return false };
        let waits = front.after.is_some_and(|last| self.written <= last);
        if waits || !ports.passes.can_push(clock) {
            return false;
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
        true
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
        let launched = self.launch(clock, &mut ports);
        let issued = self.issue(clock, &mut ports);
        let moved = launched == Some(true) || issued;
        let doing = match (moved, launched.is_some() || !self.issuing.is_empty()) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if moved { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        let Issuing { batch, issued, after } = self.issuing.front()?;
        let waits = after.filter(|&last| self.written <= last);
        Some(format!("batch {batch}, rows issued: {issued}; waits for the outputs of {waits:?}"))
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        BlockOutcome::new(Block::Sequencer, self.ledger.close(end), Vec::new())
    }
}
