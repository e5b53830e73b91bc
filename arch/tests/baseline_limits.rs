//! Baselines far from what was measured: one token and a hundred thousand, one layer and eighty. No
//! estimate leaves what the devices can do.

use proptest::prelude::*;
use tamis_arch::baselines::{
    Baseline, Estimate, Implementation, Launch, Phase, Workload, baselines, shown,
};

/// Shape of SmolLM2-135M: 30 layers, nine heads that share three K/V heads.
fn smollm2(tokens: u32) -> Workload {
    Workload {
        phase: Phase::Prefill { causal: true },
        batch: 1,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        q_len: tokens,
        kv_len: tokens,
    }
}

fn decode(shape: Workload, keys: u32, steps: u32) -> Workload {
    Workload { phase: Phase::Decode { steps }, q_len: 1, kv_len: keys, ..shape }
}

fn h200(implementation: Implementation, launch: Launch, workload: &Workload) -> Estimate {
    Baseline::h200(implementation, launch).estimate(workload)
}

fn microseconds(estimate: &Estimate) -> f64 {
    estimate.latency.0 * 1e6
}

fn names(baselines: &[Baseline], workload: &Workload) -> Vec<String> {
    let estimates = baselines.iter().map(|baseline| baseline.estimate(workload));
    estimates.map(|found| format!("{}, {}", found.device, found.implementation)).collect()
}

/// The rows of eager Llama prefill are long, so their fit has no launch cost. The profiler shows seven
/// kernels at the shortest, and a kernel in a graph takes 1.057 us at least.
#[test]
fn a_short_prefill_in_a_graph_takes_the_time_of_its_kernels_at_least() {
    let found = h200(Implementation::EagerHalf, Launch::Graph, &smollm2(48));
    assert!((microseconds(&found) - 30.0 * 7.0 * 1.057).abs() < 1e-6, "{found:?}");
    assert!(found.note.contains("extrapolated: the rows have 512 to 16384 keys"), "{}", found.note);
    assert!(found.note.contains("7 kernels of 1.057 us"), "{}", found.note);
    let long = h200(Implementation::EagerHalf, Launch::Graph, &smollm2(512));
    assert!(!long.note.contains("extrapolated") && !long.note.contains("at the least"));
}

/// Without kernels enough to wait for, Python needs 5.52 us to launch one: 7 a layer are 39 us, less than
/// the 45.5 that launching GPT-2's five takes with what is around them.
#[test]
fn a_short_prefill_from_python_takes_the_time_of_launching_it() {
    let found = h200(Implementation::EagerHalf, Launch::Stream, &smollm2(1));
    assert!((microseconds(&found) - 30.0 * 45.5).abs() < 1e-6, "{found:?}");
}

/// An fp32 matrix product reached 50.4 TFLOP/s. The fit knows scores only, of 64 dimensions.
#[test]
fn long_heads_compute_at_the_peak_rate_at_most() {
    let wide = Workload { head_dim: 256, q_len: 8192, kv_len: 8192, ..smollm2(1) };
    let found = h200(Implementation::EagerFp32, Launch::Graph, &wide);
    let flops = 4.0 * 30.0 * 9.0 * 256.0 * 8192.0 * 8192.0;
    assert!((flops / microseconds(&found) * 1e-6 - 50.4).abs() < 1e-6, "{found:?}");
    assert!(found.note.contains("peak rate"), "{}", found.note);
}

/// All rows of grouped heads have four query heads a K/V head; eager code copies K and V once for each.
#[test]
fn eager_decode_copies_keys_and_values_once_a_query_head() {
    let shape = |kv_heads| decode(Workload { kv_heads, heads: 12, ..smollm2(1) }, 100_000, 1);
    let time =
        |kv_heads| microseconds(&h200(Implementation::EagerHalf, Launch::Graph, &shape(kv_heads)));
    // Three query heads a K/V head of four, or six of two: as many copies.
    assert!((time(4) / time(2) - 1.0).abs() < 1e-9);
}

#[test]
fn what_does_not_fit_the_memory_is_said_and_not_shown() {
    let long = smollm2(131_072);
    let found = h200(Implementation::EagerFp32, Launch::Stream, &long);
    // 9 * 131072^2 scores of 4 bytes, and K and V: 618 + 6 GB.
    assert!(found.note.contains("needs 625 GB of a memory of 151 GB"), "{}", found.note);
    let eager = "NVIDIA H200, eager-fp32, stream".to_owned();
    assert!(!names(&shown(&long), &long).contains(&eager));
    assert!(names(&shown(&smollm2(1024)), &smollm2(1024)).contains(&eager));
    let fused = h200(Implementation::Flash, Launch::Graph, &long);
    assert!(!fused.note.contains("could not run"), "{}", fused.note);
}

#[test]
fn a_table_shows_eight_baselines_and_a_file_has_eleven() {
    let workload = smollm2(64);
    assert_eq!(
        names(&shown(&workload), &workload),
        [
            "NVIDIA H200, eager-fp32, stream",
            "NVIDIA H200, flash, graph",
            "Intel Xeon, 16 vCPU, eager-fp32, 1 threads",
            "Intel Xeon, 16 vCPU, eager-fp32, 16 threads",
            "NVIDIA TITAN Xp, as in the paper",
            "Intel Xeon E5-2640 v4, as in the paper",
            "NVIDIA Jetson Nano, as in the paper",
            "Raspberry Pi 4, as in the paper",
        ]
    );
    assert_eq!(baselines().len(), 11);
}

#[test]
fn the_papers_devices_are_shown_for_shapes_of_its_benchmarks_only() {
    let has_titan = |workload: &Workload| {
        names(&shown(workload), workload).iter().any(|name| name.contains("TITAN"))
    };
    assert!(has_titan(&smollm2(11)) && has_titan(&decode(smollm2(1), 993, 32)));
    assert!(!has_titan(&smollm2(10)) && !has_titan(&smollm2(1025)));
    assert!(!has_titan(&decode(smollm2(1), 993, 33)));
    assert!(!has_titan(&Workload { head_dim: 128, ..smollm2(64) }));
}

#[test]
fn the_papers_devices_say_what_they_are_good_for() {
    for baseline in baselines() {
        let found = baseline.estimate(&smollm2(1));
        if found.implementation == "as in the paper" {
            assert!(found.note.contains("this shape is none of them"), "{}", found.note);
            assert!(found.note.contains("for a mean over tasks, not for one run"));
        }
    }
}

#[test]
fn a_cpu_works_nowhere_beyond_its_best_measured_rates() {
    let time = |device: &str, workload: &Workload| {
        let all = baselines().into_iter().map(|baseline| baseline.estimate(workload));
        let mut own = all.filter(|found| found.device.contains(device));
        own.next().expect("it is in the list")
    };
    // Its own fit has no launch cost; the Xeon, with faster cores, takes 7.469 us to launch a layer.
    let short = time("EPYC", &decode(smollm2(1), 1, 1));
    assert!((microseconds(&short) / 30.0 - 7.469).abs() < 1e-9, "{short:?}");
    assert!(short.note.contains("extrapolated") && short.note.contains("least launch cost"));
    // Twice the dimensions are twice the operations: 8.7 ms at 130 GFLOP/s, where the fit, made with 64
    // dimensions, would have 5.4 ms.
    let wide = Workload { head_dim: 256, q_len: 512, kv_len: 512, ..smollm2(1) };
    let rate = 4.0 * 30.0 * 9.0 * 256.0 * 512.0 * 512.0 / microseconds(&time("Xeon, 16", &wide));
    assert!((rate * 1e-3 - 130.3).abs() < 0.1, "{rate}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// By the measured facts alone: a kernel a layer takes 1.057 us, fp16 reaches 756 TFLOP/s and fp32
    /// 50.4, a board draws 126.9 to 700 W; no CPU did more than 1184 GFLOP/s or a layer below 7.469 us.
    #[test]
    fn no_estimate_leaves_what_the_devices_can_do(
        layers in 1..=80_u32,
        heads in 1..=7_u32,
        group in 1..=4_u32,
        head_dim in prop::sample::select(vec![16_u32, 32, 64, 128, 256]),
        keys in prop_oneof![1..200_u32, 1..=131_072_u32],
        steps in 0..3_u32,
        causal in any::<bool>(),
    ) {
        let phase = if steps > 0 { Phase::Decode { steps } } else { Phase::Prefill { causal } };
        let workload = |layers, keys| Workload {
            phase,
            batch: 1,
            layers,
            heads: heads * group,
            kv_heads: heads,
            head_dim,
            q_len: if steps > 0 { 1 } else { keys },
            kv_len: keys,
        };
        let here = workload(layers, keys);
        let share = if causal && steps == 0 { 0.5 } else { 1.0 };
        let dense: f64 = here.steps().map(|step| step.dense_flops()).sum::<f64>() * f64::from(layers);
        let each = f64::from(layers * steps.max(1));
        for baseline in baselines() {
            let found = baseline.estimate(&here);
            let us = microseconds(&found);
            let tflops = if found.implementation.contains("fp32") { 50.4 } else { 756.0 };
            if found.device == "NVIDIA H200" {
                prop_assert!(us >= 1.057 * each * (1.0 - 1e-9), "{found:?}");
                prop_assert!(us >= share * dense / tflops * 1e-6 * (1.0 - 1e-9), "{found:?}");
                let power = (found.energy.expect("it has energies").value / found.latency).0;
                prop_assert!((126.8..700.1).contains(&power), "{power} W: {found:?}");
            } else if found.energy.is_none() && found.dynamic_energy.is_none() {
                prop_assert!(us >= 7.46 * each, "{found:?}");
                prop_assert!(us >= dense / 1185.0 * 1e-3, "{found:?}");
            }
            let more_layers = baseline.estimate(&workload(layers + 1, keys));
            let more_keys = baseline.estimate(&workload(layers, keys + 1 + keys / 7));
            prop_assert!(found.latency < more_layers.latency, "{found:?} {more_layers:?}");
            prop_assert!(found.latency <= more_keys.latency, "{found:?} {more_keys:?}");
        }
    }
}
