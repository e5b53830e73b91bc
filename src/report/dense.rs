//! What dense attention of the same sequence moves and computes: the figure that every reduction
//! in the report is measured against.
//!
//! The dense machine has room for one task: K and V of each K/V head are fetched once a task (once a
//! layer in prefill, once a layer and step in decode), all heads, all tokens that any of the task's
//! queries may see. Queries of all heads are read, their outputs written, and in decode the new K
//! and V are written: alike in the dense machine and in ours, and left out of both where the
//! machine is told not to count them. Bytes are exact: no padding to transactions, no scales.

use tamis_arch::units::{Bits, Bytes};
use tamis_workloads::{plan::Phase, table::Table, trace::Shape};

use crate::simulation;

/// Which traffic besides K and V counts; as the machine's sequencer has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) queries: bool,
    pub(crate) writes: bool,
}

/// Values moved and multiplied; a value is one number of a vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dense {
    pub(crate) key_and_value_values: u64,
    pub(crate) query_values: u64,
    pub(crate) output_values: u64,
    pub(crate) appended_values: u64,
    pub(crate) macs: u64,
}

impl Dense {
    /// Dense attention of one phase of a trace. Decode of an encoder is nothing.
    pub(crate) fn of(shape: &Shape, phase: Phase) -> Self {
        let prompt = shape.prompt_len.unwrap_or(shape.seq_len);
        let mut dense = Self::default();
        for layer in 0..shape.layers {
            match phase {
                Phase::Prefill => dense.add_prefill(shape, layer, prompt),
                Phase::Decode => {
                    (prompt..shape.seq_len).for_each(|token| dense.add_step(shape, layer, token));
                }
            }
        }
        dense
    }

    /// Dense attention of the steps of a table: all heads that any layer has, all tokens so far.
    pub(crate) fn of_table(table: &Table) -> Self {
        let rows = simulation::dense(table).rows;
        let (count, keys) = rows
            .iter()
            .fold((0, 0), |(count, keys), row| (count + 1, keys + u64::from(row.length)));
        let dim = u64::from(table.head_dim);
        Self {
            key_and_value_values: 2 * keys * dim,
            query_values: count * dim,
            output_values: count * dim,
            appended_values: 2 * count * dim,
            macs: 2 * keys * dim,
        }
    }

    fn add_prefill(&mut self, shape: &Shape, layer: u32, prompt: u32) {
        let rows = (0..prompt).map(|query| shape.visible(layer, query));
        let first = rows.clone().map(|keys| keys.start).min().unwrap_or(0);
        let end = rows.clone().map(|keys| keys.end).max().unwrap_or(0);
        let pairs = rows.map(|keys| u64::from(keys.end - keys.start)).sum();
        self.add(shape, u64::from(end - first), u64::from(prompt), pairs);
    }

    fn add_step(&mut self, shape: &Shape, layer: u32, token: u32) {
        let seen = shape.visible(layer, token);
        let keys = u64::from(seen.end - seen.start);
        self.add(shape, keys, 1, keys);
        self.appended_values += 2 * u64::from(shape.kv_heads) * u64::from(shape.head_dim);
    }

    /// One layer: keys that a K/V head fetches, queries of a head, pairs of them that are computed.
    fn add(&mut self, shape: &Shape, keys: u64, queries: u64, pairs: u64) {
        let (heads, dim) = (u64::from(shape.heads), u64::from(shape.head_dim));
        self.key_and_value_values += 2 * keys * u64::from(shape.kv_heads) * dim;
        self.query_values += queries * heads * dim;
        self.output_values += queries * heads * dim;
        self.macs += 2 * pairs * heads * dim;
    }

    /// Bytes that cross the memory's pins with every value stored in `width` bits.
    pub(crate) fn bytes(&self, width: Bits, counted: Counted) -> Bytes {
        let queries = if counted.queries { self.query_values } else { 0 };
        let writes = if counted.writes { self.output_values + self.appended_values } else { 0 };
        width.times(self.key_and_value_values + queries + writes)
    }

    /// A multiplication and an addition a multiply-accumulate.
    pub(crate) fn operations(&self) -> u64 {
        2 * self.macs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Counted = Counted { queries: true, writes: true };

    fn shape(causal: bool, prompt_len: Option<u32>) -> Shape {
        Shape {
            model: "test".to_owned(),
            layers: 3,
            heads: 4,
            kv_heads: 2,
            head_dim: 16,
            seq_len: 10,
            prompt_len,
            causal,
            scale: 0.25,
            window: vec![0; 3],
        }
    }

    #[test]
    fn an_encoder_reads_q_k_v_once_and_writes_the_outputs() {
        let dense = Dense::of(&shape(false, None), Phase::Prefill);
        let (queries, keys) = (3 * 4 * 10 * 16, 3 * 2 * 10 * 16);
        assert_eq!(dense.bytes(Bits(32), ALL), Bytes(4 * (2 * keys + 2 * queries)));
        assert_eq!(dense.bytes(Bits(16), ALL), Bytes(2 * (2 * keys + 2 * queries)));
        assert_eq!(dense.bytes(Bits(12), ALL), Bytes(3 * (2 * keys + 2 * queries) / 2));
        assert_eq!(dense.operations(), 3 * 4 * (10 * 10) * 16 * 2 * 2);
        assert_eq!(Dense::of(&shape(false, None), Phase::Decode), Dense::default());
    }

    #[test]
    fn traffic_that_the_machine_does_not_count_is_left_out() {
        let dense = Dense::of(&shape(false, None), Phase::Prefill);
        let keys_alone = Counted { queries: false, writes: false };
        assert_eq!(dense.bytes(Bits(8), keys_alone), Bytes(2 * 3 * 2 * 10 * 16));
    }

    #[test]
    fn a_causal_prompt_computes_the_triangle_and_fetches_all_of_it() {
        let dense = Dense::of(&shape(true, Some(7)), Phase::Prefill);
        assert_eq!(dense.macs, 3 * 4 * (1 + 2 + 3 + 4 + 5 + 6 + 7) * 16 * 2);
        assert_eq!(dense.key_and_value_values, 2 * 3 * 2 * 7 * 16);
    }

    #[test]
    fn each_decode_step_fetches_its_whole_context_again() {
        let dense = Dense::of(&shape(true, Some(7)), Phase::Decode);
        let contexts = 8 + 9 + 10;
        assert_eq!(dense.key_and_value_values, 2 * 3 * 2 * contexts * 16);
        assert_eq!(dense.query_values, 3 * 4 * 3 * 16);
        assert_eq!(dense.appended_values, 2 * 3 * 2 * 3 * 16);
        assert_eq!(dense.macs, 2 * 3 * 4 * contexts * 16);
    }

    #[test]
    fn a_window_bounds_what_a_step_fetches() {
        let windowed = Shape { window: vec![4, 0, 4], ..shape(true, Some(7)) };
        let dense = Dense::of(&windowed, Phase::Decode);
        assert_eq!(dense.key_and_value_values, 2 * 2 * ((4 + 4 + 4) * 2 + (8 + 9 + 10)) * 16);
    }
}
