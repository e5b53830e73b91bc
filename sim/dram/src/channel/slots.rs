//! The decisions of a tick: which column command and which row command issue.
//!
//! Column commands first: requests whose row was opened for them, then, unless a refresh waits, requests of
//! the kind being served that find their row open. Then row commands: what a waiting refresh needs, or else
//! activates and precharges for requests of the kind being served. Among those that are legal the request that
//! came first wins. A row that was opened for a request stays open until that request is served.

use std::collections::VecDeque;

use tamis_arch::dram::{Command, Dram, Scheduler, Sharing};

use super::{Channel, NEVER, column_command};
use crate::{
    Completion, Kind, Tick, Ticks,
    lost::Call,
    queue::{Age, Ages, Entry},
    timing::{MOST_BANKS, bank_number},
};

/// A set of command buses: one for the channel, or one for each pseudo-channel.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    /// Banks that it reaches.
    pub(super) banks: u64,
    column: Slot,
    row: Slot,
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
                column: Slot { next: 1, free: 1 },
                row: Slot { next: 1, free: 1 },
                due: VecDeque::new(),
            })
            .collect()
    }

    pub(super) fn next(&self) -> u64 {
        self.column.due().min(self.row.due())
    }

    /// This command may issue from `tick` on.
    pub(super) fn look(&mut self, command: Command, tick: u64) {
        let slot = if command.is_column() { &mut self.column } else { &mut self.row };
        slot.next = tick.min(slot.next);
    }

    pub(super) fn look_at_rows(&mut self, tick: u64) {
        self.row.next = tick.min(self.row.next);
    }

    pub(super) fn look_at_columns(&mut self, tick: u64) {
        self.column.next = tick.min(self.column.next);
    }

    pub(super) fn look_at_all(&mut self, tick: u64) {
        self.look_at_rows(tick);
        self.look_at_columns(tick);
    }
}

/// One command bus.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// No command can issue before this tick, as far as banks and requests go.
    next: u64,
    /// The bus is held until this tick.
    free: u64,
}

impl Slot {
    /// No command issues before this tick.
    fn due(self) -> u64 {
        self.next.max(self.free)
    }
}

/// The bank of a set whose request is oldest.
#[inline]
pub(super) fn oldest(mut banks: u64, ages: &Ages) -> usize {
    let (mut age, mut oldest) = (Age::NONE, 0);
    while banks != 0 {
        let bank = bank_number(banks.trailing_zeros());
        banks &= banks - 1;
        let other = ages[bank % MOST_BANKS];
        oldest = if other < age { bank } else { oldest };
        age = age.min(other);
    }
    oldest
}

impl Channel {
    /// Issues at most one column command.
    pub(super) fn column_slot(&mut self, bus: usize, now: u64) {
        if now < self.buses[bus].column.due() {
            return;
        }
        let reach = self.buses[bus].banks;
        let active = [Kind::Read, Kind::Write].map(|kind| self.banks.active_of(kind) & reach);
        let legal = [
            self.timing.legal(Command::Read, active[0], now),
            self.timing.legal(Command::Write, active[1], now),
        ];
        if legal[0] | legal[1] != 0 {
            self.active_slot(bus, legal, now);
            return;
        }
        if self.buses[bus].due.is_empty() {
            self.hit_slot(bus, now);
        }
        self.buses[bus].column.next = self.next_column(bus).max(now + 1);
    }

    /// When a column command may issue, as far as banks go.
    fn next_column(&self, bus: usize) -> u64 {
        let reach = self.buses[bus].banks;
        let kind = self.served();
        let hits = if self.buses[bus].due.is_empty() { self.eligible(bus).hits } else { 0 };
        let mut next = u64::MAX;
        for of in [Kind::Read, Kind::Write] {
            let banks = self.banks.active_of(of) | if of == kind { hits } else { 0 };
            next = next.min(self.timing.next(column_command(of), banks & reach));
        }
        next
    }

    /// Issues a column command for a request whose row was opened for it: reads and writes for which it is
    /// legal are given by bank.
    fn active_slot(&mut self, bus: usize, [reads, writes]: [u64; 2], now: u64) {
        let bank = oldest(reads | writes, &self.banks.ages);
        let kind = if reads & (1 << bank) != 0 { Kind::Read } else { Kind::Write };
        let entry = self.banks.take_active(bank, kind);
        self.transfer(kind, entry, bank, now);
        self.buses[bus].column.next = self.next_column(bus).max(now + 1);
        // The row may be closed again, or, first come, first served, the next one opened.
        let next = match self.fixed.scheduler {
            Scheduler::Fcfs => now,
            _ => self.timing.ready(Command::Precharge, bank),
        };
        self.buses[bus].look_at_rows(next);
    }

    /// Issues at most one column command for a request that finds its row open.
    fn hit_slot(&mut self, bus: usize, now: u64) {
        let kind = self.served();
        let hits = self.eligible(bus).hits;
        let legal = self.timing.legal(column_command(kind), hits, now);
        if legal == 0 {
            return;
        }
        let bank = oldest(legal, &self.queues.of(kind).hit_age);
        let entry = self.queues.of_mut(kind).pop_hit(bank);
        self.stats.rows.hits += u64::from(!entry.touched);
        self.transfer(kind, entry, bank, now);
        if self.fixed.scheduler == Scheduler::Fcfs {
            self.buses[bus].look_at_rows(now);
        }
    }

    /// Issues at most one row command.
    pub(super) fn row_slot(&mut self, bus: usize, now: u64) {
        if now < self.buses[bus].row.due() {
            return;
        }
        if let Some(&target) = self.buses[bus].due.front() {
            self.refresh_slot(bus, target, now);
            return;
        }
        let kind = self.served();
        let waiting = self.eligible(bus).waiting;
        let open = self.banks.open();
        let (openable, closable) = (waiting & !open, waiting & open & !self.banks.active());
        let opens = self.timing.legal(Command::Activate, openable, now);
        let closes = self.timing.legal(Command::Precharge, closable, now);
        if opens | closes == 0 {
            let next = self.timing.next(Command::Activate, openable);
            let next = next.min(self.timing.next(Command::Precharge, closable));
            self.buses[bus].row.next = next.min(self.close_idle(bus, now));
            return;
        }
        let bank = oldest(opens | closes, &self.queues.of(kind).waiting_age);
        if opens & (1 << bank) != 0 {
            self.activate(bus, kind, bank, now);
        } else {
            let entry = self.queues.of_mut(kind).oldest_waiting(bank);
            let first = !std::mem::replace(&mut entry.touched, true);
            self.stats.rows.conflicts += u64::from(first);
            self.precharge(bank, now);
        }
    }

    fn activate(&mut self, bus: usize, kind: Kind, bank: usize, now: u64) {
        let mut entry = self.queues.of_mut(kind).activate(bank);
        let other = if kind == Kind::Read { Kind::Write } else { Kind::Read };
        self.queues.of_mut(other).open(bank, entry.row);
        self.stats.rows.misses += u64::from(!entry.touched);
        entry.touched = true;
        self.banks.activate(bank, kind, entry, now);
        self.rows_used.open(bank);
        self.lost.row(Command::Activate, bank, now, self.timing.held(Command::Activate, bank));
        self.count(Command::Activate, bank, now);
        for command in [Command::Read, Command::Write] {
            let ready = self.timing.ready(command, bank);
            self.buses[bus].look(command, ready);
        }
    }

    pub(super) fn precharge(&mut self, bank: usize, now: u64) {
        self.queues.close(bank);
        self.banks.close(bank, now);
        self.lost.row(Command::Precharge, bank, now, self.timing.held(Command::Precharge, bank));
        self.count(Command::Precharge, bank, now);
    }

    /// A command issues: counts it, and what it keeps others from.
    fn count(&mut self, command: Command, bank: usize, now: u64) {
        let free = now + self.timing.occupancy(command);
        let bus = &mut self.buses[self.banks.bus(bank)];
        if command.is_column() || self.fixed.single_bus {
            bus.column.free = free;
        }
        if !command.is_column() || self.fixed.single_bus {
            bus.row.free = free;
        }
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
            self.buses[bus].row.next = NEVER;
            return;
        }
        let command = match (all, closes) {
            (true, true) => Command::PrechargeAll,
            (true, false) => Command::RefreshAll,
            (false, true) => Command::Precharge,
            (false, false) => Command::RefreshBank,
        };
        let ready = self.timing.ready(command, bank);
        if ready > now {
            self.buses[bus].row.next = ready;
            return;
        }
        match command {
            Command::Precharge => self.precharge(bank, now),
            Command::PrechargeAll => {
                let mut left = self.banks.open() & banks;
                while left != 0 {
                    let open = bank_number(left.trailing_zeros());
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
    fn transfer(&mut self, kind: Kind, entry: Entry, bank: usize, now: u64) {
        let command = self.column_for(kind, bank);
        let (arrived, held) = (entry.age.arrived(), self.timing.held(command, bank));
        self.lost.column(&Call { command, bank, now, arrived, held }, &self.timing);
        self.count(command, bank, now);
        self.used(command, bank, now);
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
