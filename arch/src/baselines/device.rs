//! The GPU's description: its power, and which form gives the time of which workload.

use super::{
    form::Form,
    workload::{Phase, Step, Workload},
};
use crate::{
    fault::Faults,
    reader::{Block, Document, Rule, Section},
};

crate::choices! {
    /// What computes attention on the GPU.
    pub enum Implementation {
        /// The eager code of the Transformers library, in fp32 (TF32 off, PyTorch's default).
        EagerFp32 = "eager-fp32",
        /// The same in 16 bits: fp16, or bf16 for the Llama models.
        EagerHalf = "eager-half",
        /// PyTorch's fused attention, flash back end, 16 bits.
        Flash = "flash",
        /// PyTorch's fused attention, cuDNN back end, 16 bits.
        Cudnn = "cudnn",
    }

    /// Workloads that a case is for.
    pub enum When {
        /// Prefill without a mask.
        Encode = "encode",
        /// Prefill with a causal mask.
        Causal = "causal",
        /// Prefill of either sort.
        Prefill = "prefill",
        /// Decode.
        Decode = "decode",
    }

    /// Models that a case is for, told by their shape.
    pub enum Family {
        /// Several query heads share a K/V head.
        Grouped = "grouped",
        /// Grouped, or more than 64 dimensions a head: the code of the Llama models.
        Llama = "llama",
    }
}

crate::parameters! {
    /// Energy of the board above idle.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DynamicEnergy {
        /// Power of a device that is busy at all, in watts.
        pub busy_w: f64 where Rule::real(0.0, 1e4),
        /// A 16-bit operation.
        pub half_pj_per_flop: f64 where Rule::real(0.0, 1e4),
        /// A 32-bit operation.
        pub single_pj_per_flop: f64 where Rule::real(0.0, 1e4),
        /// A byte of memory traffic.
        pub pj_per_byte: f64 where Rule::real(0.0, 1e6),
        /// Median error of the dynamic energy.
        pub dynamic_median_error: f64 where Rule::real(0.0, 10.0),
        /// Error of the dynamic energy that nine rows in ten keep.
        pub dynamic_p90_error: f64 where Rule::real(0.0, 10.0),
        /// Median error of the total energy.
        pub total_median_error: f64 where Rule::real(0.0, 10.0),
        /// Error of the total energy that nine rows in ten keep.
        pub total_p90_error: f64 where Rule::real(0.0, 10.0),
    }
}

/// One fitted case of device time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DeviceTime {
    pub name: String,
    pub implementation: Implementation,
    phase: When,
    family: Option<Family>,
    pub form: Form,
    /// Fewest kernels of a layer that the profiler showed.
    pub fewest_kernels: u32,
    pub score_passes: u32,
    /// Measured rows that it was fitted to.
    pub rows: u32,
    pub median_error: f64,
    pub p90_error: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct HostTime {
    implementations: Vec<Implementation>,
    phase: When,
    family: Option<Family>,
    host_us: f64,
}

/// The description of a GPU.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Device {
    pub name: String,
    pub idle_w: f64,
    pub limit_w: f64,
    pub memory_gb: f64,
    /// Least time of a kernel in a CUDA graph.
    pub graph_kernel_us: f64,
    /// Least time of a kernel launched from Python.
    python_kernel_us: f64,
    peak_half_tflops: f64,
    peak_single_tflops: f64,
    pub stream_median_error: f64,
    pub stream_p90_error: f64,
    pub energy: DynamicEnergy,
    device_times: Vec<DeviceTime>,
    host_times: Vec<HostTime>,
}

impl When {
    fn covers(self, workload: &Workload) -> bool {
        match workload.phase {
            Phase::Decode { .. } => self == Self::Decode,
            Phase::Prefill { causal } => {
                self == Self::Prefill || self == if causal { Self::Causal } else { Self::Encode }
            }
        }
    }
}

impl Family {
    fn covers(self, workload: &Workload) -> bool {
        workload.is_grouped() || (self == Self::Llama && workload.head_dim > 64)
    }
}

impl Implementation {
    /// Bytes of an element.
    pub(super) fn element_bytes(self) -> f64 {
        if self == Self::EagerFp32 { 4.0 } else { 2.0 }
    }

    /// Whether it computes masked pairs too.
    pub(super) fn is_eager(self) -> bool {
        matches!(self, Self::EagerFp32 | Self::EagerHalf)
    }

    /// Operations that it executes: eager code computes what the mask hides.
    pub(super) fn flops(self, step: &Step) -> f64 {
        if self.is_eager() { step.dense_flops() } else { step.flops() }
    }
}

fn covers(phase: When, family: Option<Family>, workload: &Workload) -> bool {
    phase.covers(workload) && family.is_none_or(|family| family.covers(workload))
}

impl Device {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let document = Document::parse(file, text, &mut faults);
        let device = document.and_then(|document| read(document.root(&mut faults)));
        faults.into_result(device)
    }

    /// The first case that fits.
    pub(super) fn device_time(
        &self,
        implementation: Implementation,
        workload: &Workload,
    ) -> Option<&DeviceTime> {
        self.device_times.iter().find(|case| {
            case.implementation == implementation && covers(case.phase, case.family, workload)
        })
    }

    /// Microseconds that no layer on the device takes less than, whatever its form says of small or large
    /// shapes: its kernels one after another, and its operations at the peak rate.
    pub(super) fn floor_us(&self, case: &DeviceTime, step: &Step) -> f64 {
        let peak_tflops = match case.implementation {
            Implementation::EagerFp32 => self.peak_single_tflops,
            _ => self.peak_half_tflops,
        };
        let launches = f64::from(case.fewest_kernels) * self.graph_kernel_us;
        launches.max(case.implementation.flops(step) / peak_tflops * 1e-6)
    }

    /// Microseconds that Python takes to launch a layer, at least.
    pub(super) fn launch_us(&self, case: &DeviceTime) -> f64 {
        f64::from(case.fewest_kernels) * self.python_kernel_us
    }

    /// Microseconds of host time a layer.
    pub(super) fn host_us(
        &self,
        implementation: Implementation,
        workload: &Workload,
    ) -> Option<f64> {
        let case = self.host_times.iter().find(|case| {
            case.implementations.contains(&implementation)
                && covers(case.phase, case.family, workload)
        });
        case.map(|case| case.host_us)
    }
}

fn read(mut root: Section<'_, '_>) -> Option<Device> {
    let watts = Rule::real(0.0, 1e5);
    let error = Rule::real(0.0, 10.0);
    let rate = Rule::real(0.0, 1e6);
    let name = root.get("name", Rule::ANY);
    let peak_half_tflops = root.get("peak_half_tflops", rate);
    let peak_single_tflops = root.get("peak_single_tflops", rate);
    root.get::<f64>("bandwidth_gbs", rate);
    let memory_gb = root.get("memory_gb", rate);
    let graph_kernel_us = root.get("graph_kernel_us", rate);
    let python_kernel_us = root.get("python_kernel_us", rate);
    let idle_w = root.get("idle_w", watts);
    let limit_w = root.get("limit_w", watts);
    let stream_median_error = root.get("stream_median_error", error);
    let stream_p90_error = root.get("stream_p90_error", error);
    let energy = DynamicEnergy::read(root.section("energy"));
    let device_times = root.each("device_time", device_time);
    let host_times = root.each("host_time", host_time);
    root.finish();
    Some(Device {
        name: name?,
        idle_w: idle_w?,
        limit_w: limit_w?,
        memory_gb: memory_gb?,
        graph_kernel_us: graph_kernel_us?,
        python_kernel_us: python_kernel_us?,
        peak_half_tflops: peak_half_tflops?,
        peak_single_tflops: peak_single_tflops?,
        stream_median_error: stream_median_error?,
        stream_p90_error: stream_p90_error?,
        energy: energy?,
        device_times: device_times?,
        host_times: host_times?,
    })
}

fn device_time(mut section: Section<'_, '_>) -> Option<DeviceTime> {
    let name = section.get("name", Rule::ANY);
    let implementation = section.get("implementation", Rule::ANY);
    let phase = section.get("phase", Rule::ANY);
    let family = section.get_optional("family", Rule::ANY);
    let form = Form::read(&mut section);
    let fewest_kernels = section.get("fewest_kernels", Rule::between(1, 100));
    let score_passes = section.get("score_passes", Rule::between(0, 100));
    let rows = section.get("rows", Rule::between(1, 1_000_000));
    let median_error = section.get("median_error", Rule::real(0.0, 10.0));
    let p90_error = section.get("p90_error", Rule::real(0.0, 10.0));
    section.finish();
    Some(DeviceTime {
        name: name?,
        implementation: implementation?,
        phase: phase?,
        family: family?,
        form: form?,
        fewest_kernels: fewest_kernels?,
        score_passes: score_passes?,
        rows: rows?,
        median_error: median_error?,
        p90_error: p90_error?,
    })
}

fn host_time(mut section: Section<'_, '_>) -> Option<HostTime> {
    let implementations = section.get("implementations", Rule::ANY);
    let phase = section.get("phase", Rule::ANY);
    let family = section.get_optional("family", Rule::ANY);
    let host_us = section.get("host_us", Rule::real(0.0, 1e6));
    section.finish();
    Some(HostTime {
        implementations: implementations?,
        phase: phase?,
        family: family?,
        host_us: host_us?,
    })
}
