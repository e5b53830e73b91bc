//! What was run on what: the head of a report.

use std::collections::BTreeSet;

use tamis_arch::{Accelerator, area, energy::EnergyTable, units::Bits};
use tamis_workloads::{
    table::{Row, Table},
    trace::TraceFile,
};

use super::{Machine, Technology, Workload};
use crate::{
    exit::{Exit, Failure, OrExit},
    simulation,
};

/// The machine, priced by its table.
pub(super) fn machine(machine: &Accelerator, prices: &EnergyTable) -> Machine {
    let multipliers = machine.qk_array.multipliers + machine.pv_array.multipliers;
    let clock_mhz = machine.core.clock.0.get();
    Machine {
        name: machine.name.clone(),
        digest: machine.digest(),
        clock_mhz,
        topk_seed: machine.topk.seed,
        peak_operations_per_second: 2e6 * f64::from(multipliers) * clock_mhz as f64,
        peak_dram_bytes_per_second: machine.dram.peak_bytes_per_second(),
        technology: Technology {
            table: prices.name.clone(),
            node_nm: prices.node_nm,
            voltage_v: prices.voltage_v,
            temperature_c: prices.temperature_c,
        },
        area_mm2: area::report(machine, prices).total(),
    }
}

/// A trace.
///
/// # Errors
/// When the file cannot be read any more.
pub(super) fn trace(trace: &TraceFile) -> Result<Workload, Failure> {
    let shape = trace.shape();
    Ok(Workload {
        model: shape.model.clone(),
        digest: trace.digest().or_exit(Exit::Input)?,
        layers: shape.layers,
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        head_dim: shape.head_dim,
        seq_len: shape.seq_len,
        prompt_len: shape.prompt_len,
        widths: None,
    })
}

/// The widths of K and V that a table states, and what its -1, not quantised, runs as.
fn widths(table: &Table, operand: Bits) -> String {
    let told = |of: fn(&Row) -> Option<u32>| {
        let found: BTreeSet<Option<u32>> = table.rows.iter().map(of).collect();
        let each = found.into_iter().map(|bits| {
            bits.map_or_else(|| format!("-1 as {}", operand.0), |bits| bits.to_string())
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let (key, value) = (told(|row| row.key_bits), told(|row| row.value_bits));
    format!("bits: K (quant_key_bit) {key}; V (quant_value_bit) {value}; Q {}", operand.0)
}

/// A table, run on operands of this width.
pub(super) fn table(table: &Table, operand: Bits) -> Workload {
    let size = simulation::dimensions_of_table(table);
    let first = table.rows.iter().map(|row| row.length).min();
    Workload {
        model: table.configuration.clone().unwrap_or_else(|| "workload table".to_owned()),
        digest: table.sha256.clone(),
        layers: size.layers,
        heads: size.heads,
        kv_heads: size.kv_heads,
        head_dim: size.head_dim,
        seq_len: size.tokens,
        prompt_len: first.map(|length| length - 1),
        widths: Some(widths(table, operand)),
    }
}
