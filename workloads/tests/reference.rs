//! Dense attention agrees with the NumPy references that came with the captures, in every field.

use std::{fs, io::Write, path::Path};

use proptest::prelude::*;
use serde_json::Value;
use tamis_workloads::{
    dense_f32::{DenseRow, dense_f32},
    reference::attend,
    trace::{BUNDLED, Heads, Layer, LayerSource, MemoryTrace, Shape, TraceFile},
};

/// Relative difference that is allowed. Both sides compute in f64; only the order of sums differs.
const TOLERANCE: f64 = 1e-9;

/// What the reference holds of one layer, computed from our attention.
#[derive(Default)]
struct Summary {
    out: Vec<Vec<Vec<f64>>>,
    prob_max: Vec<f64>,
    last_row_head0: Vec<f64>,
    importance: Vec<f64>,
}

impl Summary {
    fn of(shape: &Shape, index: u32, layer: &Layer) -> Self {
        let mut summary = Self { importance: vec![0.0; shape.seq_len as usize], ..Self::default() };
        for head in 0..shape.heads {
            let mut rows = Vec::new();
            for token in 0..shape.seq_len {
                let row = attend(shape, index, layer, head, token);
                summary.prob_max.push(max(&row.probabilities));
                for (sum, p) in summary.importance.iter_mut().zip(&row.probabilities) {
                    *sum += p;
                }
                if head == 0 {
                    summary.last_row_head0 = row.probabilities;
                }
                rows.push(row.output);
            }
            summary.out.push(rows);
        }
        summary
    }

    fn check(&self, reference: &Value) {
        let all: Vec<f64> = self.out.iter().flatten().flatten().copied().collect();
        let abs_sum = |values: &mut dyn Iterator<Item = &f64>| values.map(|x| x.abs()).sum::<f64>();
        let last_row = self.out.last().unwrap().last().unwrap();
        let heads: Vec<f64> =
            self.out.iter().map(|head| abs_sum(&mut head.iter().flatten())).collect();
        let mean_max = self.prob_max.iter().sum::<f64>() / self.prob_max.len() as f64;
        let argmax = largest_first(&self.last_row_head0)[0];
        let mut top8 = largest_first(&self.importance);
        top8.truncate(8);
        let found = [
            ("out_sum", vec![all.iter().sum()]),
            ("out_abs_sum", vec![abs_sum(&mut all.iter())]),
            ("out_max", vec![max(&all)]),
            ("out_min", vec![-max(&all.iter().map(|x| -x).collect::<Vec<_>>())]),
            ("out_first", self.out[0][0][..4].to_vec()),
            ("out_last", last_row[..4].to_vec()),
            ("head_abs_sum", heads),
            ("prob_max_mean", vec![mean_max]),
            ("prob_last_row_head0_max", vec![max(&self.last_row_head0)]),
            ("prob_last_row_head0_argmax", vec![argmax]),
            ("token_importance_top8", top8),
            ("token_importance_first4", self.importance[..4].to_vec()),
        ];

        let fields = reference.as_object().unwrap();
        assert_eq!(fields.len(), found.len() + 1, "the layer number and each field found");
        for (name, values) in found {
            compare(name, &values, &fields[name]);
        }
    }
}

fn compare(name: &str, found: &[f64], reference: &Value) {
    let expected: Vec<f64> = match reference {
        Value::Array(list) => list.iter().map(|value| value.as_f64().unwrap()).collect(),
        value => vec![value.as_f64().unwrap()],
    };
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs();
        assert!(difference <= TOLERANCE * expected.abs(), "{name}: {found}, not {expected}");
    }
}

fn max(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Places by falling value; the earlier first where two are equal.
fn largest_first(values: &[f64]) -> Vec<f64> {
    let mut ranked: Vec<(f64, u32)> = values.iter().copied().zip(0..).collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked.into_iter().map(|(_, place)| f64::from(place)).collect()
}

fn check(trace: &TraceFile, reference: &Path) {
    let reference: Value = serde_json::from_str(&fs::read_to_string(reference).unwrap()).unwrap();
    let layers = reference["layers"].as_array().unwrap();
    assert_eq!(layers.len(), trace.shape().layers as usize);
    for (index, reference) in (0..).zip(layers) {
        assert_eq!(reference["layer"], index);
        let layer = trace.layer(index).unwrap();
        Summary::of(trace.shape(), index, &layer).check(reference);
    }
}

#[test]
fn bundled_traces_agree_with_numpy() {
    for trace in BUNDLED {
        let reference = format!("traces/{}.ref.json", trace.name);
        check(&trace.open().unwrap(), Path::new(&reference));
    }
}

/// The larger traces are not in the repository; `TAMIS_TRACES` names the folder that has them.
#[test]
fn the_longer_decoder_trace_agrees_with_numpy() {
    let Some(folder) = std::env::var_os("TAMIS_TRACES") else {
        // Not `eprintln!`, which the test harness would hide.
        let note = "SKIPPED: TAMIS_TRACES is not set, so the longer traces were not checked";
        writeln!(std::io::stderr(), "{note}").unwrap();
        return;
    };
    let stem = Path::new(&folder).join("smollm2-135m_alice_s256");
    let trace = TraceFile::open(stem.with_extension("safetensors")).unwrap();
    check(&trace, &stem.with_extension("ref.json"));
}

/// Largest difference between f32 and f64 outputs, relative to the largest output of the layer.
fn error_of_f32(trace: &dyn LayerSource, index: u32) -> f64 {
    let (shape, layer) = (trace.shape(), trace.layer(index).unwrap());
    let fast = dense_f32(shape, index, &layer);
    let (mut worst, mut largest) = (0_f64, 0_f64);
    for head in 0..shape.heads {
        for token in 0..shape.seq_len {
            let exact = attend(shape, index, &layer, head, token).output;
            for (&fast, exact) in fast.vector(head, token).iter().zip(exact) {
                worst = worst.max((f64::from(fast) - exact).abs());
                largest = largest.max(exact.abs());
            }
        }
    }
    worst / largest
}

/// f32 keeps 24 bits. Scores of up to 70 leave an absolute error near 70 × 2⁻²⁴ × a few in the
/// exponent, which is the relative error of a probability.
#[test]
fn f32_is_close_to_f64_on_real_traces() {
    for trace in BUNDLED {
        let file = trace.open().unwrap();
        for index in [0, file.shape().layers / 2, file.shape().layers - 1] {
            let error = error_of_f32(&file, index);
            assert!(error < 2e-5, "{} layer {index}: {error}", trace.name);
            assert!(error > 0.0, "f32 that equals f64 everywhere is not f32");
        }
    }
}

fn small_trace() -> impl Strategy<Value = MemoryTrace> {
    let sizes = (1..3_u32, 1..4_u32, 1..20_u32, 1..12_u32);
    (sizes, any::<bool>(), 0..6_u32).prop_flat_map(|((kv, group, dim, seq), causal, window)| {
        let values = |heads: u32| {
            prop::collection::vec(-3_f32..3.0, (heads * seq * dim) as usize)
                .prop_map(move |values| Heads { seq_len: seq, head_dim: dim, values })
        };
        (values(kv * group), values(kv), values(kv)).prop_map(move |(q, k, v)| {
            let shape = Shape {
                model: "random".into(),
                layers: 1,
                heads: kv * group,
                kv_heads: kv,
                head_dim: dim,
                seq_len: seq,
                prompt_len: None,
                causal,
                scale: 0.5,
                window: vec![if causal { window } else { 0 }],
            };
            MemoryTrace::new(shape, vec![Layer { q, k, v }]).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Masks, windows, groups and odd dimensions, which the real traces do not have.
    #[test]
    fn f32_is_close_to_f64_on_any_shape(trace in small_trace()) {
        prop_assert!(error_of_f32(&trace, 0) < 1e-4);
    }

    #[test]
    fn what_a_query_does_not_see_does_not_matter(trace in small_trace(), spoilt in any::<f32>()) {
        let (shape, layer) = (trace.shape(), trace.layer(0).unwrap());
        let mut row = DenseRow::default();
        for token in 0..shape.seq_len {
            let visible = shape.visible(0, token);
            let mut other = layer.clone();
            for heads in [&mut other.k, &mut other.v] {
                let dim = shape.head_dim as usize;
                for (vector, key) in heads.values.chunks_mut(dim).zip((0..shape.seq_len).cycle()) {
                    if !visible.contains(&key) {
                        vector.fill(spoilt.clamp(-9.0, 9.0));
                    }
                }
            }
            prop_assert_eq!(attend(shape, 0, &layer, 0, token), attend(shape, 0, &other, 0, token));
            row.attend(shape, 0, &layer, 0, token);
            let before = row.clone();
            row.attend(shape, 0, &other, 0, token);
            prop_assert_eq!(before.output(), row.output());
            prop_assert_eq!(row.probabilities().len(), visible.len());
            let total: f32 = row.probabilities().iter().sum();
            prop_assert!((total - 1.0).abs() < 1e-5);
        }
    }
}

/// Two keys, scores 0 and ln 3: probabilities 1/4 and 3/4, by hand.
#[test]
fn a_case_worked_by_hand() {
    let vectors = |values: [f32; 2]| Heads { seq_len: 2, head_dim: 1, values: values.to_vec() };
    let shape = Shape {
        model: "by hand".into(),
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 1,
        seq_len: 2,
        prompt_len: None,
        causal: true,
        scale: f64::ln(3.0),
        window: vec![0],
    };
    let layer = Layer { q: vectors([5.0, 1.0]), k: vectors([0.0, 1.0]), v: vectors([8.0, 4.0]) };
    let row = attend(&shape, 0, &layer, 0, 1);
    assert!((row.probabilities[0] - 0.25).abs() < 1e-15);
    assert!((row.output[0] - 5.0).abs() < 1e-14, "8 / 4 + 4 × 3 / 4");
    let first = attend(&shape, 0, &layer, 0, 0);
    assert_eq!((first.probabilities, first.output), (vec![1.0, 0.0], vec![8.0]));
    let narrow = Shape { window: vec![1], ..shape };
    assert_eq!(attend(&narrow, 0, &layer, 0, 1).output, [4.0]);
}
