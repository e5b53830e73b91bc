//! Faults of the file as a whole.

use std::fs;

use tamis_workloads::trace::{Layer, TraceFile};

use crate::{draft::Draft, error};

#[test]
fn missing_file() {
    let text = TraceFile::open("no/such/file").unwrap_err().to_string();
    assert!(text.starts_with("no/such/file: the file: No such file"), "{text}");
}

#[test]
fn directory() {
    let text = TraceFile::open("src").unwrap_err().to_string();
    assert_eq!(text, "src: the file: must be a regular file, not a directory or a device");
}

#[cfg(unix)]
#[test]
fn device() {
    let text = TraceFile::open("/dev/zero").unwrap_err().to_string();
    assert_eq!(text, "/dev/zero: the file: must be a regular file, not a directory or a device");
}

#[test]
fn empty_file() {
    let text = "t: the file: must be a safetensors file, of 8 bytes of header length and more (found 0 in all)";
    assert_eq!(error(Vec::new()), text);
}

#[test]
fn a_file_that_shrinks_while_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t");
    fs::write(&path, Draft::sound().bytes()).unwrap();
    let file = TraceFile::open(&path).unwrap();
    let len = file.bytes();
    fs::File::options().write(true).open(&path).unwrap().set_len(len - 1).unwrap();
    let start = len - 384;
    let rule = format!(
        "the file must keep the {len} bytes that it had when it was opened; it was cut short"
    );
    let text = file.layer(0).unwrap_err().to_string();
    assert_eq!(text, format!("{}: byte {start}: {rule}", path.display()));
    let text = file.digest().unwrap_err().to_string();
    assert_eq!(text, format!("{}: byte 0: {rule}", path.display()));
}

#[test]
fn a_layer_that_is_not_there() {
    let file = TraceFile::from_bytes("t", Draft::sound().bytes()).unwrap();
    let text = file.layer(1).map(|_: Layer| ()).unwrap_err().to_string();
    assert_eq!(text, "t: the file: has layers 0 to 0 (asked for 1)");
}
