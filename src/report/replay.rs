//! The result of `tamis dram replay`: what a memory did with a request trace.

mod table;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use tamis_arch::{
    dram::{Command, Controller, Dram},
    units::Picojoules,
};
use tamis_dram::{DramEnergy, Kind, Standby, Stats, command_energy, energy, standby_energy};

use super::{memory::MemoryActivity, ratio};

/// Number of the layout of this value; grows with the first release in which a key changes its meaning or is gone.
const SCHEMA: u32 = 2;

/// What was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Asked {
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    /// Addresses beyond what the memory holds: they wrap around.
    pub(crate) wrapped: u64,
    /// Size of each.
    pub(crate) request_bytes: u64,
}

impl Asked {
    pub(crate) fn count(&mut self, kind: Kind, wraps: bool) {
        match kind {
            Kind::Read => self.reads += 1,
            Kind::Write => self.writes += 1,
        }
        self.wrapped += u64::from(wraps);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.reads + self.writes
    }

    fn bytes(&self) -> u64 {
        self.requests().saturating_mul(self.request_bytes)
    }
}

/// The memory, with every knob.
#[derive(Clone, Debug, Serialize)]
struct Memory {
    /// As asked for: a standard's name, or the path of a file.
    standard: String,
    /// What that file calls it.
    name: String,
    description: String,
    channels: u32,
    pseudo_channels: u32,
    transaction_bytes: u64,
    capacity_bytes: u64,
    peak_bytes_per_second: f64,
    /// As asked for: a name, or the string.
    mapping: String,
    /// The string that names every address bit.
    mapping_bits: String,
    controller: Controller,
}

/// What a replay came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReplayReport<'d> {
    schema: u32,
    version: &'static str,
    memory: Memory,
    /// The value of `--inject`.
    injection: &'static str,
    requests: Asked,
    cycles: u64,
    time_ns: f64,
    read_bytes: u64,
    written_bytes: u64,
    bandwidth_bytes_per_second: Option<f64>,
    /// Share of the peak.
    bandwidth_utilization: Option<f64>,
    energy: Energy,
    #[serde(flatten)]
    activity: MemoryActivity,
    #[serde(skip)]
    dram: &'d Dram,
}

/// Energy by command and state. The commands, standby and interface add up to the total.
#[derive(Clone, Debug, Serialize)]
struct Energy {
    total_pj: Picojoules,
    pj_per_bit: Option<f64>,
    /// By the command's name; a precharge is paid with its activate.
    commands: BTreeMap<&'static str, CommandEnergy>,
    standby: Standby,
    interface_pj: Picojoules,
    #[serde(skip)]
    parts: DramEnergy,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CommandEnergy {
    count: u64,
    energy_pj: Picojoules,
}

impl Energy {
    fn of(dram: &Dram, stats: &Stats) -> Self {
        let parts = energy(dram, stats);
        let commands = Command::ALL.iter().map(|&command| {
            let count = stats.count(command);
            let energy_pj = command_energy(dram, command) * count as f64;
            (command.name(), CommandEnergy { count, energy_pj })
        });
        let bits = 8.0 * (stats.read_bytes + stats.written_bytes).0 as f64;
        Self {
            total_pj: parts.total(),
            pj_per_bit: ratio(parts.total().0, bits),
            commands: commands.filter(|(_, spent)| spent.count > 0).collect(),
            standby: standby_energy(dram, &stats.pseudo_ticks),
            interface_pj: parts.interface,
            parts,
        }
    }
}

impl<'d> ReplayReport<'d> {
    pub(crate) fn of(
        dram: &'d Dram,
        asked: Asked,
        injection: &'static str,
        replay: &tamis_dram::Replay,
    ) -> Self {
        let stats = &replay.stats;
        let activity = MemoryActivity::of(&replay.channels, dram);
        let seconds = activity.seconds(replay.end.0);
        let bytes = (stats.read_bytes + stats.written_bytes).0 as f64;
        let bandwidth = ratio(bytes, seconds);
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            memory: describe(dram),
            injection,
            requests: asked,
            cycles: replay.end.0,
            time_ns: 1e9 * seconds,
            read_bytes: stats.read_bytes.0,
            written_bytes: stats.written_bytes.0,
            bandwidth_bytes_per_second: bandwidth,
            bandwidth_utilization: bandwidth
                .and_then(|bandwidth| ratio(bandwidth, dram.peak_bytes_per_second())),
            energy: Energy::of(dram, stats),
            activity,
            dram,
        }
    }

    pub(crate) fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        table::write(self, out)
    }

    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

fn describe(dram: &Dram) -> Memory {
    Memory {
        standard: dram.standard_name.clone(),
        name: dram.standard.name.clone(),
        description: dram.standard.description.clone(),
        channels: dram.channels,
        pseudo_channels: dram.standard.organisation.pseudo_channels,
        transaction_bytes: dram.transaction.0,
        capacity_bytes: dram.capacity().0,
        peak_bytes_per_second: dram.peak_bytes_per_second(),
        mapping: dram.mapping.text.clone(),
        mapping_bits: dram.mapping.bits(),
        controller: dram.controller.clone(),
    }
}
