//! How the time of one layer on the GPU depends on its shape: the forms of `h200.toml`.

use super::workload::Step;
use crate::reader::{Rule, Section};

crate::choices! {
    /// Name of a form.
    pub enum FormName {
        /// Each block walks the keys one after another.
        Serial = "serial",
        /// Keys are split over blocks, and two kernels run.
        Split = "split",
        /// Launches, then passes over the scores.
        Kernels = "kernels",
        /// Launches, then K and V once.
        KernelsStream = "kernels-stream",
        /// Launches, then K and V copied once a query head.
        KernelsCopies = "kernels-copies",
    }
}

/// A form with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// `t0 + a keys + flops / rate`.
    Serial { t0_us: f64, ns_per_key: f64, tflops: f64 },
    /// `min(t0 + a keys, split) + bytes / rate`.
    Split { t0_us: f64, ns_per_key: f64, split_us: f64, gbs: f64, many_heads: u32, many_gbs: f64 },
    /// `kernels * t + c scores`.
    Kernels { launches_us: f64, ps_per_score: f64 },
    /// `kernels * t + kv_bytes / rate`.
    KernelsStream { launches_us: f64, gbs: f64 },
    /// `kernels * t + kv_bytes * heads / kv_heads / rate`.
    KernelsCopies { launches_us: f64, gbs: f64 },
}

const TIME: Rule = Rule::real(0.0, 1e6);
const RATE: Rule = Rule::real(1e-3, 1e6);

impl Form {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Self> {
        let form = section.get("form", Rule::ANY)?;
        match form {
            FormName::Serial => {
                let t0_us = section.get("t0_us", TIME);
                let ns_per_key = section.get("ns_per_key", TIME);
                let tflops = section.get("tflops", RATE);
                Some(Self::Serial { t0_us: t0_us?, ns_per_key: ns_per_key?, tflops: tflops? })
            }
            FormName::Split => {
                let t0_us = section.get("t0_us", TIME);
                let ns_per_key = section.get("ns_per_key", TIME);
                let split_us = section.get("split_us", TIME);
                let gbs = section.get("gbs", RATE);
                let many_heads = section.get("many_heads", Rule::between(1, 1_000_000));
                let many_gbs = section.get("many_gbs", RATE);
                Some(Self::Split {
                    t0_us: t0_us?,
                    ns_per_key: ns_per_key?,
                    split_us: split_us?,
                    gbs: gbs?,
                    many_heads: many_heads?,
                    many_gbs: many_gbs?,
                })
            }
            FormName::Kernels => {
                let launches_us = launches(section);
                let ps_per_score = section.get("ps_per_score", TIME);
                Some(Self::Kernels { launches_us: launches_us?, ps_per_score: ps_per_score? })
            }
            FormName::KernelsStream => {
                let launches_us = launches(section);
                let gbs = section.get("gbs", RATE);
                Some(Self::KernelsStream { launches_us: launches_us?, gbs: gbs? })
            }
            FormName::KernelsCopies => {
                let launches_us = launches(section);
                let gbs = section.get("gbs", RATE);
                Some(Self::KernelsCopies { launches_us: launches_us?, gbs: gbs? })
            }
        }
    }

    /// Microseconds of one layer in one step, elements of `size` bytes.
    pub(super) fn microseconds(&self, step: &Step, size: f64) -> f64 {
        let workload = step.workload();
        // Keys, in units of 64 dimensions: what one block walks.
        let keys = f64::from(step.kv_len()) * f64::from(workload.head_dim) / 64.0;
        match *self {
            Self::Serial { t0_us, ns_per_key, tflops } => {
                t0_us + ns_per_key * keys * 1e-3 + step.flops() / tflops * 1e-6
            }
            Self::Split { t0_us, ns_per_key, split_us, gbs, many_heads, many_gbs } => {
                let blocks = workload.batch.saturating_mul(workload.kv_heads);
                let rate = if blocks >= many_heads { many_gbs } else { gbs };
                (t0_us + ns_per_key * keys * 1e-3).min(split_us) + step.bytes(size) / rate * 1e-3
            }
            Self::Kernels { launches_us, ps_per_score } => {
                launches_us + ps_per_score * step.scores() * 1e-6
            }
            Self::KernelsStream { launches_us, gbs } => {
                launches_us + step.kv_bytes(size) / gbs * 1e-3
            }
            Self::KernelsCopies { launches_us, gbs } => {
                let copies = f64::from(workload.heads) / f64::from(workload.kv_heads.max(1));
                launches_us + copies * step.kv_bytes(size) / gbs * 1e-3
            }
        }
    }
}

fn launches(section: &mut Section<'_, '_>) -> Option<f64> {
    let kernels: Option<u32> = section.get("kernels", Rule::between(1, 100));
    let kernel_us: Option<f64> = section.get("kernel_us", TIME);
    Some(f64::from(kernels?) * kernel_us?)
}
