//! The requests that wait in a channel, sorted by bank and row as they come.
//!
//! Requests for one row of one bank form a *run*, oldest first. The run of a bank's open row is at hand; the
//! others wait in the order of their oldest requests. So the scheduler finds what it needs of a bank (the
//! oldest hit, the oldest request for another row) at once, however deep the queues are.

use crate::{request::Kind, timing::MOST_BANKS};

/// No entry, no run.
const NONE: u16 = u16::MAX;

/// Who goes first: the tick of arrival, then the order within it. Lower is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age(u64);

const ORDER_BITS: u32 = 24;

impl Age {
    /// Younger than every request.
    pub(crate) const NONE: Self = Self(u64::MAX);

    /// Of the `order`-th request of a tick.
    pub(crate) fn new(arrived: u64, order: u64) -> Self {
        assert!(arrived < 1 << (64 - ORDER_BITS), "a run has fewer than 2^40 ticks");
        Self(arrived << ORDER_BITS | order.min((1 << ORDER_BITS) - 1))
    }

    pub(crate) fn arrived(self) -> u64 {
        self.0 >> ORDER_BITS
    }

    /// Of a request whose row opens at `now`: those of one tick go in the order in which their rows opened.
    pub(crate) fn opened(self, now: u64) -> Self {
        Self::new(self.arrived(), now - self.arrived())
    }
}

/// The oldest request of each bank.
pub(crate) type Ages = [Age; MOST_BANKS];

/// A request that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) age: Age,
    pub(crate) row: u32,
    pub(crate) column: u32,
    /// A command was issued on its behalf, so it is counted as hit, miss or conflict.
    pub(crate) touched: bool,
    next: u16,
}

impl Entry {
    pub(crate) fn new(id: u64, age: Age, row: u32, column: u32) -> Self {
        Self { id, age, row, column, touched: false, next: NONE }
    }
}

/// Requests for one row, oldest first.
#[derive(Clone, Copy, Debug)]
struct Run {
    row: u32,
    bank: u16,
    head: u16,
    tail: u16,
    /// Neighbours among the waiting runs of the bank.
    previous: u16,
    next: u16,
    /// Next run of the same bucket.
    chained: u16,
    /// Columns that have a request. A standard has at most 128.
    columns: u128,
}

/// The runs of one bank.
#[derive(Clone, Copy, Debug)]
struct BankRuns {
    open: u16,
    first: u16,
    last: u16,
}

/// The reads, or the writes, that wait in a channel.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    depth: usize,
    len: usize,
    entries: Vec<Entry>,
    free_entry: u16,
    runs: Vec<Run>,
    free_run: u16,
    buckets: Vec<u16>,
    banks: Vec<BankRuns>,
    /// Banks that have requests for their open row.
    pub(crate) hits: u64,
    /// Banks that have requests for other rows.
    pub(crate) waiting: u64,
    /// Age of the oldest request for the open row, by bank.
    pub(crate) hit_age: Ages,
    /// Age of the oldest request for another row, by bank.
    pub(crate) waiting_age: Ages,
}

impl Queue {
    pub(crate) fn new(depth: u32, banks: usize) -> Self {
        let depth = usize::try_from(depth).expect("a queue fits memory");
        assert!(depth < usize::from(NONE), "a queue has fewer than 65535 entries");
        let entry = Entry::new(0, Age::NONE, 0, 0);
        let run = Run {
            row: 0,
            bank: 0,
            head: NONE,
            tail: NONE,
            previous: NONE,
            next: NONE,
            chained: NONE,
            columns: 0,
        };
        let link = |index: usize| u16::try_from(index + 1).expect("checked above");
        let next_or_none = |index: usize| if index + 1 < depth { link(index) } else { NONE };
        Self {
            depth,
            len: 0,
            entries: (0..depth).map(|i| Entry { next: next_or_none(i), ..entry }).collect(),
            free_entry: 0,
            runs: (0..depth).map(|i| Run { next: next_or_none(i), ..run }).collect(),
            free_run: 0,
            buckets: vec![NONE; (2 * depth).next_power_of_two()],
            banks: vec![BankRuns { open: NONE, first: NONE, last: NONE }; banks],
            hits: 0,
            waiting: 0,
            hit_age: [Age::NONE; MOST_BANKS],
            waiting_age: [Age::NONE; MOST_BANKS],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == self.depth
    }

    /// Whether a request for this transaction waits here.
    pub(crate) fn holds(&self, bank: usize, row: u32, column: u32) -> bool {
        self.len > 0
            && self.find(bank, row).is_some_and(|run| self.run(run).columns & (1 << column) != 0)
    }

    /// A request arrives; `open` is the row its bank has open.
    pub(crate) fn push(&mut self, bank: usize, entry: Entry, open: Option<u32>) {
        let slot = self.free_entry;
        assert_ne!(slot, NONE, "push into a full queue");
        self.free_entry = self.entries[usize::from(slot)].next;
        self.entries[usize::from(slot)] = Entry { next: NONE, ..entry };
        self.len += 1;
        match self.find(bank, entry.row) {
            Some(run) => {
                let tail = self.run(run).tail;
                self.entries[usize::from(tail)].next = slot;
                let run = self.run_mut(run);
                run.tail = slot;
                run.columns |= 1 << entry.column;
            }
            None => self.start_run(bank, slot, open),
        }
    }

    fn start_run(&mut self, bank: usize, slot: u16, open: Option<u32>) {
        let entry = self.entries[usize::from(slot)];
        let index = self.free_run;
        let bucket = self.bucket(bank, entry.row);
        self.free_run = self.run(index).next;
        *self.run_mut(index) = Run {
            row: entry.row,
            bank: u16::try_from(bank).expect("a channel has at most 64 banks"),
            head: slot,
            tail: slot,
            previous: NONE,
            next: NONE,
            chained: self.buckets[bucket],
            columns: 1 << entry.column,
        };
        self.buckets[bucket] = index;
        if open == Some(entry.row) {
            self.banks[bank].open = index;
            self.hits |= 1 << bank;
            self.hit_age[bank] = entry.age;
        } else {
            self.link(bank, self.banks[bank].last, index);
        }
    }

    /// Takes the oldest request for the open row.
    pub(crate) fn pop_hit(&mut self, bank: usize) -> Entry {
        let run = self.banks[bank].open;
        let entry = self.pop(run);
        self.show_open(bank);
        entry
    }

    /// The oldest request for a row that is not open.
    pub(crate) fn oldest_waiting(&mut self, bank: usize) -> &mut Entry {
        let head = self.run(self.banks[bank].first).head;
        &mut self.entries[usize::from(head)]
    }

    /// The row of the oldest waiting request opens for it: takes it, and its run no longer waits.
    pub(crate) fn activate(&mut self, bank: usize) -> Entry {
        let run = self.banks[bank].first;
        self.unlink(bank, run);
        self.banks[bank].open = run;
        self.pop_hit(bank)
    }

    /// The row of a bank opens: its run, if there is one, no longer waits.
    pub(crate) fn open(&mut self, bank: usize, row: u32) {
        if self.waiting & (1 << bank) == 0 {
            return;
        }
        if let Some(run) = self.find(bank, row) {
            self.unlink(bank, run);
            self.banks[bank].open = run;
            self.show_open(bank);
        }
    }

    /// The row of a bank closes: its run, if there is one, waits again.
    pub(crate) fn close(&mut self, bank: usize) {
        let run = self.banks[bank].open;
        if run != NONE {
            self.banks[bank].open = NONE;
            self.show_open(bank);
            self.link_by_age(bank, run);
        }
    }

    /// Takes the oldest request of a run, and the run away with its last.
    fn pop(&mut self, index: u16) -> Entry {
        let run = *self.run(index);
        let slot = usize::from(run.head);
        let entry = self.entries[slot];
        self.entries[slot].next = self.free_entry;
        self.free_entry = run.head;
        self.len -= 1;
        let left = self.run_mut(index);
        left.head = entry.next;
        left.columns &= !(1 << entry.column);
        if entry.next == NONE {
            self.drop_run(index);
        }
        entry
    }

    fn drop_run(&mut self, index: u16) {
        let run = *self.run(index);
        let bank = usize::from(run.bank);
        if self.banks[bank].open == index {
            self.banks[bank].open = NONE;
        }
        let bucket = self.bucket(bank, run.row);
        if self.buckets[bucket] == index {
            self.buckets[bucket] = run.chained;
        } else {
            let mut at = self.buckets[bucket];
            while self.run(at).chained != index {
                at = self.run(at).chained;
            }
            self.run_mut(at).chained = run.chained;
        }
        self.run_mut(index).next = self.free_run;
        self.free_run = index;
    }

    /// Puts a run into the waiting order, after `previous`.
    fn link(&mut self, bank: usize, previous: u16, index: u16) {
        let next = if previous == NONE { self.banks[bank].first } else { self.run(previous).next };
        let run = self.run_mut(index);
        (run.previous, run.next) = (previous, next);
        if previous == NONE {
            self.banks[bank].first = index;
        } else {
            self.run_mut(previous).next = index;
        }
        if next == NONE {
            self.banks[bank].last = index;
        } else {
            self.run_mut(next).previous = index;
        }
        self.show_waiting(bank);
    }

    fn link_by_age(&mut self, bank: usize, index: u16) {
        let age = self.head_age(index);
        let mut previous = NONE;
        let mut next = self.banks[bank].first;
        while next != NONE && self.head_age(next) < age {
            (previous, next) = (next, self.run(next).next);
        }
        self.link(bank, previous, index);
    }

    fn unlink(&mut self, bank: usize, index: u16) {
        let Run { previous, next, .. } = *self.run(index);
        if previous == NONE {
            self.banks[bank].first = next;
        } else {
            self.run_mut(previous).next = next;
        }
        if next == NONE {
            self.banks[bank].last = previous;
        } else {
            self.run_mut(next).previous = previous;
        }
        self.show_waiting(bank);
    }

    fn show_open(&mut self, bank: usize) {
        let open = self.banks[bank].open;
        if open == NONE {
            self.hits &= !(1 << bank);
        } else {
            self.hits |= 1 << bank;
            self.hit_age[bank] = self.head_age(open);
        }
    }

    fn show_waiting(&mut self, bank: usize) {
        let first = self.banks[bank].first;
        if first == NONE {
            self.waiting &= !(1 << bank);
        } else {
            self.waiting |= 1 << bank;
            self.waiting_age[bank] = self.head_age(first);
        }
    }

    fn head_age(&self, index: u16) -> Age {
        self.entries[usize::from(self.run(index).head)].age
    }

    fn find(&self, bank: usize, row: u32) -> Option<u16> {
        let open = self.banks[bank].open;
        if open != NONE && self.run(open).row == row {
            return Some(open);
        }
        let mut at = self.buckets[self.bucket(bank, row)];
        while at != NONE {
            let run = self.run(at);
            if run.row == row && usize::from(run.bank) == bank {
                return Some(at);
            }
            at = run.chained;
        }
        None
    }

    /// Fibonacci hashing: the high bits of a product with 2^64 divided by the golden ratio.
    fn bucket(&self, bank: usize, row: u32) -> usize {
        let key = u64::from(row) << 8 | u64::try_from(bank).expect("a bank number is small");
        let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        usize::try_from(spread).expect("24 bits fit") & (self.buckets.len() - 1)
    }

    fn run(&self, index: u16) -> &Run {
        &self.runs[usize::from(index)]
    }

    fn run_mut(&mut self, index: u16) -> &mut Run {
        &mut self.runs[usize::from(index)]
    }
}

/// A queue of reads and one of writes.
#[derive(Clone, Debug)]
pub(crate) struct Queues([Queue; 2]);

impl Queues {
    pub(crate) fn new(reads: u32, writes: u32, banks: usize) -> Self {
        Self([Queue::new(reads, banks), Queue::new(writes, banks)])
    }

    pub(crate) fn of(&self, kind: Kind) -> &Queue {
        &self.0[kind.index()]
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut Queue {
        &mut self.0[kind.index()]
    }

    pub(crate) fn close(&mut self, bank: usize) {
        self.0.iter_mut().for_each(|queue| queue.close(bank));
    }
}
