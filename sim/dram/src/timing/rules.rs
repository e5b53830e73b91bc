//! The table of constraints, sorted by what a command does to others.

use tamis_arch::dram::{Command, Constraint, Dram, Level, PagePolicy, Refresh, Standard, Target};

use super::{
    CAUSE, CAUSE_BITS, Held, Stamp,
    lanes::{Groups, WIDE},
};

/// A span that moves nothing: what it is added to stays older than every stamp.
const NOTHING: Stamp = Stamp::MIN / 2;

/// What one command does to another.
#[derive(Clone, Copy, Debug)]
struct Rule {
    level: Level,
    from: Command,
    to: Command,
    /// It runs from this many commands back.
    width: usize,
    /// The ticks, and the cause in the low bits: the index of its name.
    span: Stamp,
}

impl Rule {
    fn cause(&self) -> u8 {
        let [cause, ..] = self.span.to_le_bytes();
        cause
    }

    fn ticks(&self) -> u64 {
        u64::try_from(self.span >> CAUSE_BITS).expect("a span is not negative")
    }

    /// Whether it reaches a single bank. Of a command to a whole pseudo-channel only the first bank is kept.
    fn is_single(&self) -> bool {
        self.level == Level::Bank || self.to.target() == Target::Pseudo
    }
}

/// What a command does to others.
#[derive(Clone, Debug)]
pub(super) struct Effects {
    pub(super) spreads: Vec<Spread>,
    pub(super) singles: Vec<Single>,
    pub(super) windows: Vec<Window>,
}

/// What a command does to another by all rules that reach whole bank groups.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub(super) to: Command,
    /// By group of the one, the span for each group of the other, in whole chunks.
    pub(super) spans: Vec<[Stamp; WIDE]>,
}

/// What a command does to another by a rule that reaches one bank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single {
    pub(super) to: Command,
    /// That bank, as a mask on the bank of the one.
    pub(super) mask: usize,
    pub(super) span: Stamp,
}

/// Whom a window reaches.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// A bank, as in [`Single`].
    One { mask: usize },
    /// Bank groups, as in [`Spread`]: a span of 0 for each that is reached.
    Groups(Vec<[Stamp; WIDE]>),
}

/// A rule that runs from a command some places back.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) to: Command,
    pub(super) reach: Reach,
    pub(super) cause: Stamp,
    ticks: u64,
    /// Banks of a node of its level, as a power of two.
    log2_size: u32,
    width: usize,
}

impl Window {
    /// A command issues: until when the rule holds, if there were enough of them.
    pub(super) fn record(&self, past: &mut Past, bank: usize, now: u64) -> Option<u64> {
        let node = bank >> self.log2_size;
        let oldest = &mut past.oldest[node];
        let ticks = &mut past.ticks[node * self.width..][..self.width];
        ticks[*oldest] = now;
        *oldest = if *oldest + 1 == self.width { 0 } else { *oldest + 1 };
        let first = ticks[*oldest];
        let until = first + self.ticks;
        (first != 0 && until > now).then_some(until)
    }
}

/// The last commands that a window counts, at each node of its level.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// As many for each node as the window is wide; 0 is never, as no command issues at tick 0.
    ticks: Vec<u64>,
    /// The place of each node's oldest.
    oldest: Vec<usize>,
}

impl Past {
    /// Of a window over a channel of so many banks.
    pub(super) fn none(window: &Window, banks: usize) -> Self {
        let nodes = banks >> window.log2_size;
        Self { ticks: vec![0; window.width * nodes], oldest: vec![0; nodes] }
    }
}

/// The rules that a controller's commands can meet.
pub(super) struct Rules {
    rules: Vec<Rule>,
    sizes: [usize; 4],
    causes: Vec<String>,
}

impl Rules {
    pub(super) fn new(dram: &Dram) -> Self {
        let sizes = sizes(&dram.standard);
        let mut rules = Self { rules: Vec::new(), sizes, causes: Vec::new() };
        for rule in &dram.standard.constraints {
            let ticks = dram.standard.spacing(rule);
            if ticks > 0 && issues(dram, rule.from) && issues(dram, rule.to) {
                rules.add(rule, ticks);
            }
        }
        rules
    }

    fn add(&mut self, rule: &Constraint, ticks: u32) {
        let known = self.causes.iter().position(|cause| *cause == rule.name);
        let cause = known.unwrap_or_else(|| {
            self.causes.push(rule.name.clone());
            self.causes.len() - 1
        });
        let cause = u8::try_from(cause).expect("a standard has fewer than 256 names");
        let span = Stamp::try_from(ticks).expect("a span is far below an epoch") << CAUSE_BITS;
        let width = usize::try_from(rule.window).expect("a window fits memory");
        let Constraint { level, from, to, .. } = *rule;
        let rule = Rule { level, from, to, width, span: span | Stamp::from(cause) };
        let key = |rule: &Rule| (rule.level, rule.from, rule.to, rule.width);
        match self.rules.iter_mut().find(|other| width == 1 && key(other) == key(&rule)) {
            // Two rules that differ in their span alone: the longer one says it all.
            Some(other) if other.ticks() < rule.ticks() => *other = rule,
            Some(_) => {}
            None => self.rules.push(rule),
        }
    }

    fn of(&self, from: Command) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.from == from)
    }

    fn size(&self, rule: &Rule) -> usize {
        self.sizes[rule.level as usize]
    }

    /// What a command does to others.
    pub(super) fn effects(&self, from: Command, groups: &Groups) -> Effects {
        Effects {
            spreads: self.spreads(from, groups),
            singles: self.singles(from),
            windows: self.windows(from, groups),
        }
    }

    /// What a command does to bank groups.
    fn spreads(&self, from: Command, groups: &Groups) -> Vec<Spread> {
        let mut spreads: Vec<Spread> = Vec::new();
        for rule in self.of(from).filter(|rule| rule.width == 1 && !rule.is_single()) {
            let spans = self.spans(rule, rule.span, groups);
            match spreads.iter_mut().find(|spread| spread.to == rule.to) {
                None => spreads.push(Spread { to: rule.to, spans }),
                Some(spread) => {
                    let both = spread.spans.as_flattened_mut().iter_mut();
                    both.zip(spans.as_flattened()).for_each(|(one, other)| *one = *other.max(one));
                }
            }
        }
        spreads
    }

    /// A span for each group that a rule reaches from each group.
    fn spans(&self, rule: &Rule, span: Stamp, groups: &Groups) -> Vec<[Stamp; WIDE]> {
        let lanes = groups.chunks() * WIDE;
        let mut spans = vec![[NOTHING; WIDE]; lanes * groups.chunks()];
        let node = |group| group * groups.size() / self.size(rule);
        for one in 0..lanes {
            for other in (0..lanes).filter(|other| node(one) == node(*other)) {
                spans.as_flattened_mut()[one * lanes + other] = span;
            }
        }
        spans
    }

    /// What a command does to single banks.
    fn singles(&self, from: Command) -> Vec<Single> {
        let rules = self.of(from).filter(|rule| rule.width == 1 && rule.is_single());
        let single =
            |rule: &Rule| Single { to: rule.to, mask: !(self.size(rule) - 1), span: rule.span };
        rules.map(single).collect()
    }

    /// What a command does to others together with those before it.
    fn windows(&self, from: Command, groups: &Groups) -> Vec<Window> {
        let rules = self.of(from).filter(|rule| rule.width > 1);
        let window = |rule: &Rule| Window {
            to: rule.to,
            reach: if rule.is_single() {
                Reach::One { mask: !(self.size(rule) - 1) }
            } else {
                Reach::Groups(self.spans(rule, 0, groups))
            },
            log2_size: self.size(rule).ilog2(),
            cause: rule.span & CAUSE,
            ticks: rule.ticks(),
            width: rule.width,
        };
        rules.map(window).collect()
    }
}

/// What explanations of lost ticks ask about the rules.
#[derive(Clone, Debug)]
pub(crate) struct Causes {
    /// Names of the constraints, by cause.
    pub(crate) names: Vec<String>,
    /// Ticks from an activate to each column command of its bank.
    pub(crate) opening: [u64; Command::COUNT],
    /// Ticks from a precharge to an activate of its bank.
    pub(crate) closing: u64,
    /// The constraint behind `opening`.
    pub(crate) opening_cause: u8,
    /// The constraint behind `closing`.
    pub(crate) closing_cause: u8,
    /// By command, then by cause: whether the constraint that held the command runs from a refresh.
    refresh: [Vec<bool>; Command::COUNT],
}

impl Causes {
    /// Whether the constraint that held a command runs from a refresh.
    pub(crate) fn is_refresh(&self, held: Held) -> bool {
        self.refresh[usize::from(held.to)][usize::from(held.cause)]
    }
}

impl From<Rules> for Causes {
    fn from(rules: Rules) -> Self {
        let latency = |from: Command, to: Command| {
            rules
                .of(from)
                .find(|rule| rule.to == to && rule.level == Level::Bank && rule.width == 1)
        };
        let ticks = |from, to| latency(from, to).map_or(0, Rule::ticks);
        let cause = |from, to| latency(from, to).map_or(0, Rule::cause);
        let mut refresh = std::array::from_fn(|_| vec![false; rules.causes.len()]);
        for from in [Command::RefreshAll, Command::RefreshBank] {
            for rule in rules.of(from) {
                refresh[rule.to.index()][usize::from(rule.cause())] = true;
            }
        }
        Self {
            opening: std::array::from_fn(|to| ticks(Command::Activate, Command::ALL[to])),
            closing: ticks(Command::Precharge, Command::Activate),
            opening_cause: cause(Command::Activate, Command::Read),
            closing_cause: cause(Command::Precharge, Command::Activate),
            refresh,
            names: rules.causes,
        }
    }
}

/// Banks that a node of each level has: banks of a node are numbered in a row.
pub(super) fn sizes(standard: &Standard) -> [usize; 4] {
    let organisation = &standard.organisation;
    let banks = organisation.banks;
    let per_pseudo = banks * organisation.bank_groups;
    [per_pseudo * organisation.pseudo_channels, per_pseudo, banks, 1]
        .map(|count| usize::try_from(count).expect("a count of banks fits memory"))
}

/// Whether a controller ever issues a command: constraints of others need not be kept.
pub(super) fn issues(dram: &Dram, command: Command) -> bool {
    match command {
        Command::ReadAuto | Command::WriteAuto => dram.controller.page == PagePolicy::Closed,
        Command::PrechargeAll | Command::RefreshAll => dram.controller.refresh == Refresh::AllBank,
        Command::RefreshBank => dram.controller.refresh == Refresh::PerBank,
        _ => true,
    }
}
