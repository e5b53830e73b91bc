//! `tamis trace`: what is in a trace.

use std::io::{self, Write};

use serde::Serialize;
use tamis_workloads::{
    statistics::{LayerStatistics, MIN_KEYS, TraceInfo},
    table::{Table, TableSummary},
};

use super::input::{self, Workload};
use crate::{
    exit::{Exit, Failure, OrExit},
    grid::Grid,
    text::{UNDEFINED, bytes, grouped, or_dash, percent, plain},
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
        /// A trace file (`attention-trace` 1), a SpAtten workload table (.csv), or the name of a
        /// bundled trace.
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
        let written = match (input::open(&file)?, format) {
            (Workload::Trace(trace), format) => {
                let info = TraceInfo::of(&trace).or_exit(Exit::Input)?;
                match format {
                    Format::Table => write_trace(&info, out),
                    Format::Json => write_json(&info, out),
                }
            }
            (Workload::Table(table), Format::Table) => write_totals(&table, out),
            (Workload::Table(table), Format::Json) => write_json(&Totals::of(&table), out),
        };
        written.map_err(|error| Failure::writing("to standard output", &error))?;
        Ok(Exit::Done)
    }
}

/// What a workload table adds up to.
#[derive(Serialize)]
struct Totals<'t> {
    configuration: Option<&'t str>,
    sha256: &'t str,
    head_dim: u32,
    totals: TableSummary,
}

impl<'t> Totals<'t> {
    fn of(table: &'t Table) -> Self {
        Self {
            configuration: table.configuration.as_deref(),
            sha256: &table.sha256,
            head_dim: table.head_dim,
            totals: table.summary(),
        }
    }
}

fn write_totals(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let TableSummary { rows, tokens, keys, values, refetched_rows } = table.summary();
    let share = |part: u64, whole: u64| {
        let share = (whole > 0).then(|| part as f64 / whole as f64);
        format!("{} ({})", grouped(part), or_dash(share, percent))
    };
    let rows = [
        ("configuration", table.configuration.clone().unwrap_or_else(|| UNDEFINED.to_owned())),
        ("rows", format!("{}, each a head of a layer and step", grouped(rows))),
        ("head_dim", table.head_dim.to_string()),
        ("tokens so far", format!("{} over all rows", grouped(tokens))),
        ("keys fetched", share(keys, tokens)),
        ("values fetched", share(values, tokens)),
        ("rows refetched", share(refetched_rows, rows)),
        ("SHA-256", table.sha256.clone()),
    ];
    rows.iter().try_for_each(|(title, text)| writeln!(out, "{title:<16}{text}"))
}

fn write_json(info: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, info)?;
    out.write_all(b"\n")
}

fn write_trace(info: &TraceInfo, out: &mut dyn Write) -> io::Result<()> {
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
