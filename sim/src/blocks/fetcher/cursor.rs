//! Where the fetcher is in each kind of work: one record after the other, from transaction to transaction.

use crate::{
    items::{BatchId, Destination, Stream, ValueIds},
    layout::Unit,
    work::Batch,
};

/// Transactions of a record that are left. They lie side by side and go to one place.
pub(super) struct Run {
    /// Address of the first.
    pub(super) address: u64,
    pub(super) count: u32,
    pub(super) to: Destination,
}

/// Room that a run needs on chip before any of it is issued.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) key_lines: u32,
    pub(super) queries: u32,
    /// Whether it is of a line that holds the newest token, which must be made.
    pub(super) newest: bool,
}

/// A walk over records.
pub(super) trait Cursor {
    /// Whose they are.
    fn batch(&self) -> BatchId;
    /// Room for the present run.
    fn needs(&self, batch: &Batch) -> Needs;
    /// The present one, in transactions of so many bytes.
    fn run(&self, batch: &Batch, bytes: u64) -> Run;
    /// Moves on by transactions of the present run; whether the last of all is behind.
    fn advance(&mut self, batch: &Batch, count: u32) -> bool;
}

/// Keys of a batch, block by block: in a block one unit after the other, in a unit key by key.
pub(super) struct KeyCursor {
    batch: BatchId,
    pass: KeyPass,
    block: u32,
    unit: usize,
    key: u32,
    index: u32,
    /// Whether the lines that are left have their room already.
    claimed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyPass {
    First,
    /// LSBs of keys that are still in the buffer.
    Lsb,
    /// Both planes again.
    Whole,
}

impl KeyCursor {
    pub(super) fn first_pass(batch: BatchId) -> Self {
        Self { batch, pass: KeyPass::First, block: 0, unit: 0, key: 0, index: 0, claimed: false }
    }

    pub(super) fn second_pass(batch: BatchId, resident: bool) -> Self {
        let pass = if resident { KeyPass::Lsb } else { KeyPass::Whole };
        Self { pass, ..Self::first_pass(batch) }
    }

    pub(super) fn batch(&self) -> BatchId {
        self.batch
    }

    pub(super) fn streams_again(&self) -> bool {
        self.pass == KeyPass::Whole
    }

    /// Whether the present line holds the newest token of a decode step, or comes after it.
    pub(super) fn is_at_newest(&self, batch: &Batch) -> bool {
        batch.line_by_line()
            && self.pass == KeyPass::First
            && self.block >= batch.newest() / batch.keys_per_line
    }

    /// Takes the room of all lines that are left, if there is as much; whether it did.
    pub(super) fn claim(&mut self, batch: &Batch, room: &mut u32) -> bool {
        let lines = batch.heads * (batch.blocks() - self.block);
        self.claimed = lines <= *room;
        *room -= if self.claimed { lines } else { 0 };
        self.claimed
    }

    fn unit<'a>(&self, batch: &'a Batch) -> (Stream, &'a Unit) {
        if self.pass == KeyPass::Lsb {
            return (Stream::KeyLsb, &batch.lsb_units[self.unit]);
        }
        match batch.msb_units.get(self.unit) {
            Some(unit) => (Stream::KeyMsb, unit),
            None => (Stream::KeyLsb, &batch.lsb_units[self.unit - batch.msb_units.len()]),
        }
    }

    fn units(&self, batch: &Batch) -> usize {
        match self.pass {
            KeyPass::First => batch.msb_units.len(),
            KeyPass::Lsb => batch.lsb_units.len(),
            KeyPass::Whole => batch.msb_units.len() + batch.lsb_units.len(),
        }
    }
}

impl Cursor for KeyCursor {
    fn batch(&self) -> BatchId {
        self.batch
    }

    #[inline]
    fn needs(&self, batch: &Batch) -> Needs {
        let starts = self.unit == 0 && self.key == 0 && self.index == 0;
        let takes = starts && self.pass != KeyPass::Lsb && !self.claimed;
        Needs {
            key_lines: if takes { batch.heads } else { 0 },
            newest: starts && self.is_at_newest(batch),
            ..Needs::default()
        }
    }

    #[inline]
    fn run(&self, batch: &Batch, bytes: u64) -> Run {
        let (stream, unit) = self.unit(batch);
        let token = batch.token(self.block * batch.keys_per_line + self.key);
        Run {
            address: unit.address(token, self.index, bytes),
            count: unit.count - self.index,
            to: Destination { stream, batch: self.batch, index: self.block },
        }
    }

    #[inline]
    fn advance(&mut self, batch: &Batch, count: u32) -> bool {
        self.index += count;
        if self.index < self.unit(batch).1.count {
            return false;
        }
        (self.index, self.key) = (0, self.key + 1);
        let keys = batch.keys_of_block(self.block);
        if self.key < keys.end - keys.start {
            return false;
        }
        (self.key, self.unit) = (0, self.unit + 1);
        if self.unit < self.units(batch) {
            return false;
        }
        (self.unit, self.block) = (0, self.block + 1);
        self.block == batch.blocks()
    }
}

/// Queries of a batch, in the order of their rows.
pub(super) struct QueryCursor {
    batch: BatchId,
    query: u32,
    unit: usize,
    index: u32,
}

impl QueryCursor {
    pub(super) fn new(batch: BatchId) -> Self {
        Self { batch, query: 0, unit: 0, index: 0 }
    }

    pub(super) fn batch(&self) -> BatchId {
        self.batch
    }
}

impl Cursor for QueryCursor {
    fn batch(&self) -> BatchId {
        self.batch
    }

    #[inline]
    fn needs(&self, _batch: &Batch) -> Needs {
        let starts = self.unit == 0 && self.index == 0;
        Needs { queries: u32::from(starts), ..Needs::default() }
    }

    #[inline]
    fn run(&self, batch: &Batch, bytes: u64) -> Run {
        let token = batch.queries[self.query as usize].token;
        let unit = &batch.query_units[self.unit];
        Run {
            address: unit.address(token, self.index, bytes),
            count: unit.count - self.index,
            to: Destination { stream: Stream::Query, batch: self.batch, index: self.query },
        }
    }

    #[inline]
    fn advance(&mut self, batch: &Batch, count: u32) -> bool {
        self.index += count;
        if self.index < batch.query_units[self.unit].count {
            return false;
        }
        (self.index, self.unit) = (0, self.unit + 1);
        if self.unit < batch.query_units.len() {
            return false;
        }
        (self.unit, self.query) = (0, self.query + 1);
        self.query as usize == batch.queries.len()
    }
}

/// Values by id.
pub(super) struct ValueCursor {
    ids: ValueIds,
    id: usize,
    unit: usize,
    index: u32,
}

impl ValueCursor {
    pub(super) fn new(ids: ValueIds) -> Self {
        Self { ids, id: 0, unit: 0, index: 0 }
    }

    pub(super) fn batch(&self) -> BatchId {
        self.ids.batch
    }

    /// Whether a row waits for them.
    pub(super) fn urgent(&self) -> bool {
        self.ids.urgent
    }

    fn units<'a>(&self, batch: &'a Batch) -> &'a [Unit] {
        &batch.value_groups[self.ids.ids[self.id].group as usize].units
    }
}

impl Cursor for ValueCursor {
    fn batch(&self) -> BatchId {
        self.ids.batch
    }

    #[inline]
    fn needs(&self, _batch: &Batch) -> Needs {
        Needs::default()
    }

    #[inline]
    fn run(&self, batch: &Batch, bytes: u64) -> Run {
        let id = self.ids.ids[self.id];
        let unit = &self.units(batch)[self.unit];
        Run {
            address: unit.address(id.token, self.index, bytes),
            count: unit.count - self.index,
            to: Destination { stream: Stream::Value, batch: self.ids.batch, index: id.line },
        }
    }

    #[inline]
    fn advance(&mut self, batch: &Batch, count: u32) -> bool {
        let units = self.units(batch);
        self.index += count;
        if self.index < units[self.unit].count {
            return false;
        }
        (self.index, self.unit) = (0, self.unit + 1);
        if self.unit < units.len() {
            return false;
        }
        (self.unit, self.id) = (0, self.id + 1);
        self.id == self.ids.ids.len()
    }
}
