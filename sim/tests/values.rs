//! Real numbers: what blocks would compute from a row's scores is what the plan says.

use tamis_arch::{
    Accelerator,
    blocks::{Pivot, Topk},
};
use tamis_sim::blocks::topk::{Engine, Job};
use tamis_workloads::{
    plan::{Phase, Row, Task},
    planner::{Phases, Planner},
    policy::Policy,
    quickselect::{PivotRule, SelectionOf, Site},
    trace::{TraceFile, bundled},
    values::{RowValues, TaskValues, values},
};

/// Every eleventh task of the decoder's plan, with its numbers.
fn tasks(arch: &Accelerator) -> Vec<(Task, TaskValues)> {
    let trace: TraceFile =
        bundled("smollm2-135m_alice_s64").expect("bundled").open().expect("it opens");
    let policy = Policy::named("cascade").expect("a policy");
    let plan =
        Planner::new(&trace, &policy, &arch.formats, PivotRule::from(&arch.topk), Phases::All);
    let tasks = plan.expect("it fits").map(|task| task.expect("a task")).step_by(11);
    tasks
        .map(|task| {
            let layer = trace.layer(task.layer).expect("it is there");
            let values =
                values(&task, &layer, trace.shape(), &arch.formats).expect("it is supported");
            (task, values)
        })
        .collect()
}

fn site(task: &Task, row: &Row) -> Site {
    Site {
        of: SelectionOf::Values,
        phase: task.phase,
        step: task.step,
        layer: task.layer,
        head: row.head,
        token: row.token,
    }
}

/// Places that the engine keeps, cycle by cycle, from the first visible key.
fn engine_keeps(topk: &Topk, task: &Task, row: &Row, numbers: &RowValues, keep: u32) -> Vec<u32> {
    let keys: Vec<i64> = numbers.scores.iter().map(|&score| i64::from(score)).collect();
    let candidates = u32::try_from(keys.len()).expect("a row is short");
    let mut engine = Engine::new(topk);
    engine.start(Job { candidates, keep, pivots: PivotRule::from(topk).at(site(task, row)) });
    let mut rows = keys.chunks(topk.comparators as usize);
    let mut kept = Vec::new();
    for _ in 0..100_000 {
        if let Some(row) = engine.tick(rows.next().unwrap_or_default(), true) {
            kept.extend(row.places);
            if row.is_last {
                return kept;
            }
        }
    }
    panic!("the selection does not end");
}

#[test]
fn the_engine_keeps_what_the_plan_keeps_with_either_pivot_rule() {
    let mut arch = tamis_arch::load("spatten").expect("a preset");
    let tasks = tasks(&arch);
    let mut selections = 0;
    for pivot in [Pivot::Random, Pivot::Midpoint] {
        arch.topk.pivot = pivot;
        for (task, numbers) in &tasks {
            for (row, numbers) in task.rows.iter().zip(&numbers.rows) {
                let Some(selection) = &row.select else { continue };
                selections += 1;
                let kept = engine_keeps(&arch.topk, task, row, numbers, selection.keep);
                assert_eq!(kept.len(), selection.keep as usize);
                // A value whose probability is 0 is chosen and never fetched.
                let fetched: Vec<u32> = kept
                    .into_iter()
                    .filter(|&place| numbers.probabilities[place as usize] > 0)
                    .map(|place| row.visible.start + place)
                    .collect();
                assert_eq!(fetched, row.kept.places().collect::<Vec<_>>());
            }
        }
    }
    assert!(selections > 100, "hardly any row selects: {selections}");
}

#[test]
fn probabilities_of_a_row_add_up_to_one_within_the_stated_bound() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let one = f64::from(1_u32 << arch.formats.probability_fraction.0);
    let mut rows = 0;
    for (task, numbers) in &tasks(&arch) {
        for (row, numbers) in task.rows.iter().zip(&numbers.rows) {
            for probabilities in [&numbers.first_probabilities, &numbers.probabilities] {
                assert_eq!(probabilities.len(), row.visible.len());
                let sum: f64 = probabilities.iter().map(|&part| f64::from(part)).sum();
                assert!((sum / one - 1.0).abs() <= 1.0 / 256.0, "{sum} of {one}");
            }
            assert!(row.refetch || numbers.first_scores == numbers.scores);
            rows += 1;
        }
    }
    assert!(rows > 1000, "hardly any row: {rows}");
}

#[test]
fn outputs_are_the_kept_values_weighed_and_rounded_to_nearest() {
    let arch = tamis_arch::load("spatten").expect("a preset");
    let dim = 64;
    let mut decodes = 0;
    for (task, numbers) in &tasks(&arch) {
        decodes += u32::from(task.phase == Phase::Decode);
        for (row, of_row) in task.rows.iter().zip(&numbers.rows) {
            let mut sums = vec![0_i64; dim];
            for place in row.kept.places() {
                let probability = of_row.probabilities[(place - row.visible.start) as usize];
                let value = &numbers.values[place as usize * dim..][..dim];
                for (sum, &value) in sums.iter_mut().zip(value) {
                    *sum += i64::from(probability) * i64::from(value);
                }
            }
            for ((sum, &accumulator), &output) in
                sums.iter().zip(&of_row.accumulators).zip(&of_row.outputs)
            {
                assert_eq!(*sum, i64::from(accumulator));
                // Half a unit of the output, whatever it stands for: V has its operands' width here.
                let one = f64::from(1_u32 << arch.formats.probability_fraction.0);
                let exact = *sum as f64 / one * numbers.value_scale / numbers.output_unit;
                let limit = f64::from((1_i32 << (arch.formats.operand.0 - 1)) - 1);
                let error = (exact.clamp(-limit - 1.0, limit) - f64::from(output)).abs();
                assert!(error <= 0.5, "{exact} became {output}");
            }
        }
    }
    assert!(decodes > 0, "no decode among them");
}
