//! Baseline devices: what was measured is given as measured, everything else as what it is.

use proptest::prelude::*;
use tamis_arch::baselines::{
    Baseline, Estimate, Implementation, Kind, Launch, Phase, Workload, baselines,
};

fn bert_base(length: u32) -> Workload {
    Workload {
        phase: Phase::Prefill { causal: false },
        batch: 1,
        layers: 12,
        heads: 12,
        kv_heads: 12,
        head_dim: 64,
        q_len: length,
        kv_len: length,
    }
}

fn gpt2_small(kv_len: u32, steps: u32) -> Workload {
    Workload { phase: Phase::Decode { steps }, q_len: 1, kv_len, ..bert_base(kv_len) }
}

fn llama3_8b(kv_len: u32, steps: u32) -> Workload {
    let shape = gpt2_small(kv_len, steps);
    Workload { layers: 32, heads: 32, kv_heads: 8, head_dim: 128, ..shape }
}

/// The default list's answer of one device and implementation.
fn estimate(device: &str, implementation: &str, workload: &Workload) -> Estimate {
    let all = baselines().into_iter().map(|baseline| baseline.estimate(workload));
    let mut found = all.filter(|estimate| {
        estimate.device.contains(device) && estimate.implementation.contains(implementation)
    });
    found.next().expect("the device is in the list")
}

fn microseconds(estimate: &Estimate) -> f64 {
    estimate.latency.0 * 1e6
}

fn is_model(estimate: &Estimate) -> bool {
    matches!(estimate.kind, Kind::Model { .. })
}

/// Rows of the tables, read by eye.
#[test]
fn a_workload_that_was_measured_gets_the_numbers_of_its_row() {
    use Implementation::{Cudnn, EagerFp32, EagerHalf, Flash};
    use Launch::{Graph, Stream};
    let rows = [
        (EagerFp32, Stream, bert_base(384), 514.176),
        (EagerFp32, Graph, bert_base(384), 439.584),
        (EagerHalf, Stream, bert_base(384), 485.12),
        (Cudnn, Graph, bert_base(384), 99.184),
        (Flash, Stream, bert_base(384), 238.512),
        (EagerHalf, Stream, gpt2_small(1024, 1), 502.912),
        (Flash, Graph, llama3_8b(4096, 1), 609.792),
    ];
    for (implementation, launch, workload, stated) in rows {
        let found = Baseline::h200(implementation, launch).estimate(&workload);
        assert_eq!(found.kind, Kind::Measured, "{found:?}");
        assert!((microseconds(&found) - stated).abs() < 1e-6, "{found:?}");
    }
    let cpus = [
        ("Xeon, 16", "eager-fp32, 1 ", bert_base(384), 41_707.493),
        ("Xeon, 16", "16 threads", gpt2_small(1024, 1), 858.661),
        ("EPYC", "1 threads", gpt2_small(1024, 1), 4955.9),
    ];
    for (device, implementation, workload, stated) in cpus {
        let found = estimate(device, implementation, &workload);
        assert_eq!(found.kind, Kind::Measured, "{found:?}");
        assert!((microseconds(&found) - stated).abs() < 1e-6, "{found:?}");
    }
}

/// 691.9 W over 488,177.87 us, of which 126.9 W are idle.
#[test]
fn an_energy_that_was_measured_is_power_over_sustained_time() {
    let mut workload = llama3_8b(32_768, 1);
    workload.phase = Phase::Prefill { causal: true };
    workload.kv_heads = 32;
    workload.q_len = 32_768;
    let found = Baseline::h200(Implementation::Cudnn, Launch::Stream).estimate(&workload);
    let total = found.energy.expect("the H200 has energies");
    let dynamic = found.dynamic_energy.expect("the H200 has energies");
    assert_eq!((total.kind, dynamic.kind), (Kind::Measured, Kind::Measured));
    assert!((total.value.0 * 1e-12 - 337.770).abs() < 0.01, "{total:?}");
    assert!((dynamic.value.0 * 1e-12 - 275.820).abs() < 0.01, "{dynamic:?}");
}

#[test]
fn any_other_shape_is_a_model_or_by_construction_never_measured() {
    let unknown = [
        bert_base(385),
        Workload { layers: 11, ..bert_base(384) },
        Workload { heads: 9, kv_heads: 3, ..bert_base(384) },
        gpt2_small(1024, 2),
        gpt2_small(1025, 1),
    ];
    for workload in unknown {
        for baseline in baselines() {
            let found = baseline.estimate(&workload);
            assert_ne!(found.kind, Kind::Measured, "{found:?}");
            assert!(found.energy.is_none_or(|energy| energy.kind != Kind::Measured));
        }
    }
}

#[test]
fn decode_is_the_sum_of_its_steps_over_growing_keys() {
    for baseline in baselines() {
        // 700 keys were not measured, nor were 701 to 731: models all the way.
        let whole = baseline.estimate(&gpt2_small(700, 32));
        let steps: f64 =
            (700..732).map(|keys| baseline.estimate(&gpt2_small(keys, 1)).latency.0).sum();
        assert!((whole.latency.0 / steps - 1.0).abs() < 1e-9, "{whole:?}");
        let first = baseline.estimate(&gpt2_small(700, 1)).latency.0;
        assert!(whole.latency.0 >= 32.0 * first * (1.0 - 1e-12), "{whole:?}");
    }
}

/// The attention of GPT-2 small over 32 tokens after 992 was measured with caches: 4289 us with
/// cuDNN and a static cache as a graph, 7474 eager in fp16. The core alone, a model, is less of each.
#[test]
fn a_modelled_decode_is_a_plausible_share_of_the_measured_one_with_its_cache() {
    let workload = gpt2_small(993, 32);
    let eager = Baseline::h200(Implementation::EagerHalf, Launch::Graph).estimate(&workload);
    let fused = Baseline::h200(Implementation::Cudnn, Launch::Graph).estimate(&workload);
    assert!(is_model(&eager) && is_model(&fused));
    assert!((0.4..1.0).contains(&(microseconds(&eager) / 7474.0)), "{eager:?}");
    assert!((0.4..1.0).contains(&(microseconds(&fused) / 4289.0)), "{fused:?}");
}

#[test]
fn the_default_list_has_fused_graphs_beside_eager_streams_and_they_are_faster() {
    let workload = bert_base(200);
    let implementations: Vec<String> = baselines()
        .iter()
        .map(|baseline| baseline.estimate(&workload))
        .filter(|found| found.device == "NVIDIA H200")
        .map(|found| found.implementation)
        .collect();
    assert_eq!(
        implementations,
        ["eager-fp32, stream", "eager-half, stream", "eager-half, graph", "cudnn, graph"]
    );
    let slow = estimate("H200", "eager-half, stream", &workload);
    let fast = estimate("H200", "cudnn, graph", &workload);
    assert!(slow.latency.0 > 3.0 * fast.latency.0);
    assert!(slow.note.contains("bound by launching from Python"), "{}", slow.note);
    assert!(fast.note.contains("without launch cost"), "{}", fast.note);
}

#[test]
fn a_long_prefill_is_bound_by_the_device() {
    let found = estimate("H200", "eager-fp32, stream", &bert_base(8192));
    assert!(found.note.contains("bound by the device"), "{}", found.note);
}

#[test]
fn cpus_have_no_energy_and_say_so() {
    for implementation in ["1 threads", "16 threads"] {
        let found = estimate("Xeon, 16", implementation, &bert_base(100));
        assert!(is_model(&found) && found.energy.is_none() && found.dynamic_energy.is_none());
        assert!(found.note.contains("no energy was measured"));
    }
}

/// The paper's averages: a machine that does 1.61 TFLOPS of the 1 / 1.63 that it keeps beats each device
/// by its speed-up, and with 8.30 W by its energy saving. Its roofline has 0.02 and 0.01 TFLOPS for the
/// TITAN Xp.
#[test]
fn the_papers_devices_give_its_averages_back() {
    let cases = [
        ("TITAN Xp", 162.0, 1193.0),
        ("E5-2640", 347.0, 4059.0),
        ("Jetson Nano", 1095.0, 406.0),
        ("Raspberry Pi 4", 5071.0, 1910.0),
    ];
    let dense_flops = 4.0 * 12.0 * 12.0 * 64.0 * 384.0 * 384.0;
    for (device, speedup, saving) in cases {
        let found = estimate(device, "", &bert_base(384));
        assert_eq!(found.kind, Kind::ByConstruction);
        let spatten = dense_flops / 1.63 / 1.61e12;
        assert!((found.latency.0 / spatten / speedup - 1.0).abs() < 1e-9, "{found:?}");
        let dynamic = found.dynamic_energy.expect("the paper has energies").value.0 * 1e-12;
        assert!((dynamic / (spatten * 8.30) / saving - 1.0).abs() < 1e-9, "{found:?}");
        assert!(found.energy.is_none(), "the paper has dynamic energy only");
    }
    let titan = estimate("TITAN Xp", "", &bert_base(384));
    assert!((0.01..0.03).contains(&(dense_flops / titan.latency.0 * 1e-12)));
    let decode = estimate("TITAN Xp", "", &gpt2_small(993, 1));
    let flops = 4.0 * 12.0 * 12.0 * 64.0 * 993.0;
    assert!((0.005..0.015).contains(&(flops / decode.latency.0 * 1e-12)));
}

#[test]
fn a_paper_device_says_when_a_shape_is_none_of_its_benchmarks() {
    assert!(!estimate("TITAN", "", &gpt2_small(993, 31)).note.contains("none of them"));
    assert!(estimate("TITAN", "", &llama3_8b(993, 1)).note.contains("none of them"));
    assert!(estimate("TITAN", "", &gpt2_small(4096, 1)).note.contains("none of them"));
}

#[test]
fn the_words_of_a_report_say_how_a_number_came_about() {
    let model = Kind::Model { median_error: 0.1, p90_error: 0.2 };
    assert_eq!(
        [Kind::Measured, model, Kind::ByConstruction].map(|kind| kind.to_string()),
        ["measured", "model", "by construction"]
    );
}

#[test]
fn keys_of_a_report_carry_units() {
    let found = estimate("Xeon E5-2640 v4", "", &bert_base(384));
    let json = serde_json::to_value(&found).expect("it is plain data");
    assert_eq!(json["kind"], "by-construction");
    assert!(json["latency_s"].is_f64() && json["dynamic_energy"]["energy_pj"].is_f64());
    assert!(json["energy"].is_null());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn models_grow_with_keys_and_power_stays_between_idle_and_the_limit(
        heads in 1..=8_u32,
        group in 1..=4_u32,
        head_dim in prop::sample::select(vec![16_u32, 32, 64, 128, 256]),
        keys in 1..5000_u32,
        decode in any::<bool>(),
        causal in any::<bool>(),
    ) {
        let phase = match decode {
            true => Phase::Decode { steps: 3 },
            false => Phase::Prefill { causal },
        };
        // Seven layers: no measured model has them.
        let workload = |keys: u32| Workload {
            phase,
            batch: 1,
            layers: 7,
            heads: heads * group,
            kv_heads: heads,
            head_dim,
            q_len: if decode { 1 } else { keys },
            kv_len: keys,
        };
        for baseline in baselines() {
            let (short, long) =
                (baseline.estimate(&workload(keys)), baseline.estimate(&workload(2 * keys)));
            prop_assert!(short.latency.0 > 0.0 && short.latency <= long.latency, "{short:?}");
            if let (Some(total), "NVIDIA H200") = (short.energy, short.device.as_str()) {
                let power = (total.value / short.latency).0;
                prop_assert!((126.8..700.1).contains(&power), "{power} W: {short:?}");
            }
        }
    }
}
