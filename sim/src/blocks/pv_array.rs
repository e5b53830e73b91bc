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

/// What the PV array is made for.
#[derive(Clone, Copy)]
pub struct PvArraySpec {
    /// Values of a vector.
    pub head_dim: u32,
    /// Width of a value.
    pub operand: Bits,
    /// Width of a probability.
    pub probability: Bits,
    /// Width of an accumulator.
    pub accumulator: Bits,
    /// Width of a head's importance.
    pub importance: Bits,
    /// Rows that are read together, each of which needs accumulators.
    pub rows: u32,
}

/// Outputs.
pub struct PvArray {
    spec: PvArraySpec,
    head_dim: u64,
    ledger: Ledger,
    /// The row whose sums stand at the adders.
    at_adders: Option<RowId>,
    /// Rows whose sums wait in memory for their next line.
    waiting: Vec<RowId>,
    sums_read: u64,
    sums_written: u64,
    lines: u64,
    values: u64,
    rows: u64,
    /// Rows whose outputs add to the importance of their heads.
    weighed: u64,
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
    pub fn new(spec: PvArraySpec, ledger: Ledger) -> Self {
        Self {
            spec,
            head_dim: u64::from(spec.head_dim),
            ledger,
            at_adders: None,
            waiting: Vec::new(),
            sums_read: 0,
            sums_written: 0,
            lines: 0,
            values: 0,
            rows: 0,
            weighed: 0,
        }
    }

    /// Lines, multiply-accumulates and rows so far.
    #[must_use]
    pub fn work(&self) -> (u64, u64, u64) {
        (self.lines, self.values * self.head_dim, self.rows)
    }

    /// Rows that are read together take turns: the sums of one go to memory, those of the next come.
    fn turn_to(&mut self, line: ValueLine) {
        if line.values == 0 && !line.last {
            return;
        }
        if self.at_adders != Some(line.row) {
            if let Some(row) = self.at_adders {
                self.waiting.push(row);
                self.sums_written += 1;
            }
            if let Some(place) = self.waiting.iter().position(|&row| row == line.row) {
                self.waiting.swap_remove(place);
                self.sums_read += 1;
            }
        }
        self.at_adders = (!line.last).then_some(line.row);
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
        self.turn_to(line);
        if line.last {
            ports.outputs.push(clock, line.row);
            self.rows += 1;
            self.weighed += u64::from(batch.weighs.heads);
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
        let PvArraySpec { head_dim, operand, probability, accumulator, importance, rows } =
            self.spec;
        let multiply = Action::MultiplyAccumulate { left: operand, right: probability };
        let sums = Bits(head_dim * accumulator.0);
        let events = vec![
            Events { action: multiply, count: self.values * self.head_dim },
            Events { action: Action::read(rows, sums), count: self.sums_read },
            Events { action: Action::write(rows, sums), count: self.sums_written },
            Events {
                action: Action::Add { width: importance },
                count: self.weighed * self.head_dim,
            },
        ];
        BlockOutcome::new(Block::PvArray, self.ledger.close(end), events)
    }
}
