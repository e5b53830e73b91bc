//! `tamis trace`.

use serde_json::Value;

use crate::vocabulary::tamis;

#[test]
fn info_tells_the_shape_of_a_bundled_trace() {
    let ran = tamis(&["trace", "info", "smollm2-135m_alice_s64"]).succeeds();
    let text = ran.stdout();
    assert!(text.contains("9 query, 3 K/V, of 64"), "{text}");
    assert!(text.contains("64: 48 of prompt, 16 decoded"), "{text}");
}

#[test]
fn info_as_json_has_the_shape_and_the_digest() {
    let ran = tamis(&["trace", "info", "minilm-l6_alice_s40", "--format", "json"]).succeeds();
    let info: Value = serde_json::from_str(&ran.stdout()).expect("valid JSON");
    assert_eq!(info["shape"]["layers"], 6);
    assert_eq!(info["shape"]["head_dim"], 32);
    assert_eq!(info["shape"]["prompt_len"], Value::Null);
    assert_eq!(info["layers"].as_array().map(Vec::len), Some(6));
    // The digest that workloads/traces/README.md gives.
    let digest = "abdb34226ae517cd90347feace672c1e1e4721dc876e25f3e3feb250b7943fff";
    assert_eq!(info["sha256"], digest);
}

#[test]
fn info_adds_up_a_workload_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("two.csv");
    std::fs::write(&path, crate::files::TABLE).expect("writable");
    let path = path.to_str().expect("a plain path");
    let text = tamis(&["trace", "info", path]).succeeds().stdout();
    assert!(text.contains("keys fetched    20 (50.0 %)"), "{text}");
    let json = tamis(&["trace", "info", path, "--format", "json"]).succeeds().stdout();
    let info: Value = serde_json::from_str(&json).expect("valid JSON");
    assert_eq!(info["totals"]["values"], 8);
}
