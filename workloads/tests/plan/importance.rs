//! Importance accumulators: room is made before it is needed, and too little is an error.

use std::sync::Arc;

use tamis_arch::{blocks::Formats, units::Bits};
use tamis_workloads::{
    fixed::Arithmetic,
    plan::Phase,
    planner::{Phases, Planner},
    policy::{Course, Pass, Policy, Seen, Setting},
    quickselect::PivotRule,
    trace::Shape,
};

use crate::build::{FORMATS, cascade, encoder, layer, plan, trace};

/// `cascade` at work on a shape, on a machine with accumulators of 32 bits.
fn course(shape: &Shape, knobs: &str) -> Box<dyn Course> {
    let arithmetic = Arithmetic::new(&FORMATS, shape.head_dim, shape.seq_len).unwrap();
    let setting = Setting { shape, arithmetic, pivots: PivotRule::MIDPOINT };
    cascade(knobs).start(&setting).unwrap()
}

fn prefill(tokens: u32) -> Pass {
    Pass { phase: Phase::Prefill, step: 0, tokens }
}

/// A layer in which one token of 64 drew all the mass of 64 rows of 32 heads.
fn sink(token: u32, bits_dropped: u32) -> Seen {
    let mut mass = vec![0; 64];
    mass[token as usize] = (64 * 32 * ((1 << 18) - 1)) >> bits_dropped;
    let tokens: Arc<[u32]> = (0..64).collect();
    Seen { tokens, mass, outputs: vec![(0, 64 * 16 * 2047)], rows: 64, output_unit: 1e-3 }
}

#[test]
fn totals_lose_a_bit_when_another_layer_might_not_fit() {
    let shape = Shape { heads: 32, kv_heads: 32, ..encoder(10, 64) };
    let mut course = course(&shape, "tokens_keep = 1.0\nheads_keep = 1.0");
    course.begin(prefill(64));
    // A layer may add 2^29. Seven of them fit beside it in 32 bits, an eighth does not.
    let mut shifts = Vec::new();
    for layer in 0..10 {
        let shift = course.live(layer).unwrap().importance_shift;
        shifts.push(shift);
        course.end_layer(layer, &[sink(5, shift)]);
    }
    assert_eq!(shifts, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn accumulators_too_narrow_for_one_layer_are_an_error_that_says_so() {
    let shape = Shape { heads: 64, kv_heads: 64, ..encoder(2, 1 << 15) };
    let mut course = course(&shape, "");
    course.begin(prefill(1 << 15));
    let error = course.live(0).unwrap_err().to_string();
    // 2^21 probabilities of nearly 1: with 11 fraction bits they might add up to 2^32.
    let expected = "formats.importance_bits = 32 leaves 10 fraction bits for the importance of a \
                    token in layer 0: rankings need 12 or more";
    assert_eq!(error, expected);
}

#[test]
fn a_machine_beyond_the_proofs_is_an_error_that_names_the_width() {
    let shape = encoder(1, 4);
    let one = |_, _| 1.0;
    let source = trace(&shape, vec![layer(&shape, one, one, one)]);
    let message = |formats: Formats| {
        let dense = Policy::named("dense").unwrap();
        let planner = Planner::new(&source, &dense, &formats, PivotRule::MIDPOINT, Phases::All);
        planner.err().map(|error| error.to_string())
    };
    let expected = "formats.probability_fraction_bits must be 16 to 19: the bounds of the fixed \
                    point hold there (found 20)";
    let formats = Formats { probability_fraction: Bits(20), ..FORMATS };
    assert_eq!(message(formats).as_deref(), Some(expected));
    assert_eq!(message(FORMATS), None);
}

#[test]
fn a_head_whose_values_are_all_0_ranks_last() {
    let shape = Shape { heads: 3, kv_heads: 3, ..encoder(2, 4) };
    let one = |_, _| 1.0;
    let layers = || layer(&shape, one, one, |head, _| [0.0, 1e-4, 1e3][head as usize]);
    let source = trace(&shape, vec![layers(), layers()]);
    let (tasks, _) = plan(&source, &cascade("heads_keep = [1.0, 0.7]"), Phases::All);
    let heads: Vec<u32> =
        tasks.iter().filter(|task| task.layer == 1).map(|task| task.kv_head).collect();
    assert_eq!(heads, [1, 2]);
}
