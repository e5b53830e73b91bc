//! Multiplies a line of keys with a query each cycle: `multipliers / head_dim` scores.

use tamis_arch::{
    energy::{Action, Events},
    units::{Bits, Cycle},
};

use crate::{
    clock::{Clock, Wake},
    component::Component,
    items::{KeyLine, ScoreLine},
    link::Link,
    outcome::{Block, BlockOutcome},
    stats::{Doing, Ledger},
};

/// Scores.
pub struct QkArray {
    head_dim: u64,
    operand: Bits,
    ledger: Ledger,
    lines: u64,
    keys: u64,
}

/// The QK array's links.
pub struct QkArrayPorts<'m> {
    /// Lines of keys.
    pub key_lines: &'m mut Link<KeyLine>,
    /// Lines of scores; the link is the array's pipeline.
    pub scores: &'m mut Link<ScoreLine>,
}

impl QkArray {
    /// An array at reset.
    #[must_use]
    pub fn new(head_dim: u32, operand: Bits, ledger: Ledger) -> Self {
        Self { head_dim: u64::from(head_dim), operand, ledger, lines: 0, keys: 0 }
    }

    /// Lines and multiply-accumulates so far.
    #[must_use]
    pub fn work(&self) -> (u64, u64) {
        (self.lines, self.keys * self.head_dim)
    }
}

impl Component for QkArray {
    type Ports<'m> = QkArrayPorts<'m>;

    fn tick(&mut self, clock: &mut Clock, ports: QkArrayPorts<'_>) -> Wake {
        let doing = if !ports.scores.can_push(clock) {
            Doing::Blocked
        } else if let Some(line) = ports.key_lines.pop(clock) {
            self.lines += 1;
            self.keys += u64::from(line.keys);
            ports.scores.push(clock, line);
            Doing::Busy
        } else {
            Doing::Starved
        };
        self.ledger.switch(clock.now(), doing);
        if doing == Doing::Busy { Wake::NextCycle } else { Wake::OnLink }
    }

    fn holds(&self) -> Option<String> {
        None
    }

    fn close(self, end: Cycle) -> BlockOutcome {
        let action = Action::MultiplyAccumulate { left: self.operand, right: self.operand };
        let events = vec![Events { action, count: self.keys * self.head_dim }];
        BlockOutcome::new(Block::QkArray, self.ledger.close(end), events)
    }
}
