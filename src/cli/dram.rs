//! `tamis dram`: the memory alone.

mod gzip;
mod replay;
mod requests;

use std::{
    io::{self, Write},
    path::Path,
};

use tamis_arch::{
    dram::{
        Controller, Dram as Memory, MappingSpec, SHARED_TABLE, STANDARDS, Standard, standard_source,
    },
    fault::{Faults, Source},
};

use crate::{
    exit::{Exit, Failure, OrExit},
    text::bytes_per_second,
};

/// Use the DRAM model alone: replay a request trace, look at standards.
#[derive(Debug, clap::Args)]
pub(crate) struct Dram {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Replay(replay::Replay),
    /// List the DRAM standards that come with tamis.
    List,
    /// Print the file of a DRAM standard, every value with its source: where one of your own starts.
    Show {
        /// A standard (`tamis dram list`), or `jedec`: the table of constraints that they share.
        #[arg(value_name = "NAME")]
        standard: String,
        /// Print a mapping of such a memory instead: which address bit is what, as the `--mapping` of a replay
        /// takes it, for `tamis` or another name.
        #[arg(long, value_name = "MAPPING")]
        mapping: Option<String>,
        /// With `--mapping`: channels of the memory; a power of two, up to 64.
        #[arg(long, value_name = "N", default_value = "1", requires = "mapping", value_parser = channels)]
        channels: u32,
    },
}

impl Dram {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let written = match self.command {
            Command::Replay(replay) => return replay.run(out),
            Command::List => list(out),
            Command::Show { standard, mapping: Some(text), channels } => {
                writeln!(out, "{}", mapping(&text, channels, &load(&standard)?)?.bits())
            }
            Command::Show { standard, .. } => out.write_all(source(&standard)?.text.as_bytes()),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    STANDARDS.iter().try_for_each(|(name, _)| {
        let memory = Memory::new(name, 1, "tamis", Controller::usual()).expect("it is ours");
        let peak = bytes_per_second(memory.peak_bytes_per_second());
        writeln!(out, "{name:<16}{}", memory.standard.description)?;
        writeln!(
            out,
            "{:<16}{} MHz, transactions of {} bytes, {peak} a channel",
            "", memory.clock.0, memory.transaction.0
        )
    })
}

/// The text of a standard: a name, or a file (.toml).
fn source(name_or_path: &str) -> Result<Source, Failure> {
    standard_source(name_or_path, Path::new("")).map_err(|reason| {
        if Path::new(name_or_path).is_dir() {
            let rule = "must be a standard or the file of one (.toml), not a directory";
            return Failure::new(Exit::Input, format!("{name_or_path}: {rule}"));
        }
        let what = if name_or_path.ends_with(".toml") { "" } else { "no such DRAM standard: " };
        Failure::new(Exit::Input, format!("{what}{reason}"))
    })
}

/// The standard of a name or of a file, checked.
fn load(name_or_path: &str) -> Result<Standard, Failure> {
    if name_or_path == SHARED_TABLE {
        let rule = "is the table of constraints that standards share, and no standard; `tamis dram list` lists those";
        return Err(Failure::new(Exit::Input, format!("{name_or_path}: {rule}")));
    }
    let mut faults = Faults::default();
    let standard = Standard::read(source(name_or_path)?, &mut faults);
    faults.into_result(standard).or_exit(Exit::Input)
}

/// The mapping of `--mapping`, for a memory of so many channels.
fn mapping(text: &str, channels: u32, standard: &Standard) -> Result<MappingSpec, Failure> {
    MappingSpec::parse(text, channels, &standard.organisation).map_err(|error| {
        let exit = if error.is_of_the_string() { Exit::CommandLine } else { Exit::Input };
        Failure::new(exit, format!("--mapping `{text}`: {error}"))
    })
}

/// Parses the value of `--channels`.
fn channels(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count: &u32| count.is_power_of_two() && *count <= 64);
    count.ok_or_else(|| {
        "must be a power of two, 1 to 64: the channel is a slice of the address".to_owned()
    })
}
