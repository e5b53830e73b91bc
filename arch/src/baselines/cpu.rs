//! CPUs: measured where the very workload was measured, a least-squares fit elsewhere. No energy counter
//! was readable, so there is no energy.

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

/// A CPU, its measurements and its fit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cpu {
    key: String,
    name: String,
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

    /// Numbers of threads that were measured.
    pub(super) fn threads(&self) -> impl Iterator<Item = u32> {
        self.runs.iter().map(|run| run.threads)
    }

    pub(super) fn estimate(&self, threads: u32, workload: &Workload) -> Estimate {
        let run = self.runs.iter().find(|run| run.threads == threads);
        let run = run.expect("a CPU is asked for numbers of threads that it lists");
        let measured = self.rows.iter().find(|row| {
            row.device == self.key && row.threads == threads && row.workload == *workload
        });
        let (latency_us, kind, note) = match measured {
            Some(row) => (row.time_us, Kind::Measured, format!("measured on {}, fp32", row.model)),
            None => run.model(workload),
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
    fn model(&self, workload: &Workload) -> (f64, Kind, String) {
        let time = |step: &Step| match workload.is_decode() {
            true => self.decode.microseconds(step),
            false => self.prefill.microseconds(step),
        };
        let steps: f64 = workload.steps().map(|step| time(&step)).sum();
        let (median_error, p90_error) = match workload.is_decode() {
            true => (self.decode.median_error, self.decode.p90_error),
            false => (self.prefill.median_error, self.prefill.p90_error),
        };
        let note = "fit to BERT and GPT-2 shapes of up to 1024 tokens".into();
        (f64::from(workload.layers) * steps, Kind::Model { median_error, p90_error }, note)
    }
}

fn read(mut root: Section<'_, '_>) -> Option<Cpu> {
    let key = root.get("key", Rule::ANY);
    let name = root.get("name", Rule::ANY);
    let runs = root.each("run", |mut section| {
        let threads = section.get("threads", Rule::between(1, 4096));
        let prefill = PrefillTime::read(section.section("prefill"));
        let decode = DecodeTime::read(section.section("decode"));
        section.finish();
        Some(Run { threads: threads?, prefill: prefill?, decode: decode? })
    });
    root.finish();
    Some(Cpu { key: key?, name: name?, runs: runs?, rows: cpu_rows() })
}

#[cfg(test)]
#[path = "cpu_tests.rs"]
mod tests;
