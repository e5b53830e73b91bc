//! When rows are closed that nobody asks for: page policies.

use tamis_arch::dram::{Command, PagePolicy, Scheduler};

use super::{Channel, NEVER, column_command};
use crate::{
    Kind,
    timing::{MOST_BANKS, each},
};

/// How the open rows were used.
#[derive(Clone, Debug)]
pub(super) struct RowsUsed {
    /// Column commands since the row was opened, by bank.
    count: [u32; MOST_BANKS],
    /// The last of them.
    last: [u64; MOST_BANKS],
}

impl Default for RowsUsed {
    fn default() -> Self {
        Self { count: [0; MOST_BANKS], last: [0; MOST_BANKS] }
    }
}

impl RowsUsed {
    pub(super) fn open(&mut self, bank: usize) {
        self.count[bank] = 0;
    }

    /// Banks whose row has served at least so many requests.
    pub(super) fn at_least(&self, cap: u32) -> u64 {
        let served = self.count.iter().enumerate().filter(|(_, count)| **count >= cap);
        served.fold(0, |banks, (bank, _)| banks | 1 << bank)
    }
}

impl Channel {
    /// The column command for a request: one that also closes the row, when no other request wants it.
    #[inline]
    pub(super) fn column_for(&self, kind: Kind, bank: usize) -> Command {
        let closes = self.fixed.page == PagePolicy::Closed && self.wanted() & (1 << bank) == 0;
        match kind {
            Kind::Read if closes => Command::ReadAuto,
            Kind::Write if closes => Command::WriteAuto,
            _ => column_command(kind),
        }
    }

    /// Banks whose open row a request wants.
    fn wanted(&self) -> u64 {
        let hits = self.queues.of(Kind::Read).hits | self.queues.of(Kind::Write).hits;
        self.banks.active() | hits
    }

    /// A column command has issued.
    #[inline]
    pub(super) fn used(&mut self, command: Command, bus: usize, bank: usize, now: u64) {
        // Nobody else asks.
        if self.fixed.scheduler == Scheduler::FrFcfsCap || self.fixed.page == PagePolicy::Timeout {
            self.rows_used.count[bank] += 1;
            self.rows_used.last[bank] = now;
        }
        match self.fixed.page {
            PagePolicy::Open => {}
            PagePolicy::Timeout => {
                self.buses[bus].look_at_rows(now + self.fixed.page_timeout);
            }
            PagePolicy::Closed => {
                if matches!(command, Command::ReadAuto | Command::WriteAuto) {
                    self.queues.close(bank);
                    self.banks.close(bank, now);
                    self.buses[bus].look_at_rows(now + 1);
                }
            }
        }
    }

    /// Closes the row that nobody has asked for longest, if that is too long; when to look again.
    pub(super) fn close_idle(&mut self, bus: usize, now: u64) -> u64 {
        if self.fixed.page != PagePolicy::Timeout {
            return NEVER;
        }
        let idle = self.banks.open() & self.buses[bus].banks & !self.wanted();
        let (mut longest, mut next) = (None, NEVER);
        for bank in each(idle) {
            let last = self.rows_used.last[bank];
            let due =
                self.timing.ready(Command::Precharge, bank).max(last + self.fixed.page_timeout);
            if due > now {
                next = next.min(due);
            } else if longest.is_none_or(|(since, _)| last < since) {
                longest = Some((last, bank));
            }
        }
        if let Some((_, bank)) = longest {
            self.precharge(bus, bank, now);
            return now + 1;
        }
        next
    }
}
