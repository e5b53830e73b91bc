//! `tamis`: simulate sparse-attention accelerators. The command line and the reports; no modelling.

mod cli;
mod exit;
mod grid;
mod output;
mod progress;
mod report;
mod simulation;
mod text;

use std::{
    io::{self, BufWriter, Write},
    panic,
    process::ExitCode,
};

use clap::Parser;

use crate::{
    cli::Cli,
    exit::{Exit, Failure},
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let ran = || {
        let exit = cli.run(&mut out)?;
        out.flush().map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(exit)
    };
    finish(caught(ran), &mut io::stderr()).into()
}

/// Runs `work`; a panic is a bug of ours, and a result like any other.
fn caught(work: impl FnOnce() -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    let bug =
        |_| Err(Failure::new(Exit::Bug, "this is a bug in tamis; please report the lines above"));
    panic::catch_unwind(panic::AssertUnwindSafe(work)).unwrap_or_else(bug)
}

/// Tells people what went wrong. If standard error is gone too, the exit code must do.
fn finish(result: Result<Exit, Failure>, err: &mut dyn Write) -> Exit {
    let failure = match result {
        Ok(exit) => return exit,
        Err(failure) => failure,
    };
    // The faults of a machine file come with their own `error: `, one each.
    let prefix = if failure.message.starts_with("error: ") { "" } else { "error: " };
    if !failure.message.is_empty() {
        let _ = writeln!(err, "{prefix}{}", failure.message.trim_end());
    }
    failure.exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_exit_code_one() {
        let mut err = Vec::new();
        let exit = finish(caught(|| panic!("a broken promise")), &mut err);
        assert_eq!(exit, Exit::Bug);
        assert!(err.starts_with(b"error: this is a bug in tamis"));
    }

    #[test]
    fn a_quiet_end_prints_nothing() {
        let mut err = Vec::new();
        let quiet = Failure::writing("to standard output", &io::ErrorKind::BrokenPipe.into());
        assert_eq!(finish(Err(quiet), &mut err), Exit::Done);
        assert!(err.is_empty());
    }
}
