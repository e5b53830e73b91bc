//! The GPU's models are tried on the measured rows: the errors that their file states are those found.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    super::{
        statistics::{Errors, least_squares, predict},
        workload::Phase,
    },
    *,
};

/// Rows whose device time was measured: graphs, and streams of workloads too large for a graph.
fn device_rows(gpu: &H200) -> Vec<&GpuRow> {
    let has_graph = |stream: &GpuRow| {
        gpu.rows.iter().any(|row| {
            row.launch == Launch::Graph
                && row.workload == stream.workload
                && row.implementation == stream.implementation
                && row.model == stream.model
        })
    };
    gpu.rows.iter().filter(|row| row.launch == Launch::Graph || !has_graph(row)).collect()
}

#[test]
fn every_case_misses_its_rows_by_as_much_as_it_states() {
    let gpu = H200::new();
    let rows = device_rows(&gpu);
    let mut cases: Vec<&DeviceTime> = Vec::new();
    for row in &rows {
        let case = gpu.device.device_time(row.implementation, &row.workload);
        let case = case.expect("every measured row has a case");
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    assert_eq!(cases.len(), 13);
    for case in cases {
        let own = rows
            .iter()
            .filter(|row| gpu.device.device_time(row.implementation, &row.workload) == Some(case));
        let errors = Errors::of(own.map(|row| {
            let model = gpu.model(row.implementation, Launch::Graph, &row.workload);
            (model.latency_us, row.time_us)
        }));
        let name = &case.name;
        assert_eq!(errors.len(), usize::try_from(case.rows).expect("few rows"), "{name}");
        assert!((errors.median() - case.median_error).abs() < 1e-3, "{name} {}", errors.median());
        assert!((errors.p90() - case.p90_error).abs() < 1e-3, "{name} {}", errors.p90());
    }
}

/// The serial form is linear in its three parameters, so it is fitted again with each model left out.
#[test]
fn fused_prefill_of_models_left_out_is_missed_by_as_much_as_the_reference_says() {
    let gpu = H200::new();
    let rows = device_rows(&gpu);
    let terms = |row: &GpuRow| {
        let step = row.workload.steps().next().expect("there is one step");
        let keys = f64::from(step.kv_len()) * f64::from(row.workload.head_dim) / 64.0;
        [1.0, keys, step.flops()]
    };
    let layer = |row: &GpuRow| row.time_us / f64::from(row.workload.layers);
    for (implementation, median, p90) in [
        (Implementation::Flash, 0.10..0.12, 0.17..0.19),
        (Implementation::Cudnn, 0.06..0.08, 0.24..0.26),
    ] {
        let own = rows.iter().copied();
        let own: Vec<&GpuRow> = own
            .filter(|row| row.implementation == implementation && !row.workload.is_decode())
            .collect();
        let models: BTreeSet<&str> = own.iter().map(|row| row.model.as_str()).collect();
        let mut pairs = Vec::new();
        for model in models {
            let others: Vec<&&GpuRow> = own.iter().filter(|row| row.model != model).collect();
            let inputs: Vec<[f64; 3]> = others.iter().map(|row| terms(row)).collect();
            let times: Vec<f64> = others.iter().map(|row| layer(row)).collect();
            let fit = least_squares(&inputs, &times);
            let left_out = own.iter().filter(|row| row.model == model);
            pairs.extend(left_out.map(|row| (predict(&terms(row), &fit), layer(row))));
        }
        let errors = Errors::of(pairs);
        assert!(median.contains(&errors.median()), "{}", errors.median());
        assert!(p90.contains(&errors.p90()), "{}", errors.p90());
    }
}

#[test]
fn launches_from_python_are_missed_by_as_much_as_stated() {
    let gpu = H200::new();
    let streams = gpu.rows.iter().filter(|row| row.launch == Launch::Stream);
    let errors = Errors::of(streams.map(|row| {
        let model = gpu.model(row.implementation, Launch::Stream, &row.workload);
        (model.latency_us, row.time_us)
    }));
    assert_eq!(errors.len(), 276);
    assert!((errors.median() - gpu.device.stream_median_error).abs() < 2e-3, "{}", errors.median());
    assert!((errors.p90() - gpu.device.stream_p90_error).abs() < 2e-3, "{}", errors.p90());
}

#[derive(Deserialize)]
struct PowerRow {
    model: String,
    phase: String,
    scope: String,
    batch: u32,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    q_len: u32,
    kv_len: u32,
    dtype: String,
    implementation: String,
    kernel_time_us: f64,
    sustained_time_us: f64,
    energy_mj: f64,
    dynamic_energy_mj: f64,
}

impl PowerRow {
    fn all() -> Vec<Self> {
        let text = include_str!("../../tables/baselines/h200-power.csv");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().map(|row| row.expect("the file is well formed")).collect()
    }

    fn implementation(&self) -> Implementation {
        match (self.implementation.as_str(), self.dtype.as_str()) {
            ("eager", "fp32") => Implementation::EagerFp32,
            ("eager", _) => Implementation::EagerHalf,
            ("sdpa_cudnn", _) => Implementation::Cudnn,
            _ => Implementation::Flash,
        }
    }

    /// Operations and bytes as counted in the fit: eager code passes over the scores six (BERT), eight
    /// (GPT-2) or fourteen (Llama) times; appending to a cache by concatenation reads and writes it.
    fn work(&self) -> Work {
        let phase = match self.phase.as_str() {
            "encode" => Phase::Prefill { causal: false },
            "prefill" => Phase::Prefill { causal: true },
            _ => Phase::Decode { steps: 1 },
        };
        let workload = Workload {
            phase,
            batch: self.batch,
            layers: self.layers,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim: self.head_dim,
            q_len: self.q_len,
            kv_len: self.kv_len,
        };
        let step = workload.steps().next().expect("there is one step");
        let eager = self.implementation().is_eager();
        let size = self.implementation().element_bytes();
        let passes = match self.model.split('-').next() {
            _ if !eager => 0.0,
            Some("bert") => 6.0,
            Some("gpt2") => 8.0,
            _ => 14.0,
        };
        let appended = if self.scope == "attn_cat" { 2.0 * step.kv_bytes(size) } else { 0.0 };
        let layers = f64::from(self.layers);
        Work {
            device_us: self.kernel_time_us,
            flops: layers * if eager { step.dense_flops() } else { step.flops() },
            bytes: layers * (step.bytes(size) + passes * step.scores() * size + appended),
        }
    }
}

#[test]
fn energies_are_missed_by_as_much_as_stated() {
    let gpu = H200::new();
    let rows = PowerRow::all();
    let dynamic =
        |row: &PowerRow| gpu.dynamic_pj(row.implementation(), &row.work(), row.sustained_time_us);
    let idle = |row: &PowerRow| gpu.device.idle_w * row.sustained_time_us * 1e6;
    let figures = &gpu.device.energy;

    let errors = Errors::of(rows.iter().map(|row| (dynamic(row), row.dynamic_energy_mj * 1e9)));
    assert_eq!(errors.len(), 65);
    assert!((errors.median() - figures.dynamic_median_error).abs() < 2e-3, "{}", errors.median());
    assert!((errors.p90() - figures.dynamic_p90_error).abs() < 2e-3, "{}", errors.p90());

    let errors = Errors::of(rows.iter().map(|row| (dynamic(row) + idle(row), row.energy_mj * 1e9)));
    assert!((errors.median() - figures.total_median_error).abs() < 2e-3, "{}", errors.median());
    assert!((errors.p90() - figures.total_p90_error).abs() < 2e-3, "{}", errors.p90());
}

/// The same form, fitted to three of BERT, GPT-2, Llama-2 and Llama-3 and tried on the fourth.
#[test]
fn energies_of_models_left_out_are_missed_by_a_sixth_at_the_median() {
    let gpu = H200::new();
    let rows = PowerRow::all();
    let terms = |row: &PowerRow| {
        let work = row.work();
        let (half, single) = match row.implementation() {
            Implementation::EagerFp32 => (0.0, work.flops),
            _ => (work.flops, 0.0),
        };
        [work.device_us * 1e6, half, single, work.bytes]
    };
    let family = |row: &PowerRow| row.model.split('-').next().unwrap_or_default().to_owned();
    let mut pairs = Vec::new();
    for left_out in ["bert", "gpt2", "llama2", "llama3"] {
        let others: Vec<&PowerRow> = rows.iter().filter(|row| family(row) != left_out).collect();
        let inputs: Vec<[f64; 4]> = others.iter().map(|row| terms(row)).collect();
        let truth: Vec<f64> = others.iter().map(|row| row.dynamic_energy_mj * 1e9).collect();
        let coefficients = least_squares(&inputs, &truth);
        for row in rows.iter().filter(|row| family(row) == left_out) {
            let most = (gpu.device.limit_w - gpu.device.idle_w) * row.sustained_time_us * 1e6;
            let dynamic = predict(&terms(row), &coefficients).min(most);
            let idle = gpu.device.idle_w * row.sustained_time_us * 1e6;
            pairs.push((dynamic + idle, row.energy_mj * 1e9));
        }
    }
    let errors = Errors::of(pairs);
    assert!((0.14..0.18).contains(&errors.median()), "{}", errors.median());
    assert!((0.42..0.50).contains(&errors.p90()), "{}", errors.p90());
}
