//! `tamis rtl`: the machine for register-transfer design.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use super::arch;
use crate::{
    exit::{Exit, Failure},
    output::Folder,
};

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

/// What the files call a machine: a preset's name, or a file's without its folders, which are those of
/// one computer.
fn file_name(name_or_path: &str) -> String {
    let name = Path::new(name_or_path).file_name();
    name.map_or_else(|| name_or_path.to_owned(), |name| name.to_string_lossy().into_owned())
}

impl Rtl {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let Command::Emit { arch, output } = self.command;
        let files = tamis_rtl::files(&arch::load(&arch)?, &file_name(&arch));
        Folder::create(&output)?.write(&files)?;
        let written =
            files.iter().try_for_each(|(name, _)| writeln!(out, "{}", output.join(name).display()));
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}
