//! `tamis arch`: machines, as files and as values.

use std::io::{self, Write};

use tamis_arch::{Accelerator, accelerator::PRESETS};

use crate::exit::{Exit, Failure, OrExit};

/// Look at machines: presets, files, and what a file may say.
#[derive(Debug, clap::Args)]
pub(crate) struct Arch {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the machines that come with tamis.
    List,
    /// Print a machine with every parameter, as a file.
    Show {
        /// A preset, or a machine file (.toml).
        #[arg(value_name = "NAME")]
        machine: String,
    },
    /// Check a machine file and report every fault in it.
    Check {
        /// The machine file (.toml).
        #[arg(value_name = "FILE")]
        machine: String,
    },
    /// Print the JSON schema of a machine file.
    Schema,
}

impl Arch {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let written = match self.command {
            Command::List => {
                let machines = PRESETS.iter().map(|preset| load(preset.name));
                list(&machines.collect::<Result<Vec<_>, _>>()?, out)
            }
            Command::Show { machine } => out.write_all(load(&machine)?.to_toml().as_bytes()),
            Command::Check { machine } => {
                let checked = load(&machine)?;
                writeln!(out, "{machine}: machine `{}`, digest {}", checked.name, checked.digest())
            }
            Command::Schema => writeln!(out, "{:#}", Accelerator::schema()),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

/// The machine of a preset's name or of a file.
pub(crate) fn load(name_or_path: &str) -> Result<Accelerator, Failure> {
    tamis_arch::load(name_or_path).or_exit(Exit::Input)
}

fn list(machines: &[Accelerator], out: &mut dyn Write) -> io::Result<()> {
    machines.iter().try_for_each(|machine| {
        let Accelerator { core, qk_array, pv_array, key_buffer, value_buffer, dram, .. } = machine;
        writeln!(out, "{:<16}{}", machine.name, machine.description)?;
        writeln!(
            out,
            "{:<16}{} MHz, {} + {} multipliers, {} + {} bytes of K and V, {} DRAM channels",
            "",
            core.clock.0,
            qk_array.multipliers,
            pv_array.multipliers,
            key_buffer.capacity.0,
            value_buffer.capacity.0,
            dram.channels,
        )
    })
}
