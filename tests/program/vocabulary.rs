//! The words in which the tests of the program are written.

use std::process::Output;

use assert_cmd::Command;

/// `tamis` with these words, in a folder that is not the repository.
pub(crate) fn tamis(words: &[&str]) -> Ran {
    tamis_in(&std::env::temp_dir(), words)
}

/// The same, with this on standard input.
pub(crate) fn tamis_reading(input: impl Into<Vec<u8>>, words: &[&str]) -> Ran {
    run(&std::env::temp_dir(), words, input.into())
}

pub(crate) fn tamis_in(folder: &std::path::Path, words: &[&str]) -> Ran {
    run(folder, words, Vec::new())
}

fn run(folder: &std::path::Path, words: &[&str], input: Vec<u8>) -> Ran {
    let mut command = Command::cargo_bin("tamis").expect("cargo built the program");
    let output = command
        .current_dir(folder)
        .env("RUST_BACKTRACE", "0")
        .args(words)
        .write_stdin(input)
        .output()
        .expect("the program starts");
    Ran { words: words.join(" "), output }
}

/// A run that has ended.
pub(crate) struct Ran {
    words: String,
    output: Output,
}

impl Ran {
    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).expect("the program prints UTF-8")
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).expect("the program prints UTF-8")
    }

    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().expect("it ended by itself")
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code(), 0, "`tamis {}`: {}", self.words, self.stderr());
        self
    }

    /// Ends with `code`, prints nothing on standard output, and says on standard error each of the
    /// texts.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, texts: &[&str]) -> Self {
        let stderr = self.stderr();
        assert_eq!(self.code(), code, "`tamis {}`: {stderr}", self.words);
        assert_eq!(self.stdout(), "", "`tamis {}` printed a result", self.words);
        assert!(stderr.starts_with("error: "), "`tamis {}`: {stderr}", self.words);
        assert!(!stderr.contains("panicked"), "`tamis {}`: {stderr}", self.words);
        for text in texts {
            assert!(stderr.contains(text), "`tamis {}`: no `{text}` in: {stderr}", self.words);
        }
        self
    }
}
