//! What other devices take for the same dense attention, each number with how it came about.
//!
//! An NVIDIA H200 and two CPUs were measured (`arch/tables/baselines/README.md`); the four devices of the
//! SpAtten paper are constructed from its averages. `docs/reference/baselines.md` has the models, their
//! errors and their limits.
//!
//! Comparisons must not flatter us. At batch 1 and short sequences a GPU driven from Python waits for its
//! host, and a speed-up over that is one over launch overhead. So [`baselines`] always lists the GPU with
//! CUDA graphs and its best fused kernel beside eager code launched from Python, and notes say what binds.

#[expect(unreachable_pub, reason = "what the macros declare is public")]
mod cpu;
#[expect(unreachable_pub, reason = "what the macros declare is public")]
mod device;
mod estimate;
#[expect(unreachable_pub, reason = "what the macros declare is public")]
mod form;
mod h200;
mod measured;
#[expect(unreachable_pub, reason = "what the macros declare is public")]
mod paper;
#[cfg(test)]
mod statistics;
mod workload;

use std::sync::Arc;

use self::{cpu::Cpu, h200::H200, paper::PaperDevice};
pub use self::{
    device::Implementation,
    estimate::{Energy, Estimate, Kind},
    h200::Launch,
    workload::{Phase, Step, Workload},
};

/// A device with what runs on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline(Subject);

#[derive(Clone, Debug, PartialEq)]
enum Subject {
    Gpu {
        gpu: Arc<H200>,
        implementation: Implementation,
        launch: Launch,
    },
    /// The faster of the fused kernels, whichever that is for a workload.
    Fused {
        gpu: Arc<H200>,
        launch: Launch,
    },
    Cpu {
        cpu: Arc<Cpu>,
        threads: u32,
    },
    Paper(PaperDevice),
}

/// Every baseline: the H200 with eager code in both precisions as a script launches it, with eager 16-bit
/// code and the best fused kernel as CUDA graphs; both CPUs; the paper's devices. For files; a table that
/// people read has [`shown`].
#[must_use]
pub fn baselines() -> Vec<Baseline> {
    use Implementation::{EagerFp32, EagerHalf};
    let gpu = Arc::new(H200::new());
    let run =
        |implementation, launch| Subject::Gpu { gpu: Arc::clone(&gpu), implementation, launch };
    let mut subjects = vec![
        run(EagerFp32, Launch::Stream),
        run(EagerHalf, Launch::Stream),
        run(EagerHalf, Launch::Graph),
        Subject::Fused { gpu: Arc::clone(&gpu), launch: Launch::Graph },
    ];
    for cpu in Cpu::all().map(Arc::new) {
        let threads: Vec<u32> = cpu.threads().collect();
        subjects.extend(
            threads.into_iter().map(|threads| Subject::Cpu { cpu: Arc::clone(&cpu), threads }),
        );
    }
    subjects.extend(PaperDevice::all().into_iter().map(Subject::Paper));
    subjects.into_iter().map(Baseline).collect()
}

/// What a table compares with: the GPU as the paper used its own (eager, fp32, from Python) and at its
/// best; a server's CPU on one thread and on all; the paper's devices. Left out are those that say
/// nothing of this workload ([`Baseline::is_shown`]).
#[must_use]
pub fn shown(workload: &Workload) -> Vec<Baseline> {
    baselines().into_iter().filter(|baseline| baseline.is_shown(workload)).collect()
}

impl Baseline {
    /// The H200 with one implementation, launched one way.
    #[must_use]
    pub fn h200(implementation: Implementation, launch: Launch) -> Self {
        Self(Subject::Gpu { gpu: Arc::new(H200::new()), implementation, launch })
    }

    /// Which device.
    #[must_use]
    pub fn device(&self) -> &str {
        match &self.0 {
            Subject::Gpu { gpu, .. } | Subject::Fused { gpu, .. } => gpu.name(),
            Subject::Cpu { cpu, .. } => cpu.name(),
            Subject::Paper(device) => device.name(),
        }
    }

    /// Whether [`shown`] has it: not the GPU's eager code where its memory is too small, not the second
    /// CPU, and the paper's devices only for shapes of the paper's benchmarks.
    #[must_use]
    pub fn is_shown(&self, workload: &Workload) -> bool {
        match &self.0 {
            Subject::Gpu { gpu, implementation: Implementation::EagerFp32, launch } => {
                *launch == Launch::Stream && gpu.holds(Implementation::EagerFp32, workload)
            }
            Subject::Gpu { .. } => false,
            Subject::Fused { launch, .. } => *launch == Launch::Graph,
            Subject::Cpu { cpu, .. } => cpu.is_server(),
            Subject::Paper(_) => paper::knows(workload),
        }
    }

    /// What it takes for a workload.
    #[must_use]
    pub fn estimate(&self, workload: &Workload) -> Estimate {
        match &self.0 {
            Subject::Gpu { gpu, implementation, launch } => {
                gpu.estimate(*implementation, *launch, workload)
            }
            Subject::Fused { gpu, launch } => {
                let flash = gpu.estimate(Implementation::Flash, *launch, workload);
                let cudnn = gpu.estimate(Implementation::Cudnn, *launch, workload);
                if flash.latency < cudnn.latency { flash } else { cudnn }
            }
            Subject::Cpu { cpu, threads } => cpu.estimate(*threads, workload),
            Subject::Paper(device) => device.estimate(workload),
        }
    }
}
