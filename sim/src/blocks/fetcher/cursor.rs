//! Where the fetcher is in each kind of work: one transaction after the other.

use crate::{
    items::{BatchId, Destination, Stream, Transaction, ValueIds},
    layout::Unit,
    work::Batch,
};

/// Room that a transaction needs on chip before it is issued.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) key_lines: u32,
    pub(super) queries: u32,
    /// Whether it is of a line that holds the newest token, which must be made.
    pub(super) newest: bool,
}

/// A walk over transactions.
pub(super) trait Cursor {
    /// Whose they are.
    fn batch(&self) -> BatchId;
    /// Room for the present one.
    fn needs(&self, batch: &Batch) -> Needs;
    /// The present one.
    fn transaction(&self, batch: &Batch, lane: u8, bytes: u64) -> Transaction;
    /// Moves on; whether that was the last.
    fn advance(&mut self, batch: &Batch) -> bool;
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

    fn needs(&self, batch: &Batch) -> Needs {
        let starts = self.unit == 0 && self.key == 0 && self.index == 0;
        let takes = starts && self.pass != KeyPass::Lsb && !self.claimed;
        Needs {
            key_lines: if takes { batch.heads } else { 0 },
            newest: starts && self.is_at_newest(batch),
            ..Needs::default()
        }
    }

    fn transaction(&self, batch: &Batch, lane: u8, bytes: u64) -> Transaction {
        let (stream, unit) = self.unit(batch);
        let token = batch.token(self.block * batch.keys_per_line + self.key);
        let to = Destination { stream, batch: self.batch, index: self.block };
        Transaction {
            address: unit.address(token, self.index, bytes),
            to,
            lane,
            slot: 0,
            ends_flight: false,
        }
    }

    fn advance(&mut self, batch: &Batch) -> bool {
        let count = self.unit(batch).1.count;
        self.index += 1;
        if self.index == count {
            (self.index, self.key) = (0, self.key + 1);
        }
        let keys = batch.keys_of_block(self.block);
        if self.key == keys.end - keys.start {
            (self.key, self.unit) = (0, self.unit + 1);
        }
        if self.unit == self.units(batch) {
            (self.unit, self.block) = (0, self.block + 1);
        }
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

    fn needs(&self, _batch: &Batch) -> Needs {
        let starts = self.unit == 0 && self.index == 0;
        Needs { queries: u32::from(starts), ..Needs::default() }
    }

    fn transaction(&self, batch: &Batch, lane: u8, bytes: u64) -> Transaction {
        let token = batch.queries[self.query as usize].token;
        let address = batch.query_units[self.unit].address(token, self.index, bytes);
        let to = Destination { stream: Stream::Query, batch: self.batch, index: self.query };
        Transaction { address, to, lane, slot: 0, ends_flight: false }
    }

    fn advance(&mut self, batch: &Batch) -> bool {
        self.index += 1;
        if self.index == batch.query_units[self.unit].count {
            (self.index, self.unit) = (0, self.unit + 1);
        }
        if self.unit == batch.query_units.len() {
            (self.unit, self.query) = (0, self.query + 1);
        }
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

    fn needs(&self, _batch: &Batch) -> Needs {
        Needs::default()
    }

    fn transaction(&self, batch: &Batch, lane: u8, bytes: u64) -> Transaction {
        let id = self.ids.ids[self.id];
        let address = self.units(batch)[self.unit].address(id.token, self.index, bytes);
        let to = Destination { stream: Stream::Value, batch: self.ids.batch, index: id.line };
        Transaction { address, to, lane, slot: 0, ends_flight: false }
    }

    fn advance(&mut self, batch: &Batch) -> bool {
        let units = self.units(batch);
        self.index += 1;
        if self.index == units[self.unit].count {
            (self.index, self.unit) = (0, self.unit + 1);
        }
        if self.unit == units.len() {
            (self.unit, self.id) = (0, self.id + 1);
        }
        self.id == self.ids.ids.len()
    }
}
