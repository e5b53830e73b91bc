//! The constraint table of a standard, compiled: when is which command legal.
//!
//! A constraint at a level speaks of commands to the same channel, pseudo-channel, bank group or bank. When a
//! command issues, each of its constraints moves the first legal tick of another command, for a bank or for the bank
//! groups that it reaches. So what a bank may do is the later of two numbers. That a bus carries one command at a
//! time is the controller's doing.

mod lanes;
mod rules;
#[cfg(test)]
mod tests;

use std::{array, hint::select_unpredictable, sync::Arc};

use tamis_arch::dram::{Command, Dram};

pub(crate) use self::{lanes::oldest, rules::Causes};
use self::{
    lanes::{Groups, Lanes},
    rules::{Effects, Past, Reach, Rules, Single, Spread},
};
use crate::age::{Age, Ages};

/// Most banks of a channel: a set of them is a word of 64 bits.
pub(crate) const MOST_BANKS: usize = 64;

/// A tick, counted from the epoch of the table, with the constraint that set it in the low bits: the later one
/// wins, and is remembered.
type Stamp = i32;

const CAUSE_BITS: u32 = 8;
const CAUSE: Stamp = (1 << CAUSE_BITS) - 1;

/// Ticks after which the epoch moves on. Stamps reach less than that into the future.
const EPOCH: u64 = 1 << 21;

/// A constraint held a command until a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) until: u64,
    pub(crate) cause: u8,
    /// The command that was held.
    to: u8,
}

/// When is which command legal.
///
/// Clones share the table, so that the channels of a memory find it in the processor's nearest cache.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    table: Arc<Table>,
    /// By command: from when on it is legal.
    ready: Box<[Lanes; Command::COUNT]>,
    /// By command: the past of each of its windows.
    past: [Vec<Past>; Command::COUNT],
    epoch: u64,
    /// Stamps up to this one are not after the tick that time has come to.
    limit: Stamp,
}

/// The table of constraints, by the command that issues.
#[derive(Debug)]
struct Table {
    effects: [Effects; Command::COUNT],
    groups: Groups,
    /// Ticks for which each command keeps its bus from others.
    occupancy: [u64; Command::COUNT],
    causes: Causes,
}

impl Timing {
    pub(crate) fn new(dram: &Dram) -> Self {
        let groups = Groups::new(&dram.standard.organisation);
        let rules = Rules::new(dram);
        let effects: [Effects; _] =
            array::from_fn(|index| rules.effects(Command::ALL[index], &groups));
        let [banks, ..] = rules::sizes(&dram.standard);
        let past = |effects: &Effects| {
            effects.windows.iter().map(|window| Past::none(window, banks)).collect()
        };
        Self {
            past: effects.each_ref().map(past),
            ready: Box::new([const { Lanes::RESET }; Command::COUNT]),
            epoch: 0,
            limit: CAUSE,
            table: Arc::new(Table {
                effects,
                groups,
                occupancy: dram.standard.occupancy.map(u64::from),
                causes: rules.into(),
            }),
        }
    }

    /// What explanations ask about the constraints.
    pub(crate) fn causes(&self) -> &Causes {
        &self.table.causes
    }

    /// Ticks for which a command keeps its bus from others.
    #[inline]
    pub(crate) fn occupancy(&self, command: Command) -> u64 {
        self.table.occupancy[command.index()]
    }

    /// Time has come to `now`: commands are asked about and issued there.
    #[inline]
    pub(crate) fn come_to(&mut self, now: u64) {
        if now - self.epoch > EPOCH {
            self.rebase(now);
        }
        self.limit = self.stamp(now) | CAUSE;
    }

    /// A command issues.
    #[inline]
    pub(crate) fn record(&mut self, command: Command, bank: usize, now: u64) {
        let stamp = self.stamp(now);
        let Table { effects, groups, .. } = &*self.table;
        let Effects { spreads, singles, windows } = &effects[command.index()];
        let chunks = groups.chunks_of(bank);
        for Spread { to, spans } in spreads {
            self.ready[to.index()].raise_by(stamp, &spans[chunks.clone()]);
        }
        for &Single { to, mask, span } in singles {
            self.ready[to.index()].raise(bank & mask, stamp + span);
        }
        for (window, past) in windows.iter().zip(&mut self.past[command.index()]) {
            let Some(until) = window.record(past, bank, now) else { continue };
            let left = Stamp::try_from(until - now).expect("a span is far below an epoch");
            let until = (stamp + (left << CAUSE_BITS)) | window.cause;
            let lanes = &mut self.ready[window.to.index()];
            match &window.reach {
                Reach::One { mask } => lanes.raise(bank & mask, until),
                Reach::Groups(spans) => lanes.raise_by(until, &spans[chunks.clone()]),
            }
        }
    }

    /// From when on a command is legal; one to a whole pseudo-channel by its first bank.
    #[inline]
    pub(crate) fn ready(&self, command: Command, bank: usize) -> u64 {
        self.tick(self.ready[command.index()].get(&self.table.groups, bank))
    }

    /// From when on a bank's own constraints let a command issue.
    #[inline]
    pub(crate) fn ready_alone(&self, command: Command, bank: usize) -> u64 {
        self.tick(self.ready[command.index()].of_bank(bank))
    }

    /// The bank of least age, with its age, of those of a set for which a command is legal now; [`Age::NONE`]
    /// when there is none.
    #[inline]
    pub(crate) fn oldest(&self, command: Command, banks: u64, ages: &Ages) -> (Age, usize) {
        self.ready[command.index()].oldest(&self.table.groups, self.limit, banks, ages)
    }

    /// The same for row commands, of banks whose own constraints are known to let them issue: an activate for those to
    /// open, a precharge for those to close.
    #[inline]
    pub(crate) fn oldest_row(&self, openable: u64, closable: u64, ages: &Ages) -> (Age, usize) {
        let [opening, closing] =
            [Command::Activate, Command::Precharge].map(|command| &self.ready[command.index()]);
        oldest(openable | closable, ages, |bank| {
            let lanes = select_unpredictable(closable >> bank & 1 == 1, closing, opening);
            lanes.group_lets(&self.table.groups, bank, self.limit)
        })
    }

    /// From when on a command is legal, and the constraint that it was held by until then.
    #[inline]
    pub(crate) fn held(&self, command: Command, bank: usize) -> Held {
        let stamp = self.ready[command.index()].get(&self.table.groups, bank);
        let [cause, ..] = stamp.to_le_bytes();
        Held { until: self.tick(stamp), cause, to: small(command) }
    }

    /// When a command is first legal after now for one of a set of banks; never for none.
    #[inline]
    pub(crate) fn next(&self, command: Command, banks: u64) -> u64 {
        if banks == 0 {
            return u64::MAX;
        }
        // The first stamp of the next tick.
        let from = self.limit + 1;
        let earliest = self.ready[command.index()].earliest(&self.table.groups, banks, from);
        self.tick(earliest.max(from))
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

/// The banks of a set.
#[inline]
pub(crate) fn each(mut banks: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bank = (banks != 0).then(|| bank_number(banks.trailing_zeros()))?;
        banks &= banks - 1;
        Some(bank)
    })
}
