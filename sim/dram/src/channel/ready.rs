//! Banks that are ready for their next row command, as far as their own constraints go.
//!
//! A bank is asked when a command has changed what it waits for, and again at the tick that it then names; not in
//! every decision of the channel. Banks that the queues want most are few, banks that have become ready fewer.

use tamis_arch::dram::Command;

use super::Channel;
use crate::timing::each;

/// Ticks that the calendar covers: a bit each in one word. Who is ready later is asked before, and again.
const HORIZON: usize = 64;

/// The banks of a channel by when they are ready.
#[derive(Clone, Debug)]
pub(super) struct ReadyBanks {
    /// Those that are.
    ready: u64,
    /// Those to ask at a tick, by the tick modulo the horizon.
    calendar: [u64; HORIZON],
    /// Places of the calendar that are not empty.
    filled: u64,
    /// Who was due by this tick has been asked.
    now: u64,
}

impl ReadyBanks {
    /// All of them, at reset.
    pub(super) fn all() -> Self {
        Self { ready: u64::MAX, calendar: [0; HORIZON], filled: 0, now: 0 }
    }

    /// Those that are ready.
    #[inline]
    pub(super) fn ready(&self) -> u64 {
        self.ready
    }

    /// A bank says at `now` that it is ready from `tick` on.
    #[inline]
    pub(super) fn note(&mut self, bank: usize, tick: u64, now: u64) {
        let bit = 1 << bank;
        if tick <= now {
            self.ready |= bit;
            return;
        }
        self.ready &= !bit;
        let at = place(tick.min(now + HORIZON as u64 - 1));
        self.calendar[at] |= bit;
        self.filled |= 1 << at;
    }

    /// Those to ask at `now`: all that named a tick up to then, and perhaps others.
    #[inline]
    pub(super) fn due(&mut self, now: u64) -> u64 {
        let passed = now - self.now;
        if passed == 0 {
            return 0;
        }
        let first = u32::try_from(place(self.now + 1)).expect("the calendar is small");
        let places = (u64::MAX >> (HORIZON as u64).saturating_sub(passed)).rotate_left(first);
        self.now = now;
        let filled = self.filled & places;
        self.filled &= !places;
        each(filled).fold(0, |due, at| due | std::mem::take(&mut self.calendar[at]))
    }
}

impl Channel {
    /// A command has gone to a bank. A bank that was not ready before is asked when it comes due; but one that is closed
    /// now waits for another command than it was asked about, which may come earlier.
    #[inline]
    pub(super) fn changed(&mut self, bank: usize, now: u64) {
        if (self.ready.ready() | !self.banks.open()) & (1 << bank) != 0 {
            self.ask(bank, now);
        }
    }

    /// Asks the banks that have come due since the last time.
    #[inline]
    pub(super) fn ask_due(&mut self, now: u64) {
        for bank in each(self.ready.due(now)) {
            self.ask(bank, now);
        }
    }

    /// Asks a bank from when on its own constraints let it have its next row command.
    #[inline]
    fn ask(&mut self, bank: usize, now: u64) {
        let is_open = self.banks.open() & (1 << bank) != 0;
        let command = if is_open { Command::Precharge } else { Command::Activate };
        self.ready.note(bank, self.timing.ready_alone(command, bank), now);
    }
}

/// A tick's place in the calendar.
#[inline]
fn place(tick: u64) -> usize {
    usize::try_from(tick % HORIZON as u64).expect("the calendar is small")
}
