//! The memory of a machine in a phase: what moved, against what dense attention moves, and where its time went.

use serde::Serialize;
use tamis_arch::units::{Bits, Bytes};
use tamis_sim::outcome::Traffic;

use super::{build::Rates, dense::Dense, memory::MemoryActivity, ratio};

/// Traffic of the memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Dram {
    pub(crate) query_read_bytes: u64,
    pub(crate) key_msb_read_bytes: u64,
    pub(crate) key_lsb_read_bytes: u64,
    pub(crate) value_read_bytes: u64,
    pub(crate) output_written_bytes: u64,
    pub(crate) key_value_written_bytes: u64,
    pub(crate) total_bytes: u64,
    pub(crate) dense_fp32_bytes: u64,
    pub(crate) dense_fp16_bytes: u64,
    pub(crate) dense_12_bit_bytes: u64,
    pub(crate) reduction_against_dense_fp32: Option<f64>,
    pub(crate) reduction_against_dense_fp16: Option<f64>,
    pub(crate) reduction_against_dense_12_bit: Option<f64>,
    pub(crate) bandwidth_bytes_per_second: Option<f64>,
    /// Share of the peak.
    pub(crate) bandwidth_utilization: Option<f64>,
    /// What the channels did.
    #[serde(flatten)]
    pub(crate) activity: MemoryActivity,
}

impl Dram {
    /// Traffic beside that of dense attention, over so many seconds.
    pub(super) fn of(
        traffic: &Traffic,
        dense: &Dense,
        activity: MemoryActivity,
        seconds: f64,
        rates: &Rates,
    ) -> Self {
        let Bytes(total) = total_bytes(traffic);
        let dense_bytes = |width| dense.bytes(Bits(width), rates.counted).0;
        let reduction = |dense: u64| ratio(dense as f64, total as f64);
        let (fp32, fp16, twelve) = (dense_bytes(32), dense_bytes(16), dense_bytes(12));
        let bandwidth = ratio(total as f64, seconds);
        Self {
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
            bandwidth_bytes_per_second: bandwidth,
            bandwidth_utilization: bandwidth
                .and_then(|bandwidth| ratio(bandwidth, rates.peak_dram_bytes_per_second)),
            activity,
        }
    }
}

/// Everything that was asked of the memory: what crossed its pins, and what met in its write queues.
pub(crate) fn total_bytes(traffic: &Traffic) -> Bytes {
    traffic.query_read_bytes
        + traffic.key_msb_read_bytes
        + traffic.key_lsb_read_bytes
        + traffic.value_read_bytes
        + traffic.output_written_bytes
        + traffic.key_value_written_bytes
}
