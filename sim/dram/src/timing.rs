//! The constraint table of a standard, compiled: when is which command legal.
//!
//! A constraint at a level speaks of commands to the same channel, pseudo-channel, bank group or bank. When a
//! command issues, each of its constraints moves the first legal tick of another command for all banks that it
//! reaches. So what a bank may do is one number, and what all banks may do is one row of numbers. That a bus
//! carries one command at a time is the controller's doing.

mod lanes;
#[cfg(test)]
mod tests;

use tamis_arch::dram::{Command, Dram, Level, PagePolicy, Refresh, Standard, Target};

use self::lanes::Lanes;

/// Most banks of a channel: a set of them is a word of 64 bits.
pub(crate) const MOST_BANKS: usize = 64;

/// A tick, counted from the epoch of the table, with the constraint that set it in the low bits: the later one
/// wins, and is remembered.
type Stamp = i32;

const CAUSE_BITS: u32 = 8;
const CAUSE: Stamp = (1 << CAUSE_BITS) - 1;

/// Ticks after which the epoch moves on. Stamps reach less than that into the future.
const EPOCH: u64 = 1 << 21;

/// What one command does to another.
#[derive(Clone, Copy, Debug)]
struct Rule {
    level: Level,
    to: Command,
    /// Banks that it reaches. Of a command to a whole pseudo-channel only the first bank is kept.
    banks: usize,
    ticks: u64,
    /// The ticks, and the cause in the low bits.
    span: Stamp,
    /// Which ring of past commands it runs from, for a window above 1.
    ring: Option<usize>,
}

impl Rule {
    fn cause(&self) -> u8 {
        let [cause, ..] = self.span.to_le_bytes();
        cause
    }
}

/// The ticks of the last commands of a kind, at each node of a level.
#[derive(Clone, Debug)]
struct Ring {
    command: Command,
    level: Level,
    window: usize,
    /// `window` ticks for each node; 0 is never, as no command issues at tick 0.
    past: Vec<u64>,
    oldest: Vec<usize>,
}

/// A constraint held a command until a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) until: u64,
    pub(crate) cause: u8,
    /// The command that was held.
    to: u8,
}

/// When is which command legal.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    rules: [Vec<Rule>; Command::COUNT],
    rings: Vec<Ring>,
    /// By command: the first legal stamp of each bank.
    ready: Box<[Lanes; Command::COUNT]>,
    epoch: u64,
    /// Banks that a node of each level has.
    sizes: [usize; 4],
    /// Ticks for which each command keeps its bus from others.
    occupancy: [u64; Command::COUNT],
    /// Names of the constraints, by cause.
    causes: Vec<String>,
}

impl Timing {
    pub(crate) fn new(dram: &Dram) -> Self {
        let standard = &dram.standard;
        let mut timing = Self {
            rules: Default::default(),
            rings: Vec::new(),
            ready: Box::new([Lanes::RESET; Command::COUNT]),
            epoch: 0,
            sizes: sizes(standard),
            occupancy: standard.occupancy.map(u64::from),
            causes: Vec::new(),
        };
        for rule in &standard.constraints {
            let window = usize::try_from(rule.window).expect("a window fits memory");
            let ticks = standard.spacing(rule);
            if ticks > 0 && issues(dram, rule.from) && issues(dram, rule.to) {
                timing.add(&rule.name, rule.level, rule.from, rule.to, ticks, window);
            }
        }
        timing
    }

    fn add(
        &mut self,
        name: &str,
        level: Level,
        from: Command,
        to: Command,
        ticks: u32,
        window: usize,
    ) {
        let known = self.causes.iter().position(|cause| cause == name);
        let cause = known.unwrap_or_else(|| {
            self.causes.push(name.to_owned());
            self.causes.len() - 1
        });
        let ring = (window > 1).then(|| {
            let (past, oldest) = (vec![0; window * MOST_BANKS], vec![0; MOST_BANKS]);
            self.rings.push(Ring { command: from, level, window, past, oldest });
            self.rings.len() - 1
        });
        let cause = u8::try_from(cause).expect("a standard has fewer than 256 names");
        let span = Stamp::try_from(ticks).expect("a span is far below an epoch") << CAUSE_BITS;
        let banks = match to.target() {
            Target::Bank => self.sizes[level as usize],
            Target::Pseudo => 1,
        };
        let ticks = u64::from(ticks);
        let rule = Rule { level, to, banks, ticks, ring, span: span | Stamp::from(cause) };
        let rules = &mut self.rules[from.index()];
        let same = |other: &&mut Rule| {
            (other.level, other.to) == (level, to) && other.ring.is_none() && ring.is_none()
        };
        match rules.iter_mut().find(same) {
            // Two rules that differ in their span alone: the longer one says it all.
            Some(other) if other.ticks < rule.ticks => *other = rule,
            Some(_) => {}
            None => rules.push(rule),
        }
    }

    /// Ticks for which a command keeps its bus from others.
    pub(crate) fn occupancy(&self, command: Command) -> u64 {
        self.occupancy[command.index()]
    }

    /// Time has come to `now`: commands are asked about and issued there.
    #[inline]
    pub(crate) fn come_to(&mut self, now: u64) {
        if now - self.epoch > EPOCH {
            self.rebase(now);
        }
    }

    /// A command issues.
    #[inline]
    pub(crate) fn record(&mut self, command: Command, bank: usize, now: u64) {
        for ring in self.rings.iter_mut().filter(|ring| ring.command == command) {
            let node = bank / self.sizes[ring.level as usize];
            ring.past[node * ring.window + ring.oldest[node]] = now;
            ring.oldest[node] =
                if ring.oldest[node] + 1 == ring.window { 0 } else { ring.oldest[node] + 1 };
        }
        let stamp = self.stamp(now);
        for rule in &self.rules[command.index()] {
            let size = self.sizes[rule.level as usize];
            let first = bank & !(size - 1);
            let until = match rule.ring {
                None => stamp + rule.span,
                Some(ring) => {
                    let ring = &self.rings[ring];
                    let node = first / size;
                    let past = ring.past[node * ring.window + ring.oldest[node]];
                    let until = past + rule.ticks;
                    if past == 0 || until <= now {
                        continue;
                    }
                    self.stamp(until) | (rule.span & CAUSE)
                }
            };
            self.ready[rule.to.index()].raise(first, rule.banks, until);
        }
    }

    /// From when on a command is legal; one to a whole pseudo-channel by its first bank.
    #[inline]
    pub(crate) fn ready(&self, command: Command, bank: usize) -> u64 {
        self.tick(self.ready[command.index()].get(bank))
    }

    /// The banks of a set for which a command is legal at `now`.
    #[inline]
    pub(crate) fn legal(&self, command: Command, banks: u64, now: u64) -> u64 {
        let limit = self.stamp(now) | CAUSE;
        self.ready[command.index()].at_most(limit, banks)
    }

    /// From when on a command is legal, and the constraint that it was held by until then.
    #[inline]
    pub(crate) fn held(&self, command: Command, bank: usize) -> Held {
        let stamp = self.ready[command.index()].get(bank);
        let [cause, ..] = stamp.to_le_bytes();
        Held { until: self.tick(stamp), cause, to: small(command) }
    }

    /// Whether the constraint that held a command runs from a refresh.
    pub(crate) fn comes_from_refresh(&self, held: Held) -> bool {
        let rules =
            [Command::RefreshAll, Command::RefreshBank].map(|from| &self.rules[from.index()]);
        rules
            .into_iter()
            .flatten()
            .any(|rule| rule.to.index() == usize::from(held.to) && rule.cause() == held.cause)
    }

    /// Ticks from an activate to a column command of its bank.
    pub(crate) fn opening(&self, command: Command) -> u64 {
        self.latency(Command::Activate, command).map_or(0, |rule| rule.ticks)
    }

    /// The constraint behind [`Timing::opening`].
    pub(crate) fn opening_cause(&self) -> u8 {
        self.latency(Command::Activate, Command::Read).map_or(0, Rule::cause)
    }

    /// Ticks from a precharge to an activate of its bank.
    pub(crate) fn closing(&self) -> u64 {
        self.latency(Command::Precharge, Command::Activate).map_or(0, |rule| rule.ticks)
    }

    /// The constraint behind [`Timing::closing`].
    pub(crate) fn closing_cause(&self) -> u8 {
        self.latency(Command::Precharge, Command::Activate).map_or(0, Rule::cause)
    }

    fn latency(&self, from: Command, to: Command) -> Option<&Rule> {
        let mut rules = self.rules[from.index()].iter();
        rules.find(|rule| rule.to == to && rule.level == Level::Bank)
    }

    /// Names of the constraints.
    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    /// When a command is first legal for one of a set of banks; never for none.
    #[inline]
    pub(crate) fn next(&self, command: Command, banks: u64) -> u64 {
        if banks == 0 {
            return u64::MAX;
        }
        self.tick(self.ready[command.index()].earliest(banks))
    }

    #[inline]
    fn stamp(&self, tick: u64) -> Stamp {
        let since = Stamp::try_from(tick - self.epoch).expect("the epoch moves on in time");
        since << CAUSE_BITS
    }

    #[inline]
    fn tick(&self, stamp: Stamp) -> u64 {
        self.epoch + u64::try_from(stamp >> CAUSE_BITS).expect("a stamp is not negative")
    }

    /// Moves the epoch to `now`.
    #[cold]
    fn rebase(&mut self, now: u64) {
        let span = Stamp::try_from(now - self.epoch).unwrap_or(Stamp::MAX);
        let span = span.min(Stamp::MAX >> CAUSE_BITS) << CAUSE_BITS;
        self.ready.iter_mut().for_each(|lanes| lanes.rebase(span));
        self.epoch = now;
    }
}

fn small(command: Command) -> u8 {
    u8::try_from(command.index()).expect("there are few commands")
}

/// The number of a bit as that of a bank.
#[inline]
pub(crate) fn bank_number(bit: u32) -> usize {
    usize::try_from(bit).expect("64 fits")
}

/// Banks that a node of each level has: banks of a node are numbered in a row.
fn sizes(standard: &Standard) -> [usize; 4] {
    let organisation = &standard.organisation;
    let banks = organisation.banks;
    let per_pseudo = banks * organisation.bank_groups;
    [per_pseudo * organisation.pseudo_channels, per_pseudo, banks, 1]
        .map(|count| usize::try_from(count).expect("a count of banks fits memory"))
}

/// Whether a controller ever issues a command: constraints of others need not be kept.
fn issues(dram: &Dram, command: Command) -> bool {
    match command {
        Command::ReadAuto | Command::WriteAuto => dram.controller.page == PagePolicy::Closed,
        Command::PrechargeAll | Command::RefreshAll => dram.controller.refresh == Refresh::AllBank,
        Command::RefreshBank => dram.controller.refresh == Refresh::PerBank,
        _ => true,
    }
}
