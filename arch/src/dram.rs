//! The DRAM of a machine: a standard, how many channels, and how it is driven.

use serde::Serialize;

use crate::units::{Bytes, Megahertz};

/// The memory system, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dram {
    /// Channels; each is independent.
    pub channels: u32,
    /// Command clock.
    pub clock: Megahertz,
    /// What one access moves.
    pub transaction: Bytes,
}
