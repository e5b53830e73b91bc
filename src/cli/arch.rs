//! `tamis arch`: machines, as files and as values.

use std::io::{self, Write};

use tamis_arch::{
    Accelerator,
    accelerator::PRESETS,
    graph::{Flow, Graph, Throughput},
    text::counted,
    units::Bits,
};

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
    /// Draw a machine as a graph of blocks and links, for Graphviz, with the bound on its speed.
    Graph {
        /// A preset, or a machine file (.toml).
        #[arg(value_name = "NAME", default_value = "spatten")]
        machine: String,
        /// Values in a vector.
        #[arg(long, value_name = "D", default_value_t = 64)]
        head_dim: u32,
        /// Keys of a row.
        #[arg(long, value_name = "N", default_value_t = 1024)]
        keys: u32,
        /// Width at which K and V come from DRAM for each row, as in decode [default: they stay on
        /// chip, as in prefill].
        #[arg(long, value_name = "BITS")]
        streamed: Option<u32>,
    },
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
            Command::Graph { machine, head_dim, keys, streamed } => {
                let flow = Flow { head_dim, keys, streamed: streamed.map(Bits) };
                let graph = load(&machine)?.graph(&flow).or_exit(Exit::Input)?;
                draw(&graph, out)
            }
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

/// The machine of a preset's name or of a file.
pub(crate) fn load(name_or_path: &str) -> Result<Accelerator, Failure> {
    tamis_arch::load(name_or_path).or_exit(Exit::Input)
}

fn draw(graph: &Graph, out: &mut dyn Write) -> io::Result<()> {
    let Throughput { cycles_per_row, cycles_per_line, limited_by } = &graph.throughput;
    writeln!(
        out,
        "// Cycles of a row, at least: {cycles_per_row}; of a line of keys: {cycles_per_line}."
    )?;
    writeln!(out, "// Bound by: {}.", limited_by.join(", "))?;
    out.write_all(graph.to_dot().as_bytes())
}

fn list(machines: &[Accelerator], out: &mut dyn Write) -> io::Result<()> {
    machines.iter().try_for_each(|machine| {
        let Accelerator { core, qk_array, pv_array, key_buffer, value_buffer, dram, .. } = machine;
        writeln!(out, "{:<16}{}", machine.name, machine.description)?;
        writeln!(
            out,
            "{:<16}{} MHz, {} + {} multipliers, {} + {} bytes of K and V, {}",
            "",
            core.clock.0,
            qk_array.multipliers,
            pv_array.multipliers,
            key_buffer.capacity.0,
            value_buffer.capacity.0,
            counted(dram.channels, "DRAM channel", "DRAM channels"),
        )
    })
}
