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
    /// Whether the present row reads the present block.
    pub(super) found: bool,
    /// Whether its last line has been read.
    pub(super) through: bool,
    /// Blocks given back, of keys that stream through.
    pub(super) freed: u32,
}

impl Run {
    /// A pass that has looked at `skip` places for its first line.
    pub(super) fn new(pass: Pass, table: &WorkTable, skip: u32) -> Self {
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
            found: false,
            through: false,
            freed: 0,
        };
        run.search(table, skip);
        run
    }

    /// Whether there are lines to read, or blocks to give back.
    pub(super) fn goes_on(&self, batch: &Batch) -> bool {
        !self.through || (!batch.resident && self.freed < batch.blocks())
    }

    /// Whether the present row takes part and sees keys of the present block.
    fn reads(&self, table: &WorkTable, batch: &Batch) -> bool {
        let row = table.row(self.row);
        let block = batch.keys_of_block(self.block);
        (row.refetch || !self.pass.full)
            && row.visible.start < block.end
            && block.start < row.visible.end
    }

    /// Moves on from a line that was read, and looks at `skip` places for the next.
    pub(super) fn advance(&mut self, table: &WorkTable, skip: u32) {
        self.step();
        self.search(table, skip);
    }

    /// Looks at `skip` places, from the present one on, for a line to read.
    pub(super) fn search(&mut self, table: &WorkTable, skip: u32) {
        let batch = table.batch(self.batch);
        self.found = false;
        for _ in 0..skip {
            self.through = self.block >= self.end;
            self.found = !self.through && self.reads(table, batch);
            if self.found || self.through {
                return;
            }
            self.step();
        }
    }

    /// The next row, or the first one at the next block.
    fn step(&mut self) {
        self.row += 1;
        if self.row == self.pass.first + self.pass.rows {
            (self.row, self.block) = (self.pass.first, self.block + 1);
        }
    }
}
