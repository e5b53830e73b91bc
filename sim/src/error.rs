//! Why a run of the machine ended without a result.

use tamis_arch::{accelerator::Unsupported, text::counted};
use thiserror::Error;

use crate::outcome::Block;

/// A run that has no outcome. `E` is the error of the plan's source.
#[derive(Debug, Error)]
pub enum RunError<E: std::error::Error + 'static> {
    /// The plan could not be made.
    #[error(transparent)]
    Plan(E),
    /// A task does not fit the machine.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Blocks wait for each other.
    #[error(transparent)]
    Deadlock(#[from] Box<Deadlock>),
    /// The cycle limit was reached.
    #[error("the limit of {} was reached before the work was done", counted(*limit, "cycle", "cycles"))]
    Limit {
        /// The limit.
        limit: u64,
    },
}

/// A workload that a machine cannot run.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FitError {
    /// The arrays cannot be cut into vectors of this size.
    #[error(transparent)]
    Vectors(#[from] Unsupported),
    /// A prefill task is larger than half a buffer.
    #[error(
        "layer {layer}, K/V head {kv_head}: {} need {} of `{buffer}`, and a prefill task may hold \
         {limit}, half of it",
        counted(*tokens, "token", "tokens"),
        counted(*lines, "line", "lines")
    )]
    Task {
        /// Layer in the trace.
        layer: u32,
        /// First K/V head of the task.
        kv_head: u32,
        /// Live tokens.
        tokens: u32,
        /// Lines that they need.
        lines: u32,
        /// Which buffer.
        buffer: &'static str,
        /// Lines that a task may hold.
        limit: u32,
    },
    /// Heads that share transactions arrive together, and a buffer has no line for each.
    #[error(
        "layer {layer}, K/V head {kv_head}: {heads} heads share transactions and need a line of \
         `{buffer}` each, which has {lines}"
    )]
    Heads {
        /// Layer in the trace.
        layer: u32,
        /// First K/V head of the task.
        kv_head: u32,
        /// Heads that share transactions.
        heads: u32,
        /// Which buffer.
        buffer: &'static str,
        /// Lines that it has.
        lines: u32,
    },
    /// The rows that run together need more room than a queue has.
    #[error(
        "layer {layer}, K/V head {kv_head}: {} of up to {} need {} of `{queue}`, which has {limit}",
        counted(*rows, "row", "rows"),
        counted(*keys, "key", "keys"),
        counted(*lines, "line", "lines")
    )]
    Rows {
        /// Layer in the trace.
        layer: u32,
        /// First K/V head of the task.
        kv_head: u32,
        /// Rows that run together.
        rows: u32,
        /// Keys of the longest.
        keys: u32,
        /// Lines that they need.
        lines: u32,
        /// Which parameter.
        queue: &'static str,
        /// Lines that there are.
        limit: u32,
    },
    /// More tokens than the importance memory or the top-k engine holds.
    #[error("layer {layer}: {tokens} tokens are more than `{parameter}` = {limit}")]
    Tokens {
        /// Layer in the trace.
        layer: u32,
        /// Live tokens.
        tokens: u32,
        /// Which parameter.
        parameter: &'static str,
        /// Its value.
        limit: u32,
    },
}

/// What one block was waiting for when nothing could move any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The block.
    pub block: Block,
    /// What it held, in a sentence.
    pub state: String,
}

/// No block is due and work is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// The cycle in which the last block went to sleep.
    pub cycle: u64,
    /// Each block that holds work.
    pub waiting: Vec<Waiting>,
    /// Each link that holds items: from, to, items, slots.
    pub links: Vec<(Block, Block, usize, usize)>,
}

impl std::error::Error for Deadlock {}

impl std::fmt::Display for Deadlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the machine deadlocked at cycle {}", self.cycle)?;
        for Waiting { block, state } in &self.waiting {
            write!(f, "\n  {}: {state}", block.name())?;
        }
        for (from, to, items, slots) in &self.links {
            write!(f, "\n  link {} -> {}: {items} of {slots}", from.name(), to.name())?;
        }
        Ok(())
    }
}
