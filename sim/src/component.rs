//! The contract of a hardware block.

use tamis_arch::units::Cycle;

use crate::{
    clock::{Clock, Wake},
    outcome::BlockOutcome,
};

/// A hardware block: a checked spec, private state, statistics, and ports lent for one tick.
pub trait Component {
    /// The links it may touch. The machine owns them all.
    type Ports<'m>;

    /// Does what the block does in one cycle.
    fn tick(&mut self, clock: &mut Clock, ports: Self::Ports<'_>) -> Wake;

    /// What it holds, in a sentence; `None` when it holds no work.
    fn holds(&self) -> Option<String>;

    /// Closes its books at the end of the run.
    fn close(self, end: Cycle) -> BlockOutcome;
}
