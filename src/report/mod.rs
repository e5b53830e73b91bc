//! The result of a run: one value, made once, that every writer prints.
//!
//! Keys carry their unit. What is not defined (a ratio of nothing, a phase that did not run) is
//! `None`, never zero. Nothing here depends on the clock, on a path or on the number of threads.

mod build;
mod csv;
mod describe;
mod dram;
mod fields;
mod json;
#[cfg(test)]
pub(crate) mod sample;
mod table;

pub(crate) mod baselines;
pub(crate) mod bound;
pub(crate) mod dense;
pub(crate) mod energy;
mod memory;
pub(crate) mod replay;
pub(crate) mod timeline;

pub(crate) use build::report as of;
pub(crate) use csv::{write_baselines, write_layers};

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use tamis_arch::{energy::Spread, units::SquareMillimetres};
use tamis_sim::outcome::Block;
use tamis_workloads::plan::Phase;

use self::{baselines::Baseline, bound::Bound, dram::Dram, energy::Energy};

/// Number of the layout of this value; grows when a key changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 2;

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people: what matters, in ten seconds.
    Table,
    /// Everything.
    Json,
    /// One row a policy and phase; the same columns in every run.
    Csv,
}

impl Format {
    pub(crate) fn write(self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Table => table::write(report, out),
            Self::Json => json::write(report, out),
            Self::Csv => csv::write_summary(report, out),
        }
    }
}

/// What a run cost.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// [`SCHEMA`].
    pub(crate) schema: u32,
    /// Version of the program.
    pub(crate) version: &'static str,
    /// What ran it.
    pub(crate) machine: Machine,
    /// What was run.
    pub(crate) workload: Workload,
    /// The policy that was asked for, then `dense` where it stands beside it.
    pub(crate) policies: Vec<Policy>,
}

/// The machine, and what bounds it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) name: String,
    /// SHA-256 of the machine with every parameter written out.
    pub(crate) digest: String,
    pub(crate) clock_mhz: u64,
    /// Seed of the random pivots of the top-k engine.
    pub(crate) topk_seed: u64,
    /// Two operations a multiplier and cycle.
    pub(crate) peak_operations_per_second: f64,
    /// All channels at their full rate.
    pub(crate) peak_dram_bytes_per_second: f64,
    pub(crate) technology: Technology,
    /// Logic and memories; the DRAM is not in it.
    pub(crate) area_mm2: Spread<SquareMillimetres>,
}

/// Process and corner that areas and energies hold for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Technology {
    pub(crate) table: String,
    pub(crate) node_nm: u32,
    pub(crate) voltage_v: f64,
    pub(crate) temperature_c: f64,
}

/// The trace or table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Workload {
    pub(crate) model: String,
    /// SHA-256 of the file.
    pub(crate) digest: String,
    pub(crate) layers: u32,
    pub(crate) heads: u32,
    pub(crate) kv_heads: u32,
    pub(crate) head_dim: u32,
    pub(crate) seq_len: u32,
    /// `None` for an encoder.
    pub(crate) prompt_len: Option<u32>,
    /// For a table: at which widths its bits run.
    pub(crate) widths: Option<String>,
}

/// One policy on the machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Policy {
    pub(crate) name: String,
    /// SHA-256 of the knobs.
    pub(crate) digest: String,
    /// Every knob, with its unit in its name.
    pub(crate) knobs: serde_json::Value,
    pub(crate) phases: Vec<PhaseReport>,
    /// `None` unless the workload decodes and decode ran.
    pub(crate) generation: Option<Generation>,
}

/// What a user of a language model waits for, attention only.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Generation {
    /// The whole prefill; `None` where only decode ran.
    pub(crate) time_to_first_token_seconds: Option<f64>,
    pub(crate) time_to_first_token_cycles: Option<u64>,
    /// Mean over the steps.
    pub(crate) time_per_token_seconds: Option<f64>,
    pub(crate) time_per_token_cycles: Option<f64>,
    pub(crate) steps: u64,
}

/// One phase of one policy.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PhaseReport {
    pub(crate) phase: Phase,
    pub(crate) elapsed_cycles: u64,
    pub(crate) elapsed_seconds: f64,
    /// `None` where dense did not run, and for dense itself.
    pub(crate) over_dense: Option<OverDense>,
    /// `None` where no row is as long as a line.
    pub(crate) bound: Option<Bound>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) dram: Dram,
    pub(crate) operations: Operations,
    pub(crate) energy: Option<Energy>,
    pub(crate) blocks: BTreeMap<Block, BlockActivity>,
    pub(crate) queries: Queries,
    /// `None` for a table, which has no values.
    pub(crate) quality: Option<Quality>,
    /// By the device's name and what runs on it.
    pub(crate) baselines: BTreeMap<String, Baseline>,
}

/// What the policy gains over dense attention on the same machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct OverDense {
    pub(crate) speedup: Option<f64>,
    pub(crate) dram_reduction: Option<f64>,
    pub(crate) energy_ratio: Option<f64>,
}

/// Time and quality of one layer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Layer {
    pub(crate) layer: u32,
    pub(crate) elapsed_cycles: u64,
    pub(crate) elapsed_seconds: f64,
    pub(crate) quality: Option<Quality>,
}

/// What the policy cost in quality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quality {
    /// ‖outputs − outputs of dense f32 attention‖ / ‖the latter‖, over the rows that live.
    pub(crate) relative_output_error: Option<f64>,
    /// Share of the dense attention's probability on keys whose value was used.
    pub(crate) attention_mass_kept: Option<f64>,
    /// Share of dense rows that were computed at all.
    pub(crate) live_rows_share: Option<f64>,
    /// Values of decoded tokens beyond the scale of the prompt, which saturated.
    pub(crate) clipped_values: u64,
}

/// Work of QK and PV; a multiply-accumulate is two operations.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Operations {
    pub(crate) executed_operations: u64,
    /// What dense attention of the same queries and keys takes.
    pub(crate) dense_equivalent_operations: u64,
    pub(crate) executed_share: Option<f64>,
    pub(crate) executed_teraflops: Option<f64>,
    pub(crate) dense_equivalent_teraflops: Option<f64>,
}

/// Where a block's time went.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct BlockActivity {
    pub(crate) busy_cycles: u64,
    pub(crate) starved_cycles: u64,
    pub(crate) blocked_cycles: u64,
    pub(crate) utilization: Option<f64>,
}

/// Queries of live heads, and those computed twice.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Queries {
    pub(crate) computed: u64,
    pub(crate) refetched: u64,
    pub(crate) refetched_share: Option<f64>,
}

/// `above / below`, where there is something to divide by.
pub(crate) fn ratio(above: f64, below: f64) -> Option<f64> {
    (below > 0.0).then(|| above / below)
}

/// The name that the JSON gives a phase, a block or another plain enum.
pub(crate) fn key(name: impl Serialize) -> String {
    match serde_json::to_value(name) {
        Ok(serde_json::Value::String(text)) => text,
        other => panic!("a plain enum serialises to a string, not to {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_prints_the_same_cycles() {
        let report = sample::report();
        for (format, text) in [
            (Format::Table, "1,000"),
            (Format::Json, "\"elapsed_cycles\": 1000"),
            (Format::Csv, ",1000,"),
        ] {
            let mut bytes = Vec::new();
            format.write(&report, &mut bytes).expect("memory takes everything");
            let printed = String::from_utf8(bytes).expect("text");
            assert!(printed.contains(text), "{format:?}: {printed}");
        }
    }
}
