//! Tools that tests run, where the machine has them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::{Command, Output},
};

/// Numbers by name.
pub(crate) type Parameters = BTreeMap<String, u64>;

/// Whether a tool is there. If not, says so on the terminal, past the capture of test output.
pub(crate) fn tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        let message = format!("\nNOT TESTED: `{name}` is not installed; tests/run installs it\n");
        io::stderr().write_all(message.as_bytes()).expect("the terminal can be written");
    }
    found
}

/// Runs a tool that is there.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
