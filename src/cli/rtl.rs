//! `tamis rtl`: the machine for register-transfer design.

use std::{io::Write, path::PathBuf};

use super::arch;
use crate::exit::{Exit, Failure, OrExit};

/// Write a machine's parameters for RTL.
#[derive(Debug, clap::Args)]
pub(crate) struct Rtl {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write `tamis_pkg.sv`, `tamis_params.vh`, `tamis_params.h` and `tamis_params.json`, with the same
    /// numbers.
    Emit {
        /// The machine: a preset (`tamis arch list`) or a file (.toml).
        #[arg(long, value_name = "MACHINE", default_value = "spatten")]
        arch: String,
        /// The folder to write into; it is made if it is not there.
        #[arg(short = 'o', long = "output", value_name = "DIR")]
        output: PathBuf,
    },
}

impl Rtl {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let Command::Emit { arch, output } = self.command;
        let files = tamis_rtl::emit(&arch::load(&arch)?, &output).or_exit(Exit::Environment)?;
        let written = files.iter().try_for_each(|file| writeln!(out, "{}", file.display()));
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}
