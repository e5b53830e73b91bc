//! Workload tables of the SpAtten authors: one row for each head of each generation step.
//!
//! The hardware bench of the released RTL replays these CSV files. They hold what a run of the
//! pruned model decided (how many keys and values a head fetches, and at which widths), and no
//! values. [`Table`] reads and checks a file; [`TablePlan`] makes the [`crate::plan::Task`]s of it.
//!
//! The meaning of the columns is that of the bench and of the files themselves
//! (github.com/mit-han-lab/spatten, directory `hardware`). Head ids count the heads that survive,
//! so they are compact; the last line of a file is the name of the training configuration.

mod error;
mod plan;
mod read;

use serde::Serialize;

pub use error::TableError;
pub use plan::{Replay, TablePlan, Widths};

/// A checked table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of the training configuration, where the file has it.
    pub configuration: Option<String>,
    /// Values in a vector (`embedding_length_D`); the same in all rows.
    pub head_dim: u32,
    /// Rows by iteration, layer and head.
    pub rows: Vec<Row>,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: String,
}

/// One head of one layer of one generation step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Generation step (`iteration_id`).
    pub iteration: u32,
    /// Layer.
    pub layer: u32,
    /// Place among the heads that survive in this layer.
    pub head: u32,
    /// Tokens so far, the new one included (`sentence_length_L`).
    pub length: u32,
    /// Keys that are fetched.
    pub keys: u32,
    /// Width of the keys in the first pass; none where the model was not quantised (-1).
    pub key_bits: Option<u32>,
    /// Width of the queries.
    pub query_bits: Option<u32>,
    /// Threshold of progressive quantisation on the largest probability.
    pub threshold: Option<f64>,
    /// Whether the software run fetched the LSBs.
    pub refetch: bool,
    /// Bits that a refetch adds.
    pub lsb_bits: Option<u32>,
    /// Values that are fetched.
    pub values: u32,
    /// Width of the values.
    pub value_bits: Option<u32>,
    /// Whether this head adds to the importance of tokens.
    pub accumulates: bool,
    /// Whether importance is rescaled after this row.
    pub rescales: bool,
    /// Tokens that are kept from here on; only in the last row of a layer.
    pub topk: Option<u32>,
}

/// Totals of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// Rows.
    pub rows: u64,
    /// Sum of the tokens so far.
    pub tokens: u64,
    /// Sum of the keys that are fetched.
    pub keys: u64,
    /// Sum of the values that are fetched.
    pub values: u64,
    /// Rows for which the software run fetched the LSBs.
    pub refetched_rows: u64,
}

impl Table {
    /// Totals over all rows.
    #[must_use]
    pub fn summary(&self) -> TableSummary {
        self.rows.iter().fold(TableSummary::default(), |sum, row| TableSummary {
            rows: sum.rows + 1,
            tokens: sum.tokens + u64::from(row.length),
            keys: sum.keys + u64::from(row.keys),
            values: sum.values + u64::from(row.values),
            refetched_rows: sum.refetched_rows + u64::from(row.refetch),
        })
    }
}
