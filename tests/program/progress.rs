//! The progress bar: for people at a terminal who wait longer than a second, and for nobody else.

use std::{
    fs::File,
    io::{self, Read},
    process::{Command, Output, Stdio},
    thread,
};

use rustix::pty::{self, OpenptFlags};

use crate::files::{Sizes, Trace, path_of};

/// How a run ended that had a terminal for standard error, and what it wrote there.
fn on_a_terminal(words: &[&str]) -> (Output, String) {
    let ours = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    pty::grantpt(&ours).expect("it is ours");
    pty::unlockpt(&ours).expect("it is ours");
    let name = pty::ptsname(&ours, Vec::new()).expect("it has a name");
    let name = name.to_str().expect("a plain path");
    let theirs =
        File::options().read(true).write(true).open(name).expect("a terminal has two ends");
    let run = Command::new(assert_cmd::cargo::cargo_bin!("tamis"))
        .args(words)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(theirs)
        .spawn()
        .expect("the program starts");
    let screen = thread::spawn(move || all_of(File::from(ours)));
    let output = run.wait_with_output().expect("it ends");
    (output, screen.join().expect("nothing panics there"))
}

/// What comes until the other end closes, which Linux says by an error.
fn all_of(mut terminal: File) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match terminal.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => all.extend_from_slice(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

fn on_pipes(words: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("tamis")).args(words).output().expect("it ends")
}

/// A trace of so many layers in a file, on which `--no-skip` takes its time.
fn trace(folder: &tempfile::TempDir, layers: usize) -> String {
    let sizes = Sizes { layers, heads: 4, kv_heads: 4, head_dim: 64, seq_len: 256 };
    let path = folder.path().join("long.safetensors");
    std::fs::write(&path, Trace::of(&sizes).bytes()).expect("writable");
    path_of(&path)
}

/// Whether this run is long enough for a bar depends on the machine; what it leaves does not. The bar
/// itself is held, with patience of its own, beside its code.
#[test]
fn a_terminal_gets_the_same_report_as_a_pipe_and_no_bar_stays_on_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = trace(&folder, 16);
    let words = ["run", &trace, "--no-skip", "--threads", "1", "--format", "json"];
    let piped = on_pipes(&words);
    assert_eq!(String::from_utf8_lossy(&piped.stderr), "", "a pipe gets no bar");
    let (output, screen) = on_a_terminal(&words);
    assert!(output.status.success());
    assert!(output.stdout == piped.stdout, "the terminal changed the report");
    if !screen.is_empty() {
        assert!(screen.contains(" %  ") && screen.contains(" to go"), "no bar on: {screen:?}");
        assert!(screen.ends_with("\u{1b}[2K"), "the bar is not taken away: {screen:?}");
    }
}

#[test]
fn a_short_run_shows_nothing_on_a_terminal() {
    let (output, screen) = on_a_terminal(&["trace", "info", "minilm-l6_alice_s40"]);
    assert!(output.status.success());
    assert_eq!(screen, "");
    let (output, screen) = on_a_terminal(&["run", "no-such"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(screen.starts_with("error: no-such: "), "the terminal was read: {screen:?}");
}
