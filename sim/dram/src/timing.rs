//! The constraint table of a standard, compiled: when is which command legal.
//!
//! A constraint at a level speaks of commands to the same node of that level: the channel, a pseudo-channel, a
//! bank group, a bank. Each node keeps, for each command, the first tick at which the constraints that ran
//! into it so far allow it. A command is legal when all four nodes above its bank allow it.

use tamis_arch::dram::{Buses, Command, Dram, Level, Sharing, Standard, Target};

/// A tick, with the constraint that set it in the low bits: the later one wins, and is remembered.
pub(crate) type Stamp = u64;

const CAUSE_BITS: u32 = 8;

/// The first tick of a stamp.
pub(crate) const fn tick_of(stamp: Stamp) -> u64 {
    stamp >> CAUSE_BITS
}

/// A stamp is not later than this one exactly when its tick has come at `tick`.
pub(crate) const fn at_tick(tick: u64) -> Stamp {
    tick << CAUSE_BITS | ((1 << CAUSE_BITS) - 1)
}

/// What one command does to others of a node.
#[derive(Clone, Copy, Debug)]
struct Rule {
    level: usize,
    to: usize,
    ticks: u64,
    cause: u64,
    /// Which ring of past commands it runs from, for a window above 1.
    ring: Option<usize>,
}

/// The ticks of the last commands of a kind, at each node of a level.
#[derive(Clone, Debug)]
struct Ring {
    command: usize,
    level: usize,
    window: usize,
    /// `window` ticks for each node; 0 is never, as no command issues at tick 0.
    past: Vec<u64>,
    oldest: Vec<usize>,
}

/// When is which command legal.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    rules: [Vec<Rule>; Command::COUNT],
    rings: Vec<Ring>,
    /// By node, then command.
    ready: Vec<[Stamp; Command::COUNT]>,
    /// The nodes above each bank, by level.
    nodes: Vec<[usize; 4]>,
    /// Names of the constraints, by cause.
    causes: Vec<String>,
}

impl Timing {
    pub(crate) fn new(dram: &Dram) -> Self {
        let standard = &dram.standard;
        let nodes = nodes_of_banks(standard);
        let count = nodes.last().map_or(0, |last| last[3] + 1);
        let mut timing = Self {
            rules: Default::default(),
            rings: Vec::new(),
            ready: vec![[0; Command::COUNT]; count],
            nodes,
            causes: Vec::new(),
        };
        for rule in &standard.constraints {
            let ticks = u64::from(standard.spacing(rule));
            let window = usize::try_from(rule.window).expect("a window fits memory");
            timing.add(&rule.name, rule.level, rule.from, rule.to, ticks, window);
        }
        timing.add_buses(standard, dram.controller.command_bus);
        timing
    }

    fn add(
        &mut self,
        name: &str,
        level: Level,
        from: Command,
        to: Command,
        ticks: u64,
        window: usize,
    ) {
        let known = self.causes.iter().position(|cause| cause == name);
        let cause = known.unwrap_or_else(|| {
            self.causes.push(name.to_owned());
            self.causes.len() - 1
        });
        let ring = (window > 1).then(|| {
            let (level, nodes) = (level as usize, self.ready.len());
            let past = vec![0; window * nodes];
            let command = from.index();
            self.rings.push(Ring { command, level, window, past, oldest: vec![0; nodes] });
            self.rings.len() - 1
        });
        let cause = u64::try_from(cause).expect("a table has few names");
        assert!(cause < 1 << CAUSE_BITS, "a standard has fewer than 256 names of constraints");
        let rule = Rule { level: level as usize, to: to.index(), ticks, cause, ring };
        self.rules[from.index()].push(rule);
    }

    /// A command that holds its bus for more than a clock keeps the others off it. (One command a clock
    /// and bus is the controller's doing.)
    fn add_buses(&mut self, standard: &Standard, sharing: Sharing) {
        let level = match sharing {
            Sharing::Shared => Level::Channel,
            Sharing::Split => Level::PseudoChannel,
        };
        for &from in Command::ALL {
            let clocks = standard.occupancy[from.index()];
            for &to in Command::ALL {
                let same_bus =
                    standard.buses == Buses::Single || from.is_column() == to.is_column();
                if clocks > 1 && same_bus {
                    self.add("command bus", level, from, to, u64::from(clocks), 1);
                }
            }
        }
    }

    /// A command issues.
    #[inline]
    pub(crate) fn record(&mut self, command: Command, bank: usize, now: u64) {
        let nodes = self.nodes[bank];
        for ring in &mut self.rings {
            if ring.command == command.index() {
                let node = nodes[ring.level];
                ring.past[node * ring.window + ring.oldest[node]] = now;
                ring.oldest[node] = (ring.oldest[node] + 1) % ring.window;
            }
        }
        for rule in &self.rules[command.index()] {
            let node = nodes[rule.level];
            let from = match rule.ring {
                None => now,
                Some(ring) => {
                    let ring = &self.rings[ring];
                    match ring.past[node * ring.window + ring.oldest[node]] {
                        0 => continue,
                        past => past,
                    }
                }
            };
            let stamp = (from + rule.ticks) << CAUSE_BITS | rule.cause;
            let ready = &mut self.ready[node][rule.to];
            *ready = stamp.max(*ready);
        }
    }

    /// From when on a command is legal.
    #[inline]
    pub(crate) fn ready(&self, command: Command, bank: usize) -> Stamp {
        let nodes = &self.nodes[bank];
        let command = command.index();
        self.above(command, nodes)
            .max(self.ready[nodes[2]][command])
            .max(self.ready[nodes[3]][command])
    }

    /// From when on a command to all banks of a bank's pseudo-channel is legal.
    pub(crate) fn ready_pseudo(&self, command: Command, bank: usize) -> Stamp {
        debug_assert_eq!(command.target(), Target::Pseudo);
        self.above(command.index(), &self.nodes[bank])
    }

    #[inline]
    fn above(&self, command: usize, nodes: &[usize; 4]) -> Stamp {
        self.ready[nodes[0]][command].max(self.ready[nodes[1]][command])
    }
}

/// Nodes are numbered level by level: the channel, pseudo-channels, bank groups, banks.
fn nodes_of_banks(standard: &Standard) -> Vec<[usize; 4]> {
    let whole = |count: u32| usize::try_from(count).expect("a count of banks fits memory");
    let organisation = &standard.organisation;
    let (pseudos, groups, banks) = (
        whole(organisation.pseudo_channels),
        whole(organisation.bank_groups),
        whole(organisation.banks),
    );
    (0..pseudos * groups * banks)
        .map(|bank| {
            let group = bank / banks;
            let pseudo = group / groups;
            let (first_group, first_bank) = (1 + pseudos, 1 + pseudos + pseudos * groups);
            [0, 1 + pseudo, first_group + group, first_bank + bank]
        })
        .collect()
}
