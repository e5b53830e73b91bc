//! Cuts the tasks of a plan to the lines, transactions and limits of a machine.

use std::sync::Arc;

use tamis_arch::{Accelerator, units::Bits};
use tamis_workloads::plan::{Phase, StoredBits, Task};

use crate::{
    error::FitError,
    items::{BatchId, RowId},
    layout::{Dimensions, Layout, Plane, Unit},
    work::{Append, Batch, LastOf, Query, RowWork, ValueGroup},
};

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

    pub(crate) fn cut(
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
            weighs: head.weighs,
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
            append.units = self.append_units(layer, bits);
        }
        let rows = self.rows(&mut batch, first_row, tasks, &value_groups);
        self.check(&batch, &rows)?;
        Ok((batch, rows))
    }

    /// Transactions of the K and V of a token in every head of a layer.
    fn append_units(&self, layer: u32, bits: StoredBits) -> Vec<Unit> {
        let heads: Vec<u32> = (0..self.layout.kv_heads()).collect();
        [(Plane::KeyMsb, bits.key_msb), (Plane::KeyLsb, bits.key_lsb), (Plane::Value, bits.value)]
            .into_iter()
            .filter(|&(_, width)| width > 0)
            .flat_map(|(plane, width)| self.layout.units(plane, width, layer, &heads))
            .collect()
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
        let weighed = if batch.weighs.tokens { tokens } else { 0 };
        for (tokens, limit, parameter) in [
            (weighed, self.importance_tokens, "importance.tokens"),
            (most_candidates(batch, rows), self.topk_entries, "topk.entries"),
        ] {
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

/// The most keys that a selection of the batch chooses from; 0 where nothing is selected.
fn most_candidates(batch: &Batch, rows: &[RowWork]) -> u32 {
    let of_layer = batch.layer_end.iter().flat_map(|end| [&end.tokens, &end.heads]).flatten();
    let of_rows = rows.iter().filter_map(|row| row.select.as_ref());
    of_rows.chain(of_layer).map(|selection| selection.candidates).max().unwrap_or(0)
}

/// Sizes that follow from the description and the head dimension.
pub(crate) struct Sizes {
    pub(crate) keys_per_line: u32,
    pub(crate) values_per_line: u32,
    pub(crate) key_line: Bits,
    pub(crate) value_line: Bits,
    pub(crate) key_lines: u32,
    pub(crate) value_lines: u32,
    pub(crate) score: Bits,
    pub(crate) transaction: u64,
}

impl Sizes {
    pub(crate) fn of(arch: &Accelerator, head_dim: u32) -> Result<Self, FitError> {
        let operand = arch.formats.operand.0;
        let lines = |lines: u64| u32::try_from(lines).expect("a buffer has few lines");
        Ok(Self {
            keys_per_line: arch.keys_per_line(head_dim)?,
            values_per_line: arch.values_per_line(head_dim)?,
            key_line: Bits(arch.qk_array.multipliers * operand),
            value_line: Bits(arch.pv_array.multipliers * operand),
            key_lines: lines(arch.key_lines()),
            value_lines: lines(arch.value_lines()),
            score: Bits(arch.score_bits()),
            transaction: arch.dram.transaction.0,
        })
    }
}

/// Cuts tasks to the size of a machine.
///
/// # Errors
/// [`FitError`] if the arrays cannot hold vectors of this size.
pub(crate) fn cutter(arch: &Accelerator, dimensions: Dimensions) -> Result<Cutter, FitError> {
    let sizes = Sizes::of(arch, dimensions.head_dim)?;
    Ok(Cutter {
        layout: Layout::new(arch, dimensions),
        keys_per_line: sizes.keys_per_line,
        values_per_line: sizes.values_per_line,
        round_counts_to: arch.sequencer.round_counts_to,
        key_lines: sizes.key_lines,
        value_lines: sizes.value_lines,
        softmax_lanes: arch.softmax.lanes,
        softmax_lines: arch.softmax.row_buffer_lines,
        refetch_lines: arch.refetch.buffer_lines,
        refetch_rows: arch.refetch.rows,
        probability_lines: arch.value_buffer.queue,
        importance_tokens: arch.importance.tokens,
        topk_entries: arch.topk.entries,
    })
}
