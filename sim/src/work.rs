//! The work at hand: tasks of the plan, cut to the lines and transactions of this machine.
//!
//! Tasks whose heads share DRAM transactions run together as one *batch*. The table is read by all
//! blocks and changed by none: it stands for the descriptors that travel with a row in hardware.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use tamis_workloads::plan::{KeySet, LayerEnd, Phase, Selection, StoredBits, Task};

use crate::{
    error::FitError,
    items::{BatchId, RowId},
    layout::{Layout, Plane, Unit},
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
    batches: VecDeque<Batch>,
    first_batch: BatchId,
    rows: VecDeque<RowWork>,
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
        while self.first_batch < id && !self.batches.is_empty() {
            let batch = self.batches.pop_front().expect("it is not empty");
            self.first_batch += 1;
            for _ in batch.rows {
                self.rows.pop_front();
                self.first_row += 1;
            }
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
        self.batches.push_back(batch);
        self.rows.extend(rows);
        Ok(())
    }
}

/// Limits of the machine that work is cut to.
#[derive(Clone, Debug)]
pub struct Cutter {
    /// Addresses.
    pub layout: Layout,
    /// Keys in a line.
    pub keys_per_line: u32,
    /// Values in a line.
    pub values_per_line: u32,
    /// Counts of keys are rounded up to this.
    pub round_counts_to: u32,
    /// Lines of the key buffer.
    pub key_lines: u32,
    /// Lines of the value buffer.
    pub value_lines: u32,
    /// Scores in a line of the softmax and refetch buffers.
    pub softmax_lanes: u32,
    /// Lines of the softmax row buffer.
    pub softmax_lines: u32,
    /// Lines of the refetch buffer.
    pub refetch_lines: u32,
    /// Rows between the key buffer and the decision.
    pub refetch_rows: u32,
    /// Lines of probabilities that wait for values.
    pub probability_lines: u32,
    /// Queries that the key buffer's store holds.
    pub queries: u32,
    /// Tokens of the importance memory.
    pub importance_tokens: u32,
    /// Keys of the top-k engine.
    pub topk_entries: u32,
}

impl Cutter {
    /// How many consecutive K/V heads run together, at these widths.
    #[must_use]
    pub fn heads_together(&self, bits: StoredBits) -> u32 {
        [(Plane::KeyMsb, bits.key_msb), (Plane::KeyLsb, bits.key_lsb), (Plane::Value, bits.value)]
            .into_iter()
            .filter(|&(_, width)| width > 0)
            .map(|(plane, width)| self.layout.group(plane, width).0)
            .max()
            .unwrap_or(1)
    }

    fn cut(
        &self,
        id: BatchId,
        first_row: RowId,
        tasks: Vec<Task>,
        step_end: bool,
    ) -> Result<(Batch, Vec<RowWork>), FitError> {
        let head = tasks.first().expect("a batch has a task");
        let kv_heads: Vec<u32> = tasks.iter().map(|task| task.kv_head).collect();
        let (layer, bits) = (head.layer, head.bits);
        let live = u32::try_from(head.tokens.len()).expect("tokens fit 32 bits");
        let keys = live.next_multiple_of(self.round_counts_to);
        let value_groups = self.value_groups(layer, bits, &kv_heads);
        let units = |plane, width| self.layout.units(plane, width, layer, &kv_heads);
        let blocks = keys.div_ceil(self.keys_per_line);
        let heads = u32::try_from(kv_heads.len()).expect("heads fit 32 bits");
        let mut batch = Batch {
            id,
            phase: head.phase,
            step: head.step,
            layer,
            kv_head: head.kv_head,
            heads,
            bits,
            tokens: Arc::clone(&head.tokens),
            keys,
            keys_per_line: self.keys_per_line,
            values_per_line: self.values_per_line,
            values_ahead: head.values_ahead,
            resident: head.phase == Phase::Prefill
                || (bits.key_lsb > 0 && blocks * heads <= self.key_lines / 2),
            rows: first_row..first_row,
            queries: Vec::new(),
            query_units: Vec::new(),
            msb_units: units(Plane::KeyMsb, bits.key_msb),
            lsb_units: if bits.key_lsb == 0 {
                Vec::new()
            } else {
                units(Plane::KeyLsb, bits.key_lsb)
            },
            value_groups: value_groups.iter().map(|(group, _)| group.clone()).collect(),
            output_units: Vec::new(),
            append: head.appended.map(|token| Append { token, units: Vec::new() }),
            layer_end: tasks.last().and_then(|task| task.layer_end.clone()),
            step_end,
        };
        if let Some(append) = &mut batch.append {
            let values = units(Plane::Value, bits.value);
            append.units = [&batch.msb_units[..], &batch.lsb_units[..], &values[..]].concat();
        }
        let rows = self.rows(&mut batch, first_row, tasks, &value_groups);
        self.check(&batch, &rows)?;
        Ok((batch, rows))
    }

    /// V groups of a batch, each with the K/V heads that it holds.
    fn value_groups(
        &self,
        layer: u32,
        bits: StoredBits,
        kv_heads: &[u32],
    ) -> Vec<(ValueGroup, Vec<u32>)> {
        let together = self.layout.group(Plane::Value, bits.value).0;
        kv_heads
            .chunk_by(|a, b| a / together == b / together)
            .map(|heads| {
                let group = ValueGroup {
                    heads: u32::try_from(heads.len()).expect("heads fit 32 bits"),
                    units: self.layout.units(Plane::Value, bits.value, layer, heads),
                };
                (group, heads.to_vec())
            })
            .collect()
    }

    /// Rows of all tasks, token by token, so that a query's heads are side by side.
    fn rows(
        &self,
        batch: &mut Batch,
        first_row: RowId,
        tasks: Vec<Task>,
        value_groups: &[(ValueGroup, Vec<u32>)],
    ) -> Vec<RowWork> {
        let mut rows: Vec<(u32, u32, RowWork)> = Vec::new();
        for task in tasks {
            let value_group = value_groups
                .iter()
                .position(|(_, heads)| heads.contains(&task.kv_head))
                .expect("every head is in a group");
            for row in task.rows {
                assert!(!row.kept.is_empty(), "a plan's row keeps at least one value");
                let work = RowWork {
                    batch: batch.id,
                    query: 0,
                    value_group: u32::try_from(value_group).expect("groups fit 32 bits"),
                    visible: row.visible,
                    refetch: row.refetch,
                    kept: row.kept,
                    select: row.select,
                    last: LastOf::default(),
                };
                rows.push((row.token, row.head, work));
            }
        }
        rows.sort_by_key(|&(token, head, _)| (token, head));
        let mut heads: Vec<u32> = rows.iter().map(|&(_, head, _)| head).collect();
        heads.sort_unstable();
        heads.dedup();
        batch.query_units = self.layout.units(Plane::Query, batch.bits.query, batch.layer, &heads);
        let output_bits = batch.bits.query;
        batch.output_units = self.layout.units(Plane::Output, output_bits, batch.layer, &heads);
        let mut next = first_row;
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            let count = RowId::try_from(same.len()).expect("rows fit 32 bits");
            batch.queries.push(Query { token: same[0].0, rows: next..next + count });
            next += count;
        }
        batch.rows = first_row..next;
        let mut works: Vec<RowWork> = rows.into_iter().map(|(_, _, work)| work).collect();
        for (index, query) in (0..).zip(&batch.queries) {
            for row in query.rows.clone() {
                let work = &mut works[(row - first_row) as usize];
                work.query = index;
                work.last = LastOf { query: row + 1 == query.rows.end, batch: row + 1 == next };
            }
        }
        works
    }

    fn check(&self, batch: &Batch, rows: &[RowWork]) -> Result<(), FitError> {
        let (layer, kv_head) = (batch.layer, batch.kv_head);
        let tokens = u32::try_from(batch.tokens.len()).expect("tokens fit 32 bits");
        for (limit, parameter) in
            [(self.importance_tokens, "importance.tokens"), (self.topk_entries, "topk.entries")]
        {
            if tokens > limit {
                return Err(FitError::Tokens { layer, tokens, parameter, limit });
            }
        }
        let sharing = batch.value_groups.iter().map(|group| group.heads).max().unwrap_or(0);
        for (buffer, all, heads, blocks) in [
            ("key_buffer", self.key_lines, batch.heads, batch.blocks()),
            ("value_buffer", self.value_lines, sharing, batch.value_lines()),
        ] {
            let (lines, limit) = (blocks * batch.heads, all / 2);
            if batch.phase == Phase::Prefill && lines > limit {
                return Err(FitError::Task { layer, kv_head, tokens, lines, buffer, limit });
            }
            // In decode a line of each head that shares transactions streams through.
            if heads > all {
                return Err(FitError::Heads { layer, kv_head, heads, buffer, lines: all });
            }
        }
        self.check_rows(batch, rows)
    }

    /// Rows that go together must fit, whole, in every queue that holds rows: otherwise the first
    /// could wait for room that only it can free.
    fn check_rows(&self, batch: &Batch, rows: &[RowWork]) -> Result<(), FitError> {
        let (layer, kv_head) = (batch.layer, batch.kv_head);
        let lines_of =
            |row: &RowWork| (row.visible.end - row.visible.start).div_ceil(self.softmax_lanes);
        let longest = rows.iter().map(lines_of).max().unwrap_or(0);
        let keys = rows.iter().map(|row| row.visible.end - row.visible.start).max().unwrap_or(0);
        let (together, lines) = if batch.line_by_line() {
            (u32::try_from(rows.len()).expect("rows fit 32 bits"), rows.iter().map(lines_of).sum())
        } else {
            (1, longest)
        };
        for (queue, limit) in [
            ("softmax.row_buffer_lines", self.softmax_lines),
            ("refetch.buffer_lines", self.refetch_lines),
            ("value_buffer.queue", self.probability_lines),
        ] {
            if lines > limit {
                return Err(FitError::Rows {
                    layer,
                    kv_head,
                    rows: together,
                    keys,
                    lines,
                    queue,
                    limit,
                });
            }
        }
        if together > self.refetch_rows {
            let (queue, limit) = ("refetch.rows", self.refetch_rows);
            return Err(FitError::Rows {
                layer,
                kv_head,
                rows: together,
                keys,
                lines: together,
                queue,
                limit,
            });
        }
        Ok(())
    }
}
