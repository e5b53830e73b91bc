//! A replay is that of channels driven by hand, one after the other, whatever the number of threads.

mod common;

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use tamis_arch::dram::{Controller, Dram};
use tamis_dram::{Access, Channel, Injection, Mapping, Replay, Request, Stats, Tick, replay};

/// Bytes of a request: two transactions or one, by the standard.
const REQUEST: u64 = 64;

/// The whole list, or what of it goes to each channel, offered clock by clock.
fn by_hand(dram: &Dram, accesses: &[Access], injection: Injection) -> Replay {
    let mapping = Mapping::new(dram);
    let mut channels = (0..dram.channels).map(|_| Channel::new(dram)).collect::<Vec<_>>();
    let steps = REQUEST.div_ceil(dram.transaction.0);
    let all = accesses.iter().flat_map(|access| {
        (0..steps).map(move |step| (access.address + step * dram.transaction.0, access.kind))
    });
    let list = (0..).zip(all).map(|(id, (address, kind))| {
        let location = mapping.decode(address);
        Request { id, location, kind }
    });
    let list = list.collect::<Vec<_>>();
    let turns = match injection {
        Injection::InOrder => vec![None],
        Injection::PerChannel => (0..dram.channels).map(Some).collect(),
    };
    let mut done = Vec::new();
    for turn in turns {
        let mut now = Tick(0);
        let mine = |request: &&Request| turn.is_none_or(|own| own == request.location.channel);
        for request in list.iter().filter(mine) {
            let channel = &mut channels[request.location.channel as usize];
            while channel.push(now, *request).is_err() {
                now = Tick(now.0 + 1);
                channel.advance(now, &mut done);
            }
        }
    }
    for channel in &mut channels {
        while let Some(next) = channel.next_event() {
            channel.advance(next, &mut done);
        }
    }
    let end = done.iter().map(|done| done.at).max().unwrap_or_default();
    channels.iter_mut().for_each(|channel| channel.advance(end, &mut done));
    let channels = channels.iter().map(Channel::stats).collect::<Vec<_>>();
    let mut stats = Stats::default();
    channels.iter().for_each(|channel| stats += channel);
    Replay { end, stats, channels }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_number_of_threads_replays_what_one_channel_after_the_other_does(
        standard in prop::sample::select(vec!["hbm2", "hbm3", "gddr6", "lpddr5", "ddr4", "ddr5"]),
        mapping in prop::sample::select(vec!["tamis", "RoBaRaCoCh"]),
        injection in prop::sample::select(vec![Injection::InOrder, Injection::PerChannel]),
        log2_channels in 0u32..5,
        trace in prop::sample::select(vec!["seq4M_w3", "rand64k", "rand64k_w3", "prune25_w3"]),
        first in 0usize..40_000,
        // Pieces are of 16,384 transactions: none whole, and several.
        count in prop::sample::select(vec![0usize, 1, 1_000, 8_191, 8_192, 16_384, 20_000]),
    ) {
        let dram = Dram::new(standard, 1 << log2_channels, mapping, Controller::usual())
            .expect("a memory");
        let accesses = common::trace(trace).split_off(first);
        let accesses = &accesses[..count];
        let expected = by_hand(&dram, accesses, injection);
        for threads in 1..4 {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let list = accesses.iter().copied();
            let found = pool.install(|| replay(&dram, list, REQUEST, injection));
            prop_assert!(found == expected, "{} threads: {:?}, {:?}", threads, found.end, expected.end);
        }
    }
}

/// What the property would miss if both injections came to the same.
#[test]
fn a_list_for_each_channel_ends_before_one_for_all() {
    let dram = Dram::new("hbm2", 16, "RoBaRaCoCh", Controller::usual()).expect("a memory");
    let end = |injection| replay(&dram, common::trace("rand64k"), REQUEST, injection).end;
    assert!(end(Injection::PerChannel) < end(Injection::InOrder));
}
