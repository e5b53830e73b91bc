//! The cycle-level machine.

pub mod outcome;
pub mod stats;
