//! What the machine's graph allows, beside what the simulation took.
//!
//! The graph bounds a flow of equal rows. A phase has rows of different lengths, so the flow is one
//! that no row of the phase can beat on average: as many keys as a row keeps values, rounded down to
//! whole lines, and in decode the narrowest of the widths that come from DRAM, shared by the heads of
//! a group.

use serde::Serialize;
use tamis_arch::{Accelerator, graph::Flow, units::Bits};
use tamis_sim::outcome::Outcome;
use tamis_workloads::plan::Phase;

use super::ratio;

/// Cycles below which no schedule of this machine computes the rows of a phase.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Bound {
    pub(crate) bound_cycles: f64,
    /// The bound over the simulated cycles: 1 where the machine ran as fast as its graph allows.
    pub(crate) reached_share: Option<f64>,
    /// Blocks, links and buffers of the critical cycle.
    pub(crate) limited_by: Vec<String>,
}

/// What the rows of a workload look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub(crate) head_dim: u32,
    /// Query heads that share a K/V head.
    pub(crate) group: u32,
    /// Narrowest width at which K or V come from DRAM.
    pub(crate) stored_bits: u32,
}

impl Bound {
    /// `None` where no row was computed, or where the rows are shorter than a line.
    pub(crate) fn of(outcome: &Outcome, machine: &Accelerator, rows: Rows) -> Option<Self> {
        let count = outcome.work.rows;
        let values = outcome.work.pv_macs.checked_div(count * u64::from(rows.head_dim))?;
        let line = u64::from(machine.keys_per_line(rows.head_dim).ok()?);
        let keys = u32::try_from(values / line * line).ok().filter(|&keys| keys > 0)?;
        let streamed =
            (outcome.phase == Phase::Decode).then_some(Bits(rows.stored_bits / rows.group));
        let flow = Flow { head_dim: rows.head_dim, keys, streamed };
        let throughput = machine.graph(&flow).ok()?.throughput;
        let bound_cycles = throughput.cycles_per_row.as_f64() * count as f64;
        Some(Self {
            bound_cycles,
            reached_share: ratio(bound_cycles, outcome.elapsed.0 as f64),
            limited_by: throughput.limited_by,
        })
    }
}

#[cfg(test)]
mod tests {
    use tamis_arch::units::Cycles;
    use tamis_sim::outcome::Work;

    use super::*;
    use crate::report::sample;

    const ROWS: Rows = Rows { head_dim: 64, group: 1, stored_bits: 12 };

    fn outcome(rows: u64, keys: u64, elapsed: u64) -> Outcome {
        let work = Work { rows, pv_macs: rows * keys * 64, ..Work::default() };
        Outcome { elapsed: Cycles(elapsed), work, ..sample::prefill() }
    }

    #[test]
    fn rows_on_chip_take_a_cycle_a_line_at_least() {
        let machine = tamis_arch::load("spatten").expect("a preset");
        let bound = Bound::of(&outcome(100, 1024, 20_000), &machine, ROWS).expect("rows ran");
        // 512 multipliers hold 8 keys of 64: 128 lines a row.
        assert!(bound.bound_cycles >= 12_800.0, "{bound:?}");
        assert!(bound.reached_share.expect("time passed") <= 1.0, "{bound:?}");
    }

    #[test]
    fn nothing_bounds_no_rows() {
        let machine = tamis_arch::load("spatten").expect("a preset");
        assert_eq!(Bound::of(&outcome(0, 0, 0), &machine, ROWS), None);
        assert_eq!(Bound::of(&outcome(10, 7, 100), &machine, ROWS), None);
    }
}
