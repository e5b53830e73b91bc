//! One NVIDIA H200: measured where the very workload was measured, a fitted model elsewhere.

use super::{
    device::{Device, DeviceTime, Implementation},
    estimate::{Energy, Estimate, Kind},
    measured::{GpuRow, gpu_rows},
    workload::Workload,
};
use crate::units::{Picojoules, Seconds};

crate::choices! {
    /// How work reaches the GPU.
    pub enum Launch {
        /// Kernel by kernel from Python, as a user's script does.
        Stream = "stream",
        /// One replay of a CUDA graph a pass: no launch cost, as a compiled runtime does.
        Graph = "graph",
    }
}

/// The GPU, its measurements and its model.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct H200 {
    device: Device,
    rows: Vec<GpuRow>,
}

/// Device and host time of a workload by the model.
struct Modelled<'d> {
    case: &'d DeviceTime,
    device_us: f64,
    latency_us: f64,
    /// Most steps' layers wait for the host.
    host_bound: bool,
    /// Most steps' layers take the least that one can, where the form says less.
    at_floor: bool,
}

/// What energy is charged for.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    device_us: f64,
    flops: f64,
    bytes: f64,
}

impl H200 {
    pub(super) fn new() -> Self {
        let text = include_str!("../../tables/devices/h200.toml");
        let device = Device::parse("h200.toml", text)
            .unwrap_or_else(|faults| panic!("compiled-in devices have no faults: {faults}"));
        Self { device, rows: gpu_rows() }
    }

    pub(super) fn name(&self) -> &str {
        &self.device.name
    }

    pub(super) fn estimate(
        &self,
        implementation: Implementation,
        launch: Launch,
        workload: &Workload,
    ) -> Estimate {
        let modelled = self.model(implementation, launch, workload);
        let measured = self.rows.iter().find(|row| {
            row.implementation == implementation
                && row.launch == launch
                && row.workload == *workload
        });
        let latency_us = measured.map_or(modelled.latency_us, |row| row.time_us);
        let (total, dynamic) = match measured.and_then(|row| row.sustained) {
            Some((time_us, power_w)) => self.measured_energy(time_us, power_w),
            None => self.modelled_energy(implementation, workload, &modelled, latency_us),
        };
        Estimate {
            device: self.device.name.clone(),
            implementation: format!("{}, {}", implementation.name(), launch.name()),
            latency: Seconds(latency_us * 1e-6),
            kind: measured.map_or_else(|| self.kind(launch, &modelled), |_| Kind::Measured),
            energy: Some(total),
            dynamic_energy: Some(dynamic),
            note: self.note(implementation, launch, workload, &modelled, measured),
        }
    }

    /// Latency as the larger of host and device time, step by step, layer by layer.
    fn model(
        &self,
        implementation: Implementation,
        launch: Launch,
        workload: &Workload,
    ) -> Modelled<'_> {
        let case = self.device.device_time(implementation, workload);
        let case = case.expect("the device's file has a case for every implementation and phase");
        let host = self.device.host_us(implementation, workload);
        let host = host.expect("the device's file has a host time for every case");
        let host = host.max(self.device.launch_us(case));
        let layers = f64::from(workload.layers);
        let (mut device_us, mut latency_us) = (0.0, 0.0);
        let (mut steps, mut host_bound, mut at_floor) = (0_u64, 0_u64, 0_u64);
        for step in workload.steps() {
            let form = case.form.microseconds(&step, implementation.element_bytes());
            let floor = self.device.floor_us(case, &step);
            let device = form.max(floor);
            let waits = launch == Launch::Stream && host > device;
            device_us += layers * device;
            latency_us += layers * if waits { host } else { device };
            steps += 1;
            host_bound += u64::from(waits);
            at_floor += u64::from(floor > form);
        }
        let most = |count: u64| 2 * count > steps;
        let (host_bound, at_floor) = (most(host_bound), most(at_floor));
        Modelled { case, device_us, latency_us, host_bound, at_floor }
    }

    fn kind(&self, launch: Launch, modelled: &Modelled<'_>) -> Kind {
        match launch {
            Launch::Stream => Kind::Model {
                median_error: self.device.stream_median_error,
                p90_error: self.device.stream_p90_error,
            },
            Launch::Graph => Kind::Model {
                median_error: modelled.case.median_error,
                p90_error: modelled.case.p90_error,
            },
        }
    }

    fn measured_energy(&self, time_us: f64, power_w: f64) -> (Energy, Energy) {
        let over =
            |watts: f64| Energy { value: Picojoules(watts * time_us * 1e6), kind: Kind::Measured };
        (over(power_w), over(power_w - self.device.idle_w))
    }

    fn modelled_energy(
        &self,
        implementation: Implementation,
        workload: &Workload,
        modelled: &Modelled<'_>,
        latency_us: f64,
    ) -> (Energy, Energy) {
        let size = implementation.element_bytes();
        let passes = f64::from(modelled.case.score_passes);
        let mut work = Work { device_us: modelled.device_us, ..Work::default() };
        for step in workload.steps() {
            let moved = step.bytes(size) + passes * step.scores() * size;
            work.flops += f64::from(workload.layers) * implementation.flops(&step);
            work.bytes += f64::from(workload.layers) * moved;
        }
        let dynamic = self.dynamic_pj(implementation, &work, latency_us);
        let total = dynamic + self.device.idle_w * latency_us * 1e6;
        let figures = &self.device.energy;
        let model = |value, median_error, p90_error| Energy {
            value: Picojoules(value),
            kind: Kind::Model { median_error, p90_error },
        };
        (
            model(total, figures.total_median_error, figures.total_p90_error),
            model(dynamic, figures.dynamic_median_error, figures.dynamic_p90_error),
        )
    }

    /// What being busy, operations and bytes add to idle power; the board never exceeds its limit.
    fn dynamic_pj(&self, implementation: Implementation, work: &Work, latency_us: f64) -> f64 {
        let figures = &self.device.energy;
        let per_flop = match implementation {
            Implementation::EagerFp32 => figures.single_pj_per_flop,
            _ => figures.half_pj_per_flop,
        };
        let busy = figures.busy_w * work.device_us * 1e6;
        let most = (self.device.limit_w - self.device.idle_w) * latency_us * 1e6;
        (busy + per_flop * work.flops + figures.pj_per_byte * work.bytes).min(most)
    }

    /// Whether K, V and the scores of eager code fit its memory.
    pub(super) fn holds(&self, implementation: Implementation, workload: &Workload) -> bool {
        self.gigabytes(implementation, workload) <= self.device.memory_gb
    }

    fn gigabytes(&self, implementation: Implementation, workload: &Workload) -> f64 {
        workload.gigabytes(implementation.element_bytes(), implementation.is_eager())
    }

    /// What to know: where the number comes from, what bounds it, and where it leaves what was measured.
    fn note(
        &self,
        implementation: Implementation,
        launch: Launch,
        workload: &Workload,
        modelled: &Modelled<'_>,
        measured: Option<&GpuRow>,
    ) -> String {
        let mut notes = vec![match measured {
            Some(row) => format!("measured on {}, {}", row.model, row.dtype),
            None => format!("fit to {} rows of {}", modelled.case.rows, modelled.case.name),
        }];
        if measured.is_none() {
            notes.extend(self.outside(modelled.case, workload));
        }
        notes.push(match launch {
            Launch::Graph => "a CUDA graph, without launch cost".into(),
            Launch::Stream if modelled.host_bound => {
                "bound by launching from Python: compare with the graph as well".into()
            }
            Launch::Stream => "bound by the device".into(),
        });
        if measured.is_none() && modelled.at_floor && !modelled.host_bound {
            notes.push(format!(
                "at the least that a layer can take ({} kernels of {} us, or its operations at the peak \
                 rate): the real time is longer",
                modelled.case.fewest_kernels, self.device.graph_kernel_us
            ));
        }
        if !self.holds(implementation, workload) {
            notes.push(format!(
                "needs {:.0} GB of a memory of {:.0} GB: this device could not run it",
                self.gigabytes(implementation, workload),
                self.device.memory_gb
            ));
        }
        notes.join("; ")
    }

    /// Says so if the shape lies outside the rows that the case was fitted to.
    fn outside(&self, case: &DeviceTime, workload: &Workload) -> Option<String> {
        let own = self
            .rows
            .iter()
            .filter(|row| self.device.device_time(row.implementation, &row.workload) == Some(case));
        let keys = own.map(|row| row.workload.kv_len);
        let (least, most) =
            keys.fold((u32::MAX, 0), |(least, most), keys| (least.min(keys), most.max(keys)));
        let (first, last) = (workload.kv_len, workload.last_keys());
        (first < least || last > most)
            .then(|| format!("extrapolated: the rows have {least} to {most} keys"))
    }
}

#[cfg(test)]
#[path = "h200_tests.rs"]
mod tests;
