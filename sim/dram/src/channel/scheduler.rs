//! Which requests may be served at all; among those, the slots choose by what is legal and by age.

use tamis_arch::dram::Scheduler;

use super::Channel;
use crate::timing::{each, oldest};

/// Banks with requests of the kind being served that may be served.
pub(super) struct Eligible {
    /// For their open row.
    pub(super) hits: u64,
    /// For another row.
    pub(super) waiting: u64,
}

impl Channel {
    /// The banks of a bus with requests that the scheduler lets through.
    #[inline]
    pub(super) fn eligible(&self, bus: usize) -> Eligible {
        let queue = self.queues.of(self.served());
        let reach = self.buses[bus].banks;
        let (hits, waiting) = (queue.hits & reach, queue.waiting & reach);
        match self.fixed.scheduler {
            Scheduler::FrFcfs => Eligible { hits, waiting },
            _ => self.let_through(bus, Eligible { hits, waiting }),
        }
    }

    /// Of the banks of a bus with requests, those that a scheduler lets through that holds some back.
    #[inline(never)]
    fn let_through(&self, bus: usize, Eligible { hits, waiting }: Eligible) -> Eligible {
        match self.fixed.scheduler {
            Scheduler::FrFcfs => Eligible { hits, waiting },
            Scheduler::FrFcfsCap => Eligible { hits: self.under_cap(hits), waiting },
            Scheduler::Fcfs => self.oldest_alone(bus, hits, waiting),
        }
    }

    /// Of banks with requests for their open row: those that have not served too many of them, or where none
    /// older waits for another row.
    fn under_cap(&self, hits: u64) -> u64 {
        let queue = self.queues.of(self.served());
        let capped = hits & queue.waiting & self.rows_used.at_least(self.fixed.hit_cap);
        let mut held = 0;
        for bank in each(capped) {
            if queue.waiting_age[bank] < queue.hit_age[bank] {
                held |= 1 << bank;
            }
        }
        hits & !held
    }

    /// The oldest request, unless the row of one before it is still being opened.
    fn oldest_alone(&self, bus: usize, hits: u64, waiting: u64) -> Eligible {
        let mut alone = Eligible { hits: 0, waiting: 0 };
        if self.banks.active() & self.buses[bus].banks != 0 {
            return alone;
        }
        let queue = self.queues.of(self.served());
        let (hit_age, hit) = oldest(hits, &queue.hit_age, |_| true);
        let (other_age, other) = oldest(waiting, &queue.waiting_age, |_| true);
        if hit_age < other_age {
            alone.hits = 1 << hit;
        } else if waiting != 0 {
            alone.waiting = 1 << other;
        }
        alone
    }
}
