//! CPUs: measured where the very workload was measured, a least-squares fit elsewhere, and nowhere beyond
//! the best rates that were measured. No energy counter was readable, so there is no energy.

use super::{
    estimate::{Estimate, Kind},
    measured::{CpuRow, cpu_rows},
    workload::{Step, Workload},
};
use crate::{
    fault::Faults,
    reader::{Block, Document, Rule, Section},
    units::Seconds,
};

/// Scores, in millions, up to which a layer's score tensor costs its lower rate.
pub(super) const BREAK: f64 = 4.0;
/// Shapes of the measured rows.
const FEWEST_KEYS: u32 = 32;
const MOST_KEYS: u32 = 1024;
const HEAD_DIM: u32 = 64;

crate::parameters! {
    /// Time of one layer of prefill.
    #[derive(Clone, Debug, PartialEq)]
    pub struct PrefillTime {
        /// What every layer takes.
        pub t0_us: f64 where Rule::real(0.0, 1e6),
        /// Each million of scores, masked ones too.
        pub us_per_million_scores: f64 where Rule::real(0.0, 1e9),
        /// Each million beyond four, on top.
        pub us_per_million_scores_beyond: f64 where Rule::real(0.0, 1e9),
        /// Median error on models left out of the fit.
        pub median_error: f64 where Rule::real(0.0, 10.0),
        /// Error that nine rows in ten left out keep.
        pub p90_error: f64 where Rule::real(0.0, 10.0),
    }

    /// Time of one layer of a decode step.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DecodeTime {
        /// What every layer takes.
        pub t0_us: f64 where Rule::real(0.0, 1e6),
        /// Each megabyte of K and V.
        pub us_per_megabyte: f64 where Rule::real(0.0, 1e9),
        /// Median error on models left out of the fit.
        pub median_error: f64 where Rule::real(0.0, 10.0),
        /// Error that nine rows in ten left out keep.
        pub p90_error: f64 where Rule::real(0.0, 10.0),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Run {
    threads: u32,
    prefill: PrefillTime,
    decode: DecodeTime,
}

/// What no fit may promise more than, for a fit knows neither what a tiny layer costs to launch nor where
/// the cores or the memory end: the best rates of the measured rows of a CPU and number of threads.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fastest {
    /// From the CPU's file.
    layer_us: f64,
    flops_per_us: f64,
    bytes_per_us: f64,
}

impl Fastest {
    fn of<'r>(layer_us: f64, rows: impl Iterator<Item = &'r CpuRow>) -> Self {
        let none = Self { layer_us, flops_per_us: 0.0, bytes_per_us: 0.0 };
        rows.fold(none, |best, row| {
            let step = row.workload.steps().next().expect("every row has a step");
            let time_us = row.time_us / f64::from(row.workload.layers);
            Self {
                layer_us,
                flops_per_us: best.flops_per_us.max(step.dense_flops() / time_us),
                bytes_per_us: best.bytes_per_us.max(step.kv_bytes(4.0) / time_us),
            }
        })
    }

    /// Least time of a layer.
    fn floor_us(&self, step: &Step) -> f64 {
        let computed = step.dense_flops() / self.flops_per_us;
        let moved = step.kv_bytes(4.0) / self.bytes_per_us;
        self.layer_us.max(computed).max(moved)
    }
}

/// A CPU, its measurements and its fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cpu {
    key: String,
    name: String,
    least_layer_us: f64,
    runs: Vec<Run>,
    rows: Vec<CpuRow>,
}

impl PrefillTime {
    fn microseconds(&self, step: &Step) -> f64 {
        let scores = step.scores() * 1e-6;
        self.t0_us
            + self.us_per_million_scores * scores
            + self.us_per_million_scores_beyond * (scores - BREAK).max(0.0)
    }
}

impl DecodeTime {
    fn microseconds(&self, step: &Step) -> f64 {
        self.t0_us + self.us_per_megabyte * step.kv_bytes(4.0) * 1e-6
    }
}

impl Cpu {
    /// The CPUs that were measured.
    pub(super) fn all() -> [Self; 2] {
        let files = [
            ("xeon.toml", include_str!("../../tables/devices/xeon.toml")),
            ("epyc.toml", include_str!("../../tables/devices/epyc.toml")),
        ];
        files.map(|(file, text)| {
            Self::parse(file, text)
                .unwrap_or_else(|faults| panic!("compiled-in devices have no faults: {faults}"))
        })
    }

    fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let document = Document::parse(file, text, &mut faults);
        let cpu = document.and_then(|document| read(document.root(&mut faults)));
        faults.into_result(cpu)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it ran on all cores of a server of its own: the other was a small share of a busy one.
    pub(super) fn is_server(&self) -> bool {
        self.runs.len() > 1
    }

    /// Numbers of threads that were measured.
    pub(super) fn threads(&self) -> impl Iterator<Item = u32> {
        self.runs.iter().map(|run| run.threads)
    }

    fn fastest(&self, threads: u32) -> Fastest {
        let own = |row: &&CpuRow| row.device == self.key && row.threads == threads;
        Fastest::of(self.least_layer_us, self.rows.iter().filter(own))
    }

    pub(super) fn estimate(&self, threads: u32, workload: &Workload) -> Estimate {
        let run = self.runs.iter().find(|run| run.threads == threads);
        let run = run.expect("a CPU is asked for numbers of threads that it lists");
        let measured = self.rows.iter().find(|row| {
            row.device == self.key && row.threads == threads && row.workload == *workload
        });
        let (latency_us, kind, note) = match measured {
            Some(row) => (row.time_us, Kind::Measured, format!("measured on {}, fp32", row.model)),
            None => run.model(workload, &self.fastest(threads)),
        };
        Estimate {
            device: self.name.clone(),
            implementation: format!("eager-fp32, {threads} threads"),
            latency: Seconds(latency_us * 1e-6),
            kind,
            energy: None,
            dynamic_energy: None,
            note: format!("{note}; no energy was measured"),
        }
    }
}

impl Run {
    fn model(&self, workload: &Workload, fastest: &Fastest) -> (f64, Kind, String) {
        let (mut layer_us, mut steps, mut at_floor) = (0.0, 0_u64, 0_u64);
        for step in workload.steps() {
            let fit = match workload.is_decode() {
                true => self.decode.microseconds(&step),
                false => self.prefill.microseconds(&step),
            };
            let floor = fastest.floor_us(&step);
            layer_us += fit.max(floor);
            steps += 1;
            at_floor += u64::from(floor > fit);
        }
        let (median_error, p90_error) = match workload.is_decode() {
            true => (self.decode.median_error, self.decode.p90_error),
            false => (self.prefill.median_error, self.prefill.p90_error),
        };
        let mut note = "fit to BERT and GPT-2 shapes of 32 to 1024 tokens".to_owned();
        let inside = workload.kv_len >= FEWEST_KEYS && workload.last_keys() <= MOST_KEYS;
        if !inside || workload.head_dim != HEAD_DIM {
            note.push_str(", extrapolated");
        }
        if 2 * at_floor > steps {
            note.push_str("; held to the best rates and the least launch cost that were measured");
        }
        (f64::from(workload.layers) * layer_us, Kind::Model { median_error, p90_error }, note)
    }
}

fn read(mut root: Section<'_, '_>) -> Option<Cpu> {
    let key = root.get("key", Rule::ANY);
    let name = root.get("name", Rule::ANY);
    let least_layer_us = root.get("least_layer_us", Rule::real(0.0, 1e6));
    let runs = root.each("run", |mut section| {
        let threads = section.get("threads", Rule::between(1, 4096));
        let prefill = PrefillTime::read(section.section("prefill"));
        let decode = DecodeTime::read(section.section("decode"));
        section.finish();
        Some(Run { threads: threads?, prefill: prefill?, decode: decode? })
    });
    root.finish();
    Some(Cpu {
        key: key?,
        name: name?,
        least_layer_us: least_layer_us?,
        runs: runs?,
        rows: cpu_rows(),
    })
}

#[cfg(test)]
#[path = "cpu_tests.rs"]
mod tests;
