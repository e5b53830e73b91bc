//! What holds of every plan, on random traces with random knobs.

use std::ops::Range;

use proptest::prelude::*;
use tamis_workloads::{
    plan::{Phase, Selection, Task},
    planner::Phases,
    trace::{Heads, Layer, LayerSource, MemoryTrace, Shape},
};

use crate::build::{cascade, dense, encoder, plan, trace};

/// A small trace with values that make some rows flat and some steep.
fn random_trace() -> impl Strategy<Value = MemoryTrace> {
    let sizes = (1u32..5, 1u32..4, 1u32..4, prop_oneof![Just(16u32), Just(32)], 2u32..40);
    let rest = (any::<bool>(), any::<u32>(), 0u32..12, any::<u64>());
    (sizes, rest).prop_map(|((layers, kv_heads, group, head_dim, seq_len), rest)| {
        let (decodes, prompt, window, seed) = rest;
        let prompt = 1 + prompt % seq_len;
        let windows = (0..layers).map(|layer| if decodes { window * (layer % 2) } else { 0 });
        let shape = Shape {
            heads: kv_heads * group,
            kv_heads,
            head_dim,
            prompt_len: decodes.then_some(prompt),
            causal: decodes,
            scale: 0.25,
            window: windows.collect(),
            ..encoder(layers, seq_len)
        };
        let mut noise = seed | 1;
        let layers = (0..layers).map(|_| random_layer(&shape, &mut noise)).collect();
        trace(&shape, layers)
    })
}

fn random_layer(shape: &Shape, noise: &mut u64) -> Layer {
    let mut heads = |count: u32, size: f32| {
        let values = (0..count * shape.seq_len * shape.head_dim).map(|_| {
            *noise ^= *noise << 13;
            *noise ^= *noise >> 7;
            *noise ^= *noise << 17;
            ((*noise >> 40) as f32 / 8_388_608.0 - 1.0) * size
        });
        Heads { seq_len: shape.seq_len, head_dim: shape.head_dim, values: values.collect() }
    };
    Layer {
        q: heads(shape.heads, 3.0),
        k: heads(shape.kv_heads, 2.0),
        v: heads(shape.kv_heads, 1.0),
    }
}

fn random_knobs() -> impl Strategy<Value = String> {
    (0.05f64..1.0, 0.05f64..1.0, 0.05f64..1.0, 0.05f64..1.0, 0u32..5, 0.0f64..1.0).prop_map(
        |(tokens, heads, prefill, decode, lsb, threshold)| {
            format!(
                "tokens_keep = {tokens}\nheads_keep = {heads}\nvalues_keep_prefill = {prefill}\n\
                 values_keep_decode = {decode}\nkey_lsb_bits = {lsb}\n\
                 refetch_threshold = {threshold}\n"
            )
        },
    )
}

/// Every round starts with what the one before left, and the last finds the rank.
fn is_consistent(selection: &Selection) -> bool {
    let (mut candidates, mut rank) = (selection.candidates, selection.keep);
    let last = selection.rounds.len() - 1;
    selection.rounds.iter().enumerate().all(|(index, round)| {
        let starts = round.candidates == candidates && (1..=candidates).contains(&rank);
        let found = round.greater < rank && rank <= round.greater + round.equal;
        if rank <= round.greater {
            candidates = round.greater;
        } else if !found {
            candidates -= round.greater + round.equal;
            rank -= round.greater + round.equal;
        }
        starts && found == (index == last)
    })
}

fn check_rows(task: &Task, shape: &Shape) {
    let inside = |range: &Range<u32>, position: u32| range.contains(&position);
    for row in &task.rows {
        assert_eq!(row.head / shape.group(), task.kv_head);
        let seen = shape.visible(task.layer, row.token);
        let places: Vec<u32> = (0..)
            .zip(&*task.tokens)
            .filter(|(_, token)| inside(&seen, **token))
            .map(|(place, _)| place)
            .collect();
        assert_eq!(row.visible.clone().collect::<Vec<_>>(), places);
        assert!(!places.is_empty(), "a row sees at least itself");
        assert!(row.kept.places().all(|place| inside(&row.visible, place)));
        assert!(!row.kept.is_empty(), "the best value of a short row never has probability 0");
        if let Some(selection) = &row.select {
            assert_eq!(selection.candidates, row.visible.end - row.visible.start);
            assert!(row.kept.len() <= selection.keep && is_consistent(selection));
        }
        assert!(!row.refetch || task.bits.key_lsb > 0);
    }
    let order: Vec<_> = task.rows.iter().map(|row| (row.head, row.token)).collect();
    assert!(order.is_sorted_by(|one, next| one < next), "head by head, in order");
    assert!(task.tokens.is_sorted_by(|one, next| one < next));
}

/// Between two layers of a pass.
fn check_cascade(now: &[Task], next: &[Task]) {
    let end = now.last().and_then(|task| task.layer_end.as_ref()).expect("each layer has an end");
    assert!(now[..now.len() - 1].iter().all(|task| task.layer_end.is_none()));
    for selection in [&end.tokens, &end.heads].into_iter().flatten() {
        assert!(is_consistent(selection) && selection.keep < selection.candidates);
    }
    let kv_heads: Vec<u32> = now.iter().map(|task| task.kv_head).collect();
    for task in next {
        assert!(kv_heads.contains(&task.kv_head), "a K/V head that left stays away");
        let before = now.iter().find(|before| before.kv_head == task.kv_head).unwrap();
        for row in &task.rows {
            let same_head = |before: &&tamis_workloads::plan::Row| before.head == row.head;
            let mut rows = before.rows.iter().filter(same_head);
            assert!(rows.any(|before| before.token == row.token), "a row that left stays away");
        }
    }
}

fn check_plan(tasks: &[Task], shape: &Shape) {
    let prompt = shape.prompt_len.unwrap_or(shape.seq_len);
    let layers: Vec<&[Task]> = tasks
        .chunk_by(|one, next| {
            (one.phase, one.step, one.layer) == (next.phase, next.step, next.layer)
        })
        .collect();
    let passes = 1 + shape.seq_len - prompt;
    assert_eq!(layers.len(), (passes * shape.layers) as usize, "each pass visits each layer");
    for (index, layer) in layers.iter().enumerate() {
        for (place, task) in layer.iter().enumerate() {
            check_rows(task, shape);
            let newest = (task.phase == Phase::Decode).then_some(prompt + task.step);
            assert_eq!(task.appended, newest.filter(|_| place == 0));
            assert!(newest.is_none_or(|newest| task.rows.iter().all(|row| row.token == newest)));
        }
        if layer[0].layer + 1 < shape.layers {
            check_cascade(layer, layers[index + 1]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_plan_keeps_its_promises(source in random_trace(), knobs in random_knobs()) {
        for policy in [cascade(&knobs), dense()] {
            let (tasks, quality) = plan(&source, &policy, Phases::All);
            check_plan(&tasks, source.shape());
            let rows: u64 = quality.layers.iter().map(|layer| layer.live_rows).sum();
            prop_assert_eq!(rows, tasks.iter().map(|task| task.rows.len() as u64).sum::<u64>());
            for layer in &quality.layers {
                prop_assert!(layer.live_rows <= layer.dense_rows);
                prop_assert!(layer.mass_kept().unwrap() <= 1.0 + 1e-5);
            }
        }
    }

    #[test]
    fn decode_alone_is_the_second_part_of_all(source in random_trace(), knobs in random_knobs()) {
        let policy = cascade(&knobs);
        let (mut all, _) = plan(&source, &policy, Phases::All);
        let (prefill, _) = plan(&source, &policy, Phases::Prefill);
        let (decode, _) = plan(&source, &policy, Phases::Decode);
        let second = all.split_off(prefill.len());
        prop_assert_eq!(all, prefill);
        prop_assert_eq!(second, decode);
    }

    #[test]
    fn the_number_of_threads_changes_nothing(source in random_trace(), knobs in random_knobs()) {
        let policy = cascade(&knobs);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| plan(&source, &policy, Phases::All))
        };
        prop_assert_eq!(on(1), on(3));
    }
}
