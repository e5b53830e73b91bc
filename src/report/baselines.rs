//! The same dense attention on other devices: how much faster we are, and with how much less energy.

use std::collections::BTreeMap;

use serde::Serialize;
use tamis_arch::{
    baselines::{self, Energy as DeviceEnergy, Estimate, Kind},
    units::Picojoules,
};
use tamis_workloads::plan::Phase;

use super::ratio;
use crate::simulation::{self, Work};

/// A device that computes the dense attention of the same workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Baseline {
    pub(crate) latency_seconds: f64,
    /// How the latency came about.
    pub(crate) latency_origin: Origin,
    /// Its latency over ours.
    pub(crate) speedup: Option<f64>,
    /// Of the whole board; `None` where nobody measured one.
    pub(crate) energy: Option<Compared>,
    /// Above idle, which is what the paper compares with.
    pub(crate) dynamic_energy: Option<Compared>,
    /// Whether a model was asked beyond the shapes that it was fitted to.
    pub(crate) extrapolated: bool,
    /// Whether a table that people read has it.
    pub(crate) shown: bool,
    /// What to know before comparing.
    pub(crate) note: String,
}

/// An energy of a device beside ours.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) energy_pj: Picojoules,
    pub(crate) origin: Origin,
    /// Over all of ours, static energy and DRAM included.
    pub(crate) ratio: Option<f64>,
}

/// How a figure of a device came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// This workload was measured on the device.
    Measured,
    /// A model fitted to measurements of other workloads.
    Model,
    /// Made so that the averages of a paper come out.
    ByConstruction,
}

impl Origin {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Model => "model",
            Self::ByConstruction => "by construction",
        }
    }
}

impl From<Kind> for Origin {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Measured => Self::Measured,
            Kind::Model { .. } => Self::Model,
            Kind::ByConstruction => Self::ByConstruction,
        }
    }
}

/// All devices, by their name and what runs on them.
pub(crate) fn compare(
    work: &Work,
    phase: Phase,
    seconds: f64,
    energy: Option<Picojoules>,
) -> BTreeMap<String, Baseline> {
    let workload = workload(work, phase);
    let devices = baselines::baselines();
    let named = devices.iter().map(|device| {
        let estimate = device.estimate(&workload);
        let name = format!("{}, {}", estimate.device, in_words(&estimate.implementation));
        let shown = device.is_shown(&workload);
        (name, Baseline { shown, ..Baseline::beside(estimate, seconds, energy) })
    });
    named.collect()
}

/// The name of an implementation as a reader knows it.
fn in_words(implementation: &str) -> String {
    let plain = implementation
        .replace("eager-fp32", "eager fp32")
        .replace("eager-half", "eager 16-bit")
        .replace("graph", "CUDA graph")
        .replace("stream", "launched by a script");
    if let Some(before) = plain.strip_suffix(", 1 threads") {
        return format!("{before}, 1 thread");
    }
    plain
}

impl Baseline {
    fn beside(estimate: Estimate, seconds: f64, ours: Option<Picojoules>) -> Self {
        let compared = |theirs: DeviceEnergy| Compared {
            energy_pj: theirs.value,
            origin: theirs.kind.into(),
            ratio: ours.and_then(|ours| ratio(theirs.value.0, ours.0)),
        };
        Self {
            latency_seconds: estimate.latency.0,
            latency_origin: estimate.kind.into(),
            speedup: ratio(estimate.latency.0, seconds),
            energy: estimate.energy.map(compared),
            dynamic_energy: estimate.dynamic_energy.map(compared),
            extrapolated: estimate.note.contains("extrapolated"),
            shown: true,
            note: estimate.note,
        }
    }
}

/// The dense attention of a phase. Windows are left out: the devices were measured without.
fn workload(work: &Work, phase: Phase) -> baselines::Workload {
    let (size, prompt, causal) = match work {
        Work::Trace { trace, .. } => {
            let shape = trace.shape();
            let prompt = shape.prompt_len.unwrap_or(shape.seq_len);
            (tamis_sim::Dimensions::from(shape), prompt, shape.causal)
        }
        Work::Table { table } => {
            let first = table.rows.iter().map(|row| row.length).min().unwrap_or(1);
            (simulation::dimensions_of_table(table), first - 1, true)
        }
    };
    let (phase, q_len, kv_len) = match phase {
        Phase::Prefill => (baselines::Phase::Prefill { causal }, prompt, prompt),
        Phase::Decode => (baselines::Phase::Decode { steps: size.tokens - prompt }, 1, prompt + 1),
    };
    baselines::Workload {
        phase,
        batch: 1,
        layers: size.layers,
        heads: size.heads,
        kv_heads: size.kv_heads,
        head_dim: size.head_dim,
        q_len,
        kv_len,
    }
}

#[cfg(test)]
mod tests {
    use tamis_arch::units::Seconds;

    use super::*;

    fn estimate() -> Estimate {
        Estimate {
            device: "device".to_owned(),
            implementation: "code".to_owned(),
            latency: Seconds(3e-6),
            kind: Kind::Measured,
            energy: None,
            dynamic_energy: Some(DeviceEnergy {
                value: Picojoules(8e6),
                kind: Kind::ByConstruction,
            }),
            note: String::new(),
        }
    }

    #[test]
    fn ratios_are_theirs_over_ours_and_each_says_how_it_came_about() {
        let beside = Baseline::beside(estimate(), 2e-6, Some(Picojoules(2e6)));
        assert!((beside.speedup.expect("time passed") - 1.5).abs() < 1e-12);
        assert_eq!(beside.latency_origin, Origin::Measured);
        let energy = beside.dynamic_energy.expect("it has one");
        assert!((energy.ratio.expect("we took some") - 4.0).abs() < 1e-12);
        assert_eq!(energy.origin, Origin::ByConstruction);
        assert!(beside.energy.is_none());
    }

    #[test]
    fn implementations_are_told_in_plain_words() {
        assert_eq!(in_words("eager-half, graph"), "eager 16-bit, CUDA graph");
        assert_eq!(in_words("eager-fp32, 1 threads"), "eager fp32, 1 thread");
        assert_eq!(in_words("eager-fp32, 11 threads"), "eager fp32, 11 threads");
    }

    #[test]
    fn nothing_is_faster_than_a_run_of_no_cycles() {
        let beside = Baseline::beside(estimate(), 0.0, None);
        assert_eq!(beside.speedup, None);
        assert_eq!(beside.dynamic_energy.expect("it has one").ratio, None);
    }
}
