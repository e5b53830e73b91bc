//! The devices of the SpAtten paper, by construction from its averages: see `paper.toml`.
//!
//! A machine that performs as the paper's will show the paper's average ratios against them: they carry
//! no knowledge of their own. They know one rate a phase, the average over benchmarks that are mostly
//! short: a shorter sequence looks faster than on the real device, which would be bound by launches, and
//! a longer one slower, as the real device works faster there.

use super::{
    estimate::{Energy, Estimate, Kind},
    workload::Workload,
};
use crate::{
    fault::Faults,
    reader::{Block, Document, Rule},
    units::{Picojoules, Seconds},
};

/// Longest sequence of the paper's benchmarks.
const LONGEST: u32 = 1024;
/// Shortest: the mean length of CoLA's sentences in word pieces, the shortest task of GLUE. The paper says
/// that it takes means of development sets and does not print them.
const SHORTEST: u32 = 11;
/// Dimensions of a head in all of them.
const HEAD_DIM: u32 = 64;

const RATIO: Rule = Rule::real(1.0, 1e6);

crate::parameters! {
    /// A device that the paper compares with.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Comparison {
        /// What it is.
        pub name: String,
        /// How many times longer it takes than SpAtten.
        pub speedup: f64 where RATIO,
        /// How many times more dynamic energy it takes.
        pub energy_saving: f64 where RATIO,
    }
}

/// A device with the averages that it is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PaperDevice {
    name: String,
    /// Dense operations a second, by phase.
    prefill_flops: f64,
    decode_flops: f64,
    dynamic_w: f64,
}

impl PaperDevice {
    /// The four devices.
    pub(super) fn all() -> Vec<Self> {
        let text = include_str!("../../tables/devices/paper.toml");
        parse("paper.toml", text)
            .unwrap_or_else(|faults| panic!("compiled-in devices have no faults: {faults}"))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn estimate(&self, workload: &Workload) -> Estimate {
        let flops: f64 = workload.steps().map(|step| step.dense_flops()).sum();
        let rate = if workload.is_decode() { self.decode_flops } else { self.prefill_flops };
        let seconds = f64::from(workload.layers) * flops / rate;
        let energy = Energy {
            value: Picojoules(self.dynamic_w * seconds * 1e12),
            kind: Kind::ByConstruction,
        };
        let range = if knows(workload) { "" } else { ", and this shape is none of them" };
        Estimate {
            device: self.name.clone(),
            implementation: "as in the paper".into(),
            latency: Seconds(seconds),
            kind: Kind::ByConstruction,
            energy: None,
            dynamic_energy: Some(energy),
            note: format!(
                "the average rate of the SpAtten paper's benchmarks at any length{range}: for a mean over \
                 tasks, not for one run"
            ),
        }
    }
}

/// Whether a workload has the shape of the paper's benchmarks: outside, an average of them says nothing.
pub(super) fn knows(workload: &Workload) -> bool {
    let keys = workload.kv_len >= SHORTEST && workload.last_keys() <= LONGEST;
    keys && workload.head_dim == HEAD_DIM
}

fn parse(file: &str, text: &str) -> Result<Vec<PaperDevice>, Faults> {
    let mut faults = Faults::default();
    let document = Document::parse(file, text, &mut faults);
    let devices = document.and_then(|document| {
        let mut root = document.root(&mut faults);
        let rate = Rule::real(1e-6, 1e6);
        let power: Option<f64> = root.get("spatten_power_w", rate);
        let prefill: Option<f64> = root.get("spatten_prefill_tflops", rate);
        let decode: Option<f64> = root.get("spatten_decode_tflops", rate);
        let prefill_reduction: Option<f64> = root.get("prefill_reduction", RATIO);
        let decode_reduction: Option<f64> = root.get("decode_reduction", RATIO);
        let devices = root.each("device", Comparison::read);
        root.finish();
        let (power, prefill, decode) =
            (power?, prefill? * prefill_reduction?, decode? * decode_reduction?);
        let devices = devices?.into_iter().map(|device| PaperDevice {
            prefill_flops: prefill * 1e12 / device.speedup,
            decode_flops: decode * 1e12 / device.speedup,
            dynamic_w: power * device.energy_saving / device.speedup,
            name: device.name,
        });
        Some(devices.collect())
    });
    faults.into_result(devices)
}
