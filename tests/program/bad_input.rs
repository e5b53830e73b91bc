//! Inputs that are not what they should be: each ends with code 4, the file, the place and the rule.
//! Every case starts from a trace that is valid, and breaks one thing.

use std::{fs, path::PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    files::{Sizes, Trace, path_of},
    vocabulary::{Ran, tamis},
};

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

/// What is no trace at all is told what a trace is; a trace with a fault is not.
#[test]
fn a_file_of_something_else() {
    let hints = ["a trace is a safetensors file", "`tamis trace info smollm2-135m_alice_s64`"];
    let text = b"The quick brown fox jumps over the lazy dog.";
    refused(
        text,
        &["byte 0", "a safetensors file starts with the length of its header", hints[0], hints[1]],
    );
    refused(b"", &["found 0", hints[0], hints[1]]);
    let weights = Trace::valid().with_metadata("format", "pt");
    let place = "metadata `format`: must be `attention-trace` (found `pt`)";
    refused(&weights.bytes(), &[place, hints[0], hints[1]]);
    let trace = Trace::valid().with_metadata("num_heads", "0");
    let stderr = File::holding(&trace.bytes()).info().stderr();
    assert!(!stderr.contains(hints[0]), "{stderr}");
}

#[test]
fn a_machine_or_policy_file_in_the_place_of_a_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    fs::write(&path, "extends = \"spatten\"\n").expect("writable");
    let path = path_of(&path);
    tamis(&["run", &path]).fails(4, &[&format!("`--arch {path}`"), &format!("`--policy {path}`")]);
}

/// Whoever runs the tests may be allowed to read everything; then there is nothing to see.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    for (name, words) in [
        ("secret.safetensors", &["run"][..]),
        ("secret.csv", &["run"]),
        ("secret.toml", &["run", "--arch"]),
        ("secret.toml", &["run", "--policy"]),
        ("secret.safetensors", &["trace", "info"]),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, Trace::valid().bytes()).expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
        if fs::File::open(&path).is_ok() {
            return;
        }
        let path = path_of(&path);
        tamis(&[words, &[&path]].concat()).fails(4, &[&path, "Permission denied"]);
    }
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

/// A run of the file is refused with the texts.
#[track_caller]
fn run_refused(trace: &Trace, more: &[&str], texts: &[&str]) {
    let file = File::holding(&trace.bytes());
    let path = path_of(&file.path);
    let words: Vec<&str> = ["run", &path].iter().chain(more).copied().collect();
    tamis(&words).fails(4, texts);
}

#[test]
fn a_value_that_is_not_a_number_ends_a_run_and_names_the_file_once() {
    let mut trace = Trace::decoder();
    trace.data[4..6].copy_from_slice(&0x7c00_u16.to_le_bytes());
    let file = File::holding(&trace.bytes());
    let start = format!("error: {}: tensor `layer.0.q`", path_of(&file.path));
    tamis(&["run", &path_of(&file.path)]).fails(4, &[&start, "finite"]);
}

#[test]
fn a_head_dim_that_the_machine_does_not_support() {
    let trace =
        |head_dim| Trace::of(&Sizes { layers: 1, heads: 1, kv_heads: 1, head_dim, seq_len: 4 });
    run_refused(&trace(48), &[], &["head_dim", "48"]);
    run_refused(&trace(8), &[], &["head_dim", "8"]);
    let texts = ["head_dim", "128", "multipliers"];
    run_refused(&trace(128), &["--arch", "spatten-eighth"], &texts);
}

#[test]
fn a_task_that_does_not_fit_half_a_buffer() {
    let sizes = Sizes { layers: 1, heads: 1, kv_heads: 1, head_dim: 256, seq_len: 300 };
    run_refused(&Trace::of(&sizes), &["--policy", "dense"], &["key_buffer", "300", "half"]);
}

#[test]
fn a_policy_that_is_not_there() {
    run_refused(&Trace::decoder(), &["--policy", "sieve"], &["`sieve`", "`cascade`", "`dense`"]);
    run_refused(&Trace::decoder(), &["--policy", "no-such.toml"], &["no-such.toml"]);
}

/// A policy file with these lines is refused with the texts.
#[track_caller]
fn policy_refused(lines: &str, texts: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, format!("extends = \"cascade\"\n{lines}\n")).expect("writable");
    run_refused(&Trace::decoder(), &["--policy", &path_of(&policy)], texts);
}

#[test]
fn a_schedule_that_keeps_no_tokens_or_more_than_there_are() {
    policy_refused("tokens_keep = 0.0", &["policy.toml:2:15", "`tokens_keep`"]);
    policy_refused("tokens_keep = [1.0, 0.01]", &["policy.toml:2", "`tokens_keep`", "token"]);
    policy_refused("tokens_keep = [1.0, 1.5]", &["policy.toml:2", "`tokens_keep`"]);
    policy_refused(
        "tokens_keep = [1.0, 0.5, 0.5]",
        &["policy.toml:2", "`tokens_keep`", "each layer of the trace"],
    );
}

#[test]
fn a_policy_file_that_is_a_folder_or_no_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    fs::create_dir(&policy).expect("writable");
    run_refused(&Trace::decoder(), &["--policy", &path_of(&policy)], &["not a directory"]);
    fs::remove_dir(&policy).expect("it is empty");
    fs::write(&policy, [0xff, 0xfe]).expect("writable");
    run_refused(&Trace::decoder(), &["--policy", &path_of(&policy)], &["policy.toml: ", "UTF-8"]);
    fs::write(&policy, "#".repeat(2 << 20)).expect("writable");
    run_refused(&Trace::decoder(), &["--policy", &path_of(&policy)], &["at most 1 MiB"]);
}

#[test]
fn a_policy_with_an_unknown_key() {
    policy_refused("token_keep = 0.5", &["policy.toml:2:1", "token_keep"]);
}
