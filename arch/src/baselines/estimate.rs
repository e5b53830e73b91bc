//! What a baseline answers.

use std::fmt;

use serde::Serialize;

use crate::units::{Picojoules, Seconds};

/// How a number came about: every report says it beside the number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Kind {
    /// Read from a table of measurements of this very workload.
    Measured,
    /// A fit to measurements of other workloads; shares of the value by which it missed measured ones.
    Model {
        /// Median.
        median_error: f64,
        /// Nine in ten are below it.
        p90_error: f64,
    },
    /// Derived from ratios that a paper publishes.
    ByConstruction,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Measured => "measured",
            Self::Model { .. } => "model",
            Self::ByConstruction => "by construction",
        })
    }
}

/// An energy, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Energy {
    /// How much.
    #[serde(rename = "energy_pj")]
    pub value: Picojoules,
    /// How it came about.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a device takes for a workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Which device.
    pub device: String,
    /// What runs on it, and how it is launched.
    pub implementation: String,
    /// How long it takes.
    #[serde(rename = "latency_s")]
    pub latency: Seconds,
    /// How the latency came about.
    #[serde(flatten)]
    pub kind: Kind,
    /// Of the whole board; `None` where nobody measured one.
    pub energy: Option<Energy>,
    /// Above idle; `None` where nobody measured one.
    pub dynamic_energy: Option<Energy>,
    /// What to know before comparing with it.
    pub note: String,
}
