//! Inputs that are not what they should be: each ends with code 4, the file, the place and the rule.
//! Every case starts from a trace that is valid, and breaks one thing.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::vocabulary::{Ran, tamis};

/// A trace that is valid: 1 layer, 2 heads on 1 K/V head of 16, 3 tokens, all values 0.
#[derive(Clone)]
struct Trace {
    header: BTreeMap<String, Value>,
    data: Vec<u8>,
}

impl Trace {
    fn valid() -> Self {
        let tensor = |shape: [usize; 3], start: usize| {
            let end = start + 2 * shape.iter().product::<usize>();
            json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]})
        };
        let metadata = json!({
            "format": "attention-trace", "version": "1", "model": "test", "task": "test",
            "causal": "true", "num_layers": "1", "num_heads": "2", "num_kv_heads": "1",
            "head_dim": "16", "seq_len": "3", "scale": "0.25", "source_text": "none",
        });
        let header = [
            ("__metadata__", metadata),
            ("layer.0.q", tensor([2, 3, 16], 0)),
            ("layer.0.k", tensor([1, 3, 16], 192)),
            ("layer.0.v", tensor([1, 3, 16], 288)),
        ];
        let header = header.map(|(name, value)| (name.to_owned(), value)).into();
        Self { header, data: vec![0; 384] }
    }

    fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.header.get_mut("__metadata__").expect("it has metadata")[key] = json!(value);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).expect("it is JSON");
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(&self.data);
        bytes
    }
}

struct File {
    _folder: TempDir,
    path: PathBuf,
}

impl File {
    fn holding(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.safetensors");
        fs::write(&path, bytes).expect("writable");
        Self { _folder: folder, path }
    }

    fn info(&self) -> Ran {
        tamis(&["trace", "info", self.path.to_str().expect("a plain path")])
    }
}

/// The file is refused with its name and each of the texts.
#[track_caller]
fn refused(bytes: &[u8], texts: &[&str]) {
    let texts: Vec<&str> = ["bad.safetensors: "].iter().chain(texts).copied().collect();
    File::holding(bytes).info().fails(4, &texts);
}

#[test]
fn the_trace_that_the_cases_start_from_is_valid() {
    File::holding(&Trace::valid().bytes()).info().succeeds();
}

#[test]
fn an_empty_file() {
    refused(&[], &["the file"]);
}

#[test]
fn a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a plain path");
    tamis(&["trace", "info", path]).fails(4, &[path, "not a directory"]);
}

#[test]
fn a_file_that_is_cut_short() {
    let bytes = Trace::valid().bytes();
    refused(&bytes[..bytes.len() - 1], &["the file", "384 bytes of data", "found 383"]);
    refused(&bytes[..40], &["header"]);
}

#[test]
fn a_header_length_that_lies() {
    let mut bytes = Trace::valid().bytes();
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&bytes, &["header"]);
}

#[test]
fn a_value_that_is_not_a_number() {
    let mut trace = Trace::valid();
    trace.data[200..202].copy_from_slice(&0x7e00_u16.to_le_bytes());
    let place = "tensor `layer.0.k` at head 0, token 0, dim 4";
    refused(&trace.bytes(), &[place, "finite", "found NaN"]);
    trace.data[200..202].copy_from_slice(&0x7c00_u16.to_le_bytes());
    refused(&trace.bytes(), &[place, "finite", "found inf"]);
}

#[test]
fn a_trace_of_no_heads() {
    refused(&Trace::valid().with_metadata("num_heads", "0").bytes(), &["metadata `num_heads`"]);
}

#[test]
fn k_v_heads_that_do_not_divide_the_heads() {
    let trace = Trace::valid().with_metadata("num_kv_heads", "3");
    refused(&trace.bytes(), &["metadata `num_kv_heads`"]);
}

#[test]
fn shapes_that_disagree() {
    let mut trace = Trace::valid();
    let k = trace.header.get_mut("layer.0.k").expect("it has keys");
    k["shape"] = json!([1, 4, 16]);
    refused(&trace.bytes(), &["tensor `layer.0.k`", "shape must be", "[1, 4, 16]"]);
}

#[test]
fn a_version_that_is_not_known() {
    let trace = Trace::valid().with_metadata("version", "2");
    refused(&trace.bytes(), &["metadata `version`", "`1`"]);
}

#[test]
fn a_key_that_is_not_known() {
    let trace = Trace::valid().with_metadata("colour", "blue");
    refused(&trace.bytes(), &["metadata `colour`"]);
}
