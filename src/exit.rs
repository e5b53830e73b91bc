//! How the program ends: the exit codes, in one place, and the error that carries one.

use std::{fmt, io, process::ExitCode};

/// What the program tells the shell that called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Bug = 1,
    CommandLine = 2,
    CycleLimit = 3,
    Input = 4,
    Mismatch = 5,
    Deadlock = 6,
    Environment = 7,
}

impl Exit {
    /// All of them, in order: the table in `tamis --help` and the one in README.md.
    pub(crate) const ALL: [Self; 8] = [
        Self::Done,
        Self::Bug,
        Self::CommandLine,
        Self::CycleLimit,
        Self::Input,
        Self::Mismatch,
        Self::Deadlock,
        Self::Environment,
    ];

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; also when the reader of a pipe has gone",
            Self::Bug => "a bug in tamis (a broken invariant)",
            Self::CommandLine => "the command line is wrong",
            Self::CycleLimit => "the cycle limit was reached",
            Self::Input => "an input (trace, table, machine, policy) is missing or not valid",
            Self::Mismatch => "RTL and model differ",
            Self::Deadlock => "the machine deadlocked",
            Self::Environment => "the environment: an output cannot be written, a tool is missing",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The foot of `tamis --help`.
pub(crate) fn table() -> String {
    let rows = Exit::ALL.map(|exit| format!("  {}  {}", exit as u8, exit.meaning()));
    format!("Exit codes:\n{}", rows.join("\n"))
}

/// Why the program stops early. The message fits after `error: `.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// An output that could not be written, unless it is a pipe whose reader has what it wanted.
    pub(crate) fn writing(what: impl fmt::Display, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, "");
        }
        Self::new(Exit::Environment, format!("cannot write {what}: {error}"))
    }
}

/// Says which exit code an error of a library means.
pub(crate) trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, with_causes(&error)))
    }
}

/// The error and those of its causes that its own text does not yet tell.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_from_zero_without_gaps() {
        let codes = Exit::ALL.map(|exit| exit as u8);
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_pipe_whose_reader_has_gone_is_a_quiet_success() {
        let gone = Failure::writing("the report", &io::ErrorKind::BrokenPipe.into());
        assert_eq!((gone.exit, gone.message.as_str()), (Exit::Done, ""));
        let full = Failure::writing("the report", &io::ErrorKind::StorageFull.into());
        assert_eq!(full.exit, Exit::Environment);
        assert!(full.message.starts_with("cannot write the report: "), "{}", full.message);
    }

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("cannot read `x`")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(with_causes(&Outer(io::Error::other("gone"))), "cannot read `x`: gone");
    }
}
