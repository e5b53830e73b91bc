//! Token importance: adds each settled probability to its token's score, and passes it on.

use tamis_arch::{
    blocks,
    energy::{Action, Events},
    units::{Bits, Cycle, Cycles},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{Candidates, ProbLine, SelectJob},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
    work::WorkTable,
};

/// Token importance.
pub struct Importance {
    spec: blocks::Importance,
    width: Bits,
    ledger: Ledger,
    free_at: Cycle,
    updates: u64,
}

/// The importance block's links.
pub struct ImportancePorts<'m> {
    /// What there is to do.
    pub table: &'m WorkTable,
    /// Settled probabilities.
    pub settled: &'m mut Link<ProbLine>,
    /// The same, for the choice of values.
    pub weighed: &'m mut Link<ProbLine>,
    /// Selections of tokens.
    pub token_jobs: &'m mut Link<SelectJob>,
}

impl Importance {
    /// Scores of `width` bits, all zero.
    #[must_use]
    pub fn new(spec: &blocks::Importance, width: Bits, ledger: Ledger) -> Self {
        Self { spec: spec.clone(), width, ledger, free_at: Cycle::ZERO, updates: 0 }
    }

    fn take(&mut self, clock: &mut Clock, ports: &mut ImportancePorts<'_>) -> bool {
        let Some(&line) = ports.settled.peek(clock) else { return false };
        let row = ports.table.row(line.row);
        let batch = ports.table.batch(row.batch);
        let selects = line.last
            && row.last.batch
            && batch.layer_end.as_ref().is_some_and(|end| end.tokens.is_some());
        if !ports.weighed.can_push(clock) || (selects && !ports.token_jobs.can_push(clock)) {
            return false;
        }
        ports.settled.pop(clock);
        ports.weighed.push(clock, line);
        if selects {
            let job = SelectJob { batch: row.batch, of: Candidates::Tokens };
            ports.token_jobs.push(clock, job);
        }
        let mut cycles = 1;
        if batch.weighs.tokens {
            self.updates += u64::from(line.keys);
            cycles = line.keys.div_ceil(self.spec.lanes);
        }
        self.free_at = clock.now() + Cycles(u64::from(cycles));
        true
    }
}

impl Component for Importance {
    type Ports<'m> = ImportancePorts<'m>;

    fn tick(&mut self, clock: &mut Clock, mut ports: ImportancePorts<'_>) -> Wake {
        if clock.now() >= self.free_at {
            self.take(clock, &mut ports);
        }
        let busy = clock.now() < self.free_at;
        let doing = match (busy, ports.settled.peek(clock).is_some()) {
            (true, _) => Doing::Busy,
            (false, true) => Doing::Blocked,
            (false, false) => Doing::Starved,
        };
        self.ledger.switch(clock.now(), doing);
        if busy { Wake::At(self.free_at) } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        None
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let width = self.width;
        // A bank for each lane.
        let words = self.spec.tokens.div_ceil(self.spec.lanes);
        let events = vec![
            Events { action: Action::Add { width }, count: self.updates },
            Events { action: Action::read(words, width), count: self.updates },
            Events { action: Action::write(words, width), count: self.updates },
        ];
        BlockOutcome::new(Block::Importance, self.ledger.close(end), events)
    }
}
