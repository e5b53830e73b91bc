//! The requests that wait in a channel, sorted by bank and row as they come.
//!
//! Requests for one row of one bank form a *run*, oldest first. The run of a bank's open row is at hand; the
//! others wait in the order of their oldest requests. So the scheduler finds what it needs of a bank (the
//! oldest hit, the oldest request for another row) at once, however deep the queues are.

use crate::{
    age::{Age, Ages},
    request::Kind,
    timing::MOST_BANKS,
};

/// No entry, no run.
const NONE: u16 = u16::MAX;

/// A request that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) age: Age,
    pub(crate) column: u8,
    /// A command was issued on its behalf, so it is counted as hit, miss or conflict.
    pub(crate) touched: bool,
    next: u16,
}

impl Entry {
    pub(crate) const NONE: Self =
        Self { id: 0, age: Age::NONE, column: 0, touched: false, next: NONE };

    /// # Panics
    /// When the description was not checked: more than 128 columns.
    pub(crate) fn new(id: u64, age: Age, column: u32) -> Self {
        let column = u8::try_from(column).expect("a checked description has at most 128 columns");
        Self { id, age, column, touched: false, next: NONE }
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
}

/// The runs of one bank: that of the open row, and the ends of the list of those that wait.
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
    /// Columns that each run has a request for, where [`Queue::holds`] is asked. A standard has at most 128.
    columns: Option<Vec<u128>>,
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
    /// Of so many entries; `holds` may be asked of one that keeps columns.
    pub(crate) fn new(depth: u32, banks: usize, keeps_columns: bool) -> Self {
        let depth = usize::try_from(depth).expect("a queue fits memory");
        assert!(depth < usize::from(NONE), "a queue has fewer than 65535 entries");
        let run = Run {
            row: 0,
            bank: 0,
            head: NONE,
            tail: NONE,
            previous: NONE,
            next: NONE,
            chained: NONE,
        };
        let link = |index: usize| u16::try_from(index + 1).expect("checked above");
        let next_or_none = |index: usize| if index + 1 < depth { link(index) } else { NONE };
        Self {
            depth,
            len: 0,
            entries: (0..depth).map(|i| Entry { next: next_or_none(i), ..Entry::NONE }).collect(),
            free_entry: 0,
            runs: (0..depth).map(|i| Run { next: next_or_none(i), ..run }).collect(),
            free_run: 0,
            columns: keeps_columns.then(|| vec![0; depth]),
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

    /// Entries that are free.
    pub(crate) fn room(&self) -> usize {
        self.depth - self.len
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == self.depth
    }

    /// Whether a request for this transaction waits here.
    pub(crate) fn holds(&self, bank: usize, row: u32, column: u32) -> bool {
        let columns = self.columns.as_ref().expect("the queue keeps columns");
        let run = self.find(bank, row);
        run.is_some_and(|run| columns[usize::from(run)] & (1 << column) != 0)
    }

    /// A request for a row arrives; `open` is the row its bank has open.
    #[inline]
    pub(crate) fn push(&mut self, bank: usize, row: u32, entry: Entry, open: Option<u32>) {
        let slot = self.free_entry;
        assert_ne!(slot, NONE, "push into a full queue");
        self.free_entry = self.entries[usize::from(slot)].next;
        self.entries[usize::from(slot)] = entry;
        self.len += 1;
        let run = match self.find(bank, row) {
            Some(run) => {
                let tail = std::mem::replace(&mut self.run_mut(run).tail, slot);
                self.entries[usize::from(tail)].next = slot;
                run
            }
            None => self.start_run(bank, row, slot, open),
        };
        if let Some(columns) = &mut self.columns {
            columns[usize::from(run)] |= 1 << entry.column;
        }
    }

    fn start_run(&mut self, bank: usize, row: u32, slot: u16, open: Option<u32>) -> u16 {
        let index = self.free_run;
        let bucket = self.bucket(bank, row);
        self.free_run = self.run(index).next;
        *self.run_mut(index) = Run {
            row,
            bank: u16::try_from(bank).expect("a channel has at most 64 banks"),
            head: slot,
            tail: slot,
            previous: NONE,
            next: NONE,
            chained: self.buckets[bucket],
        };
        self.buckets[bucket] = index;
        if open == Some(row) {
            self.banks[bank].open = index;
            self.show_open(bank);
        } else {
            self.link(bank, self.banks[bank].last, index);
        }
        index
    }

    /// Takes the oldest request for the open row, and the run away with its last.
    #[inline]
    pub(crate) fn pop_hit(&mut self, bank: usize) -> Entry {
        let index = self.banks[bank].open;
        let run = &mut self.runs[usize::from(index)];
        let slot = run.head;
        let freed = &mut self.entries[usize::from(slot)];
        let entry = *freed;
        run.head = entry.next;
        freed.next = self.free_entry;
        self.free_entry = slot;
        self.len -= 1;
        if let Some(columns) = &mut self.columns {
            columns[usize::from(index)] &= !(1 << entry.column);
        }
        if entry.next == NONE {
            self.drop_open(bank);
        }
        self.show_open(bank);
        entry
    }

    /// The oldest request for a row that is not open.
    pub(crate) fn oldest_waiting(&mut self, bank: usize) -> &mut Entry {
        let head = self.run(self.banks[bank].first).head;
        &mut self.entries[usize::from(head)]
    }

    /// The row of the oldest waiting request opens for it: takes it, and its run no longer waits.
    pub(crate) fn activate(&mut self, bank: usize) -> (u32, Entry) {
        let run = self.banks[bank].first;
        self.unlink(bank, run);
        self.banks[bank].open = run;
        (self.run(run).row, self.pop_hit(bank))
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

    /// The run of the open row has no request left.
    fn drop_open(&mut self, bank: usize) {
        let index = std::mem::replace(&mut self.banks[bank].open, NONE);
        let run = *self.run(index);
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

    /// The run of a row: most often that of the open row, or the last that came.
    #[inline]
    fn find(&self, bank: usize, row: u32) -> Option<u16> {
        let BankRuns { open, first, last } = self.banks[bank];
        if open != NONE && self.run(open).row == row {
            return Some(open);
        }
        if last != NONE && self.run(last).row == row {
            return Some(last);
        }
        if first == last { None } else { self.look_up(bank, row) }
    }

    fn look_up(&self, bank: usize, row: u32) -> Option<u16> {
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
        Self([Queue::new(reads, banks, false), Queue::new(writes, banks, true)])
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
