//! The cycle-level machine.

pub mod blocks;
pub mod clock;
pub mod link;
pub mod outcome;
pub mod stats;
