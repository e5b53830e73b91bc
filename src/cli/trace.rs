//! `tamis trace`: what is in a trace.

use std::io::{self, Write};

use serde::Serialize;
use tamis_workloads::trace::TraceFile;

use super::input;
use crate::exit::{Exit, Failure, OrExit};

/// Look into traces.
#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the shape of a trace.
    Info {
        /// A trace file (`attention-trace` 1), or the name of a bundled trace.
        #[arg(value_name = "FILE")]
        file: String,
        /// How to print it.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What the header of a trace says.
#[derive(Serialize)]
struct Info<'t> {
    model: &'t str,
    task: &'t str,
    source_text: &'t str,
    digest: String,
    bytes: u64,
    layers: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    seq_len: u32,
    prompt_len: Option<u32>,
    causal: bool,
    scale: f64,
    /// Keys a query sees in each layer; 0 for all.
    window: &'t [u32],
}

impl Trace {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let Command::Info { file, format } = self.command;
        let trace = input::open_trace(&file)?;
        let info = Info::of(&trace)?;
        let written = match format {
            Format::Table => write_table(&info, out),
            Format::Json => write_json(&info, out),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

impl<'t> Info<'t> {
    fn of(trace: &'t TraceFile) -> Result<Self, Failure> {
        let (shape, origin) = (trace.shape(), trace.origin());
        Ok(Self {
            model: &shape.model,
            task: &origin.task,
            source_text: &origin.source_text,
            digest: trace.digest().or_exit(Exit::Input)?,
            bytes: trace.bytes(),
            layers: shape.layers,
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            seq_len: shape.seq_len,
            prompt_len: shape.prompt_len,
            causal: shape.causal,
            scale: shape.scale,
            window: &shape.window,
        })
    }
}

fn write_json(info: &Info<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, info)?;
    out.write_all(b"\n")
}

fn write_table(info: &Info<'_>, out: &mut dyn Write) -> io::Result<()> {
    let sees = if info.causal { "earlier tokens and itself" } else { "all tokens" };
    let windowed = info.window.iter().filter(|&&window| window > 0).count();
    let rows = [
        ("model", info.model.to_owned()),
        ("task", info.task.to_owned()),
        ("text", info.source_text.to_owned()),
        ("layers", info.layers.to_string()),
        ("heads", format!("{} query, {} K/V, of {}", info.heads, info.kv_heads, info.head_dim)),
        ("tokens", tokens(info)),
        ("a query sees", sees.to_owned()),
        ("windowed layers", windowed.to_string()),
        ("scale", info.scale.to_string()),
        ("SHA-256", info.digest.clone()),
    ];
    rows.iter().try_for_each(|(title, text)| writeln!(out, "{title:<16}{text}"))
}

fn tokens(info: &Info<'_>) -> String {
    match info.prompt_len {
        Some(prompt) => {
            format!("{}: {prompt} of prompt, {} decoded", info.seq_len, info.seq_len - prompt)
        }
        None => info.seq_len.to_string(),
    }
}
