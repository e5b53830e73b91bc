//! What the banks are doing: open rows, requests whose row was opened for them, time spent in each state.

use tamis_arch::dram::{Dram, Sharing};

use crate::{
    Kind, Ticks,
    age::{Age, Ages},
    queue::Entry,
    stats::Residency,
    timing::MOST_BANKS,
};

/// The banks of a channel.
#[derive(Clone, Debug)]
pub(super) struct Banks {
    /// Banks of a pseudo-channel, as a power of two.
    log2_pseudo: u32,
    /// Banks that a command bus reaches, as a power of two.
    log2_bus: u32,
    /// Banks of each pseudo-channel.
    pseudos: [u64; MOST_BANKS],
    rows: Vec<u32>,
    /// Banks that have a row open.
    open: u64,
    /// Banks with a request whose row was opened for it and that has not had its column command, by kind.
    active: [u64; 2],
    entries: Vec<Entry>,
    /// Age of that request, once its row was opened, by bank.
    pub(super) ages: Ages,
    accounts: Vec<Account>,
    refresh: u64,
}

/// Time that a pseudo-channel spent in each state.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    spent: Residency,
    since: u64,
    /// A refresh runs up to this tick.
    refresh_until: u64,
}

impl Account {
    /// Charges the time up to `now` to the states since the last change.
    fn charge(&mut self, now: u64, open: bool) {
        let refreshed = self.refresh_until.clamp(self.since, now);
        self.spent.refreshing += Ticks(refreshed - self.since);
        let rest = Ticks(now - refreshed);
        if open {
            self.spent.open += rest;
        } else {
            self.spent.closed += rest;
        }
        self.since = now;
    }
}

impl Banks {
    pub(super) fn new(dram: &Dram) -> Self {
        let organisation = &dram.standard.organisation;
        let count = |n: u32| usize::try_from(n).expect("a count of banks fits memory");
        let banks = count(organisation.banks_per_channel());
        let pseudos = count(organisation.pseudo_channels);
        let per_pseudo = banks / pseudos;
        let mut of_pseudo = [0; MOST_BANKS];
        for bank in 0..banks {
            of_pseudo[bank / per_pseudo] |= 1 << bank;
        }
        Self {
            log2_pseudo: per_pseudo.ilog2(),
            log2_bus: match dram.controller.command_bus {
                Sharing::Split => per_pseudo.ilog2(),
                Sharing::Shared => banks.ilog2(),
            },
            pseudos: of_pseudo,
            rows: vec![0; banks],
            open: 0,
            active: [0; 2],
            entries: vec![Entry::NONE; banks],
            ages: [Age::NONE; MOST_BANKS],
            accounts: vec![Account::default(); pseudos],
            refresh: u64::from(dram.standard.timing.refresh),
        }
    }

    /// The open row of a bank.
    pub(super) fn row(&self, bank: usize) -> Option<u32> {
        (self.open & (1 << bank) != 0).then(|| self.rows[bank])
    }

    /// The command bus of a bank.
    pub(super) fn bus(&self, bank: usize) -> usize {
        bank >> self.log2_bus
    }

    fn pseudo(&self, bank: usize) -> usize {
        bank >> self.log2_pseudo
    }

    pub(super) fn open(&self) -> u64 {
        self.open
    }

    pub(super) fn active(&self) -> u64 {
        self.active[0] | self.active[1]
    }

    pub(super) fn active_of(&self, kind: Kind) -> u64 {
        self.active[kind.index()]
    }

    /// Whether a row was opened for a write to this place that has not issued.
    pub(super) fn holds_write(&self, bank: usize, row: u32, column: u32) -> bool {
        self.active_of(Kind::Write) & (1 << bank) != 0
            && self.rows[bank] == row
            && u32::from(self.entries[bank].column) == column
    }

    /// Banks of a pseudo-channel.
    pub(super) fn of_pseudo(&self, pseudo: usize) -> u64 {
        self.pseudos[pseudo % MOST_BANKS]
    }

    pub(super) fn first_of_pseudo(&self, pseudo: usize) -> usize {
        pseudo << self.log2_pseudo
    }

    /// The row of a request opens for it.
    pub(super) fn activate(&mut self, bank: usize, kind: Kind, row: u32, entry: Entry, now: u64) {
        let others = self.open & self.of_pseudo(self.pseudo(bank));
        if others == 0 {
            self.charge(self.pseudo(bank), now);
        }
        self.rows[bank] = row;
        self.open |= 1 << bank;
        self.active[kind.index()] |= 1 << bank;
        self.ages[bank] = entry.age.opened(now);
        self.entries[bank] = entry;
    }

    /// Takes the request that a row was opened for.
    pub(super) fn take_active(&mut self, bank: usize, kind: Kind) -> Entry {
        self.active[kind.index()] &= !(1 << bank);
        self.entries[bank]
    }

    pub(super) fn close(&mut self, bank: usize, now: u64) {
        let others = self.open & self.of_pseudo(self.pseudo(bank)) & !(1 << bank);
        if others == 0 {
            self.charge(self.pseudo(bank), now);
        }
        self.open &= !(1 << bank);
    }

    pub(super) fn refresh_all(&mut self, pseudo: usize, now: u64) {
        self.charge(pseudo, now);
        self.accounts[pseudo].refresh_until = now + self.refresh;
    }

    fn charge(&mut self, pseudo: usize, now: u64) {
        let open = self.open & self.of_pseudo(pseudo) != 0;
        self.accounts[pseudo].charge(now, open);
    }

    /// Time spent in each state up to `now`, all pseudo-channels together.
    pub(super) fn residency(&self, now: u64) -> Residency {
        let mut total = Residency::default();
        for (pseudo, account) in self.accounts.iter().enumerate() {
            let mut account = *account;
            account.charge(now, self.open & self.of_pseudo(pseudo) != 0);
            total += account.spent;
        }
        total
    }
}
