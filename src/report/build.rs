//! Makes the report from what the machine counted.

use std::collections::BTreeMap;

use tamis_arch::{
    Accelerator,
    energy::EnergyTable,
    units::{Cycles, Megahertz},
};
use tamis_sim::outcome::{BlockOutcome, Outcome};
use tamis_workloads::{plan::Phase, quality::LayerQuality};

use super::{
    BlockActivity, Generation, Layer, Operations, OverDense, PhaseReport, Policy, Quality, Queries,
    Report, SCHEMA,
    baselines::{self, Baseline},
    bound::{Bound, Rows},
    dense::{Counted, Dense},
    describe,
    dram::Dram,
    energy::Energy,
    memory::MemoryActivity,
    ratio,
};
use crate::{
    exit::Failure,
    simulation::{Played, Work},
};

/// The report of what was played.
pub(crate) fn report(
    machine: &Accelerator,
    prices: &EnergyTable,
    work: &Work,
    played: &[Played],
) -> Result<Report, Failure> {
    let policies = played.iter().map(|played| policy(machine, prices, work, played));
    let mut policies: Vec<Policy> = policies.collect();
    put_beside_dense(&mut policies);
    Ok(Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        machine: describe::machine(machine, prices),
        workload: match work {
            Work::Trace { trace, .. } => describe::trace(trace)?,
            Work::Table { table } => describe::table(table, machine.formats.operand),
        },
        policies,
    })
}

/// Fills in what the first policy gains over the last, which is `dense`, where both ran.
pub(crate) fn put_beside_dense(policies: &mut [Policy]) {
    let [asked, dense] = policies else { return };
    for phase in &mut asked.phases {
        let Some(dense) = dense.phases.iter().find(|dense| dense.phase == phase.phase) else {
            continue;
        };
        let energies = dense.energy.as_ref().zip(phase.energy.as_ref());
        phase.over_dense = Some(OverDense {
            speedup: ratio(dense.elapsed_cycles as f64, phase.elapsed_cycles as f64),
            dram_reduction: ratio(dense.dram.total_bytes as f64, phase.dram.total_bytes as f64),
            energy_ratio: energies
                .and_then(|(dense, ours)| ratio(dense.total.typical.0, ours.total.typical.0)),
        });
    }
}

fn policy(machine: &Accelerator, prices: &EnergyTable, work: &Work, played: &Played) -> Policy {
    let rates = Rates::of(machine);
    let phases = played.outcomes.iter().map(|outcome| {
        let energy = Energy::of(outcome, machine, prices);
        let seconds = outcome.elapsed.at(rates.clock).0;
        let quality = played.quality.as_ref().map(|quality| {
            let layers = quality.layers.iter().filter(|layer| layer.phase == outcome.phase);
            layers.copied().collect()
        });
        let ran = Ran {
            outcome,
            dense: dense(work, outcome.phase),
            quality,
            memory: MemoryActivity::of(&outcome.channels, &machine.dram),
            bound: Bound::of(outcome, machine, rows(work, played)),
            baselines: baselines::compare(work, outcome.phase, seconds, Some(energy.total.typical)),
            energy: Some(energy),
        };
        phase(ran, &rates)
    });
    let outcomes: Vec<&Outcome> = played.outcomes.iter().collect();
    Policy {
        name: played.policy.clone(),
        digest: played.digest.clone(),
        knobs: played.knobs.clone(),
        phases: phases.collect(),
        generation: generation(&outcomes, rates.clock),
    }
}

fn dense(work: &Work, phase: Phase) -> Dense {
    match work {
        Work::Trace { trace, .. } => Dense::of(trace.shape(), phase),
        Work::Table { table } => Dense::of_table(table),
    }
}

fn rows(work: &Work, played: &Played) -> Rows {
    let (head_dim, group) = match work {
        Work::Trace { trace, .. } => (trace.shape().head_dim, trace.shape().group()),
        Work::Table { table } => (table.head_dim, 1),
    };
    Rows { head_dim, group, stored_bits: played.stored_bits }
}

/// What a report takes from the machine besides its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) clock: Megahertz,
    pub(crate) peak_dram_bytes_per_second: f64,
    pub(crate) counted: Counted,
}

impl Rates {
    fn of(machine: &Accelerator) -> Self {
        Self {
            clock: machine.core.clock,
            peak_dram_bytes_per_second: machine.dram.peak_bytes_per_second(),
            counted: Counted {
                queries: machine.sequencer.query_traffic,
                writes: machine.sequencer.write_traffic,
            },
        }
    }
}

/// What the run of one phase gave.
pub(crate) struct Ran<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) dense: Dense,
    /// Of each layer, in order.
    pub(crate) quality: Option<Vec<LayerQuality>>,
    pub(crate) energy: Option<Energy>,
    pub(crate) memory: MemoryActivity,
    pub(crate) bound: Option<Bound>,
    pub(crate) baselines: BTreeMap<String, Baseline>,
}

/// The report of one phase.
pub(crate) fn phase(ran: Ran<'_>, rates: &Rates) -> PhaseReport {
    let Ran { outcome, dense, quality, energy, memory, bound, baselines } = ran;
    let of_layer = |layer| {
        let mut layers = quality.iter().flatten();
        layers.find(|entry| entry.layer == layer).map(|entry| judge(std::slice::from_ref(entry)))
    };
    let time = outcome.elapsed.at(rates.clock).0;
    let layers = outcome.layers.iter().map(|layer| Layer {
        layer: layer.layer,
        elapsed_cycles: layer.elapsed.0,
        elapsed_seconds: layer.elapsed.at(rates.clock).0,
        quality: of_layer(layer.layer),
    });
    PhaseReport {
        phase: outcome.phase,
        elapsed_cycles: outcome.elapsed.0,
        elapsed_seconds: time,
        over_dense: None,
        bound,
        layers: layers.collect(),
        dram: Dram::of(&outcome.traffic, &dense, memory, time, rates),
        operations: operations(outcome, &dense, time),
        energy,
        blocks: outcome.blocks.iter().map(|block| (block.block, activity(block))).collect(),
        queries: queries(outcome),
        quality: quality.as_deref().map(judge),
        baselines,
    }
}

/// Quality over some layers: sums before ratios.
fn judge(layers: &[LayerQuality]) -> Quality {
    let sum = |of: fn(&LayerQuality) -> f64| layers.iter().map(of).sum::<f64>();
    let live = sum(|layer| layer.live_rows as f64);
    let error = ratio(sum(|layer| layer.error_squares), sum(|layer| layer.dense_squares));
    Quality {
        relative_output_error: error.map(f64::sqrt),
        attention_mass_kept: ratio(sum(|layer| layer.kept_mass), live),
        live_rows_share: ratio(live, sum(|layer| layer.dense_rows as f64)),
        clipped_values: layers.iter().map(|layer| layer.clipped_values).sum(),
    }
}

fn operations(outcome: &Outcome, dense: &Dense, seconds: f64) -> Operations {
    let executed = 2 * (outcome.work.qk_macs + outcome.work.pv_macs);
    let equivalent = dense.operations();
    Operations {
        executed_operations: executed,
        dense_equivalent_operations: equivalent,
        executed_share: ratio(executed as f64, equivalent as f64),
        executed_teraflops: ratio(executed as f64 * 1e-12, seconds),
        dense_equivalent_teraflops: ratio(equivalent as f64 * 1e-12, seconds),
    }
}

fn activity(block: &BlockOutcome) -> BlockActivity {
    BlockActivity {
        busy_cycles: block.activity.busy.0,
        starved_cycles: block.activity.starved.0,
        blocked_cycles: block.activity.blocked.0,
        utilization: block.activity.utilization(),
    }
}

fn queries(outcome: &Outcome) -> Queries {
    let (computed, refetched) = (outcome.work.rows, outcome.work.refetched_rows);
    Queries { computed, refetched, refetched_share: ratio(refetched as f64, computed as f64) }
}

/// Time to the first token and per token, where the outcomes hold a decode phase with steps.
pub(crate) fn generation(outcomes: &[&Outcome], clock: Megahertz) -> Option<Generation> {
    let of = |phase| outcomes.iter().find(|outcome| outcome.phase == phase);
    let decode = of(Phase::Decode).filter(|decode| !decode.step_ends.is_empty())?;
    let first: Option<Cycles> = of(Phase::Prefill).map(|prefill| prefill.elapsed);
    let steps = decode.step_ends.len() as f64;
    Some(Generation {
        time_to_first_token_seconds: first.map(|first| first.at(clock).0),
        time_to_first_token_cycles: first.map(|first| first.0),
        time_per_token_seconds: Some(decode.elapsed.at(clock).0 / steps),
        time_per_token_cycles: Some(decode.elapsed.0 as f64 / steps),
        steps: decode.step_ends.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn traffic_adds_up_and_is_compared_with_dense() {
        let report = sample::report();
        let prefill = &report.policies[0].phases[0];
        // 1000 + 4000 + 500 + 2500 + 800 + 0 bytes. Dense, in each of 2 layers: K and V of 2 heads,
        // Q and outputs of 4, for 48 tokens of 16 values.
        assert_eq!(prefill.dram.total_bytes, 8_800);
        let values = 2 * (2 * 2 * 48 * 16 + 2 * 4 * 48 * 16);
        assert_eq!(values, 18_432);
        assert_eq!(prefill.dram.dense_fp32_bytes, 4 * values);
        let reduction = prefill.dram.reduction_against_dense_fp32.expect("there was traffic");
        assert!((reduction - 73_728.0 / 8_800.0).abs() < 1e-12);
    }

    #[test]
    fn rates_are_amounts_over_time() {
        let report = sample::report();
        let prefill = &report.policies[0].phases[0];
        // 1000 cycles at 500 MHz are 2 µs.
        assert!((prefill.elapsed_seconds - 2e-6).abs() < 1e-18);
        let bandwidth = prefill.dram.bandwidth_bytes_per_second.expect("time passed");
        assert!((bandwidth - 4.4e9).abs() < 1.0, "{bandwidth}");
        let executed = prefill.operations.executed_teraflops.expect("time passed");
        assert!((executed - 2.0 * 150_000.0 / 2e-6 * 1e-12).abs() < 1e-12, "{executed}");
    }

    #[test]
    fn a_policy_is_put_beside_dense_phase_by_phase() {
        let mut policies = sample::report().policies;
        policies[1].phases[0].elapsed_cycles = 3000;
        policies[1].phases.truncate(1);
        policies[0].phases[1].over_dense = None;
        put_beside_dense(&mut policies);
        let over = policies[0].phases[0].over_dense.expect("dense ran");
        assert!((over.speedup.expect("time passed") - 3.0).abs() < 1e-12);
        assert!((over.dram_reduction.expect("bytes moved") - 1.0).abs() < 1e-12);
        assert_eq!(policies[0].phases[1].over_dense, None);
        assert_eq!(policies[1].phases[0].over_dense, None);
    }

    #[test]
    fn a_phase_of_no_cycles_has_no_rates() {
        let nothing = sample::nothing();
        assert_eq!(nothing.dram.bandwidth_bytes_per_second, None);
        assert_eq!(nothing.dram.reduction_against_dense_fp32, None);
        assert_eq!(nothing.operations.executed_teraflops, None);
        assert_eq!(nothing.queries.refetched_share, None);
    }

    #[test]
    fn a_token_takes_the_mean_of_the_steps() {
        let (prefill, decode) = (sample::prefill(), sample::decode());
        let clock = sample::rates().clock;
        let both = generation(&[&prefill, &decode], clock).expect("it decoded");
        assert_eq!(both.time_to_first_token_cycles, Some(1000));
        assert_eq!(both.time_per_token_cycles, Some(200.0));
        let alone = generation(&[&decode], clock).expect("it decoded");
        assert_eq!(alone.time_to_first_token_cycles, None);
        assert!(generation(&[&prefill], clock).is_none());
    }
}
