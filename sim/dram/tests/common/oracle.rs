//! The slow, obvious channel: every tick, a scan of the queue, the whole list of constraints against the
//! history of commands. Shares no code with the model.

use tamis_arch::dram::{Buses, Command, Dram, Level, PagePolicy, Refresh, Scheduler, Sharing};
use tamis_dram::{Completion, Kind, Request, Tick};

/// Ticks after which no constraint reaches back.
const MEMORY: u64 = 1_200;

#[derive(Clone, Copy)]
struct Waiting {
    request: Request,
    arrived: u64,
    /// When its row was opened for it; until then its place among all requests.
    order: u64,
    place: u64,
}

pub(crate) struct Oracle {
    dram: Dram,
    now: u64,
    places: u64,
    reads: Vec<Waiting>,
    writes: Vec<Waiting>,
    /// Requests whose row was opened for them.
    active: Vec<Waiting>,
    /// Pseudo-channel or bank of each refresh that is due, in order.
    due: Vec<usize>,
    refreshes: usize,
    rows: Vec<Option<u32>>,
    /// Column commands of each open row, and the last of them.
    uses: Vec<(u32, u64)>,
    history: Vec<(u64, Command, usize)>,
    writing: bool,
    pub(crate) done: Vec<Completion>,
}

impl Oracle {
    pub(crate) fn new(dram: &Dram) -> Self {
        let banks = dram.standard.organisation.banks_per_channel() as usize;
        Self {
            dram: dram.clone(),
            now: 0,
            places: 0,
            reads: vec![],
            writes: vec![],
            active: vec![],
            due: vec![],
            refreshes: 0,
            rows: vec![None; banks],
            uses: vec![(0, 0); banks],
            history: vec![],
            writing: false,
            done: vec![],
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.active.is_empty()
    }

    /// Takes a request if there is room for it.
    pub(crate) fn push(&mut self, request: Request) -> bool {
        let same = |write: &Waiting| {
            write.request.kind == Kind::Write && write.request.location == request.location
        };
        if self.writes.iter().any(same) || self.active.iter().any(same) {
            self.done.push(Completion { at: Tick(self.now + 1), id: request.id });
            return true;
        }
        let controller = &self.dram.controller;
        let (queue, depth) = match request.kind {
            Kind::Read => (&mut self.reads, controller.read_queue),
            Kind::Write => (&mut self.writes, controller.write_queue),
        };
        if queue.len() == depth as usize {
            return false;
        }
        self.places += 1;
        let place = self.places;
        queue.push(Waiting { request, arrived: self.now, order: place, place });
        true
    }

    pub(crate) fn tick(&mut self) {
        self.now += 1;
        assert!(self.now < 100_000, "a request is never served");
        self.history.retain(|&(at, ..)| at + MEMORY > self.now);
        self.raise_refresh();
        for bus in 0..self.buses() {
            self.turn(bus);
            let column = self.column(bus);
            self.turn(bus);
            if !column || self.dram.standard.buses == Buses::RowAndColumn {
                self.row(bus);
            }
        }
    }

    fn buses(&self) -> usize {
        match self.dram.controller.command_bus {
            Sharing::Shared => 1,
            Sharing::Split => self.dram.standard.organisation.pseudo_channels as usize,
        }
    }

    fn per_pseudo(&self) -> usize {
        self.rows.len() / self.dram.standard.organisation.pseudo_channels as usize
    }

    fn bus_of(&self, bank: usize) -> usize {
        if self.buses() == 1 { 0 } else { bank / self.per_pseudo() }
    }

    fn bank(&self, request: &Request) -> usize {
        let organisation = &self.dram.standard.organisation;
        let at = request.location;
        let group = at.pseudo * organisation.bank_groups + at.group;
        (group * organisation.banks + at.bank) as usize
    }

    fn raise_refresh(&mut self) {
        let timing = &self.dram.standard.timing;
        match self.dram.controller.refresh {
            Refresh::None => {}
            Refresh::AllBank => {
                if self.now.is_multiple_of(u64::from(timing.refresh_interval)) {
                    self.due.extend(0..self.dram.standard.organisation.pseudo_channels as usize);
                }
            }
            Refresh::PerBank => {
                if self.now.is_multiple_of(u64::from(timing.bank_refresh_interval)) {
                    self.due.push(self.refreshes % self.rows.len());
                    self.refreshes += 1;
                }
            }
        }
    }

    /// The refresh that a bus must do next.
    fn refresh_of(&self, bus: usize) -> Option<usize> {
        let all = self.dram.controller.refresh == Refresh::AllBank;
        let bank_of = |target: usize| if all { target * self.per_pseudo() } else { target };
        self.due.iter().position(|&target| self.bus_of(bank_of(target)) == bus)
    }

    fn turn(&mut self, bus: usize) {
        if self.refresh_of(bus).is_some() {
            return;
        }
        let controller = &self.dram.controller;
        let filled = 100 * u32::try_from(self.writes.len()).expect("few");
        let high = controller.write_high_percent * controller.write_queue;
        let low = controller.write_low_percent * controller.write_queue;
        if self.writing {
            self.writing = filled >= low || self.reads.is_empty();
        } else {
            self.writing = filled > high || self.reads.is_empty();
        }
    }

    fn served(&self) -> &[Waiting] {
        if self.writing { &self.writes } else { &self.reads }
    }

    fn column(&mut self, bus: usize) -> bool {
        let ready = |waiting: &&Waiting| {
            let bank = self.bank(&waiting.request);
            self.bus_of(bank) == bus
                && self.rows[bank] == Some(waiting.request.location.row)
                && self.legal(column_command(waiting.request.kind), bank)
        };
        let oldest = |list: &[Waiting]| {
            list.iter().filter(ready).min_by_key(|w| (w.arrived, w.order)).copied()
        };
        let active = oldest(&self.active);
        let found = active.or_else(|| match self.refresh_of(bus) {
            None => oldest(&self.eligible(bus)),
            Some(_) => None,
        });
        let Some(Waiting { request, place, .. }) = found else { return false };
        for list in [&mut self.reads, &mut self.writes, &mut self.active] {
            list.retain(|waiting| waiting.place != place);
        }
        let timing = &self.dram.standard.timing;
        let latency = match request.kind {
            Kind::Read => timing.read_latency,
            Kind::Write => timing.write_latency,
        };
        let at = Tick(self.now + u64::from(latency + timing.burst));
        self.done.push(Completion { at, id: request.id });
        let bank = self.bank(&request);
        self.uses[bank] = (self.uses[bank].0 + 1, self.now);
        if self.dram.controller.page == PagePolicy::Closed && !self.is_wanted(bank) {
            self.rows[bank] = None;
            self.issue(auto(column_command(request.kind)), bank);
        } else {
            self.issue(column_command(request.kind), bank);
        }
        true
    }

    fn row(&mut self, bus: usize) {
        if let Some(place) = self.refresh_of(bus) {
            self.refresh(place);
            return;
        }
        let command = |waiting: &Waiting| {
            let bank = self.bank(&waiting.request);
            match self.rows[bank] {
                None => Some(Command::Activate),
                Some(row) if row == waiting.request.location.row => None,
                Some(_) if self.has_active(bank) => None,
                Some(_) => Some(Command::Precharge),
            }
        };
        let ready = |waiting: &&Waiting| {
            let bank = self.bank(&waiting.request);
            self.bus_of(bank) == bus
                && command(waiting).is_some_and(|command| self.legal(command, bank))
        };
        let eligible = self.eligible(bus);
        let oldest =
            eligible.iter().filter(ready).min_by_key(|waiting| (waiting.arrived, waiting.order));
        let Some(&waiting) = oldest else {
            self.close_idle(bus);
            return;
        };
        let bank = self.bank(&waiting.request);
        if command(&waiting) == Some(Command::Activate) {
            self.reads.retain(|other| other.place != waiting.place);
            self.writes.retain(|other| other.place != waiting.place);
            self.active.push(Waiting { order: self.now, ..waiting });
            self.rows[bank] = Some(waiting.request.location.row);
            self.uses[bank].0 = 0;
            self.issue(Command::Activate, bank);
        } else {
            self.rows[bank] = None;
            self.issue(Command::Precharge, bank);
        }
    }

    fn refresh(&mut self, place: usize) {
        let all = self.dram.controller.refresh == Refresh::AllBank;
        let target = self.due[place];
        let (first, count) =
            if all { (target * self.per_pseudo(), self.per_pseudo()) } else { (target, 1) };
        let banks = first..first + count;
        let closed = banks.clone().all(|bank| self.rows[bank].is_none());
        if !closed && banks.clone().any(|bank| self.has_active(bank)) {
            return;
        }
        let command = match (all, closed) {
            (true, false) => Command::PrechargeAll,
            (true, true) => Command::RefreshAll,
            (false, false) => Command::Precharge,
            (false, true) => Command::RefreshBank,
        };
        if self.legal(command, first) {
            self.issue(command, first);
            self.rows[banks].fill(None);
            if closed {
                self.due.remove(place);
            }
        }
    }

    /// Requests of the kind being served that the scheduler lets through.
    fn eligible(&self, bus: usize) -> Vec<Waiting> {
        let mine = |w: &&Waiting| self.bus_of(self.bank(&w.request)) == bus;
        let all = self.served().iter().filter(mine).copied().collect::<Vec<_>>();
        match self.dram.controller.scheduler {
            Scheduler::FrFcfs => all,
            Scheduler::FrFcfsCap => {
                let cap = self.dram.controller.hit_cap;
                let under = |one: &Waiting| {
                    let bank = self.bank(&one.request);
                    let row = self.rows[bank];
                    let here = || all.iter().filter(|w| self.bank(&w.request) == bank);
                    let is_hit = |w: &&Waiting| Some(w.request.location.row) == row;
                    let first = |list: &mut dyn Iterator<Item = &Waiting>| {
                        list.map(|w| w.place).min().unwrap_or(u64::MAX)
                    };
                    let oldest_hit = first(&mut here().filter(is_hit));
                    let oldest_other = first(&mut here().filter(|w| !is_hit(w)));
                    !is_hit(&one) || self.uses[bank].0 < cap || oldest_hit < oldest_other
                };
                all.iter().filter(|one| under(one)).copied().collect()
            }
            Scheduler::Fcfs if self.active.iter().any(|w| mine(&w)) => vec![],
            Scheduler::Fcfs => all.into_iter().min_by_key(|w| w.place).into_iter().collect(),
        }
    }

    /// Whether a request that waits wants the open row of a bank.
    fn is_wanted(&self, bank: usize) -> bool {
        self.reads.iter().chain(&self.writes).chain(&self.active).any(|waiting| {
            self.bank(&waiting.request) == bank
                && self.rows[bank] == Some(waiting.request.location.row)
        })
    }

    fn close_idle(&mut self, bus: usize) {
        if self.dram.controller.page != PagePolicy::Timeout {
            return;
        }
        let timeout = u64::from(self.dram.controller.page_timeout);
        let idle = (0..self.rows.len()).filter(|&bank| {
            self.bus_of(bank) == bus
                && self.rows[bank].is_some()
                && !self.is_wanted(bank)
                && self.now >= self.uses[bank].1 + timeout
                && self.legal(Command::Precharge, bank)
        });
        if let Some(bank) = idle.min_by_key(|&bank| self.uses[bank].1) {
            self.rows[bank] = None;
            self.issue(Command::Precharge, bank);
        }
    }

    fn has_active(&self, bank: usize) -> bool {
        self.active.iter().any(|waiting| self.bank(&waiting.request) == bank)
    }

    fn issue(&mut self, command: Command, bank: usize) {
        self.history.push((self.now, command, bank));
    }

    /// Every constraint, and the command buses, against all that was issued.
    fn legal(&self, to: Command, bank: usize) -> bool {
        let standard = &self.dram.standard;
        let constraints = standard.constraints.iter().filter(|rule| rule.to == to).all(|rule| {
            let mut before = self.history.iter().rev().filter(|&&(_, command, other)| {
                command == rule.from && self.same(rule.level, bank, other)
            });
            match before.nth(rule.window as usize - 1) {
                Some(&(at, ..)) => self.now >= at + u64::from(standard.spacing(rule)),
                None => true,
            }
        });
        let level = match self.dram.controller.command_bus {
            Sharing::Shared => Level::Channel,
            Sharing::Split => Level::PseudoChannel,
        };
        let bus_is_free = self.history.iter().all(|&(at, command, other)| {
            let same_bus = standard.buses == Buses::Single || command.is_column() == to.is_column();
            let until = at + u64::from(standard.occupancy[command.index()]);
            !same_bus || !self.same(level, bank, other) || self.now >= until
        });
        constraints && bus_is_free
    }

    fn same(&self, level: Level, one: usize, other: usize) -> bool {
        let per_group = self.dram.standard.organisation.banks as usize;
        match level {
            Level::Channel => true,
            Level::PseudoChannel => one / self.per_pseudo() == other / self.per_pseudo(),
            Level::BankGroup => one / per_group == other / per_group,
            Level::Bank => one == other,
        }
    }
}

fn auto(command: Command) -> Command {
    if command == Command::Read { Command::ReadAuto } else { Command::WriteAuto }
}

fn column_command(kind: Kind) -> Command {
    match kind {
        Kind::Read => Command::Read,
        Kind::Write => Command::Write,
    }
}
