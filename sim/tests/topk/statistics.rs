//! Mean times over many selections, against a published model, an exact analysis and our own text.

use std::sync::LazyLock;

use tamis_arch::{
    blocks::{Pivot, Topk},
    units::Cycles,
};
use tamis_sim::blocks::topk::{Schedule, round_overhead};
use tamis_workloads::{
    plan::{Round, Selection},
    quickselect::select,
};

use super::{distinct_keys, pivots, topk};

/// Selections of random keys by random pivots, each with seeds of its own.
fn random_selections(candidates: u32, keep: u32) -> Vec<Selection> {
    (0..u64::from(SELECTIONS))
        .map(|seed| {
            let topk = Topk { seed, ..topk(1, Pivot::Random) };
            select(&distinct_keys(candidates, seed), keep, pivots(&topk)).selection
        })
        .collect()
}

const SELECTIONS: u32 = 1000;

/// Shapes of the paper's benchmarks, candidates and kept, with their selections.
static SHAPES: LazyLock<Vec<(u32, u32, Vec<Selection>)>> = LazyLock::new(|| {
    [(1024, 512), (1024, 307), (993, 204), (614, 184), (307, 92), (102, 20)]
        .map(|(candidates, keep)| (candidates, keep, random_selections(candidates, keep)))
        .to_vec()
});

/// Mean and standard deviation of the cycles from first compare to threshold.
fn selection_cycles(topk: &Topk, selections: &[Selection]) -> (f64, f64) {
    let samples: Vec<f64> = selections
        .iter()
        .map(|selection| Schedule::new(topk, selection).selection().0 as f64)
        .collect();
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0)).sqrt())
}

/// The delay model that the authors of SpAtten released (`TopKLatencyModel`), as a second
/// implementation of it, apart from this code, gave over 4000 selections each. Its overhead is 3
/// cycles a round, so ours is set to 3 here.
#[test]
fn mean_times_are_those_of_the_released_delay_model() {
    let table = [
        [3470.0, 897.0, 257.0, 98.0],
        [3289.0, 861.0, 248.0, 95.0],
        [3003.0, 777.0, 229.0, 90.0],
        [1958.0, 522.0, 162.0, 72.0],
        [989.0, 273.0, 96.0, 51.0],
        [305.0, 97.0, 45.0, 33.0],
    ];
    for ((candidates, keep, selections), means) in SHAPES.iter().zip(table) {
        for (comparators, expected) in [1, 4, 16, 64].into_iter().zip(means) {
            let topk = Topk { eliminate_latency: Cycles(1), ..topk(comparators, Pivot::Random) };
            let (mean, deviation) = selection_cycles(&topk, selections);
            let error = deviation * (1.0 / f64::from(SELECTIONS) + 1.0 / 4000.0).sqrt();
            // Three standard errors of the difference; the table is rounded to whole cycles.
            assert!(
                (mean - expected).abs() <= 3.0 * error + 0.5,
                "{keep} of {candidates}, {comparators} a cycle: {mean} ± {error}, not {expected}"
            );
        }
    }
}

/// With one comparator a round takes a cycle for each candidate, so the mean time follows from the
/// exact means of quick-select with random pivots: comparisons (Knuth, Mathematical Analysis of
/// Algorithms, IFIP 1971; `n - 1` in a round of `n`) and rounds (Kirschenhofer and Prodinger,
/// Comparisons in Hoare's Find Algorithm, 1998).
#[test]
fn one_comparator_takes_the_time_of_the_exact_analysis() {
    let harmonic = |last: u32| (1..=last).map(|term| 1.0 / f64::from(term)).sum::<f64>();
    for (candidates, keep) in [(1000, 300), (400, 200), (64, 1), (9, 7)] {
        let (n, k) = (f64::from(candidates), f64::from(keep));
        let (above, below) = (harmonic(keep), harmonic(candidates + 1 - keep));
        let comparisons = 2.0
            * ((n + 1.0) * harmonic(candidates) - (n + 3.0 - k) * below - (k + 2.0) * above
                + n
                + 3.0);
        let rounds = above + below - 1.0;
        let topk = topk(1, Pivot::Random);
        let Cycles(overhead) = round_overhead(&topk);
        let expected = comparisons + rounds * (1 + overhead) as f64;

        let (mean, deviation) = selection_cycles(&topk, &random_selections(candidates, keep));
        let error = deviation / f64::from(SELECTIONS).sqrt();
        assert!(
            (mean - expected).abs() <= 3.0 * error,
            "{keep} of {candidates}: {mean} ± {error}, not {expected}"
        );
    }
}

#[test]
fn the_table_of_the_reference_is_what_the_schedule_says() {
    let reference = include_str!("../../../docs/reference/topk.md");
    for (candidates, keep, selections) in SHAPES.iter() {
        let rounds: Vec<&Round> = selections.iter().flat_map(|one| &one.rounds).collect();
        let keys: f64 = rounds.iter().map(|round| f64::from(round.candidates)).sum();
        let Cycles(overhead) = round_overhead(&topk(1, Pivot::Random));
        let balance = keys / (rounds.len() as u64 * overhead) as f64;
        let rounds = rounds.len() as f64 / f64::from(SELECTIONS);
        let means: Vec<String> = (0..8)
            .map(|level| selection_cycles(&topk(1 << level, Pivot::Random), selections).0)
            .map(|mean| format!("{mean:.0}"))
            .collect();
        let means = means.join(" | ");
        let row = format!("| {candidates}/{keep} | {rounds:.1} | {means} | {balance:.0} |\n");
        assert!(reference.contains(&row), "docs/reference/topk.md lacks the row {row}");
    }
}
