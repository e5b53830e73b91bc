//! What a run costs in energy: counts and times of [`Stats`] with the currents of the standard.
//!
//! Increments over standby, as Micron's TN-40-07 and DRAMsim3 have them: a command costs its current less the
//! standby current that the background already pays, over the time that it lasts. All times are real time: ticks
//! over the command clock.

use serde::Serialize;
use tamis_arch::{
    dram::{Command, Dram, EnergyRange, Power},
    energy::Spread,
    units::{Bytes, Picojoules},
};

use crate::{Residency, Stats, Ticks};

/// Where the energy of a memory went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DramEnergy {
    /// Opening and closing rows.
    #[serde(rename = "activate_pj")]
    pub activate: Picojoules,
    /// Column reads.
    #[serde(rename = "read_pj")]
    pub read: Picojoules,
    /// Column writes.
    #[serde(rename = "write_pj")]
    pub write: Picojoules,
    /// Refreshes.
    #[serde(rename = "refresh_pj")]
    pub refresh: Picojoules,
    /// Standby.
    #[serde(rename = "background_pj")]
    pub background: Picojoules,
    /// Drivers, wires and receivers.
    #[serde(rename = "interface_pj")]
    pub interface: Picojoules,
}

impl DramEnergy {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Picojoules {
        self.dynamic() + self.standing()
    }

    /// What follows the requests: rows, columns, interface.
    #[must_use]
    pub fn dynamic(&self) -> Picojoules {
        self.activate + self.read + self.write + self.interface
    }

    /// What goes on whatever is asked of the memory, static in the reports: refreshes and standby.
    #[must_use]
    pub fn standing(&self) -> Picojoules {
        self.refresh + self.background
    }

    /// The same with the range that the sources of a standard leave.
    #[must_use]
    pub fn within(self, range: &EnergyRange) -> Spread<Self> {
        let times = |activate, column, standing, interface| Self {
            activate: self.activate * activate,
            read: self.read * column,
            write: self.write * column,
            refresh: self.refresh * standing,
            background: self.background * standing,
            interface: self.interface * interface,
        };
        let EnergyRange { activate_low, column_low, standing_low, interface_low, .. } = *range;
        let EnergyRange { activate_high, column_high, standing_high, interface_high, .. } = *range;
        Spread {
            low: times(activate_low, column_low, standing_low, interface_low),
            typical: self,
            high: times(activate_high, column_high, standing_high, interface_high),
        }
    }
}

/// Where the energy of standby went: what the chips draw whatever they are asked, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Standby {
    /// All banks closed.
    #[serde(rename = "closed_pj")]
    pub closed: Picojoules,
    /// A bank open.
    #[serde(rename = "open_pj")]
    pub open: Picojoules,
    /// Under a refresh of all banks; the refresh itself is an increment over this.
    #[serde(rename = "refreshing_pj")]
    pub refreshing: Picojoules,
}

impl Standby {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> Picojoules {
        self.closed + self.open + self.refreshing
    }
}

/// What one command costs, beyond standby; 0 for one whose cost is another's (a precharge is paid with its
/// activate).
#[must_use]
pub fn command_energy(dram: &Dram, command: Command) -> Picojoules {
    let (power, timing) = (&dram.standard.power, &dram.standard.timing);
    let Power { open_ma, precharged_ma, .. } = *power;
    let over_open = |current: f64, ticks: u32| (current - open_ma) * f64::from(ticks);
    let charge = match command {
        Command::Activate => {
            let closed = timing.row_cycle - timing.row_open;
            power.activate_ma * f64::from(timing.row_cycle)
                - open_ma * f64::from(timing.row_open)
                - precharged_ma * f64::from(closed)
        }
        Command::Read | Command::ReadAuto => over_open(power.read_ma, timing.burst),
        Command::Write | Command::WriteAuto => over_open(power.write_ma, timing.burst),
        Command::RefreshAll => over_open(power.refresh_ma, timing.refresh),
        Command::RefreshBank => over_open(power.refresh_bank_ma, timing.bank_refresh),
        Command::Precharge | Command::PrechargeAll => 0.0,
    };
    Picojoules(power.volts * charge * nanoseconds_per_tick(dram))
}

/// The energy of what was counted.
#[must_use]
pub fn energy(dram: &Dram, stats: &Stats) -> DramEnergy {
    let of = |command| command_energy(dram, command) * stats.count(command) as f64;
    DramEnergy {
        activate: of(Command::Activate),
        read: of(Command::Read) + of(Command::ReadAuto),
        write: of(Command::Write) + of(Command::WriteAuto),
        refresh: of(Command::RefreshAll) + of(Command::RefreshBank),
        background: standby_energy(dram, &stats.pseudo_ticks).total(),
        interface: interface_energy(&dram.standard.power, stats.read_bytes + stats.written_bytes),
    }
}

/// The energy of time spent, by state.
#[must_use]
pub fn standby_energy(dram: &Dram, spent: &Residency) -> Standby {
    let power = &dram.standard.power;
    let over = |current: f64, ticks: Ticks| {
        Picojoules(power.volts * current * ticks.0 as f64 * nanoseconds_per_tick(dram))
    };
    // A refresh is an increment over a bank open, so standby during it is that.
    Standby {
        closed: over(power.precharged_ma, spent.closed),
        open: over(power.open_ma, spent.open),
        refreshing: over(power.open_ma, spent.refreshing),
    }
}

fn interface_energy(power: &Power, bytes: Bytes) -> Picojoules {
    Picojoules(power.interface_pj_per_bit * bytes.0 as f64 * 8.0)
}

/// Milliampere times volts times nanoseconds are picojoules.
fn nanoseconds_per_tick(dram: &Dram) -> f64 {
    1000.0 / dram.clock.0.get() as f64
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use tamis_arch::{dram::Controller, units::Megahertz};

    use super::*;
    use crate::Residency;

    /// The channel of DRAMsim3's `HBM2_4Gb_x128`: one of 128 bits, so twice our currents.
    fn channel_of_128_bits() -> Dram {
        let mut dram = Dram::new("hbm2", 8, "RoBaRaCoCh", Controller::usual()).expect("a memory");
        let power = &mut dram.standard.power;
        for current in [
            &mut power.activate_ma,
            &mut power.precharged_ma,
            &mut power.open_ma,
            &mut power.read_ma,
            &mut power.write_ma,
            &mut power.refresh_ma,
        ] {
            *current *= 2.0;
        }
        power.interface_pj_per_bit = 0.0;
        dram
    }

    fn close(found: Picojoules, expected: f64, share: f64) -> bool {
        (found.0 - expected).abs() <= expected * share
    }

    #[test]
    fn a_command_costs_what_dramsim3_charges() {
        let dram = channel_of_128_bits();
        for (command, expected) in [
            (Command::Activate, 828.0),
            (Command::Read, 804.0),
            (Command::Write, 1068.0),
            (Command::RefreshAll, 60_840.0),
        ] {
            let found = command_energy(&dram, command);
            assert!(close(found, expected, 1e-12), "{command:?}: {found:?}");
        }
    }

    /// What DRAMsim3 counted in a run, on 8 channels, and what it added up: energies in pJ.
    struct Run {
        activates: u64,
        reads: u64,
        refreshes: u64,
        /// Of a channel.
        cycles: u64,
        activate: f64,
        read: f64,
        refresh: f64,
        total: f64,
    }

    const SEQUENTIAL: Run = Run {
        activates: 2_089,
        reads: 65_536,
        refreshes: 32,
        cycles: 17_686,
        activate: 1_729_692.0,
        read: 52_690_944.0,
        refresh: 1_946_880.0,
        total: 65_547_756.0,
    };
    const RANDOM: Run = Run {
        activates: 65_523,
        reads: 65_524,
        refreshes: 136,
        cycles: 68_225,
        activate: 54_253_044.0,
        read: 52_681_296.0,
        refresh: 8_274_240.0,
        total: 150_560_484.0,
    };

    /// Commands exactly; standby, of which it counts ticks with a bank open that we do not have, within 2 %.
    #[test]
    fn a_run_costs_what_dramsim3_adds_up() {
        let dram = channel_of_128_bits();
        for run in [SEQUENTIAL, RANDOM] {
            let mut stats = Stats::default();
            stats.commands[Command::Activate.index()] = run.activates;
            stats.commands[Command::Read.index()] = run.reads;
            stats.commands[Command::RefreshAll.index()] = run.refreshes;
            stats.pseudo_ticks = Residency { open: Ticks(8 * run.cycles), ..Residency::default() };
            let found = energy(&dram, &stats);
            assert!(close(found.activate, run.activate, 1e-12), "{found:?}");
            assert!(close(found.read, run.read, 1e-12), "{found:?}");
            assert!(close(found.refresh, run.refresh, 1e-12), "{found:?}");
            let standby = run.total - run.activate - run.read - run.refresh;
            assert!(close(found.background, standby, 0.02), "{found:?} against {standby}");
            assert!(close(found.total(), run.total, 0.02), "{found:?} against {}", run.total);
        }
    }

    /// What is dynamic and what goes on anyway are all of it, in the typical case and at both ends.
    #[test]
    fn the_two_parts_are_all_of_it_and_the_range_holds_the_typical() {
        let dram = channel_of_128_bits();
        let mut stats = Stats { read_bytes: Bytes(64), ..Stats::default() };
        for command in Command::ALL {
            stats.commands[command.index()] = 3;
        }
        stats.pseudo_ticks = Residency { open: Ticks(10), closed: Ticks(20), refreshing: Ticks(5) };
        let found = energy(&dram, &stats);
        let Spread { low, typical, high } = found.within(&dram.standard.range);
        assert_eq!(typical, found);
        for each in [low, typical, high] {
            assert!(close(each.total(), each.dynamic().0 + each.standing().0, 1e-12));
            assert!(close(each.standing(), each.refresh.0 + each.background.0, 1e-12));
        }
        assert!(low.dynamic() < typical.dynamic() && typical.dynamic() < high.dynamic());
        assert!(low.standing() < typical.standing() && typical.standing() <= high.standing());
    }

    #[test]
    fn no_command_of_any_standard_costs_less_than_nothing() {
        for (name, _) in tamis_arch::dram::STANDARDS {
            let dram = Dram::new(name, 1, "tamis", Controller::usual()).expect("a memory");
            for &command in Command::ALL {
                // What is no command of a standard has no time to cost in.
                assert!(command_energy(&dram, command).0 >= 0.0, "{name} {command:?}");
            }
        }
    }

    /// Ticks are clocks, and energy is current over time.
    #[test]
    fn at_half_the_clock_the_same_ticks_cost_twice() {
        let mut dram = channel_of_128_bits();
        dram.clock = Megahertz(NonZeroU64::new(500).expect("500 is not zero"));
        for (command, expected) in [
            (Command::Activate, 1656.0),
            (Command::Read, 1608.0),
            (Command::Write, 2136.0),
            (Command::RefreshAll, 121_680.0),
        ] {
            let found = command_energy(&dram, command);
            assert!(close(found, expected, 1e-12), "{command:?}: {found:?}");
        }
        let ticks = Residency { open: Ticks(10), ..Residency::default() };
        assert!(close(standby_energy(&dram, &ticks).total(), 1.2 * 55.0 * 20.0, 1e-12));
    }

    #[test]
    fn a_standby_tick_costs_less_with_all_banks_closed() {
        let dram = channel_of_128_bits();
        let cost = |pseudo_ticks| energy(&dram, &Stats { pseudo_ticks, ..Stats::default() });
        let open = cost(Residency { open: Ticks(10), ..Residency::default() });
        let closed = cost(Residency { closed: Ticks(10), ..Residency::default() });
        assert!(close(open.background, 1.2 * 55.0 * 10.0, 1e-12));
        assert!(close(closed.background, 1.2 * 40.0 * 10.0, 1e-12));
    }
}
