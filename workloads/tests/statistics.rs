//! The statistics of the bundled traces are those that NumPy computed when they were captured.

use serde_json::Value;
use tamis_workloads::{
    statistics::{LayerStatistics, Span, TraceInfo, statistics},
    trace::{BUNDLED, Heads, Layer, MemoryTrace, Shape},
};

fn check(found: &LayerStatistics, reference: &Value) {
    let rows = found.rows.unwrap();
    let largest = |span: Span| span.max.max(-span.min);
    let max_abs = &reference["max_abs"];
    for (found, expected) in [
        (rows.mass_top_tenth, &reference["mass_top10pct_keys"]),
        (rows.mass_top_quarter, &reference["mass_top25pct_keys"]),
        (rows.keys_for_90_percent, &reference["keys_for_90pct_mass_frac"]),
        (rows.max_probability, &reference["mean_max_prob"]),
        (rows.flat_rows, &reference["frac_rows_maxprob_lt_0.1"]),
        (found.first_token_mass.unwrap(), &reference["sink_mass_token0"]),
        (found.importance_top_quarter, &reference["token_importance_top25pct_share"]),
        (
            found.importance_top_quarter_without_first.unwrap(),
            &reference["token_importance_top25pct_share_no_token0"],
        ),
        (
            found.importance_top_quarter_cumulative,
            &reference["cum_token_importance_top25pct_share"],
        ),
        (found.head_importance_max_over_mean.unwrap(), &reference["head_importance_max_over_mean"]),
        (found.head_importance_min_over_mean.unwrap(), &reference["head_importance_min_over_mean"]),
        (found.scores.min, &reference["score_min"]),
        (found.scores.max, &reference["score_max"]),
        (largest(found.q), &max_abs["q"]),
        (largest(found.k), &max_abs["k"]),
        (largest(found.v), &max_abs["v"]),
    ] {
        let expected = expected.as_f64().unwrap();
        let near = (found - expected).abs() <= 1e-9 * expected.abs();
        assert!(near, "layer {}: {found}, not {expected} ({reference:#})", reference["layer"]);
    }
}

#[test]
fn bundled_traces_have_the_statistics_of_their_capture() {
    for trace in BUNDLED {
        let text = std::fs::read_to_string(format!("traces/{}.stats.json", trace.name)).unwrap();
        let reference: Value = serde_json::from_str(&text).unwrap();
        let info = TraceInfo::of(&trace.open().unwrap()).unwrap();
        assert_eq!(info.sha256, reference["sha256"]);
        assert_eq!(info.file_bytes, reference["bytes"]);
        let found = &info.layers;
        assert_eq!(found.len(), reference["layers"].as_array().unwrap().len());
        for (found, reference) in found.iter().zip(reference["layers"].as_array().unwrap()) {
            check(found, reference);
        }
    }
}

/// One token: nothing can be said of rows, of a sink, or of the importance of others.
#[test]
fn what_cannot_be_said_is_left_out() {
    let heads = || Heads { seq_len: 1, head_dim: 1, values: vec![0.0] };
    let shape = Shape {
        model: "one token".into(),
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 1,
        seq_len: 1,
        prompt_len: None,
        causal: true,
        scale: 1.0,
        window: vec![0],
    };
    let layer = Layer { q: heads(), k: heads(), v: heads() };
    let trace = MemoryTrace::new(shape, vec![layer]).unwrap();
    let found = &statistics(&trace).unwrap()[0];
    assert_eq!((found.rows, found.first_token_mass), (None, None));
    assert_eq!(found.importance_top_quarter_without_first, None);
    assert_eq!(found.head_importance_max_over_mean, None);
    assert!((found.importance_top_quarter - 1.0).abs() < 1e-15);
}
