//! Cases small enough to work out on paper.

use tamis_workloads::{
    plan::{KeySet, Phase, Task},
    planner::Phases,
    trace::{LayerSource, Shape},
};

use crate::build::{cascade, decoder, dense, encoder, layer, plan, tasks_of, tokens, trace};

/// 1 for the tokens of a set, -1 for others: with a query of 8 they share all mass.
fn among(set: &'static [u32]) -> impl Fn(u32, u32) -> f32 {
    move |_, token| if set.contains(&token) { 1.0 } else { -1.0 }
}

fn prefill(source: &(dyn LayerSource + Sync), knobs: &str) -> Vec<Task> {
    plan(source, &cascade(knobs), Phases::Prefill).0
}

#[test]
fn tokens_that_nobody_attends_to_leave_with_their_rows() {
    let shape = encoder(3, 8);
    let (strong, one) = (|_, _| 8.0, |_, _| 1.0);
    // In the second layer the tokens that left the first would be the most important.
    let source = trace(
        &shape,
        vec![
            layer(&shape, strong, among(&[1, 3, 6, 7]), one),
            layer(&shape, strong, among(&[0, 2, 3, 6]), one),
            layer(&shape, strong, among(&[]), one),
        ],
    );
    let tasks = prefill(&source, "tokens_keep = [1.0, 0.5, 0.25]\nheads_keep = 1.0");
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 0), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 1), [1, 3, 6, 7]);
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 2), [3, 6]);
    let rows: Vec<u32> = tasks[1].rows.iter().map(|row| row.token).collect();
    assert_eq!(rows, [1, 3, 6, 7]);
    assert!(tasks[1].rows.iter().all(|row| row.visible == (0..4)));
}

#[test]
fn the_layer_end_says_what_was_chosen_from_what() {
    let shape = encoder(2, 8);
    let one = |_, _| 1.0;
    let flat = || layer(&shape, one, among(&[4, 5]), one);
    let source = trace(&shape, vec![flat(), flat()]);
    let tasks = prefill(&source, "tokens_keep = [1.0, 0.5]\nheads_keep = 1.0");
    let end = tasks[0].layer_end.as_ref().expect("the only task of its layer is its last");
    let selection = end.tokens.as_ref().expect("half of the tokens leave");
    assert_eq!((selection.candidates, selection.keep), (8, 4));
    assert_eq!(end.heads, None);
    let last = tasks[1].layer_end.as_ref().expect("every layer has an end");
    assert_eq!((&last.tokens, &last.heads), (&None, &None), "no layer follows the last");
}

/// Importance that nobody ranks is not added up: `dense` ranks none, and a `cascade` what it prunes.
#[test]
fn a_policy_weighs_what_it_ranks() {
    let shape = Shape { heads: 2, kv_heads: 2, ..encoder(2, 8) };
    let one = |_, _| 1.0;
    let source = trace(&shape, vec![layer(&shape, one, one, one), layer(&shape, one, one, one)]);
    let weighs = |policy| {
        let (tasks, _) = plan(&source, &policy, Phases::Prefill);
        assert!(tasks.iter().all(|task| task.weighs == tasks[0].weighs));
        (tasks[0].weighs.tokens, tasks[0].weighs.heads)
    };
    assert_eq!(weighs(dense()), (false, false));
    assert_eq!(weighs(cascade("tokens_keep = [1.0, 0.5]\nheads_keep = 1.0")), (true, false));
    assert_eq!(weighs(cascade("tokens_keep = 1.0\nheads_keep = [1.0, 0.5]")), (false, true));
}

#[test]
fn equal_tokens_are_kept_from_the_first_on() {
    let shape = encoder(2, 8);
    let (none, one) = (|_, _| 0.0, |_, _| 1.0);
    let flat = || layer(&shape, none, one, one);
    let source = trace(&shape, vec![flat(), flat()]);
    let tasks = prefill(&source, "tokens_keep = [1.0, 0.5]");
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 1), [0, 1, 2, 3]);
}

#[test]
fn the_last_row_of_a_prompt_stays_whatever_its_importance() {
    let shape = decoder(2, 8, 8);
    let (strong, one) = (|_, _| 8.0, |_, _| 1.0);
    let first = || layer(&shape, strong, among(&[0, 2]), one);
    let source = trace(&shape, vec![first(), first()]);
    let knobs = "tokens_keep = [1.0, 0.375]\n";
    let tasks = prefill(&source, knobs);
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 1), [0, 2, 7]);
    let end = tasks[0].layer_end.as_ref().and_then(|end| end.tokens.as_ref());
    assert_eq!(end.map(|end| (end.candidates, end.keep)), Some((7, 2)), "it is no candidate");
    let free = prefill(&source, &format!("{knobs}protect_newest = false"));
    // Row 1 sees tokens 0 and 1 only, and gives 1 next to nothing: third is 4, which is first of
    // equals among those that rows after 2 see, or 1 itself; never 7.
    assert!(!tokens(&free, Phase::Prefill, 0, 1).contains(&7));
}

#[test]
fn the_newest_alone_is_left_without_a_selection() {
    let shape = decoder(2, 4, 4);
    let one = |_, _| 1.0;
    let flat = || layer(&shape, one, one, one);
    let source = trace(&shape, vec![flat(), flat()]);
    let tasks = prefill(&source, "tokens_keep = [1.0, 0.25]");
    assert_eq!(tokens(&tasks, Phase::Prefill, 0, 1), [3]);
    assert_eq!(tasks[0].layer_end.as_ref().map(|end| &end.tokens), Some(&None));
}

/// Four query heads over two K/V heads.
fn grouped() -> Shape {
    Shape { heads: 4, kv_heads: 2, ..encoder(3, 4) }
}

#[test]
fn a_kv_head_is_absent_when_none_of_its_query_heads_lives() {
    let shape = grouped();
    let one = |_, _| 1.0;
    let loud = |head, _| if head == 1 { 3.0 } else { 0.5 };
    let layers = || layer(&shape, one, one, loud);
    let source = trace(&shape, vec![layers(), layers(), layers()]);
    let tasks = prefill(&source, "heads_keep = [1.0, 0.75, 0.5]\ntokens_keep = 1.0");
    let heads = |layer| -> Vec<(u32, Vec<u32>)> {
        let of = |task: &&Task| {
            let mut heads: Vec<u32> = task.rows.iter().map(|row| row.head).collect();
            heads.dedup();
            (task.kv_head, heads)
        };
        tasks_of(&tasks, Phase::Prefill, 0, layer).iter().map(of).collect()
    };
    assert_eq!(heads(0), [(0, vec![0, 1]), (1, vec![2, 3])]);
    assert_eq!(heads(1), [(0, vec![0]), (1, vec![2, 3])], "of the equal heads 0 and 1 the first");
    assert_eq!(heads(2), [(1, vec![2, 3])]);
    let ends: Vec<bool> = tasks.iter().map(|task| task.layer_end.is_some()).collect();
    assert_eq!(ends, [false, true, false, true, true], "the last task of each layer ends it");
}

#[test]
fn heads_are_compared_by_what_their_outputs_stand_for() {
    // Both V have the same integers; the scale of the second is smaller.
    let shape = Shape { heads: 2, kv_heads: 2, ..encoder(2, 4) };
    let one = |_, _| 1.0;
    let layers = || layer(&shape, one, one, |head, _| if head == 0 { 0.9 } else { 1.0 });
    let source = trace(&shape, vec![layers(), layers()]);
    let tasks = prefill(&source, "heads_keep = [1.0, 0.5]\ntokens_keep = 1.0");
    let live = tasks_of(&tasks, Phase::Prefill, 0, 1);
    assert_eq!(live.iter().map(|task| task.kv_head).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_pruned_head_does_not_come_back() {
    let shape = Shape { heads: 2, kv_heads: 2, ..encoder(3, 4) };
    let one = |_, _| 1.0;
    let loud = |loud| move |head, _| if head == loud { 9.0 } else { 1.0 };
    let layers = [0, 1, 1].map(|head| layer(&shape, one, one, loud(head)));
    let source = trace(&shape, layers.into());
    let tasks = prefill(&source, "heads_keep = [1.0, 0.5, 0.5]\ntokens_keep = 1.0");
    let heads: Vec<(u32, u32)> = tasks.iter().map(|task| (task.layer, task.kv_head)).collect();
    assert_eq!(heads, [(0, 0), (0, 1), (1, 0), (2, 0)]);
}

#[test]
fn a_window_hides_the_keys_before_it() {
    let shape = Shape { window: vec![3, 0], ..decoder(2, 4, 6) };
    let one = |_, _| 1.0;
    let flat = || layer(&shape, one, one, one);
    let source = trace(&shape, vec![flat(), flat()]);
    let (tasks, _) = plan(&source, &dense(), Phases::All);
    let visible: Vec<_> = tasks[0].rows.iter().map(|row| row.visible.clone()).collect();
    assert_eq!(visible, [0..1, 0..2, 0..3, 1..4]);
    assert_eq!(tokens(&tasks, Phase::Decode, 0, 0), [2, 3, 4]);
    assert_eq!(tokens(&tasks, Phase::Decode, 1, 0), [3, 4, 5]);
    assert_eq!(tokens(&tasks, Phase::Decode, 1, 1), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn dense_keeps_everything_and_selects_nothing() {
    let shape = Shape { heads: 4, kv_heads: 2, ..decoder(2, 3, 5) };
    let (strong, one) = (|_, _| 30.0, |_, _| 1.0);
    let steep = || layer(&shape, strong, among(&[0]), one);
    let source = trace(&shape, vec![steep(), steep()]);
    let (tasks, _) = plan(&source, &dense(), Phases::All);
    let order: Vec<_> = tasks.iter().map(|task| (task.step, task.layer, task.kv_head)).collect();
    let pass = |step| [(step, 0, 0), (step, 0, 1), (step, 1, 0), (step, 1, 1)];
    assert_eq!(order, [pass(0), pass(0), pass(1)].concat());
    for task in &tasks {
        assert!(task.values_ahead);
        assert_eq!((task.bits.key_msb, task.bits.key_lsb), (12, 0));
        for row in &task.rows {
            assert_eq!(row.kept, KeySet::Range(row.visible.clone()), "probabilities of 0, too");
            assert_eq!((row.refetch, &row.select), (false, &None));
        }
    }
}

#[test]
fn each_step_starts_from_all_tokens_and_appends_one() {
    let shape = decoder(2, 4, 7);
    let one = |_, _| 1.0;
    let flat = || layer(&shape, one, one, one);
    let source = trace(&shape, vec![flat(), flat()]);
    let (tasks, _) = plan(&source, &cascade("tokens_keep = [1.0, 0.5]"), Phases::Decode);
    assert_eq!(tasks.len(), 6, "three steps of two layers, and nothing of the prompt");
    for step in 0..3 {
        let newest = 4 + step;
        let all: Vec<u32> = (0..=newest).collect();
        assert_eq!(tokens(&tasks, Phase::Decode, step, 0), all);
        let kept = tokens(&tasks, Phase::Decode, step, 1);
        assert_eq!((kept.len(), kept.last()), (all.len() / 2, Some(&newest)));
        let first = tasks_of(&tasks, Phase::Decode, step, 0)[0];
        assert_eq!((first.appended, first.rows.len()), (Some(newest), 1));
        assert_eq!(first.rows[0].visible, 0..newest + 1);
    }
}

/// Tokens that the second layer of two decode steps keeps beside the newest. The prompt gives
/// token 0 a mass of 4; each step gives token 1 about 0.8.
fn kept_in_steps(knobs: &str) -> [u32; 2] {
    let shape = decoder(2, 4, 6);
    let query = |_, token| if token < 4 { 8.0 } else { -2.5 };
    let key = |_, token| match token {
        0 => 1.0,
        1 => -1.0,
        _ => 0.0,
    };
    let layers = || layer(&shape, query, key, |_, _| 1.0);
    let source = trace(&shape, vec![layers(), layers()]);
    let knobs = format!("tokens_keep = [1.0, 0.4]\nkey_msb_bits = 12\nkey_lsb_bits = 0\n{knobs}");
    let (tasks, _) = plan(&source, &cascade(&knobs), Phases::All);
    [0, 1].map(|step| {
        let kept = tokens(&tasks, Phase::Decode, step, 1);
        assert_eq!((kept.len(), kept[1]), (2, 4 + step));
        kept[0]
    })
}

#[test]
fn importance_carries_on_from_the_prompts_mean() {
    // 4 / 4 rows against 0.8, then against 0.8 + 0.75.
    assert_eq!(kept_in_steps(""), [0, 1]);
    assert_eq!(kept_in_steps("importance_over_steps = false"), [0, 0]);
    assert_eq!(kept_in_steps("prompt_importance = \"sum\""), [0, 0]);
}

#[test]
fn values_are_kept_by_score_in_decode_and_all_in_prefill() {
    let shape = decoder(1, 6, 7);
    let key = |_, token| [0.1, 0.9, 0.3, 0.9, 0.2, 0.4, 0.0][token as usize];
    let source = trace(&shape, vec![layer(&shape, |_, _| 1.0, key, |_, _| 1.0)]);
    let (tasks, _) = plan(&source, &cascade(""), Phases::All);
    for row in &tasks[0].rows {
        assert_eq!((&row.kept, &row.select), (&KeySet::Range(row.visible.clone()), &None));
    }
    let row = &tasks[1].rows[0];
    assert_eq!(row.kept.places().collect::<Vec<_>>(), [1, 3, 5], "half of 7, rounded down");
    let selection = row.select.as_ref().expect("something was selected");
    assert_eq!((selection.candidates, selection.keep), (7, 3));
}

#[test]
fn of_equal_scores_the_earlier_values_are_kept() {
    let shape = decoder(1, 5, 6);
    let source = trace(&shape, vec![layer(&shape, |_, _| 0.0, |_, _| 1.0, |_, _| 1.0)]);
    let (tasks, _) = plan(&source, &cascade(""), Phases::Decode);
    assert_eq!(tasks[0].rows[0].kept.places().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_value_whose_probability_is_0_is_never_fetched() {
    let shape = decoder(1, 4, 5);
    let key = |_, token| if token == 2 { 1.0 } else { -1.0 };
    let source = trace(&shape, vec![layer(&shape, |_, _| 20.0, key, |_, _| 1.0)]);
    let kept = |knobs: &str| -> Vec<u32> {
        let (tasks, _) = plan(&source, &cascade(knobs), Phases::All);
        let rows = [&tasks[0].rows[3], &tasks[1].rows[0]];
        rows.iter().map(|row| row.kept.len()).collect()
    };
    // Two keys 40 apart: the lesser has 2^-57 of the mass.
    assert_eq!(kept(""), [1, 1]);
    assert_eq!(kept("skip_zero_values = false"), [4, 2]);
}

/// Rows that refetch, of 16 tokens. The first 8 queries see no difference; the others see one key.
fn refetched(knobs: &str) -> Vec<u32> {
    let shape = encoder(1, 16);
    let query = |_, token| if token < 8 { 0.0 } else { 8.0 };
    let source = trace(&shape, vec![layer(&shape, query, among(&[5]), |_, _| 1.0)]);
    let rows = prefill(&source, knobs).remove(0).rows;
    rows.iter().filter(|row| row.refetch).map(|row| row.token).collect()
}

#[test]
fn flat_rows_refetch_each_for_itself() {
    assert_eq!(refetched(""), [0, 1, 2, 3, 4, 5, 6, 7], "1/16 is below 0.1");
    assert_eq!(refetched("refetch_threshold = 0.0625"), [0; 0], "1/16 is not below itself");
    assert_eq!(refetched("key_lsb_bits = 0"), [0; 0], "there is no second plane");
    assert_eq!(refetched("refetch_threshold = 1.0").len(), 16, "nothing is as sure as 1");
}

#[test]
fn an_encoder_has_no_decode() {
    let shape = encoder(1, 4);
    let one = |_, _| 1.0;
    let source = trace(&shape, vec![layer(&shape, one, one, one)]);
    let (tasks, quality) = plan(&source, &cascade(""), Phases::Decode);
    assert!(tasks.is_empty() && quality.layers.is_empty());
}

#[test]
fn quality_counts_the_rows_that_live_and_those_that_do_not() {
    let shape = Shape { heads: 2, kv_heads: 2, ..encoder(2, 8) };
    let one = |_, _| 1.0;
    let flat = || layer(&shape, one, one, |head, _| if head == 0 { 1.0 } else { 2.0 });
    let source = trace(&shape, vec![flat(), flat()]);
    let knobs = "tokens_keep = [1.0, 0.5]\nheads_keep = [1.0, 0.5]";
    let (_, quality) = plan(&source, &cascade(knobs), Phases::All);
    let [first, second] = quality.layers.try_into().expect("prefill has two layers");
    assert_eq!((first.live_rows, first.pruned_rows()), (16, 0));
    assert_eq!((second.live_rows, second.pruned_rows()), (4, 12));
    let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-3;
    // Every key has the same share, so that half of them hold half of the mass, and outputs, which
    // are not renormalised over the keys left, are whole: softmax ran over those alone.
    assert!(close(first.mass_kept(), 1.0) && close(second.mass_kept(), 0.5));
    assert!(close(first.relative_error(), 0.0) && close(second.relative_error(), 0.0));
}

#[test]
fn values_beyond_the_prompts_scale_are_counted_as_clips() {
    let shape = decoder(1, 4, 6);
    let grows = |_, token| if token == 5 { 2.0 } else { 1.0 };
    let source = trace(&shape, vec![layer(&shape, |_, _| 1.0, |_, _| 1.0, grows)]);
    let (_, quality) = plan(&source, &dense(), Phases::All);
    let clips: Vec<u64> = quality.layers.iter().map(|layer| layer.clipped_values).collect();
    assert_eq!(clips, [0, 1]);
}
