//! What has come of a batch's keys and queries.

use crate::{
    items::{BatchId, Destination, Stream},
    work::{Batch, transactions},
};

/// Transactions still to come, by block of keys and by query.
pub(super) struct Held {
    pub(super) batch: BatchId,
    /// Lines that it keeps until it is decided, or one block where keys stream through.
    pub(super) lines: u32,
    /// Whether every row is decided: nobody reads it again.
    pub(super) decided: bool,
    /// Whether its LSBs were or will be asked for.
    refetches: bool,
    /// Passes over keys that stream through, to come and under way.
    streams: u32,
    msb: Vec<u32>,
    lsb: Vec<u32>,
    queries: Vec<u32>,
}

impl Held {
    pub(super) fn new(batch: &Batch, refetches: bool, query_traffic: bool) -> Self {
        let query = if query_traffic { transactions(&batch.query_units) } else { 0 };
        Self {
            batch: batch.id,
            lines: batch.heads * if batch.resident { batch.blocks() } else { 1 },
            decided: false,
            refetches,
            streams: if batch.resident { 0 } else { 1 + u32::from(refetches) },
            msb: by_block(batch, transactions(&batch.msb_units)),
            lsb: by_block(batch, transactions(&batch.lsb_units)),
            queries: vec![query; batch.queries.len()],
        }
    }

    /// Notes that transactions came; whether their block or query is now complete.
    pub(super) fn arrive(&mut self, to: Destination, count: u32) -> bool {
        let missing = match to.stream {
            Stream::Query => &mut self.queries,
            Stream::KeyMsb => &mut self.msb,
            Stream::KeyLsb => &mut self.lsb,
            Stream::Value | Stream::Output | Stream::Append => unreachable!("not for this buffer"),
        };
        let missing = &mut missing[to.index as usize];
        *missing -= count;
        *missing == 0
    }

    /// Whether a block of keys is there, with its LSBs if `full`.
    pub(super) fn has_block(&self, block: u32, full: bool) -> bool {
        self.msb[block as usize] == 0 && (!full || self.lsb[block as usize] == 0)
    }

    /// Whether a query is there.
    pub(super) fn has_query(&self, query: u32) -> bool {
        self.queries[query as usize] == 0
    }

    /// Whether nothing of it is read or on its way any more. Counts that are rounded up have blocks
    /// that no row reads.
    pub(super) fn is_through(&self, batch: &Batch) -> bool {
        let whole = |missing: &[u32]| missing.iter().all(|&left| left == 0);
        self.decided
            && self.streams == 0
            && (!batch.resident || whole(&self.msb) && (!self.refetches || whole(&self.lsb)))
    }

    /// The keys have streamed through: for a second pass they come again.
    pub(super) fn forget(&mut self, batch: &Batch) {
        self.streams -= 1;
        self.msb = by_block(batch, transactions(&batch.msb_units));
    }

    pub(super) fn waits_for(&self) -> String {
        let waiting = |missing: &[u32]| missing.iter().filter(|&&left| left > 0).count();
        format!(
            "{} blocks, {} blocks of LSBs and {} queries have not come",
            waiting(&self.msb),
            waiting(&self.lsb),
            waiting(&self.queries)
        )
    }
}

fn by_block(batch: &Batch, per_key: u32) -> Vec<u32> {
    (0..batch.blocks())
        .map(|block| {
            let keys = batch.keys_of_block(block);
            (keys.end - keys.start) * per_key
        })
        .collect()
}
