//! Makes the report of one phase from what the machine counted.

use tamis_arch::units::{Bits, Bytes, Cycles, Megahertz};
use tamis_sim::outcome::{BlockOutcome, Outcome, Traffic};
use tamis_workloads::plan::Phase;

use super::{
    BlockActivity, Dram, Energy, Generation, Layer, Operations, PhaseReport, Quality, Queries,
    dense::{Counted, Dense},
    ratio,
};

/// What a report takes from the machine besides its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) clock: Megahertz,
    pub(crate) peak_dram_bytes_per_second: f64,
    pub(crate) counted: Counted,
}

/// What the run of one phase gave.
pub(crate) struct Ran<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) dense: Dense,
    /// Of the phase, then of each layer of the outcome.
    pub(crate) quality: Option<(Quality, Vec<Quality>)>,
    pub(crate) energy: Option<Energy>,
    pub(crate) row_hit_rate: Option<f64>,
}

/// The report of one phase, without the baselines: they are added by the caller.
pub(crate) fn phase(ran: Ran<'_>, rates: &Rates) -> PhaseReport {
    let Ran { outcome, dense, quality, energy, row_hit_rate } = ran;
    let (overall, by_layer) = quality.map_or((None, None), |(all, each)| (Some(all), Some(each)));
    let time = outcome.elapsed.at(rates.clock).0;
    let layers = outcome.layers.iter().enumerate().map(|(place, layer)| Layer {
        layer: layer.layer,
        elapsed_cycles: layer.elapsed.0,
        elapsed_seconds: layer.elapsed.at(rates.clock).0,
        quality: by_layer.as_ref().and_then(|each| each.get(place).copied()),
    });
    PhaseReport {
        phase: outcome.phase,
        elapsed_cycles: outcome.elapsed.0,
        elapsed_seconds: time,
        layers: layers.collect(),
        dram: dram(&outcome.traffic, &dense, row_hit_rate, time, rates),
        operations: operations(outcome, &dense, time),
        energy,
        blocks: outcome.blocks.iter().map(|block| (block.block, activity(block))).collect(),
        queries: queries(outcome),
        quality: overall,
        baselines: std::collections::BTreeMap::new(),
    }
}

fn dram(
    traffic: &Traffic,
    dense: &Dense,
    row_hit_rate: Option<f64>,
    seconds: f64,
    rates: &Rates,
) -> Dram {
    let Bytes(total) = total_bytes(traffic);
    let dense_bytes = |width| dense.bytes(Bits(width), rates.counted).0;
    let reduction = |dense: u64| ratio(dense as f64, total as f64);
    let (fp32, fp16, twelve) = (dense_bytes(32), dense_bytes(16), dense_bytes(12));
    let bandwidth = ratio(total as f64, seconds);
    Dram {
        query_read_bytes: traffic.query_read_bytes.0,
        key_msb_read_bytes: traffic.key_msb_read_bytes.0,
        key_lsb_read_bytes: traffic.key_lsb_read_bytes.0,
        value_read_bytes: traffic.value_read_bytes.0,
        output_written_bytes: traffic.output_written_bytes.0,
        key_value_written_bytes: traffic.key_value_written_bytes.0,
        total_bytes: total,
        dense_fp32_bytes: fp32,
        dense_fp16_bytes: fp16,
        dense_12_bit_bytes: twelve,
        reduction_against_dense_fp32: reduction(fp32),
        reduction_against_dense_fp16: reduction(fp16),
        reduction_against_dense_12_bit: reduction(twelve),
        row_hit_rate,
        bandwidth_bytes_per_second: bandwidth,
        bandwidth_utilization: bandwidth
            .and_then(|bandwidth| ratio(bandwidth, rates.peak_dram_bytes_per_second)),
    }
}

/// Everything that crossed the memory's pins.
pub(crate) fn total_bytes(traffic: &Traffic) -> Bytes {
    traffic.query_read_bytes
        + traffic.key_msb_read_bytes
        + traffic.key_lsb_read_bytes
        + traffic.value_read_bytes
        + traffic.output_written_bytes
        + traffic.key_value_written_bytes
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
