//! Tables of measurements: what was measured is not modelled.

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    device::Implementation,
    h200::Launch,
    workload::{Phase, Workload},
};

const H200: &str = include_str!("../../tables/baselines/h200-core.csv");
const CPU: &str = include_str!("../../tables/baselines/cpu-core.csv");

/// A measurement on the GPU: all layers of a model, one step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GpuRow {
    pub workload: Workload,
    pub implementation: Implementation,
    pub launch: Launch,
    pub model: String,
    pub dtype: String,
    pub time_us: f64,
    /// Time of a pass, and power, over seconds of back-to-back passes.
    pub sustained: Option<(f64, f64)>,
}

/// A measurement on a CPU: all layers of a model, one step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CpuRow {
    pub device: String,
    pub threads: u32,
    pub workload: Workload,
    pub model: String,
    pub time_us: f64,
}

#[derive(Deserialize)]
struct RawGpu {
    model: String,
    phase: String,
    batch: u32,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    q_len: u32,
    kv_len: u32,
    dtype: String,
    implementation: String,
    launch: String,
    time_us: f64,
    sustained_time_us: Option<f64>,
    avg_power_w: Option<f64>,
}

#[derive(Deserialize)]
struct RawCpu {
    device: String,
    threads: u32,
    model: String,
    phase: String,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    q_len: u32,
    kv_len: u32,
    time_us: f64,
}

/// The GPU's table.
pub(super) fn gpu_rows() -> Vec<GpuRow> {
    rows::<RawGpu>(H200).into_iter().map(gpu_row).collect()
}

/// The CPUs' table.
pub(super) fn cpu_rows() -> Vec<CpuRow> {
    rows::<RawCpu>(CPU).into_iter().map(cpu_row).collect()
}

fn rows<T: DeserializeOwned>(text: &str) -> Vec<T> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("compiled-in tables are well formed")).collect()
}

fn gpu_row(raw: RawGpu) -> GpuRow {
    let implementation = match (raw.implementation.as_str(), raw.dtype.as_str()) {
        ("eager", "fp32") => Implementation::EagerFp32,
        ("eager", _) => Implementation::EagerHalf,
        ("sdpa_flash", _) => Implementation::Flash,
        ("sdpa_cudnn", _) => Implementation::Cudnn,
        (other, _) => panic!("compiled-in tables name known implementations, not {other}"),
    };
    let launch = if raw.launch == "graph" { Launch::Graph } else { Launch::Stream };
    GpuRow {
        workload: Workload {
            phase: phase(&raw.phase),
            batch: raw.batch,
            layers: raw.layers,
            heads: raw.heads,
            kv_heads: raw.kv_heads,
            head_dim: raw.head_dim,
            q_len: raw.q_len,
            kv_len: raw.kv_len,
        },
        implementation,
        launch,
        model: raw.model,
        dtype: raw.dtype,
        time_us: raw.time_us,
        sustained: raw.sustained_time_us.zip(raw.avg_power_w),
    }
}

fn cpu_row(raw: RawCpu) -> CpuRow {
    CpuRow {
        device: raw.device,
        threads: raw.threads,
        workload: Workload {
            phase: phase(&raw.phase),
            batch: 1,
            layers: raw.layers,
            heads: raw.heads,
            kv_heads: raw.kv_heads,
            head_dim: raw.head_dim,
            q_len: raw.q_len,
            kv_len: raw.kv_len,
        },
        model: raw.model,
        time_us: raw.time_us,
    }
}

fn phase(name: &str) -> Phase {
    match name {
        "encode" => Phase::Prefill { causal: false },
        "prefill" => Phase::Prefill { causal: true },
        "decode" => Phase::Decode { steps: 1 },
        other => panic!("compiled-in tables name known phases, not {other}"),
    }
}
