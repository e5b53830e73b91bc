//! What is wrong with a trace is said: the file, the place in it, and the rule.

mod draft;
mod file;
mod header;
mod metadata;
mod tensors;

use draft::Draft;
use tamis_workloads::trace::TraceFile;

/// The error of opening these bytes, or of reading their first layer.
fn error(bytes: Vec<u8>) -> String {
    let read = TraceFile::from_bytes("t", bytes).and_then(|file| file.layer(0));
    read.expect_err("a sound trace").to_string()
}

fn refuses(draft: &Draft, text: &str) {
    assert_eq!(error(draft.bytes()), format!("t: {text}"));
}

#[test]
fn the_draft_is_sound_before_it_is_spoiled() {
    let file = TraceFile::from_bytes("t", Draft::sound().bytes()).unwrap();
    assert_eq!(file.layer(0).unwrap().q.values, [1.0; 4 * 3 * 16]);
}
