//! What a DRAM standard says, as values.

use serde::Serialize;

use super::{Buses, Command, Level};
use crate::{
    parameters,
    reader::Rule,
    units::{Bytes, Megahertz},
};

/// A DRAM standard at one speed and density, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standard {
    /// What files call it.
    pub name: String,
    /// A sentence on what it is.
    pub description: String,
    /// Command clock.
    pub clock: Megahertz,
    /// Command buses.
    pub buses: Buses,
    /// What a channel consists of.
    pub organisation: Organisation,
    /// The data bus of a pseudo-channel. Says again what the transaction and its burst say, so that a machine has the
    /// same digest without it.
    #[serde(skip)]
    pub data_bus: DataPins,
    /// Clocks that each command holds its bus, by [`Command::index`].
    pub occupancy: [u32; Command::COUNT],
    /// What is not a constraint between two commands.
    pub timing: Timing,
    /// Every constraint between two commands.
    pub constraints: Vec<Constraint>,
    /// Currents, voltage, interface.
    pub power: Power,
    /// How far the energy may lie from what those give.
    pub range: EnergyRange,
}

parameters! {
    /// What a channel consists of.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Organisation {
        /// Pseudo-channels (or ranks) of a channel.
        pub pseudo_channels: u32 where WHOLE_BITS,
        /// Bank groups of a pseudo-channel.
        pub bank_groups: u32 where WHOLE_BITS,
        /// Banks of a bank group.
        pub banks: u32 where WHOLE_BITS,
        /// Rows of a bank.
        pub rows: u32 where Rule::power_of_two(1, 1 << 24).because(SLICE),
        /// Transactions of a row.
        pub columns: u32 where Rule::power_of_two(1, 128).because(SLICE),
        /// What one column command moves: a burst.
        pub transaction: Bytes where Rule::power_of_two(8, 256).because(SLICE),
    }

    /// The data bus of a pseudo-channel.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DataPins {
        /// Its width.
        pub bits: u32 where Rule::between(1, 1024),
        /// What a pin moves in a clock of the command clock, in bits.
        pub beats_per_clock: u32 where Rule::between(1, 64),
    }

    /// Currents in milliampere and the voltage of one pseudo-channel, and energy of its interface.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Power {
        /// Supply.
        pub volts: f64 where Rule::real(0.1, 5.0),
        /// Activate and precharge, every tRC (IDD0).
        pub activate_ma: f64 where CURRENT,
        /// Standby, all banks closed (IDD2N).
        pub precharged_ma: f64 where CURRENT,
        /// Standby, a bank open (IDD3N).
        pub open_ma: f64 where CURRENT,
        /// Reads without a gap (IDD4R).
        pub read_ma: f64 where CURRENT,
        /// Writes without a gap (IDD4W).
        pub write_ma: f64 where CURRENT,
        /// During a refresh of all banks (IDD5B).
        pub refresh_ma: f64 where CURRENT,
        /// During a refresh of one bank.
        pub refresh_bank_ma: f64 where CURRENT,
        /// Drivers, wires and receivers.
        pub interface_pj_per_bit: f64 where Rule::real(0.0, 100.0),
    }

    /// The ends of what sources say, as factors on the energy that [`Power`] gives.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct EnergyRange {
        /// Opening and closing a row.
        pub activate_low: f64 where LOW,
        /// The same.
        pub activate_high: f64 where HIGH,
        /// Column reads and writes.
        pub column_low: f64 where LOW,
        /// The same.
        pub column_high: f64 where HIGH,
        /// Refreshes and standby.
        pub standing_low: f64 where LOW,
        /// The same.
        pub standing_high: f64 where HIGH,
        /// The interface.
        pub interface_low: f64 where LOW,
        /// The same.
        pub interface_high: f64 where HIGH,
    }
}

const LOW: Rule = Rule::real(0.0, 1.0).because("the typical energy lies in its range");
const HIGH: Rule = Rule::real(1.0, 100.0).because("the typical energy lies in its range");

const SLICE: &str = "it is a slice of the address";
const WHOLE_BITS: Rule = Rule::power_of_two(1, 64).because(SLICE);
const CURRENT: Rule = Rule::real(0.0, 100_000.0);

impl Organisation {
    /// Banks of a channel.
    #[must_use]
    pub fn banks_per_channel(&self) -> u32 {
        self.pseudo_channels * self.bank_groups * self.banks
    }
}

/// Spans that are not constraints between two commands, in command clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// A transaction on the data bus (BL / 2 for two beats a clock).
    pub burst: u32,
    /// RD to the first beat.
    pub read_latency: u32,
    /// WR to the first beat.
    pub write_latency: u32,
    /// ACT to PRE: how long a row draws the current of an open one, at least.
    pub row_open: u32,
    /// ACT to ACT of a bank.
    pub row_cycle: u32,
    /// PRE to ACT.
    pub row_close: u32,
    /// Between refreshes of all banks.
    pub refresh_interval: u32,
    /// Length of a refresh of all banks.
    pub refresh: u32,
    /// Between refreshes of one bank after the other; 0 in a standard without them.
    pub bank_refresh_interval: u32,
    /// Length of a refresh of one bank.
    pub bank_refresh: u32,
}

/// A rule between two commands: at `level`, `to` no earlier than `clocks` after `from`.
///
/// As standards count: from the last clock of one command on its bus to the last clock of the other.
/// [`Standard::spacing`] gives the distance of their first clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Constraint {
    /// Its name in the standard, for explanations (`tFAW`).
    pub name: String,
    /// Between commands to the same what.
    pub level: Level,
    /// The command before.
    pub from: Command,
    /// The command after.
    pub to: Command,
    /// The distance.
    pub clocks: u32,
    /// It runs from the `window`-th `from` back; 1: the last one.
    pub window: u32,
}

impl Standard {
    /// Whether banks can be refreshed one by one.
    #[must_use]
    pub fn refreshes_banks(&self) -> bool {
        self.timing.bank_refresh_interval > 0
    }

    /// Distance of the first clocks of two commands that a constraint asks for; 0 where it asks for none.
    #[must_use]
    pub fn spacing(&self, rule: &Constraint) -> u32 {
        rule.spacing(&self.occupancy)
    }
}

impl Constraint {
    /// See [`Standard::spacing`].
    pub(super) fn spacing(&self, occupancy: &[u32; Command::COUNT]) -> u32 {
        let from = occupancy[self.from.index()];
        let to = occupancy[self.to.index()];
        (self.clocks + from).saturating_sub(to)
    }
}
