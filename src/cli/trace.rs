//! `tamis trace`: what is in a trace.

use std::io::{self, Write};

use tamis_workloads::statistics::{LayerStatistics, MIN_KEYS, TraceInfo};

use super::input;
use crate::{
    exit::{Exit, Failure, OrExit},
    grid::Grid,
    text::{bytes, or_dash, percent, plain},
};

/// Look into traces.
#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print the shape of a trace, and where its attention goes, layer by layer.
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
    /// Everything, for programs.
    Json,
}

impl Trace {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let Command::Info { file, format } = self.command;
        let trace = input::open_trace(&file)?;
        let info = TraceInfo::of(&trace).or_exit(Exit::Input)?;
        let written = match format {
            Format::Table => write_table(&info, out),
            Format::Json => write_json(&info, out),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

fn write_json(info: &TraceInfo, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, info)?;
    out.write_all(b"\n")
}

fn write_table(info: &TraceInfo, out: &mut dyn Write) -> io::Result<()> {
    let (shape, origin) = (&info.shape, &info.origin);
    let sees = if shape.causal { "earlier tokens and itself" } else { "all tokens" };
    let windowed = shape.window.iter().filter(|&&window| window > 0).count();
    let rows = [
        ("model", shape.model.clone()),
        ("task", origin.task.clone()),
        ("text", origin.source_text.clone()),
        ("layers", layers(info)),
        ("heads", format!("{} query, {} K/V, of {}", shape.heads, shape.kv_heads, shape.head_dim)),
        ("tokens", tokens(info)),
        ("a query sees", sees.to_owned()),
        ("windowed layers", windowed.to_string()),
        ("scale", shape.scale.to_string()),
        ("in memory", format!("{} a layer", bytes(info.layer_bytes))),
        ("SHA-256", info.sha256.clone()),
    ];
    rows.iter().try_for_each(|(title, text)| writeln!(out, "{title:<16}{text}"))?;

    writeln!(out, "\nWhere the attention goes (rows that see at least {MIN_KEYS} keys):")?;
    let mut grid = Grid::new(5);
    grid.row("", COLUMNS.iter().map(|(line, _, _)| (*line).to_owned()));
    grid.row("layer", COLUMNS.iter().map(|(_, line, _)| (*line).to_owned()));
    for layer in &info.layers {
        let cells = COLUMNS.iter().map(|(_, _, text)| text(layer));
        grid.row(&format!("{:>5}", layer.layer), cells);
    }
    grid.write(out)
}

fn layers(info: &TraceInfo) -> String {
    let here = info.shape.layers;
    match info.origin.model_layers {
        Some(all) if all != here => format!("{here} of the model's {all}"),
        _ => here.to_string(),
    }
}

fn tokens(info: &TraceInfo) -> String {
    let all = info.shape.seq_len;
    match info.shape.prompt_len {
        Some(prompt) => format!("{all}: {prompt} of prompt, {} decoded", all - prompt),
        None => all.to_string(),
    }
}

/// Two lines of title, and the text of a layer.
type Column = (&'static str, &'static str, fn(&LayerStatistics) -> String);

const COLUMNS: &[Column] = &[
    ("mass on", "top 10 %", |l| or_dash(l.rows.map(|rows| rows.mass_top_tenth), percent)),
    ("mass on", "top 25 %", |l| or_dash(l.rows.map(|rows| rows.mass_top_quarter), percent)),
    ("keys for", "90 %", |l| or_dash(l.rows.map(|rows| rows.keys_for_90_percent), percent)),
    ("mean", "max p", |l| or_dash(l.rows.map(|rows| rows.max_probability), plain)),
    ("rows with", "p < 0.1", |l| or_dash(l.rows.map(|rows| rows.flat_rows), percent)),
    ("mass on", "token 0", |l| or_dash(l.first_token_mass, percent)),
    ("top 25 %", "of tokens", |l| percent(l.importance_top_quarter)),
    ("heads", "max/mean", |l| or_dash(l.head_importance_max_over_mean, plain)),
    ("", "min/mean", |l| or_dash(l.head_importance_min_over_mean, plain)),
    ("", "scores", |l| format!("{:.0}..{:.0}", l.scores.min, l.scores.max)),
];
