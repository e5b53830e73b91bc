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
    age::Age,
    lost::{Call, Stop},
    queue::Entry,
    timing::each,
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
    /// The last time that some did.
    stop: Stop,
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
                stop: Stop::default(),
            })
            .collect()
    }

    pub(super) fn next(&self) -> u64 {
        self.column.due().min(self.row.due())
    }

    /// A pseudo-channel, or a bank, waits for a refresh from `now` on.
    pub(super) fn stop_for(&mut self, target: usize, now: u64) {
        if self.due.is_empty() {
            self.stop = Stop { since: now, until: NEVER };
        }
        self.due.push_back(target);
    }

    /// The first of those that wait is refreshed at `now`.
    fn refreshed(&mut self, now: u64) {
        self.due.pop_front();
        if self.due.is_empty() {
            self.stop.until = now + 1;
        }
    }

    /// This command may issue from `tick` on; says from when on the bus may carry one.
    pub(super) fn look(&mut self, command: Command, tick: u64) -> u64 {
        let slot = if command.is_column() { &mut self.column } else { &mut self.row };
        slot.next = tick.min(slot.next);
        slot.due()
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

impl Channel {
    /// Issues at most one column command; says whether it did.
    #[inline]
    pub(super) fn column_slot(&mut self, bus: usize, now: u64) -> bool {
        if now < self.buses[bus].column.due() {
            return false;
        }
        let issued = self.active_slot(bus, now) || self.hit_slot(bus, now);
        self.buses[bus].column.next = self.next_column(bus);
        issued
    }

    /// When a column command may issue next, as far as banks go.
    #[inline]
    fn next_column(&self, bus: usize) -> u64 {
        let served = self.served();
        let hits = if self.buses[bus].due.is_empty() { self.hits(bus) } else { 0 };
        let banks = self.active(served, bus) | hits;
        let next = self.timing.next(column_command(served), banks);
        let others = self.active(served.other(), bus);
        next.min(self.timing.next(column_command(served.other()), others))
    }

    /// Banks of a bus with a request of this kind whose row was opened for it.
    #[inline]
    fn active(&self, kind: Kind, bus: usize) -> u64 {
        self.banks.active_of(kind) & self.buses[bus].banks
    }

    /// Banks with requests that find their row open and may be served. Not those with an older one of their kind
    /// whose row was opened for it: what is legal for one is legal for the other.
    #[inline]
    fn hits(&self, bus: usize) -> u64 {
        self.eligible(bus).hits & !self.banks.active_of(self.served())
    }

    /// Issues a column command for a request whose row was opened for it, if one is legal.
    #[inline]
    fn active_slot(&mut self, bus: usize, now: u64) -> bool {
        let ages = &self.banks.ages;
        let oldest = |kind| self.timing.oldest(column_command(kind), self.active(kind, bus), ages);
        let served = self.served();
        let (own, other) = (oldest(served), oldest(served.other()));
        let kind = if other.0 < own.0 { served.other() } else { served };
        let (age, bank) = own.min(other);
        if age == Age::NONE {
            return false;
        }
        let entry = self.banks.take_active(bank, kind);
        self.transfer(kind, entry, bus, bank, now);
        // The row may be closed again, or, first come, first served, the next one opened.
        let next = match self.fixed.scheduler {
            Scheduler::Fcfs => now,
            _ => self.timing.ready(Command::Precharge, bank),
        };
        self.buses[bus].look_at_rows(next);
        true
    }

    /// Issues a column command for a request that finds its row open, if one is legal and no refresh waits.
    #[inline]
    fn hit_slot(&mut self, bus: usize, now: u64) -> bool {
        if !self.buses[bus].due.is_empty() {
            return false;
        }
        let kind = self.served();
        let (hits, ages) = (self.hits(bus), &self.queues.of(kind).hit_age);
        let (age, bank) = self.timing.oldest(column_command(kind), hits, ages);
        if age == Age::NONE {
            return false;
        }
        let entry = self.queues.of_mut(kind).pop_hit(bank);
        self.stats.rows.hits += u64::from(!entry.touched);
        self.transfer(kind, entry, bus, bank, now);
        if self.fixed.scheduler == Scheduler::Fcfs {
            self.buses[bus].look_at_rows(now);
        }
        true
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
        self.ask_due(now);
        let ages = &self.queues.of(kind).waiting_age;
        let ready = self.ready.ready();
        let (age, bank) = self.timing.oldest_row(openable & ready, closable & ready, ages);
        if age == Age::NONE {
            let next = self.timing.next(Command::Activate, openable);
            let next = next.min(self.timing.next(Command::Precharge, closable));
            self.buses[bus].row.next = next.min(self.close_idle(bus, now));
        } else if openable & (1 << bank) != 0 {
            self.activate(bus, kind, bank, now);
        } else {
            let entry = self.queues.of_mut(kind).oldest_waiting(bank);
            let first = !std::mem::replace(&mut entry.touched, true);
            self.stats.rows.conflicts += u64::from(first);
            self.precharge(bus, bank, now);
        }
    }

    fn activate(&mut self, bus: usize, kind: Kind, bank: usize, now: u64) {
        let (row, mut entry) = self.queues.of_mut(kind).activate(bank);
        self.queues.of_mut(kind.other()).open(bank, row);
        self.stats.rows.misses += u64::from(!entry.touched);
        entry.touched = true;
        self.banks.activate(bank, kind, row, entry, now);
        self.rows_used.open(bank);
        let held = self.timing.held(Command::Activate, bank);
        self.lost.row(Command::Activate, bank, now, held, self.buses[bus].stop);
        self.count(Command::Activate, bus, bank, now);
        self.changed(bank, now);
        for command in [Command::Read, Command::Write] {
            let ready = self.timing.ready(command, bank);
            self.buses[bus].look(command, ready);
        }
    }

    pub(super) fn precharge(&mut self, bus: usize, bank: usize, now: u64) {
        self.queues.close(bank);
        self.banks.close(bank, now);
        let held = self.timing.held(Command::Precharge, bank);
        self.lost.row(Command::Precharge, bank, now, held, self.buses[bus].stop);
        self.count(Command::Precharge, bus, bank, now);
        self.changed(bank, now);
    }

    /// A command issues: counts it, and what it keeps others from.
    fn count(&mut self, command: Command, bus: usize, bank: usize, now: u64) {
        let free = now + self.timing.occupancy(command);
        let bus = &mut self.buses[bus];
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
            Command::Precharge => self.precharge(bus, bank, now),
            Command::PrechargeAll => {
                for open in each(self.banks.open() & banks) {
                    self.queues.close(open);
                    self.banks.close(open, now);
                    self.changed(open, now);
                }
                self.count(command, bus, bank, now);
            }
            _ => {
                if all {
                    self.banks.refresh_all(target, now);
                }
                self.count(command, bus, bank, now);
                self.changed(bank, now);
                self.buses[bus].refreshed(now);
                self.buses[bus].look_at_all(now + 1);
            }
        }
    }

    /// A column command issues for a request: its data follow.
    #[inline]
    fn transfer(&mut self, kind: Kind, entry: Entry, bus: usize, bank: usize, now: u64) {
        let command = self.column_for(kind, bank);
        let arrived = entry.age.arrived();
        if let Some(gap) = self.lost.column(bank, now) {
            let held = self.timing.held(command, bank);
            self.lost.explain(
                gap,
                &Call { command, bank, now, arrived, held, stop: self.buses[bus].stop },
                self.timing.causes(),
            );
        }
        self.count(command, bus, bank, now);
        self.used(command, bus, bank, now);
        self.changed(bank, now);
        match kind {
            Kind::Read => {
                let at = now + self.fixed.read_ticks;
                self.stats.read_latency.add(Ticks(at - arrived));
                self.inflight.read(Completion { at: Tick(at), id: entry.id });
            }
            Kind::Write => {
                let at = now + self.fixed.write_ticks;
                self.inflight.write(Completion { at: Tick(at), id: entry.id });
            }
        }
    }
}
