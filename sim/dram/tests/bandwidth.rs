//! What our own mapping reaches, and that the counts of a run add up.

mod common;

use tamis_arch::dram::{Command, Controller, Dram, Refresh};
use tamis_dram::{Injection, Replay, Ticks, replay};

fn run(mapping: &str, refresh: Refresh, trace: &str) -> (Dram, Replay) {
    let controller = Controller { refresh, ..Controller::usual() };
    let dram = Dram::new("hbm2", 16, mapping, controller).expect("a memory");
    let replay = replay(&dram, common::trace(trace), 64, Injection::InOrder);
    (dram, replay)
}

/// Share of the ticks that refresh leaves in which the data buses moved data.
fn share(dram: &Dram, replay: &Replay) -> f64 {
    let timing = &dram.standard.timing;
    let left = 1.0 - f64::from(timing.refresh) / f64::from(timing.refresh_interval);
    replay.stats.data_ticks.0 as f64 / (replay.stats.pseudo_ticks.total().0 as f64 * left)
}

#[test]
fn a_dense_stream_fills_nine_tenths_of_what_refresh_leaves() {
    let (dram, replay) = run("tamis", Refresh::AllBank, "seq4M");
    let share = share(&dram, &replay);
    assert!((0.9..1.0).contains(&share), "{share}");
}

#[test]
fn random_vectors_open_one_row_each() {
    let (_, replay) = run("tamis", Refresh::None, "rand64k");
    let activates = replay.stats.count(Command::Activate);
    assert!((65_000..66_200).contains(&activates), "{activates}");
}

#[test]
fn the_counts_of_a_run_add_up() {
    for trace in ["rand64k_w3", "prune25"] {
        for &refresh in Refresh::ALL {
            let (dram, Replay { end, stats, .. }) = run("tamis", refresh, trace);
            let columns = stats.count(Command::Read) + stats.count(Command::Write);
            assert_eq!(columns * 32, stats.read_bytes.0 + stats.written_bytes.0);
            assert_eq!(columns + stats.forwarded + stats.coalesced, 2 * 65_536);
            assert_eq!(stats.rows.hits + stats.rows.misses + stats.rows.conflicts, columns);
            assert_eq!(stats.data_ticks, Ticks(2 * columns));
            assert_eq!(stats.pseudo_ticks.total(), Ticks(2 * 16 * end.0));
            assert_eq!(stats.channel_ticks, Ticks(16 * end.0));
            let lost = stats.lost.values().map(|ticks| ticks.0).sum::<u64>();
            assert_eq!(lost + stats.data_ticks.0, stats.pseudo_ticks.total().0);
            let rounds = end.0 / u64::from(dram.standard.timing.refresh_interval);
            if refresh == Refresh::AllBank {
                let refreshes = stats.count(Command::RefreshAll);
                assert!((31 * rounds..=32 * rounds).contains(&refreshes), "{refreshes}");
            }
        }
    }
}
