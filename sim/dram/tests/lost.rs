//! The accounts of lost ticks name the constraint that binds, where it is known beforehand which one does.

mod common;

use common::SplitMix64;
use tamis_arch::dram::{
    Controller, Dram, PagePolicy, Refresh, STANDARDS, Scheduler, Sharing, Standard,
};
use tamis_dram::{Access, Injection, Kind, Stats, replay};

fn stats(trace: &str, change: impl Fn(&mut Dram)) -> Stats {
    let controller = Controller { refresh: Refresh::None, read_queue: 512, ..Controller::usual() };
    let mut dram = Dram::new("hbm2", 1, "RoBaRaCoCh", controller).expect("a memory");
    change(&mut dram);
    replay(&dram, common::trace(trace), 64, Injection::InOrder).stats
}

/// Share of all ticks that went to a cause.
fn share(stats: &Stats, cause: &str) -> f64 {
    let ticks = stats.lost.get(cause).map_or(0, |ticks| ticks.0);
    ticks as f64 / stats.pseudo_ticks.total().0 as f64
}

fn largest(stats: &Stats) -> &str {
    stats.lost.iter().max_by_key(|(_, ticks)| ticks.0).map_or("nothing", |(cause, _)| cause)
}

fn set_clocks(dram: &mut Dram, name: &str, clocks: u32) {
    let rules = dram.standard.constraints.iter_mut().filter(|rule| rule.name == name);
    rules.for_each(|rule| rule.clocks = clocks);
}

#[test]
fn random_rows_are_bound_by_the_shared_row_bus() {
    let shared = stats("rand64k", |_| {});
    assert_eq!(largest(&shared), "row bus", "{:?}", shared.lost);
    let split = stats("rand64k", |dram| dram.controller.command_bus = Sharing::Split);
    assert!(share(&split, "row bus") < share(&shared, "row bus") / 2.0, "{:?}", split.lost);
}

#[test]
fn requests_that_must_go_in_order_wait_for_older_ones_and_for_no_bus() {
    for (standard, buses) in
        [("hbm2", &["row bus", "column bus"][..]), ("hbm2-release", &["command bus"])]
    {
        let of = |scheduler| {
            let controller = Controller { scheduler, ..Controller::usual() };
            let dram = Dram::new(standard, 1, "RoBaRaCoCh", controller).expect("a memory");
            replay(&dram, common::trace("rand64k"), 64, Injection::InOrder).stats
        };
        let told = |stats: &Stats| buses.iter().any(|bus| stats.lost.contains_key(*bus));
        let ordered = of(Scheduler::Fcfs);
        assert_eq!(largest(&ordered), "request order", "{standard}: {:?}", ordered.lost);
        assert!(!told(&ordered), "{standard}: {:?}", ordered.lost);
        for scheduler in [Scheduler::FrFcfs, Scheduler::FrFcfsCap] {
            let stats = of(scheduler);
            assert!(!stats.lost.contains_key("request order"), "{standard}: {:?}", stats.lost);
            assert!(told(&stats), "{standard}: {:?}", stats.lost);
        }
    }
}

#[test]
fn a_long_window_of_four_activates_binds_random_rows() {
    let stats = stats("rand64k", |dram| set_clocks(dram, "tFAW", 40));
    assert_eq!(largest(&stats), "tFAW");
    assert!(share(&stats, "tFAW") > 0.3, "{:?}", stats.lost);
}

#[test]
fn a_stream_in_one_bank_group_is_bound_by_its_column_spacing() {
    let stats = stats("seq4M", |dram| dram.controller.read_queue = 32);
    assert_eq!(largest(&stats), "tCCD_L");
    // Half of the ticks: a transfer of 2 every 4.
    assert!((0.4..0.5).contains(&share(&stats, "tCCD_L")), "{:?}", stats.lost);
}

#[test]
fn a_stream_loses_to_refresh_what_refresh_takes() {
    let stats = stats("seq4M", |dram| dram.controller.refresh = Refresh::AllBank);
    let (refresh, interval) = (260.0, 3900.0);
    let found = share(&stats, "refresh");
    assert!((refresh / interval..1.25 * refresh / interval).contains(&found), "{found}");
}

#[test]
fn commands_of_all_kinds_wait_for_one_bus_where_there_is_one() {
    let run = |standard| {
        let dram = Dram::new(standard, 1, "RoBaRaCoCh", Controller::usual()).expect("a memory");
        replay(&dram, mixed(1, 1), 32, Injection::InOrder).stats
    };
    for (standard, there, gone) in [
        ("hbm2", &["row bus", "column bus"][..], &["command bus"][..]),
        ("hbm2-release", &["command bus"], &["row bus", "column bus"]),
        ("ddr5", &["command bus"], &["row bus", "column bus"]),
    ] {
        let lost = run(standard).lost;
        let told = |bus: &&str| lost.contains_key(*bus);
        assert!(there.iter().all(told) && !gone.iter().any(told), "{standard}: {lost:?}");
    }
}

/// While a bank waits for its refresh, its command bus serves no other: that is a loss to refresh, not to the bus.
#[test]
fn what_refresh_of_single_banks_costs_is_said_to_be_refresh() {
    for sharing in [Sharing::Shared, Sharing::Split] {
        let run = |refresh| {
            stats("seq4M", |dram| {
                dram.mapping =
                    Dram::new("hbm2", 1, "tamis", Controller::usual()).expect("a memory").mapping;
                dram.controller.read_queue = 32;
                dram.controller.command_bus = sharing;
                dram.controller.refresh = refresh;
            })
        };
        let (without, with) = (run(Refresh::None), run(Refresh::PerBank));
        let ticks = |stats: &Stats| stats.pseudo_ticks.total().0 as f64;
        let cost = 1.0 - ticks(&without) / ticks(&with);
        assert!(cost > 0.05, "{cost}");
        assert_eq!(largest(&with), "refresh", "{:?}", with.lost);
        // The rest goes to rows that it closed, and that requests must open again.
        let said = share(&with, "refresh") / cost;
        assert!((0.4..1.1).contains(&said), "{said} of {cost}, {:?}", with.lost);
    }
}

#[test]
fn reads_and_writes_in_small_batches_lose_to_turnarounds() {
    let small = stats("seq4M_w3", |dram| {
        (dram.controller.read_queue, dram.controller.write_queue) = (32, 32);
    });
    let turning = ["tWTR_S", "tWTR_L", "tRTW"].map(|cause| share(&small, cause));
    assert!(turning.into_iter().sum::<f64>() > 0.1, "{:?}", small.lost);
    assert!(share(&stats("seq4M", |_| {}), "tRTW") < 1e-9);
}

#[test]
fn nothing_to_do_is_no_request() {
    let dram = Dram::new("hbm2", 1, "tamis", Controller::usual()).expect("a memory");
    let mut channel = tamis_dram::Channel::new(&dram);
    channel.advance(tamis_dram::Tick(10_000), &mut Vec::new());
    let stats = channel.stats();
    assert_eq!(largest(&stats), "no request");
    assert!((share(&stats, "no request") - 1.0).abs() < 1e-12);
}

/// Reads and writes at random, on blocks of a few rows of every bank.
fn mixed(seed: u64, writes_of_eight: u64) -> Vec<Access> {
    let mut random = SplitMix64(seed);
    let access = |_| {
        let address = ((random.next() % 8) << 20) + 32 * (random.next() % 4096);
        let kind = if random.next() % 8 < writes_of_eight { Kind::Write } else { Kind::Read };
        Access { address, kind }
    };
    (0..3_000).map(access).collect()
}

#[test]
fn every_tick_of_a_data_bus_moves_data_or_has_a_cause_in_every_standard() {
    let usual = Controller { refresh: Refresh::AllBank, ..Controller::usual() };
    let small = Controller { read_queue: 4, write_queue: 2, ..usual.clone() };
    let controllers = [
        Controller { command_bus: Sharing::Split, ..usual.clone() },
        Controller { page: PagePolicy::Closed, scheduler: Scheduler::FrFcfsCap, ..small.clone() },
        Controller { refresh: Refresh::None, scheduler: Scheduler::Fcfs, ..small },
        Controller { refresh: Refresh::PerBank, page: PagePolicy::Timeout, ..usual.clone() },
        usual,
    ];
    for (name, _) in STANDARDS {
        for controller in &controllers {
            let banks = Standard::preset(name).expect("it is known").refreshes_banks();
            if controller.refresh == Refresh::PerBank && !banks {
                continue;
            }
            for (seed, writes) in [(1, 1), (2, 4), (3, 6)] {
                let dram = Dram::new(name, 1, "tamis", controller.clone()).expect("a memory");
                let stats = replay(&dram, mixed(seed, writes), 32, Injection::InOrder).stats;
                let lost: u64 = stats.lost.values().map(|ticks| ticks.0).sum();
                let accounted = lost + stats.data_ticks.0;
                let elapsed = stats.pseudo_ticks.total().0;
                assert_eq!(accounted, elapsed, "{name}, {writes} of 8 write, {controller:?}");
            }
        }
    }
}
