//! When which banks are due for a refresh.

use tamis_arch::dram::{Dram, Refresh};

use super::{NEVER, slots::Bus};

/// Raises refreshes at fixed intervals, whatever else happens.
#[derive(Clone, Debug)]
pub(super) struct Refresher {
    scheme: Refresh,
    interval: u64,
    next: u64,
    /// Pseudo-channels, or banks, that a round goes through.
    targets: usize,
    /// The bank whose turn is next.
    turn: usize,
}

impl Refresher {
    pub(super) fn new(dram: &Dram) -> Self {
        let (timing, organisation) = (&dram.standard.timing, &dram.standard.organisation);
        let scheme = dram.controller.refresh;
        let (interval, targets) = match scheme {
            Refresh::None => (NEVER, 0),
            Refresh::AllBank => (u64::from(timing.refresh_interval), organisation.pseudo_channels),
            Refresh::PerBank => {
                (u64::from(timing.bank_refresh_interval), organisation.banks_per_channel())
            }
        };
        let targets = usize::try_from(targets).expect("a count of banks fits memory");
        Self { scheme, interval, next: interval, targets, turn: 0 }
    }

    /// When the next refresh is due.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether whole pseudo-channels are refreshed, or single banks.
    pub(super) fn of_all_banks(&self) -> bool {
        self.scheme == Refresh::AllBank
    }

    /// Hands the buses what is due now that its time has come.
    pub(super) fn raise(&mut self, buses: &mut [Bus]) {
        let now = self.next;
        self.next += self.interval;
        if self.of_all_banks() {
            for pseudo in 0..self.targets {
                let bus = pseudo % buses.len();
                buses[bus].stop_for(pseudo, now);
            }
        } else {
            let per_bus = self.targets / buses.len();
            buses[self.turn / per_bus].stop_for(self.turn, now);
            self.turn = (self.turn + 1) % self.targets;
        }
    }
}
