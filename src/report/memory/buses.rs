//! What the buses of a memory did: where the clocks of data buses went, how busy command buses were, and which limits.

use std::{cmp::Reverse, collections::BTreeMap, iter};

use serde::Serialize;
use tamis_arch::dram::{Buses, Command, Dram, Sharing};
use tamis_dram::{Stats, Wait};

use crate::report::ratio;

/// Where the clocks of data buses went. Every clock of every bus is in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DataBuses {
    /// Elapsed clocks of the DRAM times data buses (pseudo-channels).
    #[serde(rename = "elapsed_clocks")]
    pub(crate) elapsed: u64,
    /// Data moved.
    #[serde(rename = "moving_data_clocks")]
    pub(crate) moving_data: u64,
    /// None did, by kind of wait; every kind that the memory can have is there.
    #[serde(rename = "wait_clocks")]
    pub(crate) waits: BTreeMap<Wait, u64>,
    /// The same, by what the next transfer waited for: a constraint by its name in the standard, or a bus.
    #[serde(rename = "lost_clocks")]
    pub(crate) lost: BTreeMap<String, u64>,
}

/// What limits a memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Limit {
    /// `data_bus`, or the name of a kind of wait: of a bus that is busy, or that most clocks are lost to.
    pub(crate) by: &'static str,
    /// Whether a bus is busy, or clocks of the data buses are lost to waits.
    pub(crate) how: How,
    /// Of the clocks.
    pub(crate) share: f64,
}

/// See [`Limit::how`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    Busy,
    Lost,
}

impl Limit {
    /// A bus that is as good as full, else what most clocks of the data buses are lost to. What is lost is charged
    /// transfer by transfer, so that a full command bus can show as many small waits: hence it is looked at first.
    pub(super) fn of(data: &DataBuses, commands: &CommandBuses) -> Option<Self> {
        let data_bus = ("data_bus", data.share(data.moving_data));
        let full = iter::once(data_bus).chain(commands.each()).find_map(|(by, busy)| {
            let share = busy.filter(|share| *share >= FULL)?;
            Some(Self { by, how: How::Busy, share })
        });
        full.or_else(|| {
            let (wait, clocks) = *data.longest_waits().first()?;
            Some(Self { by: wait.name(), how: How::Lost, share: data.share(clocks)? })
        })
    }

    /// What it is called in a sentence.
    pub(crate) fn title(&self) -> String {
        self.by.replace('_', " ")
    }
}

/// Shares of the clocks in which commands were on the buses that a standard has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum CommandBuses {
    /// One for activates, precharges and refreshes, and one for reads and writes.
    RowAndColumn { row_utilization: Option<f64>, column_utilization: Option<f64> },
    /// One for all.
    Single { utilization: Option<f64> },
}

impl CommandBuses {
    pub(super) fn of(stats: &Stats, dram: &Dram) -> Self {
        let standard = &dram.standard;
        let ticks = match dram.controller.command_bus {
            Sharing::Shared => stats.channel_ticks,
            Sharing::Split => stats.pseudo_ticks.total(),
        };
        let busy = |on_it: fn(Command) -> bool| {
            let commands = Command::ALL.iter().filter(|command| on_it(**command));
            let held = commands.map(|command| {
                stats.count(*command) * u64::from(standard.occupancy[command.index()])
            });
            ratio(held.sum::<u64>() as f64, ticks.0 as f64)
        };
        match standard.buses {
            Buses::RowAndColumn => Self::RowAndColumn {
                row_utilization: busy(|command| !command.is_column()),
                column_utilization: busy(Command::is_column),
            },
            Buses::Single => Self::Single { utilization: busy(|_| true) },
        }
    }

    /// Each bus by the name of the waits for it, with its share.
    fn each(self) -> Vec<(&'static str, Option<f64>)> {
        match self {
            Self::RowAndColumn { row_utilization, column_utilization } => vec![
                (Wait::RowBus.name(), row_utilization),
                (Wait::ColumnBus.name(), column_utilization),
            ],
            Self::Single { utilization } => vec![(Wait::CommandBus.name(), utilization)],
        }
    }
}

/// A bus that is busy in this share of the clocks is a limit: refreshes alone take nearly a tenth.
const FULL: f64 = 0.9;

impl DataBuses {
    pub(crate) fn of(stats: &Stats, dram: &Dram) -> Self {
        let lost = stats.lost.iter().map(|(cause, ticks)| (cause.clone(), ticks.0));
        let mut waits: BTreeMap<Wait, u64> = Wait::all_of(dram).map(|wait| (wait, 0)).collect();
        for (cause, ticks) in &stats.lost {
            *waits.entry(wait(cause, dram)).or_default() += ticks.0;
        }
        Self {
            elapsed: stats.pseudo_ticks.total().0,
            moving_data: stats.data_ticks.0,
            waits,
            lost: lost.collect(),
        }
    }

    pub(crate) fn share(&self, clocks: u64) -> Option<f64> {
        ratio(clocks as f64, self.elapsed as f64)
    }

    /// Lost to a kind of wait.
    pub(crate) fn clocks_of(&self, wait: Wait) -> u64 {
        self.waits.get(&wait).copied().unwrap_or_default()
    }

    /// Kinds of waits that there were, the longest first.
    pub(crate) fn longest_waits(&self) -> Vec<(Wait, u64)> {
        let met = self.waits.iter().filter(|(_, clocks)| **clocks > 0);
        longest_first(met.map(|(wait, clocks)| (*wait, *clocks)))
    }

    /// The causes of one kind, the longest first.
    pub(crate) fn causes(&self, of: Wait, dram: &Dram) -> Vec<(&str, u64)> {
        let all = self.lost.iter().map(|(cause, clocks)| (cause.as_str(), *clocks));
        longest_first(all.filter(|(cause, _)| wait(cause, dram) == of))
    }
}

fn longest_first<T: Ord + Copy>(parts: impl Iterator<Item = (T, u64)>) -> Vec<(T, u64)> {
    let mut parts = parts.collect::<Vec<_>>();
    parts.sort_by_key(|&(part, clocks)| (Reverse(clocks), part));
    parts
}

/// What tables call a kind of wait.
pub(crate) fn title(wait: Wait) -> String {
    wait.name().replace('_', " ")
}

/// The kind of a cause that this memory gave.
fn wait(cause: &str, dram: &Dram) -> Wait {
    Wait::of(cause, dram).expect("the memory charges to what its standard names")
}

#[cfg(test)]
mod tests {
    use tamis_arch::dram::{Controller, Scheduler};
    use tamis_dram::{Residency, Ticks};

    use super::*;

    fn clocks(moving_data: u64, lost: &[(&str, u64)]) -> DataBuses {
        clocks_of(&hbm2(), moving_data, lost)
    }

    fn clocks_of(dram: &Dram, moving_data: u64, lost: &[(&str, u64)]) -> DataBuses {
        let elapsed = moving_data + lost.iter().map(|(_, clocks)| clocks).sum::<u64>();
        let lost = lost.iter().map(|(cause, clocks)| ((*cause).to_owned(), Ticks(*clocks)));
        let stats = Stats {
            pseudo_ticks: Residency { open: Ticks(elapsed), ..Residency::default() },
            data_ticks: Ticks(moving_data),
            lost: lost.collect(),
            ..Stats::default()
        };
        DataBuses::of(&stats, dram)
    }

    fn memory(standard: &str, controller: Controller) -> Dram {
        Dram::new(standard, 1, "tamis", controller).expect("a memory")
    }

    fn hbm2() -> Dram {
        memory("hbm2", Controller::usual())
    }

    #[test]
    fn the_limit_is_the_longest_wait_unless_a_bus_is_full() {
        let buses = |rows, columns| CommandBuses::RowAndColumn {
            row_utilization: rows,
            column_utilization: columns,
        };
        let idle = buses(Some(0.89), Some(0.5));
        let limit = |moving, lost: &[_], commands| {
            Limit::of(&clocks(moving, lost), &commands)
                .map(|limit| (limit.by, limit.how, limit.share))
        };
        let lost = [("tCCD_L", 20), ("row bus", 30)];
        assert_eq!(limit(50, &lost, idle), Some(("row_bus", How::Lost, 0.3)));
        assert_eq!(limit(450, &lost, idle), Some(("data_bus", How::Busy, 0.9)));
        assert_eq!(limit(449, &lost, idle).expect("time passed").1, How::Lost);
        let full = buses(Some(0.9), Some(0.5));
        assert_eq!(limit(50, &[("tCCD_L", 50)], full), Some(("row_bus", How::Busy, 0.9)));
        let full = buses(Some(0.5), Some(0.9));
        assert_eq!(limit(50, &[("tCCD_L", 50)], full), Some(("column_bus", How::Busy, 0.9)));
        assert_eq!(limit(0, &[], buses(None, None)), None);
    }

    #[test]
    fn where_there_is_one_command_bus_every_key_says_so() {
        let dram = memory("ddr4", Controller::usual());
        let clocks = clocks_of(&dram, 50, &[("tCCD_L", 20), ("command bus", 30)]);
        assert_eq!(clocks.waits.get(&Wait::CommandBus), Some(&30));
        assert_eq!([Wait::RowBus, Wait::ColumnBus].map(|wait| clocks.waits.get(&wait)), [None; 2]);
        let limit = |utilization| {
            let commands = CommandBuses::Single { utilization: Some(utilization) };
            let limit = Limit::of(&clocks, &commands).expect("time passed");
            (limit.title(), limit.how)
        };
        assert_eq!(limit(0.89), ("command bus".to_owned(), How::Lost));
        assert_eq!(limit(0.9), ("command bus".to_owned(), How::Busy));
    }

    #[test]
    fn where_requests_go_in_order_no_key_says_that_one_waits_for_a_bus() {
        let controller = Controller { scheduler: Scheduler::Fcfs, ..Controller::usual() };
        let clocks = clocks_of(&memory("hbm2", controller), 50, &[("request order", 50)]);
        assert_eq!(clocks.waits.get(&Wait::RequestOrder), Some(&50));
        assert_eq!([Wait::RowBus, Wait::ColumnBus].map(|wait| clocks.waits.get(&wait)), [None; 2]);
        let limit = |share| {
            let commands =
                CommandBuses::RowAndColumn { row_utilization: share, column_utilization: share };
            let limit = Limit::of(&clocks, &commands).expect("time passed");
            (limit.title(), limit.how)
        };
        assert_eq!(limit(Some(0.1)), ("request order".to_owned(), How::Lost));
        // A bus may be full all the same.
        assert_eq!(limit(Some(0.9)), ("row bus".to_owned(), How::Busy));
    }

    #[test]
    fn causes_of_one_kind_are_added_up() {
        let lost = [("tRP", 4), ("tRCD", 7), ("row bus", 10), ("tRRD_S", 2), ("tFAW", 3)];
        let clocks = clocks(74, &lost);
        let expected = [(Wait::RowChange, 11), (Wait::RowBus, 10), (Wait::RowSpacing, 5)];
        assert_eq!(clocks.longest_waits(), expected);
        assert_eq!(clocks.causes(Wait::RowChange, &hbm2()), [("tRCD", 7), ("tRP", 4)]);
    }

    #[test]
    fn a_command_keeps_its_bus_as_long_as_the_standard_says() {
        let memory = |standard, command_bus| {
            memory(standard, Controller { command_bus, ..Controller::usual() })
        };
        let mut stats = Stats {
            channel_ticks: Ticks(100),
            pseudo_ticks: Residency { open: Ticks(200), ..Residency::default() },
            ..Stats::default()
        };
        for (command, count) in
            [(Command::Activate, 10), (Command::Precharge, 5), (Command::Read, 40)]
        {
            stats.commands[command.index()] = count;
        }
        let busy = |dram: &Dram| {
            CommandBuses::of(&stats, dram)
                .each()
                .into_iter()
                .filter_map(|(_, share)| share)
                .collect::<Vec<_>>()
        };
        // HBM2: an activate takes two clocks of a bus of its own kind. DDR4: one bus, a clock each.
        assert_eq!(busy(&memory("hbm2", Sharing::Shared)), [0.25, 0.4]);
        assert_eq!(busy(&memory("hbm2", Sharing::Split)), [0.125, 0.2]);
        assert_eq!(busy(&memory("ddr4", Sharing::Shared)), [0.55]);
    }
}
