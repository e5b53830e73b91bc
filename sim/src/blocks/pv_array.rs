//! Multiplies a line of values with their probabilities each cycle and adds up the outputs.
//!
//! Head importance (the sum of |output|) is kept here: one row of `head_dim` adders, once a row.

use tamis_arch::{
    energy::{Action, Events},
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Candidates, RowId, SelectJob, ValueLine},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// Outputs.
pub struct PvArray {
    head_dim: u64,
    operand: Bits,
    probability: Bits,
    importance: Bits,
    ledger: Ledger,
    lines: u64,
    values: u64,
    rows: u64,
}

/// The PV array's links.
pub struct PvArrayPorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Lines of values.
    pub value_lines: &'m mut Link<ValueLine>,
    /// Rows whose outputs are there; the link is the array's pipeline.
    pub outputs: &'m mut Link<RowId>,
    /// Selections of heads.
    pub head_jobs: &'m mut Link<SelectJob>,
}

impl PvArray {
    /// An array at reset.
    #[must_use]
    pub fn new(
        head_dim: u32,
        operand: Bits,
        probability: Bits,
        importance: Bits,
        ledger: Ledger,
    ) -> Self {
        let head_dim = u64::from(head_dim);
        Self { head_dim, operand, probability, importance, ledger, lines: 0, values: 0, rows: 0 }
    }

    /// Lines, multiply-accumulates and rows so far.
    #[must_use]
    pub fn work(&self) -> (u64, u64, u64) {
        (self.lines, self.values * self.head_dim, self.rows)
    }

    fn take(&mut self, clock: &mut Clock, ports: &mut PvArrayPorts<'_>) -> Doing {
        let Some(&line) = ports.value_lines.peek(clock) else { return Doing::Starved };
        let batch = ports.table.batch_of(line.row);
        // Rows that are read together may end in any order.
        let ends_batch = line.last && self.rows + 1 == u64::from(batch.rows.end);
        let selects = ends_batch && batch.layer_end.as_ref().is_some_and(|end| end.heads.is_some());
        if (line.last && !ports.outputs.can_push(clock))
            || (selects && !ports.head_jobs.can_push(clock))
        {
            return Doing::Blocked;
        }
        ports.value_lines.pop(clock);
        self.lines += u64::from(line.values > 0);
        self.values += u64::from(line.values);
        if line.last {
            ports.outputs.push(clock, line.row);
            self.rows += 1;
        }
        if selects {
            let job = SelectJob { batch: batch.id, of: Candidates::Heads };
            ports.head_jobs.push(clock, job);
        }
        Doing::Busy
    }
}

impl Component for PvArray {
    type Ports<'m> = PvArrayPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: PvArrayPorts<'_>) -> Wake {
        let doing = self.take(clock, &mut ports);
        self.ledger.switch(clock.now(), doing);
        if doing == Doing::Busy { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        None
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let multiply = Action::MultiplyAccumulate { left: self.operand, right: self.probability };
        let weigh = Action::Add { width: self.importance };
        let events = vec![
            Events { action: multiply, count: self.values * self.head_dim },
            Events { action: weigh, count: self.rows * self.head_dim },
        ];
        BlockOutcome::new(Block::PvArray, self.ledger.close(end), events)
    }
}
