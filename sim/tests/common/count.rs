//! What a plan makes a machine do, counted from the plan alone: slow, obvious, and without a line of
//! the simulator's code.

use std::collections::BTreeSet;

use tamis_arch::{Accelerator, blocks::RecordLayout, units::Bytes};
use tamis_sim::{
    Dimensions,
    outcome::{Outcome, Traffic, Work},
};
use tamis_workloads::plan::{Phase, Row, Task};

/// Bytes by stream, and work.
#[derive(Debug, PartialEq)]
pub(crate) struct Counts {
    traffic: Traffic,
    work: Work,
}

/// What a machine says that it did.
pub(crate) fn found(outcome: &Outcome) -> Counts {
    Counts { traffic: outcome.traffic, work: outcome.work }
}

/// What it should have done.
pub(crate) fn of(arch: &Accelerator, dimensions: Dimensions, tasks: &[Task]) -> Counts {
    let naive = Naive { arch, dimensions };
    let mut counts = Counts { traffic: Traffic::default(), work: Work::default() };
    for batch in tasks.chunk_by(|a, b| naive.runs_with(a, b)) {
        naive.add_traffic(batch, &mut counts.traffic);
        batch.iter().for_each(|task| naive.add_work(task, &mut counts.work));
        counts.work.pv_lines += naive.value_lines(batch);
    }
    counts
}

struct Naive<'a> {
    arch: &'a Accelerator,
    dimensions: Dimensions,
}

impl Naive<'_> {
    fn transaction_bits(&self) -> u64 {
        self.arch.dram.transaction.0 * 8
    }

    /// Heads whose records lie side by side: the fewest, doubling, that fill whole transactions.
    fn side_by_side(&self, bits: u32) -> u32 {
        let record = u64::from(bits) * u64::from(self.dimensions.head_dim);
        let mut heads = 1;
        if self.arch.layout.record == RecordLayout::Packed {
            while heads < self.dimensions.kv_heads
                && u64::from(heads) * record % self.transaction_bits() != 0
            {
                heads *= 2;
            }
        }
        heads
    }

    /// Whether two tasks share a transaction in any plane, and so run together.
    fn runs_with(&self, a: &Task, b: &Task) -> bool {
        let widths = [a.bits.key_msb, a.bits.key_lsb, a.bits.value];
        let widths = widths.into_iter().filter(|&bits| bits > 0);
        let heads = widths.map(|bits| self.side_by_side(bits)).max().unwrap_or(1);
        (a.step, a.layer) == (b.step, b.layer) && a.kv_head / heads == b.kv_head / heads
    }

    /// Transactions of a token that hold a bit of the records of `heads`, `together` of which lie
    /// side by side.
    fn touched(&self, heads: impl Iterator<Item = u32>, bits: u32, together: u32) -> u64 {
        let record = u64::from(bits) * u64::from(self.dimensions.head_dim);
        let mut touched = BTreeSet::new();
        for head in heads {
            let start = u64::from(head % together) * record;
            for bit in start..start + record {
                touched.insert((head / together, bit / self.transaction_bits()));
            }
        }
        touched.len() as u64
    }

    /// Q and outputs: all heads of a token lie side by side, unless every record is aligned.
    fn query_touched(&self, batch: &[Task]) -> u64 {
        let together = match self.arch.layout.record {
            RecordLayout::Packed => self.dimensions.heads,
            RecordLayout::Aligned => 1,
        };
        let heads: BTreeSet<u32> = rows(batch).map(|row| row.head).collect();
        self.touched(heads.into_iter(), batch[0].bits.query, together)
    }

    fn add_traffic(&self, batch: &[Task], into: &mut Traffic) {
        let head = &batch[0];
        let bits = head.bits;
        let transaction = self.arch.dram.transaction.0;
        let sequencer = &self.arch.sequencer;
        let of_kv = |bits: u32| match bits {
            0 => 0,
            _ => self.touched(batch.iter().map(|task| task.kv_head), bits, self.side_by_side(bits)),
        };
        let keys =
            (head.tokens.len() as u64).next_multiple_of(u64::from(sequencer.round_counts_to));
        let queries = rows(batch).map(|row| row.token).collect::<BTreeSet<u32>>().len() as u64;
        let mut add = |to: fn(&mut Traffic) -> &mut Bytes, transactions: u64| {
            to(into).0 += transactions * transaction;
        };
        if sequencer.query_traffic {
            add(|all| &mut all.query_read_bytes, queries * self.query_touched(batch));
        }
        if sequencer.write_traffic {
            add(|all| &mut all.output_written_bytes, queries * self.query_touched(batch));
            if head.appended.is_some() {
                let of_all = |bits: u32| match bits {
                    0 => 0,
                    _ => self.touched(0..self.dimensions.kv_heads, bits, self.side_by_side(bits)),
                };
                let records = of_all(bits.key_msb) + of_all(bits.key_lsb) + of_all(bits.value);
                add(|all| &mut all.key_value_written_bytes, records);
            }
        }
        let again = rows(batch).any(|row| row.refetch);
        let streams_again = again && !self.stays(batch, keys);
        let passes = 1 + u64::from(streams_again);
        add(|all| &mut all.key_msb_read_bytes, passes * keys * of_kv(bits.key_msb));
        if again {
            add(|all| &mut all.key_lsb_read_bytes, keys * of_kv(bits.key_lsb));
        }
        add(|all| &mut all.value_read_bytes, self.values(batch, keys));
    }

    /// Whether the keys of a batch are still in the buffer when it is computed again: always in
    /// prefill, in decode if half the buffer holds them.
    fn stays(&self, batch: &[Task], keys: u64) -> bool {
        let line = u64::from(self.arch.qk_array.multipliers / self.dimensions.head_dim);
        let bits = u64::from(self.arch.qk_array.multipliers * self.arch.formats.operand.0);
        let half = self.arch.key_buffer.capacity.0 * 8 / bits / 2;
        batch[0].phase == Phase::Prefill || keys.div_ceil(line) * batch.len() as u64 <= half
    }

    /// Transactions of V: each value that a row keeps, once for all rows and heads that share its
    /// transactions; all values where they are fetched ahead.
    fn values(&self, batch: &[Task], keys: u64) -> u64 {
        let bits = batch[0].bits.value;
        let together = self.side_by_side(bits);
        batch
            .chunk_by(|a, b| a.kv_head / together == b.kv_head / together)
            .map(|sharing| {
                let kept: BTreeSet<u32> = rows(sharing).flat_map(|row| row.kept.places()).collect();
                let values = if batch[0].values_ahead { keys } else { kept.len() as u64 };
                let heads = sharing.iter().map(|task| task.kv_head);
                values * self.touched(heads, bits, together)
            })
            .sum()
    }

    /// Lines of V that hold a value which a row keeps. In decode the values that any row of a shared
    /// record keeps are packed; where they are fetched ahead that is all of them.
    fn value_lines(&self, batch: &[Task]) -> u64 {
        let line = (self.arch.pv_array.multipliers / self.dimensions.head_dim) as usize;
        let together = self.side_by_side(batch[0].bits.value);
        let packs = batch[0].phase == Phase::Decode && !batch[0].values_ahead;
        let of_sharing = |sharing: &[Task]| {
            let kept: BTreeSet<u32> = rows(sharing).flat_map(|row| row.kept.places()).collect();
            let slot =
                |place: u32| if packs { kept.range(..place).count() } else { place as usize };
            let lines = |row: &Row| {
                let lines: BTreeSet<usize> =
                    row.kept.places().map(|place| slot(place) / line).collect();
                lines.len() as u64
            };
            rows(sharing).map(lines).sum::<u64>()
        };
        batch.chunk_by(|a, b| a.kv_head / together == b.kv_head / together).map(of_sharing).sum()
    }

    fn add_work(&self, task: &Task, work: &mut Work) {
        let dim = u64::from(self.dimensions.head_dim);
        let line = self.arch.qk_array.multipliers / self.dimensions.head_dim;
        for row in &task.rows {
            let passes = 1 + u64::from(row.refetch);
            let blocks: BTreeSet<u32> = row.visible.clone().map(|place| place / line).collect();
            work.rows += 1;
            work.refetched_rows += u64::from(row.refetch);
            work.qk_macs += passes * row.visible.len() as u64 * dim;
            work.qk_lines += passes * blocks.len() as u64;
            work.pv_macs += row.kept.places().count() as u64 * dim;
        }
        let ends = task.layer_end.iter().flat_map(|end| [&end.tokens, &end.heads]);
        let selections = task.rows.iter().map(|row| &row.select).chain(ends);
        for selection in selections.flatten() {
            work.selections += 1;
            work.selection_rounds += selection.rounds.len() as u64;
        }
    }
}

fn rows(tasks: &[Task]) -> impl Iterator<Item = &Row> {
    tasks.iter().flat_map(|task| &task.rows)
}
