//! The work at hand: tasks of the plan, cut to the lines and transactions of this machine.
//!
//! Tasks whose heads share DRAM transactions run together as one *batch*. The table is read by all
//! blocks and changed by none: it stands for the descriptors that travel with a row in hardware.

use std::{ops::Range, sync::Arc};

use tamis_workloads::plan::{KeySet, LayerEnd, Phase, Selection, StoredBits, Task, Weighs};

use crate::{
    cutter::Cutter,
    error::FitError,
    items::{BatchId, RowId},
    layout::Unit,
};

/// Tasks that run together: heads of one layer whose records share transactions.
#[derive(Debug)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// Prefill or decode.
    pub phase: Phase,
    /// Decode step.
    pub step: u32,
    /// Layer in the trace.
    pub layer: u32,
    /// First K/V head.
    pub kv_head: u32,
    /// Live K/V heads.
    pub heads: u32,
    /// Stored widths.
    pub bits: StoredBits,
    /// Positions of the live keys.
    pub tokens: Arc<[u32]>,
    /// Keys after rounding (`sequencer.round_counts_to`): the last is fetched again to fill up.
    pub keys: u32,
    /// Keys in a line.
    pub keys_per_line: u32,
    /// Values in a line.
    pub values_per_line: u32,
    /// Whether values are fetched ahead.
    pub values_ahead: bool,
    /// What its rows add to the importance memories.
    pub weighs: Weighs,
    /// Whether its K stays in the buffer until every row is decided: for the queries to come, or for
    /// its LSBs. Otherwise it streams through.
    pub resident: bool,
    /// Its rows.
    pub rows: Range<RowId>,
    /// Queries: tokens that have rows, with the rows of all heads side by side.
    pub queries: Vec<Query>,
    /// Transactions of the queries of a token.
    pub query_units: Vec<Unit>,
    /// Transactions of the first pass of K, for a token.
    pub msb_units: Vec<Unit>,
    /// Transactions of the second pass of K, for a token.
    pub lsb_units: Vec<Unit>,
    /// Groups of heads whose V records share transactions.
    pub value_groups: Vec<ValueGroup>,
    /// Transactions of the outputs of a token.
    pub output_units: Vec<Unit>,
    /// New K and V to write: transactions, for the token beside them.
    pub append: Option<Append>,
    /// Whether the layer (of this step) ends with this batch, and what is decided then.
    pub layer_end: Option<LayerEnd>,
    /// Whether the step ends with this batch.
    pub step_end: bool,
}

/// The rows of one token in a batch.
#[derive(Clone, Debug)]
pub struct Query {
    /// Position in the sequence.
    pub token: u32,
    /// Its rows.
    pub rows: Range<RowId>,
}

/// Heads whose V records share transactions.
#[derive(Clone, Debug)]
pub struct ValueGroup {
    /// Live heads in it.
    pub heads: u32,
    /// Transactions of a token's V.
    pub units: Vec<Unit>,
}

/// The K and V of a new token.
#[derive(Clone, Debug)]
pub struct Append {
    /// Position in the sequence.
    pub token: u32,
    /// Transactions of both planes of K and of V.
    pub units: Vec<Unit>,
}

/// One query of one head.
#[derive(Debug)]
pub struct RowWork {
    /// Its batch.
    pub batch: BatchId,
    /// Which query of the batch it belongs to.
    pub query: u32,
    /// Which V group of the batch it reads.
    pub value_group: u32,
    /// Keys it sees: places in the batch's list of tokens.
    pub visible: Range<u32>,
    /// Whether it is computed again with the LSBs.
    pub refetch: bool,
    /// Values it keeps.
    pub kept: KeySet,
    /// The selection that chose them.
    pub select: Option<Selection>,
    /// Whether it is the last of its query, and of its batch.
    pub last: LastOf,
}

/// What ends with a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastOf {
    /// The rows of a token.
    pub query: bool,
    /// The rows of the batch.
    pub batch: bool,
}

impl Batch {
    /// Blocks of `keys_per_line` keys.
    #[must_use]
    pub fn blocks(&self) -> u32 {
        self.keys.div_ceil(self.keys_per_line)
    }

    /// Lines of values of one head.
    #[must_use]
    pub fn value_lines(&self) -> u32 {
        self.keys.div_ceil(self.values_per_line)
    }

    /// Keys of a block.
    #[must_use]
    pub fn keys_of_block(&self, block: u32) -> Range<u32> {
        let start = block * self.keys_per_line;
        start..(start + self.keys_per_line).min(self.keys)
    }

    /// Places of the values of a line, where each has its place.
    #[must_use]
    pub fn values_of_line(&self, line: u32) -> Range<u32> {
        let start = line * self.values_per_line;
        start..(start + self.values_per_line).min(self.keys)
    }

    /// The token at a place of the list; places past its end (rounding) repeat the last.
    #[inline]
    #[must_use]
    pub fn token(&self, place: u32) -> u32 {
        let last = self.tokens.len() - 1;
        self.tokens[(place as usize).min(last)]
    }

    /// Place of the newest token; past it, rounding repeats it. In decode its K and V are new.
    #[must_use]
    pub fn newest(&self) -> u32 {
        u32::try_from(self.tokens.len() - 1).expect("tokens fit 32 bits")
    }

    /// Whether all rows go through the arrays line by line together (decode), not one by one.
    #[must_use]
    pub fn line_by_line(&self) -> bool {
        self.phase == Phase::Decode
    }
}

/// Transactions of one token in all `units`.
#[must_use]
pub fn transactions(units: &[Unit]) -> u32 {
    units.iter().map(|unit| unit.count).sum()
}

/// Batches and rows that are in the machine or about to be.
#[derive(Debug, Default)]
pub struct WorkTable {
    batches: Vec<Batch>,
    first_batch: BatchId,
    rows: Vec<RowWork>,
    first_row: RowId,
}

impl WorkTable {
    /// The batch of this number.
    ///
    /// # Panics
    /// If it has been retired or has not come yet.
    #[inline]
    #[must_use]
    pub fn batch(&self, id: BatchId) -> &Batch {
        &self.batches[(id - self.first_batch) as usize]
    }

    /// The batch of this number, if it has come.
    #[must_use]
    pub fn get(&self, id: BatchId) -> Option<&Batch> {
        self.batches.get(id.checked_sub(self.first_batch)? as usize)
    }

    /// The row of this number.
    ///
    /// # Panics
    /// If it has been retired or has not come yet.
    #[inline]
    #[must_use]
    pub fn row(&self, id: RowId) -> &RowWork {
        &self.rows[(id - self.first_row) as usize]
    }

    /// The batch of a row.
    #[inline]
    #[must_use]
    pub fn batch_of(&self, row: RowId) -> &Batch {
        self.batch(self.row(row).batch)
    }

    /// Batches in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether no batch is in the table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Number that the next batch will get.
    #[must_use]
    pub fn next_batch(&self) -> BatchId {
        self.first_batch + BatchId::try_from(self.batches.len()).expect("few batches at a time")
    }

    /// Drops the batches before `id`, with their rows.
    pub fn retire_before(&mut self, id: BatchId) {
        let before = self.batches.partition_point(|batch| batch.id < id);
        if let Some(last) = self.batches.drain(..before).next_back() {
            self.rows.drain(..(last.rows.end - self.first_row) as usize);
            (self.first_batch, self.first_row) = (last.id + 1, last.rows.end);
        }
    }

    /// Adds the tasks of one batch.
    ///
    /// # Errors
    /// [`FitError`] if the machine cannot hold them.
    pub fn push(
        &mut self,
        cutter: &Cutter,
        tasks: Vec<Task>,
        step_end: bool,
    ) -> Result<(), FitError> {
        let first_row =
            self.first_row + RowId::try_from(self.rows.len()).expect("rows fit 32 bits");
        let (batch, rows) = cutter.cut(self.next_batch(), first_row, tasks, step_end)?;
        self.batches.push(batch);
        self.rows.extend(rows);
        Ok(())
    }
}
