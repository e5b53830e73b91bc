//! One channel: its queues, its controller, its banks.

mod pages;
mod ready;
mod refresh;
mod scheduler;
mod slots;
mod state;

use tamis_arch::{
    dram::{Buses, Command, Dram, PagePolicy, Scheduler},
    units::Bytes,
};

use self::{pages::RowsUsed, ready::ReadyBanks, refresh::Refresher, slots::Bus, state::Banks};
use crate::{
    Completion, Full, Kind, Location, Request, Stats, Tick, Ticks,
    age::Age,
    inflight::Inflight,
    lost::Lost,
    queue::{Entry, Queues},
    timing::Timing,
};

/// Later than any tick.
const NEVER: u64 = u64::MAX;

/// One channel of a memory, with its controller.
///
/// Time is in ticks of the command clock. A request pushed at `t` takes part in decisions from `t + 1` on,
/// like one that arrives through a register; so it does not matter whether the channel is advanced to `t`
/// before or after the push. How far it is advanced at once changes nothing.
#[derive(Clone, Debug)]
pub struct Channel {
    timing: Timing,
    queues: Queues,
    banks: Banks,
    ready: ReadyBanks,
    refresher: Refresher,
    buses: Vec<Bus>,
    inflight: Inflight,
    lost: Lost,
    rows_used: RowsUsed,
    fixed: Fixed,
    /// Writes are being drained.
    writing: bool,
    /// Whether to drain them is to be decided at this tick.
    turn: u64,
    /// Everything up to this tick has been decided.
    now: u64,
    /// No command issues before this tick.
    next: u64,
    /// The last tick in which requests arrived, and how many did.
    arrivals: (u64, u64),
    stats: Stats,
}

/// What of the description the controller looks at all the time.
#[derive(Clone, Copy, Debug)]
struct Fixed {
    groups: u32,
    banks: u32,
    burst: u64,
    read_ticks: u64,
    write_ticks: u64,
    transaction: u64,
    /// Writes are drained from when more than this many wait ...
    write_high: usize,
    /// ... until fewer than this many.
    write_low: usize,
    single_bus: bool,
    scheduler: Scheduler,
    hit_cap: u32,
    page: PagePolicy,
    page_timeout: u64,
}

impl Channel {
    /// A channel at reset: queues empty, all banks closed.
    ///
    /// # Panics
    /// When the description was not checked: more than 64 banks, or queues without entries.
    #[must_use]
    pub fn new(dram: &Dram) -> Self {
        let organisation = &dram.standard.organisation;
        let count = organisation.banks_per_channel();
        assert!(count <= 64, "a checked description has at most 64 banks a channel");
        let banks = usize::try_from(count).expect("64 fits");
        let controller = &dram.controller;
        let spans = &dram.standard.timing;
        let share = |percent: u32| {
            usize::try_from(controller.write_queue * percent).expect("a queue fits memory")
        };
        let refresher = Refresher::new(dram);
        let timing = Timing::new(dram);
        let lost = Lost::new(dram, timing.causes().names.len());
        Self {
            timing,
            lost,
            rows_used: RowsUsed::default(),
            queues: Queues::new(controller.read_queue, controller.write_queue, banks),
            banks: Banks::new(dram),
            ready: ReadyBanks::all(),
            buses: Bus::of(dram),
            refresher,
            inflight: Inflight::new(),
            fixed: Fixed {
                groups: organisation.bank_groups,
                banks: organisation.banks,
                burst: u64::from(spans.burst),
                read_ticks: u64::from(spans.read_latency + spans.burst),
                write_ticks: u64::from(spans.write_latency + spans.burst),
                transaction: organisation.transaction.0,
                write_high: share(controller.write_high_percent) / 100,
                write_low: share(controller.write_low_percent).div_ceil(100),
                single_bus: dram.standard.buses == Buses::Single,
                scheduler: controller.scheduler,
                hit_cap: controller.hit_cap,
                page: controller.page,
                page_timeout: u64::from(controller.page_timeout),
            },
            writing: false,
            turn: 1,
            now: 0,
            next: 1,
            arrivals: (0, 0),
            stats: Stats::default(),
        }
    }

    /// Whether a request of this kind would be taken, as of the tick advanced to.
    #[must_use]
    pub fn can_push(&self, kind: Kind) -> bool {
        !self.queues.of(kind).is_full()
    }

    /// Requests of this kind that would be taken, as of the tick advanced to.
    pub(crate) fn room(&self, kind: Kind) -> usize {
        self.queues.of(kind).room()
    }

    /// Offers a request at `now`.
    ///
    /// A read of a transaction whose write still waits is answered from it, and a write to such a
    /// transaction joins it: both are done at the next tick and take no entry. Otherwise reads may overtake
    /// writes and the reverse: the model holds no data, and ordering is the business of whoever sends them.
    ///
    /// # Errors
    /// [`Full`] when the queue has no entry left; nothing has changed then.
    ///
    /// # Panics
    /// When `now` is before a tick already advanced to.
    pub fn push(&mut self, now: Tick, request: Request) -> Result<(), Full> {
        assert!(now.0 >= self.now, "a request cannot arrive in the past");
        self.decide(now.0);
        let full = self.queues.of(request.kind).is_full();
        if full && self.no_write_waits() {
            return Err(Full);
        }
        let bank = self.bank_of(&request.location);
        let Location { row, column, .. } = request.location;
        if self.write_waits(bank, row, column) {
            self.answer_early(now, request);
            return Ok(());
        }
        if full {
            return Err(Full);
        }
        let (last, count) = self.arrivals;
        self.arrivals = (now.0, if last == now.0 { count + 1 } else { 0 });
        let entry = Entry::new(request.id, Age::new(now.0, self.arrivals.1), column);
        let open = self.banks.row(bank);
        self.queues.of_mut(request.kind).push(bank, row, entry, open);
        self.lost.arrive(bank, now.0);
        let command = match open {
            Some(open) if open == row => column_command(request.kind),
            Some(_) => Command::Precharge,
            None => Command::Activate,
        };
        self.expect(request.kind, command, bank, now.0 + 1);
        Ok(())
    }

    /// Without the DRAM: from, or together with, a write that waits.
    fn answer_early(&mut self, now: Tick, request: Request) {
        match request.kind {
            Kind::Read => {
                self.stats.forwarded += 1;
                self.stats.read_latency.add(Ticks(1));
            }
            Kind::Write => self.stats.coalesced += 1,
        }
        self.inflight.early(Completion { at: Tick(now.0 + 1), id: request.id });
    }

    /// When to look again: nothing completes, and no full queue gets an entry free, before this tick. `None`
    /// when nothing is under way.
    #[must_use]
    pub fn next_event(&self) -> Option<Tick> {
        let idle = self.queues.of(Kind::Read).len() == 0
            && self.queues.of(Kind::Write).len() == 0
            && self.banks.active() == 0;
        let decision = if idle {
            NEVER
        } else {
            let next = self.next.max(self.now + 1);
            let full = !self.can_push(Kind::Read) || !self.can_push(Kind::Write);
            if full { next } else { next + self.fixed.read_ticks.min(self.fixed.write_ticks) }
        };
        let next = self.inflight.due().0.min(decision);
        (next < NEVER).then_some(Tick(next))
    }

    /// Lets time pass up to and including `to`; appends what has completed by then, in order of time.
    pub fn advance(&mut self, to: Tick, done: &mut Vec<Completion>) {
        self.decide(to.0);
        self.inflight.deliver(to, done);
    }

    /// What happened up to the tick advanced to.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        let [reads, writes] = [Command::Read, Command::Write]
            .map(|command| stats.count(command) + stats.count(with_precharge(command)));
        stats.read_bytes = Bytes(reads * self.fixed.transaction);
        stats.written_bytes = Bytes(writes * self.fixed.transaction);
        stats.data_ticks = Ticks((reads + writes) * self.fixed.burst);
        stats.channel_ticks = Ticks(self.now);
        stats.pseudo_ticks = self.banks.residency(self.now);
        stats.lost = self.lost.up_to(self.now, self.timing.causes());
        stats
    }

    /// Takes all decisions up to and including `to`.
    #[inline]
    fn decide(&mut self, to: u64) {
        while self.next <= to {
            self.step(self.next);
        }
        self.now = self.now.max(to);
    }

    /// No command issues before this tick.
    fn next_decision(&self) -> u64 {
        let next = self.refresher.next().min(self.turn);
        self.buses.iter().map(Bus::next).fold(next, u64::min)
    }

    fn step(&mut self, now: u64) {
        self.timing.come_to(now);
        self.turn = NEVER;
        if now == self.refresher.next() {
            self.refresher.raise(&mut self.buses);
            self.buses.iter_mut().for_each(|bus| bus.look_at_rows(now));
        }
        for bus in 0..self.buses.len() {
            self.set_mode(bus, now, now);
            if self.column_slot(bus, now) {
                self.set_mode(bus, now, now + 1);
            }
            self.row_slot(bus, now);
        }
        if self.mode() != self.writing {
            self.turn = now + 1;
        }
        self.next = self.next_decision();
    }

    /// Turns to writes when many wait or no read does, and back when few wait and a read does. While a
    /// refresh waits nothing turns. The column slot of this bus is still to come at `column`; buses before it
    /// have had their turn.
    #[inline]
    fn set_mode(&mut self, bus: usize, now: u64, column: u64) {
        if self.mode() != self.writing && self.buses[bus].due.is_empty() {
            self.turn_over(bus, now, column);
        }
    }

    fn turn_over(&mut self, bus: usize, now: u64, column: u64) {
        self.writing = !self.writing;
        let (before, after) = self.buses.split_at_mut(bus);
        before.iter_mut().for_each(|bus| bus.look_at_all(now + 1));
        let (this, after) = after.split_first_mut().expect("the bus exists");
        this.look_at_rows(now);
        this.look_at_columns(column);
        after.iter_mut().for_each(|bus| bus.look_at_all(now));
    }

    /// Whether writes should be drained, given what waits.
    #[inline]
    fn mode(&self) -> bool {
        let reads = self.queues.of(Kind::Read).len();
        let writes = self.queues.of(Kind::Write).len();
        if self.writing {
            writes >= self.fixed.write_low || reads == 0
        } else {
            writes > self.fixed.write_high || reads == 0
        }
    }

    /// The kind that is being served.
    fn served(&self) -> Kind {
        if self.writing { Kind::Write } else { Kind::Read }
    }

    /// A request has come whose bank needs a command: when could that issue?
    #[inline]
    fn expect(&mut self, kind: Kind, command: Command, bank: usize, from: u64) {
        if self.writing != self.mode() {
            self.turn = from.min(self.turn);
            self.next = from.min(self.next);
        }
        if kind == self.served() {
            let bus = &mut self.buses[self.banks.bus(bank)];
            let due = bus.look(command, from.max(self.timing.ready(command, bank)));
            self.next = due.min(self.next);
        }
    }

    fn no_write_waits(&self) -> bool {
        self.queues.of(Kind::Write).len() == 0 && self.banks.active_of(Kind::Write) == 0
    }

    #[inline]
    fn write_waits(&self, bank: usize, row: u32, column: u32) -> bool {
        !self.no_write_waits()
            && (self.queues.of(Kind::Write).holds(bank, row, column)
                || self.banks.holds_write(bank, row, column))
    }

    fn bank_of(&self, location: &Location) -> usize {
        let group = location.pseudo * self.fixed.groups + location.group;
        usize::try_from(group * self.fixed.banks + location.bank).expect("64 fits")
    }
}

/// The column command that also closes the row.
fn with_precharge(column: Command) -> Command {
    if column == Command::Read { Command::ReadAuto } else { Command::WriteAuto }
}

fn column_command(kind: Kind) -> Command {
    match kind {
        Kind::Read => Command::Read,
        Kind::Write => Command::Write,
    }
}
