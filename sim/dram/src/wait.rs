//! Kinds of waits: what the causes of lost ticks have in common, whatever a standard calls its constraints.

use tamis_arch::{
    choices,
    dram::{Buses, Command, Constraint, Dram, Level, Scheduler},
};

use crate::lost::{COLUMN_BUS, COMMAND_BUS, NO_REQUEST, REFRESH, REQUEST_ORDER, ROW_BUS, WAITING};

choices! {
    /// What data buses wait for.
    pub enum Wait {
        /// A request.
        NoRequest = "no_request",
        /// The bus of the column commands.
        ColumnBus = "column_bus",
        /// The bus of the row commands.
        RowBus = "row_bus",
        /// The bus of all commands.
        CommandBus = "command_bus",
        /// Older requests, which `fcfs` lets go first.
        RequestOrder = "request_order",
        /// The distance of column commands (tCCD).
        ColumnSpacing = "column_spacing",
        /// The distance of row commands to different banks (tRRD, tFAW).
        RowSpacing = "activate_spacing",
        /// A bank that closes a row and opens another (tRP, tRCD, tRAS, tRC, tRTP, tWR).
        RowChange = "row_changes",
        /// The data bus that turns from reads to writes or back (tWTR, tRTW).
        Turnaround = "turnaround",
        /// A refresh.
        Refresh = "refresh",
        /// Requests that nothing has been issued for yet when the run ends.
        StillWaiting = "still_waiting",
    }
}

impl Wait {
    /// The kinds that this memory can have: the command buses of its standard, or, under `fcfs`, the order of
    /// requests; and all others.
    pub fn all_of(dram: &Dram) -> impl Iterator<Item = Self> {
        let (buses, in_order) = (dram.standard.buses, is_in_order(dram));
        Self::ALL.iter().copied().filter(move |wait| match wait {
            Self::RowBus | Self::ColumnBus => buses == Buses::RowAndColumn && !in_order,
            Self::CommandBus => buses == Buses::Single && !in_order,
            Self::RequestOrder => in_order,
            _ => true,
        })
    }

    /// The kind of a cause of [`Stats::lost`](crate::Stats::lost), counted in this memory; `None` of a name that is
    /// no cause there.
    #[must_use]
    pub fn of(cause: &str, dram: &Dram) -> Option<Self> {
        let kind = match cause {
            NO_REQUEST => Some(Self::NoRequest),
            COLUMN_BUS => Some(Self::ColumnBus),
            ROW_BUS => Some(Self::RowBus),
            COMMAND_BUS => Some(Self::CommandBus),
            REQUEST_ORDER => Some(Self::RequestOrder),
            REFRESH => Some(Self::Refresh),
            WAITING => Some(Self::StillWaiting),
            name => {
                let constraints = &dram.standard.constraints;
                let mut rules = constraints.iter().filter(|rule| rule.name == name);
                // A constraint of rows reaches refreshes too, which come to the same wait.
                let first = rules.clone().find(|rule| !is_refresh(rule.to));
                first.or_else(|| rules.next()).map(Self::behind)
            }
        };
        kind.filter(|kind| Self::all_of(dram).any(|wait| wait == *kind))
    }

    fn behind(rule: &Constraint) -> Self {
        let Constraint { from, to, level, .. } = *rule;
        if is_refresh(from) || is_refresh(to) {
            return Self::Refresh;
        }
        match (from.is_column(), to.is_column()) {
            (true, true) if is_read(from) == is_read(to) => Self::ColumnSpacing,
            (true, true) => Self::Turnaround,
            (false, false) if from == to && level != Level::Bank => Self::RowSpacing,
            _ => Self::RowChange,
        }
    }
}

/// Whether commands go to the oldest request alone.
fn is_in_order(dram: &Dram) -> bool {
    dram.controller.scheduler == Scheduler::Fcfs
}

fn is_refresh(command: Command) -> bool {
    matches!(command, Command::RefreshAll | Command::RefreshBank)
}

fn is_read(command: Command) -> bool {
    matches!(command, Command::Read | Command::ReadAuto)
}

#[cfg(test)]
mod tests {
    use tamis_arch::dram::Controller;

    use super::*;

    fn memory(standard: &str, scheduler: Scheduler) -> Dram {
        let controller = Controller { scheduler, ..Controller::usual() };
        Dram::new(standard, 1, "tamis", controller).expect("a memory")
    }

    #[test]
    fn every_constraint_of_every_standard_has_the_kind_that_its_name_says() {
        for (name, _) in tamis_arch::dram::STANDARDS {
            let dram = memory(name, Scheduler::FrFcfs);
            for rule in &dram.standard.constraints {
                let expected = match rule.name.as_str() {
                    "burst" | "tCCD_S" | "tCCD_L" => Wait::ColumnSpacing,
                    "tRTW" | "tWTR_S" | "tWTR_L" => Wait::Turnaround,
                    "tRRD_S" | "tRRD_L" | "tFAW" | "tPPD" => Wait::RowSpacing,
                    "tRC" | "tRCD" | "tRAS" | "tRTP" | "tWR" | "tRP" => Wait::RowChange,
                    "tRFC" | "tRFC_pb" | "tPBR2PBR" | "tRREFD" => Wait::Refresh,
                    other => {
                        panic!("{name} has a constraint {other}, which this test does not know")
                    }
                };
                assert_eq!(Wait::of(&rule.name, &dram), Some(expected), "{name} {rule:?}");
            }
        }
    }

    #[test]
    fn a_name_that_is_no_cause_has_no_kind() {
        let two_buses = memory("hbm2", Scheduler::FrFcfs);
        assert_eq!(Wait::of("row bus", &two_buses), Some(Wait::RowBus));
        assert_eq!(Wait::of("lunch", &two_buses), None);
        assert_eq!(Wait::of("command bus", &two_buses), None);
        let one_bus = memory("ddr4", Scheduler::FrFcfsCap);
        assert_eq!(Wait::of("command bus", &one_bus), Some(Wait::CommandBus));
        assert_eq!(Wait::of("row bus", &one_bus), None);
    }

    #[test]
    fn legal_commands_wait_for_their_turn_under_fcfs_and_for_a_bus_else() {
        for (standard, buses) in
            [("hbm2", &["row bus", "column bus"][..]), ("ddr4", &["command bus"])]
        {
            let ordered = memory(standard, Scheduler::Fcfs);
            assert_eq!(Wait::of("request order", &ordered), Some(Wait::RequestOrder));
            assert!(buses.iter().all(|bus| Wait::of(bus, &ordered).is_none()), "{standard}");
            for scheduler in [Scheduler::FrFcfs, Scheduler::FrFcfsCap] {
                let dram = memory(standard, scheduler);
                assert_eq!(Wait::of("request order", &dram), None);
                assert!(buses.iter().all(|bus| Wait::of(bus, &dram).is_some()), "{standard}");
            }
        }
    }
}
