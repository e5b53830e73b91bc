//! Why a data bus did not move data: every tick of a pseudo-channel is either a transfer's or charged to what
//! kept the next one waiting.
//!
//! Time is that of column commands: a command at tick `t` is the transfer of `t` and the ticks of its burst. When
//! one issues after a gap, the gap is charged to what its request waited for since it came: first to the waits that it
//! shares with others, the last one first (its bus, the constraint that held the read or write, the row bus and the
//! constraint that held the activate, those of the precharge), and only then to the latencies that it has even alone
//! (tRCD, tRP). So a run that is bound by tFAW says tFAW, although each of its requests also waits for tRCD.

use std::collections::BTreeMap;

use tamis_arch::dram::{Buses, Command, Dram, Scheduler};

use crate::{
    Ticks,
    timing::{Causes, Held, MOST_BANKS},
};

/// Nothing waited for this pseudo-channel.
pub(crate) const NO_REQUEST: &str = "no request";
/// The command was legal, but its bus carried others: older ones are preferred. So is charged, too, what
/// `fr-fcfs-cap` holds back from a row that has served enough.
pub(crate) const COLUMN_BUS: &str = "column bus";
pub(crate) const ROW_BUS: &str = "row bus";
/// Both, where there is one bus for all commands.
pub(crate) const COMMAND_BUS: &str = "command bus";
/// The same under `fcfs`, which gives commands to the oldest request alone: a legal command waits for its turn,
/// however idle its bus is.
pub(crate) const REQUEST_ORDER: &str = "request order";
/// A refresh, and the wait of others for it.
pub(crate) const REFRESH: &str = "refresh";
/// Requests wait, and no command has issued yet to say why.
pub(crate) const WAITING: &str = "still waiting";

/// The last time that a waiting refresh kept a command bus from serving requests: from `since` to before `until`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stop {
    pub(crate) since: u64,
    pub(crate) until: u64,
}

/// A row command: when it issued, what held it until when, and when its bus served a refresh instead.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    at: u64,
    held: Held,
    stop: Stop,
}

/// The data bus of a pseudo-channel.
#[derive(Clone, Copy, Debug, Default)]
struct Bus {
    /// The last transfer ends here.
    free: u64,
    /// Requests that wait.
    waiting: u32,
    /// Since when some do.
    since: u64,
}

/// The accounts of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    tally: Tally,
    buses: Vec<Bus>,
    opened: [Step; MOST_BANKS],
    closed: [Step; MOST_BANKS],
    burst: u64,
    /// Banks of a bus, as a power of two.
    log2_banks: u32,
    /// What those of [`Other`] are called, in their order.
    others: [&'static str; 5],
}

/// The ticks charged so far.
#[derive(Clone, Debug)]
struct Tally {
    /// By cause of the table of constraints.
    ticks: Vec<u64>,
    others: [u64; 5],
}

#[derive(Clone, Copy)]
enum Other {
    NoRequest,
    ColumnBus,
    RowBus,
    Refresh,
    Waiting,
}

/// What legal column and row commands of this memory wait for.
fn legal_waits(dram: &Dram) -> [&'static str; 2] {
    if dram.controller.scheduler == Scheduler::Fcfs {
        return [REQUEST_ORDER; 2];
    }
    match dram.standard.buses {
        Buses::Single => [COMMAND_BUS; 2],
        Buses::RowAndColumn => [COLUMN_BUS, ROW_BUS],
    }
}

impl Tally {
    #[inline]
    fn other(&mut self, cause: Other, ticks: u64) {
        self.others[cause as usize] += ticks;
    }

    /// Charges ticks to what held a command: a constraint, or a refresh by one of its constraints.
    #[inline]
    fn held(&mut self, held: Held, ticks: u64, causes: &Causes) {
        if causes.is_refresh(held) {
            self.other(Other::Refresh, ticks);
        } else {
            self.ticks[usize::from(held.cause)] += ticks;
        }
    }
}

impl Lost {
    /// The accounts of a channel whose table of constraints has so many causes.
    pub(crate) fn new(dram: &Dram, causes: usize) -> Self {
        let organisation = &dram.standard.organisation;
        let buses = usize::try_from(organisation.pseudo_channels).expect("64 fits");
        let banks_per_bus = organisation.banks_per_channel() / organisation.pseudo_channels;
        let [column, row] = legal_waits(dram);
        Self {
            tally: Tally { ticks: vec![0; causes], others: [0; 5] },
            buses: vec![Bus::default(); buses],
            opened: [Step::default(); MOST_BANKS],
            closed: [Step::default(); MOST_BANKS],
            burst: u64::from(dram.standard.timing.burst),
            log2_banks: banks_per_bus.ilog2(),
            others: [NO_REQUEST, column, row, REFRESH, WAITING],
        }
    }

    /// A request for a bank waits from the tick after `now` on.
    #[inline]
    pub(crate) fn arrive(&mut self, bank: usize, now: u64) {
        let bus = &mut self.buses[bank >> self.log2_banks];
        if bus.waiting == 0 {
            bus.since = now + 1;
        }
        bus.waiting += 1;
    }

    /// A row command is about to issue.
    #[inline]
    pub(crate) fn row(&mut self, command: Command, bank: usize, at: u64, held: Held, stop: Stop) {
        let steps = match command {
            Command::Activate => &mut self.opened,
            _ => &mut self.closed,
        };
        steps[bank % MOST_BANKS] = Step { at, held, stop };
    }

    /// A column command is about to issue for a request of a bank: the gap before it that is to be explained.
    #[inline]
    pub(crate) fn column(&mut self, bank: usize, now: u64) -> Option<u64> {
        let bus = &mut self.buses[bank >> self.log2_banks];
        bus.waiting -= 1;
        let free = bus.free;
        bus.free = now + self.burst;
        if now <= free {
            return None;
        }
        let start = free.max(bus.since);
        self.tally.other(Other::NoRequest, start - free);
        Some(now - start)
    }

    /// Charges a gap before a column command.
    pub(crate) fn explain(&mut self, gap: u64, call: &Call, causes: &Causes) {
        let came = call.arrived + 1;
        let opened = &self.opened[call.bank % MOST_BANKS];
        let closed = &self.closed[call.bank % MOST_BANKS];
        // Whether the row was opened, and another closed before, while this request waited.
        let opens = opened.at >= came;
        let closes = opens && closed.at >= came;

        let mut gap = Gap { left: gap, came, tally: &mut self.tally, causes };
        let opening = causes.opening[call.command.index()];
        let alone = if opens { opened.at + opening } else { came };
        gap.step(Other::ColumnBus, &Step { at: call.now, held: call.held, stop: call.stop }, alone);
        if opens {
            let alone = if closes { closed.at + causes.closing } else { came };
            gap.step(Other::RowBus, opened, alone);
        }
        if closes {
            gap.step(Other::RowBus, closed, came);
        }
        if opens {
            gap.latency(causes.opening_cause, opening);
        }
        if closes {
            gap.latency(causes.closing_cause, causes.closing);
        }
        let left = gap.left;
        self.tally.other(Other::NoRequest, left);
    }

    /// The ticks lost up to `now`, by cause; none that is 0.
    pub(crate) fn up_to(&self, now: u64, causes: &Causes) -> BTreeMap<String, Ticks> {
        let mut others = self.tally.others;
        for bus in &self.buses {
            let waits =
                if bus.waiting > 0 { now.saturating_sub(bus.since.max(bus.free)) } else { 0 };
            others[Other::Waiting as usize] += waits;
            others[Other::NoRequest as usize] += now.saturating_sub(bus.free) - waits;
        }
        let mut lost = BTreeMap::new();
        let table = causes.names.iter().map(String::as_str).zip(&self.tally.ticks);
        for (name, &ticks) in table.chain(self.others.into_iter().zip(&others)) {
            if ticks > 0 {
                *lost.entry(name.to_owned()).or_default() += Ticks(ticks);
            }
        }
        lost
    }
}

/// A column command and its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) command: Command,
    pub(crate) bank: usize,
    pub(crate) now: u64,
    pub(crate) arrived: u64,
    pub(crate) held: Held,
    pub(crate) stop: Stop,
}

/// The ticks of a gap that are still to be charged.
struct Gap<'a> {
    left: u64,
    /// When the request could first be served.
    came: u64,
    tally: &'a mut Tally,
    causes: &'a Causes,
}

impl Gap<'_> {
    /// As much of it as a wait from `from` to `until` can answer for.
    #[inline]
    fn take(&mut self, until: u64, from: u64) -> u64 {
        let ticks = self.left.min(until.saturating_sub(from));
        self.left -= ticks;
        ticks
    }

    /// Charges the wait for a command: for its bus once it was legal, and before for what held it, as far as that
    /// is after the tick at which the request alone would have been `alone` in the way.
    #[inline]
    fn step(&mut self, bus: Other, step: &Step, alone: u64) {
        let until = step.held.until;
        self.bus(bus, (until.max(self.came), step.at), step.stop);
        let ticks = self.take(until, alone);
        if ticks > 0 {
            self.tally.held(step.held, ticks, self.causes);
        }
    }

    /// Charges the wait of a legal command for its bus: where a refresh stopped the bus, to that.
    #[inline]
    fn bus(&mut self, bus: Other, (legal, issued): (u64, u64), stop: Stop) {
        if stop.until <= legal || stop.since >= issued {
            let ticks = self.take(issued, legal);
            return self.tally.other(bus, ticks);
        }
        let after = self.take(issued, stop.until.clamp(legal, issued));
        let stopped = self.take(stop.until.min(issued), stop.since.max(legal));
        let before = self.take(stop.since.min(issued), legal);
        self.tally.other(bus, after + before);
        self.tally.other(Other::Refresh, stopped);
    }

    /// Charges a latency that a request has even alone.
    #[inline]
    fn latency(&mut self, cause: u8, ticks: u64) {
        let ticks = self.take(ticks, 0);
        self.tally.ticks[usize::from(cause)] += ticks;
    }
}
