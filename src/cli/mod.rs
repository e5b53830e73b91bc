//! The command line: one file a subcommand.

mod arch;
mod dram;
mod input;
mod rtl;
mod run;
mod threads;
mod trace;

use std::io::Write;

use crate::exit::{self, Exit, Failure};

/// Simulate accelerators that sieve attention: cycles, traffic and energy on real traces.
#[derive(Debug, clap::Parser)]
#[command(version, after_help = exit::table())]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Run),
    Arch(arch::Arch),
    Dram(dram::Dram),
    Trace(trace::Trace),
    Rtl(rtl::Rtl),
}

impl Cli {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        match self.command {
            Command::Run(run) => run.run(out),
            Command::Arch(arch) => arch.run(out),
            Command::Dram(dram) => dram.run(out),
            Command::Trace(trace) => trace.run(out),
            Command::Rtl(rtl) => rtl.run(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Calls `check` with each command and the words that lead to it.
    fn walk(command: &clap::Command, path: &str, check: &mut impl FnMut(&str, &clap::Command)) {
        check(path, command);
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            walk(child, &format!("{path} {}", child.get_name()), check);
        }
    }

    #[test]
    fn every_command_and_argument_has_help() {
        let mut seen = 0;
        let mut command = Cli::command();
        command.build();
        walk(&command, "tamis", &mut |path, command| {
            assert!(command.get_about().is_some(), "`{path}` has no help");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "`{path}`: {argument} has no help");
                for value in argument.get_possible_values() {
                    let named = argument.get_action().takes_values() && !value.is_hide_set();
                    assert!(
                        !named || value.get_help().is_some(),
                        "`{path}`: {argument}: {value:?}"
                    );
                }
            }
            seen += 1;
        });
        assert!(seen > 2, "the walk saw {seen} commands");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
