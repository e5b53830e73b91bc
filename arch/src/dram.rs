//! The DRAM of a machine: a standard, how many channels there are, and how a controller drives them.
//!
//! A [`Standard`] is data: organisation, command buses, timing parameters, a table of timing
//! [`Constraint`]s, currents. `arch/presets/dram/*.toml` holds those that Tamis knows, each value with its
//! source. The crate `tamis-dram` interprets it.

mod check;
mod command;
mod currents;
mod data_bus;
mod mapping;
mod read;
mod standard;
mod twins;

use serde::Serialize;

pub use command::{Buses, Command, Level, Target};
pub use mapping::{Field, MappingError, MappingPreset, MappingSpec, Segment};
pub use read::{SHARED_TABLE, STANDARDS, UnknownStandard, standard_source};
pub use standard::{Constraint, DataPins, EnergyRange, Organisation, Power, Standard, Timing};

use crate::{
    choices,
    units::{Bytes, Megahertz},
};

/// The memory system, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dram {
    /// Channels; each is independent. A power of two.
    pub channels: u32,
    /// Command clock: the standard's.
    pub clock: Megahertz,
    /// What one access moves: the standard's.
    pub transaction: Bytes,
    /// The standard as the machine file names it.
    pub standard_name: String,
    /// What the chips are.
    pub standard: Standard,
    /// Which address bit is what.
    pub mapping: MappingSpec,
    /// How each channel is driven.
    pub controller: Controller,
}

/// How a channel is driven.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Controller {
    /// Reads that wait for their row to be opened, or for their turn in an open one; at least 1.
    pub read_queue: u32,
    /// Writes that wait; at least 1.
    pub write_queue: u32,
    /// Writes are served from when more than this share of the write queue is filled, in percent.
    pub write_high_percent: u32,
    /// Reads are served again from when less than this share is filled, in percent.
    pub write_low_percent: u32,
    /// How rows are kept alive.
    pub refresh: Refresh,
    /// Whether the pseudo-channels of a channel share its command buses.
    pub command_bus: Sharing,
    /// Which of the requests that could be served is.
    pub scheduler: Scheduler,
    /// Requests that a row serves while an older one waits for its bank (`fr-fcfs-cap`); at least 1.
    pub hit_cap: u32,
    /// When a row is closed.
    pub page: PagePolicy,
    /// Ticks of the command clock after which a row that nobody asks for is closed (`timeout`).
    pub page_timeout: u32,
}

choices! {
    /// How rows are kept alive.
    pub enum Refresh {
        /// Never: for comparisons.
        None = "none",
        /// Every tREFI, all banks of a pseudo-channel together.
        AllBank = "all-bank",
        /// Every tREFIpb, one bank after the other.
        PerBank = "per-bank",
    }

    /// Whether the pseudo-channels of a channel share its command buses.
    pub enum Sharing {
        /// One set of buses, as in the standards.
        Shared = "shared",
        /// Each pseudo-channel has its own, as some simulators model it.
        Split = "split",
    }

    /// Which of the requests that could be served is.
    pub enum Scheduler {
        /// The oldest of those whose next command is legal now.
        FrFcfs = "fr-fcfs",
        /// The same, but a row serves no more than `hit_cap` requests while an older one waits for its bank.
        FrFcfsCap = "fr-fcfs-cap",
        /// The oldest, whether its next command is legal or not.
        Fcfs = "fcfs",
    }

    /// When a row is closed, other than for a refresh.
    pub enum PagePolicy {
        /// When another row of its bank is asked for.
        Open = "open",
        /// With the read or write after which no request that waits wants it (auto-precharge).
        Closed = "closed",
        /// When another row is asked for, or none of its own for `page_timeout` ticks of the command clock.
        Timeout = "timeout",
    }
}

impl Controller {
    /// 32 reads, 32 writes, all-bank refresh, shared buses, open-page FR-FCFS.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            read_queue: 32,
            write_queue: 32,
            write_high_percent: 80,
            write_low_percent: 20,
            refresh: Refresh::AllBank,
            command_bus: Sharing::Shared,
            scheduler: Scheduler::FrFcfs,
            hit_cap: 4,
            page: PagePolicy::Open,
            page_timeout: 200,
        }
    }
}

impl Dram {
    /// A memory of `channels` channels of a standard that Tamis knows.
    ///
    /// # Errors
    /// When there is no such standard, it does not refresh as asked, or the mapping does not name every address
    /// bit once.
    pub fn new(
        standard: &str,
        channels: u32,
        mapping: &str,
        controller: Controller,
    ) -> Result<Self, DramError> {
        let chips = Standard::preset(standard)?;
        if controller.refresh == Refresh::PerBank && !chips.refreshes_banks() {
            return Err(DramError::NoBankRefresh { standard: standard.into() });
        }
        let mapping = MappingSpec::parse(mapping, channels, &chips.organisation)?;
        Ok(Self::of(standard.into(), chips, channels, mapping, controller))
    }

    /// A memory of checked parts.
    #[must_use]
    pub fn of(
        standard_name: String,
        standard: Standard,
        channels: u32,
        mapping: MappingSpec,
        controller: Controller,
    ) -> Self {
        let (clock, transaction) = (standard.clock, standard.organisation.transaction);
        Self { channels, clock, transaction, standard_name, standard, mapping, controller }
    }

    /// What all channels move at most: on every data bus a transaction in each burst.
    #[must_use]
    pub fn peak_bytes_per_second(&self) -> f64 {
        let buses = f64::from(self.channels * self.standard.organisation.pseudo_channels);
        let bursts = self.clock.0.get() as f64 * 1e6 / f64::from(self.standard.timing.burst);
        buses * bursts * self.transaction.0 as f64
    }

    /// What all channels hold.
    #[must_use]
    pub fn capacity(&self) -> Bytes {
        let Organisation { rows, columns, .. } = self.standard.organisation;
        let banks = u64::from(self.channels * self.standard.organisation.banks_per_channel());
        Bytes(banks * u64::from(rows) * u64::from(columns) * self.transaction.0)
    }
}

/// Why there is no such memory.
#[derive(Debug, thiserror::Error)]
pub enum DramError {
    /// The standard's name.
    #[error("no such DRAM standard: {0}")]
    Standard(#[from] UnknownStandard),
    /// The mapping.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// Refresh of one bank after the other.
    #[error("`{standard}` has no refresh of single banks: refresh is all-bank or none")]
    NoBankRefresh {
        /// The standard.
        standard: String,
    },
}
