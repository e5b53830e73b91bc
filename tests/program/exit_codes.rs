//! How the program ends, and that the documents say the same.

use std::{
    io::Read,
    process::{Command, Stdio},
};

use crate::vocabulary::tamis;

#[test]
fn success_is_zero() {
    tamis(&["--version"]).succeeds();
    tamis(&["--help"]).succeeds();
}

#[test]
fn a_wrong_command_line_is_two() {
    tamis(&["frobnicate"]).fails(2, &["unrecognized subcommand 'frobnicate'"]);
    tamis(&["trace", "info"]).fails(2, &["<FILE>"]);
    tamis(&["trace", "info", "--format", "xml", "x"]).fails(2, &["invalid value 'xml'", "json"]);
}

#[test]
fn threads_are_one_to_a_thousand() {
    for count in ["0", "1025", "20000", "18446744073709551615", "-1", "many"] {
        let option = format!("--threads={count}");
        for words in [&["run"][..], &["dram", "replay", "-"]] {
            let words = [words, &[&option]].concat();
            tamis(&words).fails(2, &["--threads", "must be 1 to 1024"]);
        }
    }
    tamis(&["run", "minilm-l6_alice_s40", "--threads", "1024", "--format", "csv"]).succeeds();
}

#[test]
fn an_input_that_is_not_there_is_four() {
    tamis(&["trace", "info", "no-such.safetensors"])
        .fails(4, &["no-such.safetensors: there is no such file", "smollm2-135m_alice_s64"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_seven() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let ran = Command::new(assert_cmd::cargo::cargo_bin!("tamis"))
        .args(["trace", "info", "minilm-l6_alice_s40"])
        .stdout(full)
        .output()
        .expect("the program starts");
    assert_eq!(ran.status.code(), Some(7));
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(stderr.starts_with("error: cannot write to standard output: "), "{stderr}");
}

#[test]
fn a_reader_that_has_gone_is_a_quiet_success() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("tamis"))
        .args(["trace", "info", "minilm-l6_alice_s40"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().expect("it is piped");
    pipe.read_to_string(&mut stderr).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(stderr, "");
}
