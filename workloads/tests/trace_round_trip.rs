//! What is written reads back: any shape, any values.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tamis_workloads::trace::{
    Heads, Layer, LayerSource, MemoryTrace, Origin, Precision, Shape, TraceFile, write,
};

/// Values that f16 holds exactly: zeros of both signs, the least and the largest, and others.
fn half_value() -> impl Strategy<Value = f32> {
    any::<u16>()
        .prop_map(half::f16::from_bits)
        .prop_filter("finite", |x| x.is_finite())
        .prop_map(f32::from)
}

fn full_value() -> impl Strategy<Value = f32> {
    prop_oneof![-65504_f32..=65504.0, Just(f32::MIN_POSITIVE / 2.0), Just(-0.0), -1_f32..1.0]
}

fn shape() -> impl Strategy<Value = Shape> {
    let sizes = (1..4_u32, 1..4_u32, 1..4_u32, 1..5_u32, 1..6_u32);
    (sizes, any::<bool>(), 1e-6..1e6_f64, any::<prop::sample::Index>(), 0..4_u32).prop_map(
        |((layers, kv_heads, group, head_dim, seq_len), causal, scale, prompt, window)| Shape {
            model: "a \"model\" \u{2192}\n".into(),
            layers,
            heads: kv_heads * group,
            kv_heads,
            head_dim,
            seq_len,
            prompt_len: causal.then(|| u32::try_from(prompt.index(seq_len as usize)).unwrap() + 1),
            causal,
            scale,
            window: (0..layers).map(|layer| if causal { layer * window } else { 0 }).collect(),
        },
    )
}

fn trace<S: Strategy<Value = f32>>(value: fn() -> S) -> impl Strategy<Value = MemoryTrace> {
    shape().prop_flat_map(move |shape| {
        let count = |heads: u32| (heads * shape.seq_len * shape.head_dim) as usize;
        let (seq_len, head_dim) = (shape.seq_len, shape.head_dim);
        let heads = |count| {
            prop::collection::vec(value(), count).prop_map(move |values| Heads {
                seq_len,
                head_dim,
                values,
            })
        };
        let tensors =
            (heads(count(shape.heads)), heads(count(shape.kv_heads)), heads(count(shape.kv_heads)));
        let layer = tensors.prop_map(|(q, k, v)| Layer { q, k, v });
        let layers = prop::collection::vec(layer, shape.layers as usize);
        (Just(shape), layers).prop_map(|(shape, layers)| MemoryTrace::new(shape, layers).unwrap())
    })
}

fn origin(shape: &Shape) -> Origin {
    Origin {
        task: "round trip".into(),
        source_text: "\u{0}tab\t".into(),
        model_layers: Some(2 * shape.layers),
        source_layers: Some((0..shape.layers).map(|layer| 2 * layer).collect()),
        tokens: Some((0..shape.seq_len).map(|token| format!("t{token}\"")).collect()),
        notes: BTreeMap::from([("x_run".to_owned(), "7".to_owned())]),
    }
}

fn round_trip(trace: &MemoryTrace, precision: Precision) {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let origin = origin(trace.shape());
    write(&first, trace, &origin, precision).unwrap();
    let file = TraceFile::open(&first).unwrap();
    assert_eq!((file.shape(), file.origin()), (trace.shape(), &origin));
    for index in 0..trace.shape().layers {
        let (read, written) = (file.layer(index).unwrap(), trace.layer(index).unwrap());
        for (read, written) in [(read.q, written.q), (read.k, written.k), (read.v, written.v)] {
            let bits =
                |heads: Heads| heads.values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(read), bits(written));
        }
    }
    write(&second, &file, file.origin(), precision).unwrap();
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn full_precision_keeps_every_bit(trace in trace(full_value)) {
        round_trip(&trace, Precision::F32);
    }

    #[test]
    fn half_precision_keeps_what_it_can_hold(trace in trace(half_value)) {
        round_trip(&trace, Precision::F16);
    }
}

/// A source whose second layer is broken.
struct Failing(MemoryTrace);

impl LayerSource for Failing {
    fn shape(&self) -> &Shape {
        self.0.shape()
    }

    fn layer(&self, index: u32) -> Result<Layer, tamis_workloads::trace::TraceError> {
        let mut layer = self.0.layer(index)?;
        if index == 1 {
            layer.v.values[5] = f32::NAN;
        }
        Ok(layer)
    }
}

fn two_layers() -> MemoryTrace {
    let heads = || Heads { seq_len: 2, head_dim: 4, values: vec![0.5; 8] };
    let layer = Layer { q: heads(), k: heads(), v: heads() };
    let shape = Shape {
        model: "none".into(),
        layers: 2,
        heads: 1,
        kv_heads: 1,
        head_dim: 4,
        seq_len: 2,
        prompt_len: None,
        causal: false,
        scale: 1.0,
        window: vec![0; 2],
    };
    MemoryTrace::new(shape, vec![layer.clone(), layer]).unwrap()
}

#[test]
fn a_source_that_fails_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    std::fs::write(&path, "old").unwrap();
    let origin = Origin::default();
    let error = write(&path, &Failing(two_layers()), &origin, Precision::F16).unwrap_err();
    let place = "tensor `layer.1.v` at head 0, token 1, dim 1";
    let rule = "must be a finite number of at most 65504 in size (found NaN)";
    assert_eq!(error.to_string(), format!("{}: {place}: {rule}", path.display()));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_note_under_a_key_of_the_format_is_refused() {
    let origin =
        Origin { notes: BTreeMap::from([("scale".into(), "2".into())]), ..Origin::default() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let error = write(&path, &two_layers(), &origin, Precision::F16).unwrap_err().to_string();
    assert!(error.ends_with("metadata `scale`: is not a note; keys of your own start with `x_`"));
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let path = "no/such/folder/trace";
    let error = write(path, &two_layers(), &Origin::default(), Precision::F16).unwrap_err();
    assert!(error.to_string().starts_with("no/such/folder/trace: the file: "), "{error}");
}

#[test]
fn a_trace_in_memory_obeys_the_rules_of_a_file() {
    let sound = two_layers();
    let layer = sound.layer(0).unwrap();
    let error = |shape, layers| MemoryTrace::new(shape, layers).unwrap_err().to_string();
    assert_eq!(
        error(sound.shape().clone(), vec![layer.clone()]),
        "trace in memory: metadata `num_layers`: must be the number of layers given, 1 (found 2)"
    );
    assert_eq!(
        error(Shape { heads: 2, ..sound.shape().clone() }, vec![layer.clone(), layer.clone()]),
        "trace in memory: tensor `layer.0.q`: must have [heads, seq_len, head_dim] = [2, 2, 4] \
         (found 8 values of [2, 4])"
    );
    assert_eq!(
        error(Shape { scale: f64::NAN, ..sound.shape().clone() }, vec![layer.clone(), layer]),
        "trace in memory: metadata `scale`: must be a number from 1e-6 to 1e6 (found NaN)"
    );
    assert_eq!(
        sound.layer(2).unwrap_err().to_string(),
        "trace in memory: the file: has layers 0 to 1 (asked for 2)"
    );
}
