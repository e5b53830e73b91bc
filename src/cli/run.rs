//! `tamis run`: replays a trace on a machine and prints what it cost.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use tamis_arch::{Accelerator, energy::EnergyTable, units::Cycles};
use tamis_sim::outcome::Outcome;
use tamis_workloads::{plan::Phase, policy::Policy, trace::DECODER};

use super::{
    arch,
    input::{self, Workload},
    threads::Threads,
};
use crate::{
    exit::{Exit, Failure, OrExit},
    output::{Folder, Staged},
    report::{self, Format, Report, timeline},
    simulation::{self, Settings, Work},
};

/// Replay a trace on a machine and print what it cost.
///
/// The policy stands beside `dense`, the same machine without pruning. A workload table says itself
/// what is computed, so that no policy applies.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// A trace file (`attention-trace` 1), a SpAtten workload table (.csv), or the name of a bundled
    /// trace.
    #[arg(value_name = "TRACE", default_value = DECODER.name)]
    trace: String,
    /// The machine: a preset (`tamis arch list`) or a file (.toml).
    #[arg(long, value_name = "MACHINE", default_value = "spatten")]
    arch: String,
    /// What is computed: `cascade`, `dense`, or a policy file (.toml) [default: cascade].
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// Which part of inference; an encoder has prefill alone.
    #[arg(long, value_enum, default_value_t = PhaseArg::All)]
    phase: PhaseArg,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also write `summary.json`, `layers.csv` and `baselines.csv` into this folder, which is made if it
    /// is not there.
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    output: Option<PathBuf>,
    /// Also write what each block did when, for <https://ui.perfetto.dev>.
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Tick every block in every cycle: slower, with the same report.
    #[arg(long)]
    no_skip: bool,
    #[command(flatten)]
    threads: Threads,
    /// Stop a phase after this many cycles, with exit code 3.
    #[arg(long, value_name = "CYCLES", default_value_t = 10_000_000_000)]
    limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PhaseArg {
    /// All queries of the prompt at once.
    Prefill,
    /// One query a step.
    Decode,
    /// Both, one after the other.
    All,
}

/// What the arguments mean: everything is open and checked, and nothing has run.
struct Job {
    machine: Accelerator,
    prices: EnergyTable,
    work: Work,
    settings: Settings,
    format: Format,
    timeline: Option<Staged>,
    results: Option<Results>,
}

/// What `-o` asks for.
struct Results {
    summary: Staged,
    layers: Staged,
    baselines: Staged,
    /// Last, so that it is empty when it is dropped.
    folder: Folder,
}

impl Run {
    pub(crate) fn run(self, out: &mut dyn Write) -> Result<Exit, Failure> {
        let threads = self.threads;
        let trace = self.trace.clone();
        let inputs = format!("{trace} on {}", self.arch);
        let job = self.open()?;
        let played = threads.work(|| simulation::play(&job.machine, &job.work, job.settings))?;
        let played = played.map_err(|failure| {
            // What is wrong with the trace alone names it already.
            let named = failure.message.starts_with(&format!("{trace}: "));
            let message =
                if named { failure.message } else { format!("{inputs}: {}", failure.message) };
            Failure { message, ..failure }
        })?;
        let report = report::of(&job.machine, &job.prices, &job.work, &played)?;
        let asked = played.first().map(|played| (played.policy.as_str(), &*played.outcomes));
        job.finish(&report, asked, out)?;
        Ok(Exit::Done)
    }

    fn open(self) -> Result<Job, Failure> {
        let machine = arch::load(&self.arch)?;
        let prices = EnergyTable::named(&machine.technology.table).or_exit(Exit::Input)?;
        let work = self.work()?;
        let timeline = self.timeline.as_deref().map(Staged::create).transpose()?;
        let results = self.output.as_deref().map(Results::open).transpose()?;
        let settings = Settings {
            skip: !self.no_skip,
            limit: Cycles(self.limit),
            timeline: timeline.is_some(),
        };
        Ok(Job { machine, prices, work, settings, format: self.format, timeline, results })
    }

    fn work(&self) -> Result<Work, Failure> {
        match input::open(&self.trace)? {
            Workload::Trace(trace) => {
                let decodes = trace.shape().prompt_len.is_some();
                let phases = self.phase.of(decodes).ok_or_else(|| {
                    let rule =
                        "--phase decode needs a trace with `prompt_len`; an encoder has none";
                    Failure::new(Exit::Input, format!("{}: {rule}", self.trace))
                })?;
                Ok(Work::Trace { trace, policies: policies(self.policy.as_deref())?, phases })
            }
            Workload::Table(table) => {
                if let Some(policy) = &self.policy {
                    let rule = "a table says itself what is computed, so that no policy applies";
                    let message = format!("{}: {rule} (found --policy {policy})", self.trace);
                    return Err(Failure::new(Exit::Input, message));
                }
                if self.phase == PhaseArg::Prefill {
                    let rule = "a table holds decode steps only (found --phase prefill)";
                    return Err(Failure::new(Exit::Input, format!("{}: {rule}", self.trace)));
                }
                Ok(Work::Table { table })
            }
        }
    }
}

impl PhaseArg {
    /// The phases to run; `None` where the one that was asked for is not there.
    fn of(self, decodes: bool) -> Option<Vec<Phase>> {
        match self {
            Self::Prefill => Some(vec![Phase::Prefill]),
            Self::Decode => decodes.then(|| vec![Phase::Decode]),
            Self::All if decodes => Some(vec![Phase::Prefill, Phase::Decode]),
            Self::All => Some(vec![Phase::Prefill]),
        }
    }
}

/// The policy that was asked for, and `dense` unless that is it.
fn policies(asked: Option<&str>) -> Result<Vec<Policy>, Failure> {
    let asked = policy(asked.unwrap_or("cascade"))?;
    let dense = policy("dense")?;
    Ok(if asked.digest() == dense.digest() { vec![dense] } else { vec![asked, dense] })
}

fn policy(name_or_path: &str) -> Result<Policy, Failure> {
    if let Some(policy) = Policy::named(name_or_path) {
        return Ok(policy);
    }
    if !name_or_path.ends_with(".toml") {
        let names: Vec<&str> = Policy::names().collect();
        let message = format!(
            "no policy is called `{name_or_path}`: there are `{}`, and a policy file ends in .toml",
            names.join("`, `")
        );
        return Err(Failure::new(Exit::Input, message));
    }
    Policy::parse(name_or_path, &input::read_text(name_or_path)?).or_exit(Exit::Input)
}

impl Results {
    fn open(path: &Path) -> Result<Self, Failure> {
        let folder = Folder::create(path)?;
        Ok(Self {
            summary: folder.file("summary.json")?,
            layers: folder.file("layers.csv")?,
            baselines: folder.file("baselines.csv")?,
            folder,
        })
    }

    fn write(self, report: &Report) -> Result<(), Failure> {
        self.summary.commit(|out| Format::Json.write(report, out))?;
        self.layers.commit(|out| report::write_layers(report, out))?;
        self.baselines.commit(|out| report::write_baselines(report, out))?;
        self.folder.keep();
        Ok(())
    }
}

impl Job {
    /// Writes everything that was asked for; files first, so that what is on the terminal is true.
    fn finish(
        self,
        report: &Report,
        asked: Option<(&str, &[Outcome])>,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        if let (Some(file), Some((policy, outcomes))) = (self.timeline, asked) {
            let clock = self.machine.core.clock;
            file.commit(|out| timeline::write(policy, outcomes, clock, out))?;
        }
        if let Some(results) = self.results {
            results.write(report)?;
        }
        let written = self.format.write(report, out);
        written.map_err(|error| Failure::writing("to standard output", &error))
    }
}
