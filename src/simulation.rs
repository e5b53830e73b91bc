//! Plays a workload on a machine under one policy after the other: what happens between the
//! arguments of `tamis run` and its report.

use rayon::prelude::*;
use serde_json::{Map, Value, json};
use tamis_arch::{Accelerator, units::Cycles};
use tamis_sim::{
    engine::{self, Options},
    error::RunError,
    layout::Dimensions,
    outcome::Outcome,
};
use tamis_workloads::{
    plan::{Phase, Task},
    planner::{Phases, PlanError, Planner},
    policy::Policy,
    quality::Quality,
    quickselect::PivotRule,
    table::{Replay, Row, Table, TablePlan, Widths},
    trace::{Shape, TraceFile},
};

use crate::{
    exit::{Exit, Failure, OrExit},
    progress::Progress,
};

/// What can be played, with what decides what is computed.
pub(crate) enum Work {
    /// A trace, under each of the policies.
    Trace { trace: Box<TraceFile>, policies: Vec<Policy>, phases: Vec<Phase> },
    /// A table as it was recorded, then all of its keys and values.
    Table { table: Table },
}

/// How it is played; nothing here changes a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) skip: bool,
    pub(crate) limit: Cycles,
    /// Whether the blocks' intervals are kept, for the first policy.
    pub(crate) timeline: bool,
}

/// One policy, played.
pub(crate) struct Played {
    pub(crate) policy: String,
    pub(crate) digest: String,
    pub(crate) knobs: Value,
    /// Narrowest width at which K or V come from DRAM.
    pub(crate) stored_bits: u32,
    /// One a phase.
    pub(crate) outcomes: Vec<Outcome>,
    /// `None` for a table, which has no values.
    pub(crate) quality: Option<Quality>,
}

/// Plays all policies, side by side where there are threads for it. The first failure in their order
/// is the one that is told.
pub(crate) fn play(
    machine: &Accelerator,
    work: &Work,
    settings: Settings,
) -> Result<Vec<Played>, Failure> {
    let timeline = |index| Settings { timeline: settings.timeline && index == 0, ..settings };
    let played: Vec<Result<Played, Failure>> = match work {
        Work::Trace { trace, policies, phases } => {
            let layers = layers_of(trace.shape(), phases) * policies.len() as u64;
            let progress = Progress::of(layers);
            let each = policies.par_iter().enumerate().map(|(index, policy)| {
                play_trace(machine, trace, policy, phases, timeline(index), &progress)
            });
            each.collect()
        }
        Work::Table { table } => {
            let mut tables = vec![("table", table.clone()), ("dense", dense(table))];
            // A table that prunes nothing is dense itself.
            tables.dedup_by(|dense, table| dense.1.rows == table.1.rows);
            let progress = Progress::of(tables.iter().map(|(_, table)| layers_in(table)).sum());
            let each = tables.par_iter().enumerate().map(|(index, (name, table))| {
                play_table(machine, name, table, timeline(index), &progress)
            });
            each.collect()
        }
    };
    played.into_iter().collect()
}

/// Layers of all passes: what the progress bar counts.
fn layers_of(shape: &Shape, phases: &[Phase]) -> u64 {
    let steps = shape.prompt_len.map_or(0, |prompt| shape.seq_len - prompt);
    let passes = phases.iter().map(|phase| match phase {
        Phase::Prefill => 1,
        Phase::Decode => u64::from(steps),
    });
    u64::from(shape.layers) * passes.sum::<u64>()
}

fn layers_in(table: &Table) -> u64 {
    let ends = table
        .rows
        .windows(2)
        .filter(|pair| (pair[0].iteration, pair[0].layer) != (pair[1].iteration, pair[1].layer));
    ends.count() as u64 + 1
}

fn play_trace(
    machine: &Accelerator,
    trace: &TraceFile,
    policy: &Policy,
    phases: &[Phase],
    settings: Settings,
    progress: &Progress,
) -> Result<Played, Failure> {
    let shape = trace.shape();
    let dimensions = Dimensions::from(shape);
    let wanted = match phases {
        [Phase::Prefill] => Phases::Prefill,
        [Phase::Decode] => Phases::Decode,
        _ => Phases::All,
    };
    let pivots = PivotRule::from(&machine.topk);
    let planner =
        Planner::new(trace, policy, &machine.formats, pivots, wanted).or_exit(Exit::Input)?;
    let mut tasks = ByPhase { planner, ahead: None, progress };
    let outcomes =
        phases.iter().map(|&phase| run(machine, dimensions, phase, tasks.of(phase), settings));
    let outcomes = outcomes.collect::<Result<_, _>>()?;
    let bits = policy.method().bits(machine.formats.operand.0);
    let knobs = policy.knobs().into_iter().map(|(name, value)| (name, json!(value)));
    Ok(Played {
        policy: policy.name().to_owned(),
        digest: policy.digest(),
        knobs: Value::Object(knobs.collect::<Map<_, _>>()),
        stored_bits: bits.key_msb.min(bits.value),
        outcomes,
        quality: Some(tasks.planner.quality().clone()),
    })
}

fn run(
    machine: &Accelerator,
    dimensions: Dimensions,
    phase: Phase,
    tasks: impl Iterator<Item = Result<Task, PlanError>>,
    settings: Settings,
) -> Result<Outcome, Failure> {
    let Settings { skip, limit, timeline } = settings;
    let options = Options { skip, limit, timeline, ..Options::default() };
    let outcome = engine::run(machine, dimensions, phase, tasks, &options, &|_| ());
    outcome.map_err(|error| Failure::new(exit_of(&error), error))
}

fn exit_of(error: &RunError<PlanError>) -> Exit {
    match error {
        RunError::Plan(_) | RunError::Fit(_) => Exit::Input,
        RunError::Deadlock(_) => Exit::Deadlock,
        RunError::Limit { .. } => Exit::CycleLimit,
    }
}

/// The tasks of a planner, handed out phase by phase.
struct ByPhase<'a> {
    planner: Planner<'a>,
    /// The first task of the next phase.
    ahead: Option<Task>,
    progress: &'a Progress,
}

impl ByPhase<'_> {
    fn of(&mut self, phase: Phase) -> impl Iterator<Item = Result<Task, PlanError>> {
        std::iter::from_fn(move || {
            let task = match self.ahead.take() {
                Some(task) => task,
                None => match self.planner.next()? {
                    Ok(task) => task,
                    Err(error) => return Some(Err(error)),
                },
            };
            if task.phase != phase {
                self.ahead = Some(task);
                return None;
            }
            self.progress.advance(u64::from(task.layer_end.is_some()));
            Some(Ok(task))
        })
    }
}

fn play_table(
    machine: &Accelerator,
    name: &str,
    table: &Table,
    settings: Settings,
    progress: &Progress,
) -> Result<Played, Failure> {
    let replay = Replay {
        widths: Widths::AsWritten,
        round_counts: false,
        pivots: PivotRule::from(&machine.topk),
    };
    let widths = table.rows.iter().flat_map(|row| [row.key_bits, row.value_bits]).flatten();
    let narrowest = widths.min();
    let tasks = TablePlan::new(table, replay).map(|task| {
        progress.advance(u64::from(task.layer_end.is_some()));
        Ok(task)
    });
    Ok(Played {
        policy: name.to_owned(),
        digest: table.sha256.clone(),
        knobs: json!({ "configuration": table.configuration }),
        stored_bits: narrowest.unwrap_or(machine.formats.operand.0),
        outcomes: vec![run(machine, dimensions_of_table(table), Phase::Decode, tasks, settings)?],
        quality: None,
    })
}

/// Sizes of what a table was recorded from, as far as it shows them.
pub(crate) fn dimensions_of_table(table: &Table) -> Dimensions {
    let most = |of: fn(&Row) -> u32| table.rows.iter().map(of).max().unwrap_or_default();
    let heads = most(|row| row.head) + 1;
    Dimensions {
        layers: most(|row| row.layer) + 1,
        heads,
        kv_heads: heads,
        head_dim: table.head_dim,
        tokens: most(|row| row.length),
    }
}

/// The same steps with all heads, keys and values, not quantised.
pub(crate) fn dense(table: &Table) -> Table {
    let heads = dimensions_of_table(table).heads;
    let firsts = table.rows.iter().filter(|row| row.head == 0);
    let rows = firsts.flat_map(|first| {
        (0..heads).map(|head| Row {
            head,
            keys: first.length,
            values: first.length,
            key_bits: None,
            value_bits: None,
            threshold: None,
            refetch: false,
            lsb_bits: None,
            topk: None,
            ..*first
        })
    });
    Table { rows: rows.collect(), ..table.clone() }
}

#[cfg(test)]
mod tests {
    use tamis_sim::{
        error::{Deadlock, Waiting},
        outcome::Block,
    };

    use super::*;

    fn row(layer: u32, head: u32) -> Row {
        Row {
            iteration: 0,
            layer,
            head,
            length: 20,
            keys: 10,
            key_bits: Some(6),
            query_bits: None,
            threshold: Some(0.05),
            refetch: true,
            lsb_bits: Some(4),
            values: 5,
            value_bits: Some(6),
            accumulates: true,
            rescales: false,
            topk: None,
        }
    }

    #[test]
    fn a_deadlock_has_a_code_of_its_own_and_lists_who_waits() {
        let waiting = vec![Waiting { block: Block::Softmax, state: "waits for scores".to_owned() }];
        let deadlock = Deadlock { cycle: 7, waiting, links: Vec::new() };
        let error = RunError::from(Box::new(deadlock));
        assert_eq!(exit_of(&error), Exit::Deadlock);
        assert!(error.to_string().contains("softmax: waits for scores"), "{error}");
    }

    #[test]
    fn the_dense_table_has_all_heads_keys_and_values() {
        let table = Table {
            configuration: None,
            head_dim: 64,
            rows: vec![row(0, 0), row(0, 1), row(1, 0)],
            sha256: String::new(),
        };
        assert_eq!(layers_in(&table), 2);
        let dense = dense(&table);
        let places: Vec<_> = dense.rows.iter().map(|row| (row.layer, row.head)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        let summary = dense.summary();
        assert_eq!((summary.keys, summary.values, summary.refetched_rows), (80, 80, 0));
        assert_eq!(super::dense(&dense).rows, dense.rows);
    }
}
