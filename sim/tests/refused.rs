//! What a machine cannot run is said by name, and so is a machine that stops half-way.

mod common;

use common::{Dense, PLANES, WHOLE, play};
use tamis_arch::{
    Accelerator,
    units::{Bytes, Cycles},
};
use tamis_sim::{Options, error::RunError, outcome::Block};
use tamis_workloads::plan::{LayerEnd, Phase, Selection};

/// A task of one head.
const SMALL: Dense = Dense {
    phase: Phase::Prefill,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 64,
    tokens: 32,
    causal: true,
    bits: WHOLE,
};

fn spatten() -> Accelerator {
    tamis_arch::load("spatten").expect("a preset")
}

fn refusal(arch: &Accelerator, dense: &Dense) -> String {
    let error = play(arch, dense, dense.tasks(), &Options::default()).expect_err("it cannot run");
    assert!(matches!(error, RunError::Fit(_)), "{error}");
    error.to_string()
}

#[test]
fn a_head_that_the_arrays_cannot_be_cut_into() {
    for head_dim in [8, 48, 512] {
        assert_eq!(
            refusal(&spatten(), &Dense { head_dim, ..SMALL }),
            format!(
                "machine `spatten` supports head_dim 16, 32, 64, 128 and 256 (found {head_dim}): a line \
                 holds a power of two of keys"
            )
        );
    }
    let mut arch = spatten();
    arch.qk_array.multipliers = 32;
    assert_eq!(
        refusal(&arch, &SMALL),
        "machine `spatten` has 32 multipliers in `qk_array`, fewer than head_dim 64: a line must hold a \
         whole key"
    );
}

#[test]
fn a_prefill_task_of_one_key_more_than_half_a_buffer() {
    let mut arch = spatten();
    // A line of 512 operands of 12 bits is 768 bytes and holds 8 keys: half of 8 lines hold 32.
    arch.key_buffer.capacity = Bytes(8 * 768);
    play(&arch, &SMALL, SMALL.tasks(), &Options::default()).expect("32 keys fit");
    let dense = Dense { tokens: 33, ..SMALL };
    assert_eq!(
        refusal(&arch, &dense),
        "layer 0, K/V head 0: 33 tokens need 5 lines of `key_buffer`, and a prefill task may hold 4, \
         half of it"
    );
    arch.key_buffer.capacity = spatten().key_buffer.capacity;
    arch.value_buffer.capacity = Bytes(8 * 768);
    assert_eq!(
        refusal(&arch, &dense),
        "layer 0, K/V head 0: 33 tokens need 5 lines of `value_buffer`, and a prefill task may hold 4, \
         half of it"
    );
}

#[test]
fn a_row_of_one_key_more_than_a_queue_holds() {
    for queue in ["softmax.row_buffer_lines", "refetch.buffer_lines", "value_buffer.queue"] {
        let mut arch = spatten();
        match queue {
            "softmax.row_buffer_lines" => arch.softmax.row_buffer_lines = 4,
            "refetch.buffer_lines" => arch.refetch.buffer_lines = 4,
            _ => arch.value_buffer.queue = 4,
        }
        play(&arch, &SMALL, SMALL.tasks(), &Options::default()).expect("4 lines of 8 keys fit");
        assert_eq!(
            refusal(&arch, &Dense { tokens: 33, ..SMALL }),
            format!(
                "layer 0, K/V head 0: 1 row of up to 33 keys need 5 lines of `{queue}`, which has 4"
            )
        );
    }
}

#[test]
fn one_row_more_in_a_decode_step_than_may_be_under_way() {
    let mut arch = spatten();
    arch.refetch.rows = 4;
    let group = Dense { phase: Phase::Decode, heads: 4, ..SMALL };
    play(&arch, &group, group.tasks(), &Options::default()).expect("4 rows fit");
    assert_eq!(
        refusal(&arch, &Dense { heads: 5, ..group }),
        "layer 0, K/V head 0: 5 rows of up to 32 keys need 5 lines of `refetch.rows`, which has 4"
    );
}

#[test]
fn one_token_more_than_can_be_scored_or_ranked() {
    for parameter in ["importance.tokens", "topk.entries"] {
        let mut arch = spatten();
        let selects = parameter == "topk.entries";
        match selects {
            true => arch.topk.entries = 32,
            false => arch.importance.tokens = 32,
        }
        let error = |tokens: u32| {
            let dense = Dense { tokens, ..SMALL };
            let mut tasks = dense.tasks();
            tasks[0].weighs.tokens = true;
            let candidates = Selection { candidates: tokens, keep: 1, rounds: Vec::new() };
            let end = LayerEnd { tokens: selects.then_some(candidates), heads: None };
            tasks[0].layer_end = Some(end);
            play(&arch, &dense, tasks, &Options::default()).err().map(|error| error.to_string())
        };
        assert_eq!(error(32), None);
        let expected = format!("layer 0: 33 tokens are more than `{parameter}` = 32");
        assert_eq!(error(33), Some(expected));
    }
}

/// Nobody ranks a token of `dense`, so neither memory bounds it.
#[test]
fn rows_of_which_nothing_is_ranked_may_be_longer_than_what_can_be() {
    let mut arch = spatten();
    (arch.importance.tokens, arch.topk.entries) = (32, 32);
    let dense = Dense { tokens: 33, ..SMALL };
    play(&arch, &dense, dense.tasks(), &Options::default()).expect("nothing is selected");
}

#[test]
fn heads_that_share_transactions_need_a_line_each() {
    // Records of 16 dimensions of 12 bits are 24 bytes: 4 of them fill 3 transactions of 32.
    let four = Dense { phase: Phase::Decode, head_dim: 16, heads: 4, kv_heads: 4, ..SMALL };
    for buffer in ["key_buffer", "value_buffer"] {
        let mut arch = spatten();
        let capacity = match buffer {
            "key_buffer" => &mut arch.key_buffer.capacity,
            _ => &mut arch.value_buffer.capacity,
        };
        *capacity = Bytes(4 * 768);
        play(&arch, &four, four.tasks(), &Options::default()).expect("4 lines are enough");
        let capacity = match buffer {
            "key_buffer" => &mut arch.key_buffer.capacity,
            _ => &mut arch.value_buffer.capacity,
        };
        *capacity = Bytes(2 * 768);
        assert_eq!(
            refusal(&arch, &four),
            format!(
                "layer 0, K/V head 0: 4 heads share transactions and need a line of `{buffer}` each, \
                 which has 2"
            )
        );
    }
}

#[test]
fn a_machine_that_stops_half_way_says_who_waits_for_what() {
    let mut arch = spatten();
    // No machine file can say this: a channel to which nothing may be sent.
    arch.crossbar.outstanding = 0;
    for skip in [true, false] {
        let options = Options { skip, ..Options::default() };
        let error = play(&arch, &SMALL, SMALL.tasks(), &options).expect_err("nothing comes back");
        let RunError::Deadlock(deadlock) = error else { panic!("not a deadlock: {error}") };
        let waits = |block| deadlock.waiting.iter().find(|waiting| waiting.block == block);
        let crossbar = waits(Block::Crossbar).expect("it holds what it cannot send");
        assert!(crossbar.state.ends_with("; in DRAM: 0"), "{}", crossbar.state);
        let keys = waits(Block::KeyBuffer).expect("it waits for keys");
        let state = "batch 0: 4 blocks, 0 blocks of LSBs and 32 queries have not come";
        assert!(keys.state.starts_with(state), "{}", keys.state);
        assert!(waits(Block::PvArray).is_none());
        let rows = |&(from, to, ..): &(Block, Block, usize, usize)| {
            from == Block::Sequencer && to == Block::KeyBuffer
        };
        assert!(deadlock.links.iter().any(rows), "{:?}", deadlock.links);
        let text = deadlock.to_string();
        assert!(text.starts_with(&format!("the machine deadlocked at cycle {}\n", deadlock.cycle)));
        assert!(
            text.contains("\n  crossbar: ") && text.contains("\n  link sequencer -> key_buffer: ")
        );
    }
}

#[test]
fn a_limit_of_the_time_it_takes_is_enough_and_half_of_it_is_not() {
    let arch = spatten();
    let dense = Dense { bits: PLANES, ..SMALL };
    let whole = play(&arch, &dense, dense.tasks(), &Options::default()).expect("it runs").elapsed;
    let limited =
        |limit| play(&arch, &dense, dense.tasks(), &Options { limit, ..Options::default() });
    assert_eq!(limited(Cycles(whole.0 + 1)).expect("there is time").elapsed, whole);
    let half = Cycles(whole.0 / 2);
    assert_eq!(
        limited(half).expect_err("there is not").to_string(),
        format!("the limit of {} cycles was reached before the work was done", half.0)
    );
}
