//! A pass over the keys of a batch: which line is read next, and for which row.

use crate::{
    items::{BatchId, Pass},
    work::{Batch, WorkTable},
};

/// A pass that is being read.
pub(super) struct Run {
    pub(super) pass: Pass,
    pub(super) batch: BatchId,
    pub(super) block: u32,
    pub(super) end: u32,
    pub(super) row: u32,
    /// Whether a line has been read.
    pub(super) begun: bool,
    /// Whether its last line has been read.
    pub(super) through: bool,
    /// Blocks given back, of keys that stream through.
    pub(super) freed: u32,
}

impl Run {
    pub(super) fn new(pass: Pass, table: &WorkTable) -> Self {
        let batch = table.batch_of(pass.first);
        let rows = pass.first..pass.first + pass.rows;
        let visible = rows.map(|row| table.row(row).visible.clone());
        let start = visible.clone().map(|keys| keys.start).min().expect("a pass has a row");
        let end = visible.map(|keys| keys.end).max().expect("a pass has a row");
        let mut run = Self {
            pass,
            batch: batch.id,
            block: start / batch.keys_per_line,
            end: end.div_ceil(batch.keys_per_line),
            row: pass.first,
            begun: false,
            through: false,
            freed: 0,
        };
        if !run.reads(table, batch) {
            let found = run.advance(table);
            assert!(found, "a pass reads at least one line");
        }
        run
    }

    /// Whether the present row takes part and sees keys of the present block.
    pub(super) fn reads(&self, table: &WorkTable, batch: &Batch) -> bool {
        let row = table.row(self.row);
        let block = batch.keys_of_block(self.block);
        (row.refetch || !self.pass.full)
            && row.visible.start < block.end
            && block.start < row.visible.end
    }

    /// Moves to the next line to read; whether there is one.
    pub(super) fn advance(&mut self, table: &WorkTable) -> bool {
        let batch = table.batch(self.batch);
        loop {
            self.row += 1;
            if self.row == self.pass.first + self.pass.rows {
                (self.row, self.block) = (self.pass.first, self.block + 1);
            }
            if self.block >= self.end {
                return false;
            }
            if self.reads(table, batch) {
                return true;
            }
        }
    }
}
