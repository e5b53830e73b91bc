//! Faults of the length and the JSON.

use std::fs;

use tamis_workloads::trace::TraceFile;

use crate::{draft::raw, error};

#[test]
fn header_length_beyond_the_file() {
    let mut bytes = raw(b"{}", &[]);
    bytes[0] = 3;
    let rule = "a safetensors file starts with the length of its header, here at most 2";
    assert_eq!(error(bytes), format!("t: byte 0: {rule} (found 3)"));
}

#[test]
fn header_length_beyond_all_memory() {
    let bytes = [&[0xff; 8][..], b"{}"].concat();
    let rule = "a safetensors file starts with the length of its header, here at most 2";
    assert_eq!(error(bytes), format!("t: byte 0: {rule} (found 18446744073709551615)"));
}

#[test]
fn header_length_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    let length: u64 = (16 << 20) + 1;
    fs::write(&path, length.to_le_bytes()).unwrap();
    // A hole: the file is long, and takes no space.
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    let rule = "a safetensors file starts with the length of its header, here at most 16777216 (found \
                16777217)";
    let text = TraceFile::open(&path).unwrap_err().to_string();
    assert_eq!(text, format!("{}: byte 0: {rule}", path.display()));
}

#[test]
fn header_that_is_not_an_object() {
    let rule = "the header of a safetensors file must start with `{`";
    assert_eq!(error(raw(b"[]", &[])), format!("t: byte 8: {rule}"));
    assert_eq!(error(raw(b"", &[])), format!("t: byte 8: {rule}"));
}

#[test]
fn header_that_is_not_json() {
    let text = error(raw(b"{\"layer.0.q\": }", &[]));
    let rule = "the header must be sound JSON: expected value at line 1 column 15";
    assert_eq!(text, format!("t: byte 22: {rule}"));
}

#[test]
fn header_that_is_not_text() {
    let text = error(raw(b"{\"\xff\": 1}", &[]));
    assert!(
        text.starts_with("t: byte 10: the header must be sound JSON: invalid unicode"),
        "{text}"
    );
}

#[test]
fn header_nested_without_end() {
    let text = error(raw("{\"a\":".repeat(100_000).as_bytes(), &[]));
    assert!(
        text.starts_with("t: byte 16: the header must be sound JSON: unknown field `a`"),
        "{text}"
    );
}

#[test]
fn header_without_metadata() {
    let rule = "the header must hold `__metadata__` that says what the trace is";
    assert_eq!(error(raw(b"{}", &[])), format!("t: the file: {rule}"));
}

#[test]
fn metadata_that_is_not_text() {
    let text = error(raw(br#"{"__metadata__":{"version":1}}"#, &[]));
    let rule = "the header must be sound JSON: invalid type: integer `1`, expected a string";
    assert_eq!(text, format!("t: byte 35: {rule} at line 1 column 28"));
}

#[test]
fn tensor_named_twice() {
    let entry = r#""a":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}"#;
    let text = error(raw(format!("{{{entry},{entry}}}").as_bytes(), &[]));
    assert!(text.contains("the header must be sound JSON: key `a` appears twice at"), "{text}");
}

#[test]
fn metadata_key_given_twice() {
    let text = error(raw(br#"{"__metadata__":{"scale":"1","scale":"2"}}"#, &[]));
    assert!(text.contains("the header must be sound JSON: key `scale` appears twice at"), "{text}");
}
