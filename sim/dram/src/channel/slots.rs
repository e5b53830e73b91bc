//! The decisions of a tick: which column command and which row command issue.
//!
//! Column commands first: requests whose row was opened for them, then, unless a refresh waits, requests of
//! the kind being served that find their row open. Then row commands: what a waiting refresh needs, or else
//! activates and precharges for requests of the kind being served. Among those that are legal the request that
//! came first wins. A row that was opened for a request stays open until that request is served.

use std::collections::VecDeque;

use tamis_arch::dram::{Command, Dram, Sharing};

use super::{Channel, NEVER, column_command};
use crate::{
    Completion, Kind, Tick, Ticks,
    queue::{Age, Entry},
    timing::{at_tick, tick_of},
};

/// A set of command buses: one for the channel, or one for each pseudo-channel.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    /// Banks that it reaches.
    banks: u64,
    /// No column command issues before this tick.
    next_column: u64,
    /// No row command issues before this tick.
    next_row: u64,
    /// Pseudo-channels, or banks, that wait for a refresh, in order.
    pub(super) due: VecDeque<usize>,
}

impl Bus {
    pub(super) fn of(dram: &Dram) -> Vec<Self> {
        let organisation = &dram.standard.organisation;
        let buses = match dram.controller.command_bus {
            Sharing::Shared => 1,
            Sharing::Split => organisation.pseudo_channels,
        };
        let banks = organisation.banks_per_channel() / buses;
        (0..buses)
            .map(|bus| Self {
                banks: (u64::MAX >> (64 - banks)) << (bus * banks),
                next_column: 1,
                next_row: 1,
                due: VecDeque::new(),
            })
            .collect()
    }

    pub(super) fn next(&self) -> u64 {
        self.next_column.min(self.next_row)
    }

    /// This command may issue from `tick` on.
    pub(super) fn look(&mut self, command: Command, tick: u64) {
        let next = if command.is_column() { &mut self.next_column } else { &mut self.next_row };
        *next = tick.min(*next);
    }

    pub(super) fn look_at_rows(&mut self, tick: u64) {
        self.next_row = tick.min(self.next_row);
    }

    pub(super) fn look_at_columns(&mut self, tick: u64) {
        self.next_column = tick.min(self.next_column);
    }

    pub(super) fn look_at_all(&mut self, tick: u64) {
        self.look_at_rows(tick);
        self.look_at_columns(tick);
    }
}

/// The best candidate so far, and when the others become legal.
struct Pick {
    age: Age,
    bank: usize,
    command: Command,
    next: u64,
}

impl Pick {
    fn nothing() -> Self {
        Self { age: Age::NONE, bank: 0, command: Command::Activate, next: NEVER }
    }

    fn found(&self) -> bool {
        self.age < Age::NONE
    }
}

impl Channel {
    /// Issues at most one column command; whether it did.
    pub(super) fn column_slot(&mut self, bus: usize, now: u64) -> bool {
        if now < self.buses[bus].next_column {
            return false;
        }
        let reach = self.buses[bus].banks;
        let mut pick = Pick::nothing();
        for kind in [Kind::Read, Kind::Write] {
            let active = self.banks.active_of(kind) & reach;
            self.scan(column_command(kind), active, &self.banks.ages, now, &mut pick);
        }
        let kind = self.served();
        let is_active = pick.found();
        if !is_active && self.buses[bus].due.is_empty() {
            let queue = self.queues.of(kind);
            let hits = queue.hits & reach;
            self.scan(column_command(kind), hits, &queue.hit_age, now, &mut pick);
        }
        if !pick.found() {
            self.buses[bus].next_column = pick.next;
            return false;
        }
        self.buses[bus].next_column = now + 1;
        self.timing.record(pick.command, pick.bank, now);
        if is_active {
            let kind = if pick.command == Command::Read { Kind::Read } else { Kind::Write };
            let entry = self.banks.take_active(pick.bank, kind);
            self.transfer(kind, entry, now);
            // The row may now be closed again.
            self.buses[bus].look_at_rows(now + 1);
        } else {
            let entry = self.queues.of_mut(kind).pop_hit(pick.bank);
            self.stats.rows.hits += u64::from(!entry.touched);
            self.transfer(kind, entry, now);
        }
        true
    }

    /// Issues at most one row command.
    pub(super) fn row_slot(&mut self, bus: usize, now: u64) {
        if now < self.buses[bus].next_row {
            return;
        }
        if let Some(&target) = self.buses[bus].due.front() {
            self.refresh_slot(bus, target, now);
            return;
        }
        let kind = self.served();
        let queue = self.queues.of(kind);
        let waiting = queue.waiting & self.buses[bus].banks;
        let open = self.banks.open();
        let closable = waiting & open & !self.banks.active();
        let mut pick = Pick::nothing();
        self.scan(Command::Activate, waiting & !open, &queue.waiting_age, now, &mut pick);
        self.scan(Command::Precharge, closable, &queue.waiting_age, now, &mut pick);
        if !pick.found() {
            self.buses[bus].next_row = pick.next;
            return;
        }
        self.buses[bus].next_row = now + 1;
        match pick.command {
            Command::Activate => self.activate(bus, kind, pick.bank, now),
            _ => {
                let entry = self.queues.of_mut(kind).oldest_waiting(pick.bank);
                let first = !std::mem::replace(&mut entry.touched, true);
                self.stats.rows.conflicts += u64::from(first);
                self.precharge(pick.bank, now);
            }
        }
    }

    /// Looks at each bank of a set for a command: the oldest request among those that are legal wins.
    #[inline]
    fn scan(&self, command: Command, banks: u64, ages: &[Age], now: u64, pick: &mut Pick) {
        let mut left = banks;
        while left != 0 {
            let bank = usize::try_from(left.trailing_zeros()).expect("64 fits");
            left &= left - 1;
            let ready = self.timing.ready(command, bank);
            if ready > at_tick(now) {
                pick.next = pick.next.min(tick_of(ready));
            } else if ages[bank] < pick.age {
                (pick.age, pick.bank, pick.command) = (ages[bank], bank, command);
            }
        }
    }

    fn activate(&mut self, bus: usize, kind: Kind, bank: usize, now: u64) {
        let mut entry = self.queues.of_mut(kind).activate(bank);
        let other = if kind == Kind::Read { Kind::Write } else { Kind::Read };
        self.queues.of_mut(other).open(bank, entry.row);
        self.stats.rows.misses += u64::from(!entry.touched);
        entry.touched = true;
        self.banks.activate(bank, kind, entry, now);
        self.count(Command::Activate, bank, now);
        for command in [Command::Read, Command::Write] {
            let ready = tick_of(self.timing.ready(command, bank));
            self.buses[bus].look(command, ready);
        }
    }

    fn precharge(&mut self, bank: usize, now: u64) {
        self.queues.close(bank);
        self.banks.close(bank, now);
        self.count(Command::Precharge, bank, now);
    }

    /// Counts a row command and its effect on others.
    fn count(&mut self, command: Command, bank: usize, now: u64) {
        self.stats.commands[command.index()] += 1;
        self.timing.record(command, bank, now);
    }

    /// Takes the waiting refresh a command further, when that is legal.
    fn refresh_slot(&mut self, bus: usize, target: usize, now: u64) {
        let all = self.refresher.of_all_banks();
        let (bank, banks) = if all {
            (self.banks.first_of_pseudo(target), self.banks.of_pseudo(target))
        } else {
            (target, 1 << target)
        };
        let closes = self.banks.open() & banks != 0;
        if closes && self.banks.active() & banks != 0 {
            self.buses[bus].next_row = NEVER;
            return;
        }
        let command = match (all, closes) {
            (true, true) => Command::PrechargeAll,
            (true, false) => Command::RefreshAll,
            (false, true) => Command::Precharge,
            (false, false) => Command::RefreshBank,
        };
        let ready = if all {
            self.timing.ready_pseudo(command, bank)
        } else {
            self.timing.ready(command, bank)
        };
        if ready > at_tick(now) {
            self.buses[bus].next_row = tick_of(ready);
            return;
        }
        self.buses[bus].next_row = now + 1;
        match command {
            Command::Precharge => self.precharge(bank, now),
            Command::PrechargeAll => {
                let mut left = self.banks.open() & banks;
                while left != 0 {
                    let open = usize::try_from(left.trailing_zeros()).expect("64 fits");
                    left &= left - 1;
                    self.queues.close(open);
                    self.banks.close(open, now);
                }
                self.count(command, bank, now);
            }
            _ => {
                if all {
                    self.banks.refresh_all(target, now);
                }
                self.count(command, bank, now);
                self.buses[bus].due.pop_front();
                self.buses[bus].look_at_all(now + 1);
            }
        }
    }

    /// A column command issues for a request: its data follow.
    fn transfer(&mut self, kind: Kind, entry: Entry, now: u64) {
        self.stats.commands[column_command(kind).index()] += 1;
        self.stats.data_ticks += Ticks(self.fixed.burst);
        match kind {
            Kind::Read => {
                let at = now + self.fixed.read_ticks;
                self.stats.read_bytes.0 += self.fixed.transaction;
                self.stats.read_latency.add(Ticks(at - entry.age.arrived()));
                self.inflight.read(Completion { at: Tick(at), id: entry.id });
            }
            Kind::Write => {
                let at = now + self.fixed.write_ticks;
                self.stats.written_bytes.0 += self.fixed.transaction;
                self.inflight.write(Completion { at: Tick(at), id: entry.id });
            }
        }
    }
}
