//! The event-driven channel gives every request the tick that ticking through every cycle gives it.

#[path = "common/oracle.rs"]
mod slow;

use proptest::prelude::*;
use slow::Oracle;
use tamis_arch::{
    dram::{
        Controller, Dram, MappingPreset, PagePolicy, Refresh, STANDARDS, Scheduler, Sharing,
        Standard,
    },
    fault::{Faults, Source},
};
use tamis_dram::{Channel, Completion, Kind, Location, Mapping, Request, Tick};

/// Later than any request of a test is served.
const LIMIT: Tick = Tick(100_000);

/// A request and the ticks since the one before.
type Arrival = (u64, Request);

/// What varies from case to case.
#[derive(Clone, Debug)]
struct Setup {
    standard: &'static str,
    mapping: MappingPreset,
    read_queue: u32,
    write_queue: u32,
    refresh: Refresh,
    command_bus: Sharing,
    scheduler: Scheduler,
    hit_cap: u32,
    page: PagePolicy,
    page_timeout: u32,
    /// Those of a standard of one's own.
    spans: Option<[u32; 9]>,
}

/// A standard whose rows take as long as these spans say.
fn own(base: &str, spans: &[u32; 9]) -> Standard {
    let &[to_read, to_write, open, close, close_all, from_read, from_write, apart, window] = spans;
    let open = to_read.max(to_write) + open;
    let text = format!(
        "extends = \"{base}\"\nname = \"own\"\ndescription = \"own\"\n\
         [power]\nactivate_ma = 10000.0\n\
         [timing]\nRCDRD = {to_read}\nRCDWR = {to_write}\nRAS = {open}\nRP = {close}\nRPA = {}\n\
         RC = {}\nRTP = {from_read}\nWR = {from_write}\nRRDS = {apart}\nRRDL = {apart}\nFAW = {}\n",
        close + close_all,
        open + close,
        apart + window,
    );
    let mut faults = Faults::default();
    let standard = Standard::read(Source { name: "own.toml".into(), text }, &mut faults);
    standard.unwrap_or_else(|| panic!("{faults}"))
}

impl Setup {
    fn dram(&self) -> Dram {
        let banks = Standard::preset(self.standard).expect("it is known").refreshes_banks();
        let controller = Controller {
            read_queue: self.read_queue,
            write_queue: self.write_queue,
            refresh: if banks { self.refresh } else { Refresh::AllBank },
            command_bus: self.command_bus,
            scheduler: self.scheduler,
            hit_cap: self.hit_cap,
            page: self.page,
            page_timeout: self.page_timeout,
            ..Controller::usual()
        };
        let mapping = self.mapping.name();
        let mut dram = Dram::new(self.standard, 1, mapping, controller).expect("a memory");
        if let Some(spans) = &self.spans {
            dram.standard = own(self.standard, spans);
        }
        // Often enough to matter in a short test.
        let timing = &mut dram.standard.timing;
        timing.refresh_interval = timing.refresh + if self.spans.is_some() { 1_000 } else { 440 };
        timing.bank_refresh_interval = if self.spans.is_some() { 600 } else { 90 };
        dram
    }
}

fn setup() -> impl Strategy<Value = Setup> {
    let depth = || prop_oneof![2 => 1u32..4, 3 => 4u32..65, 1 => 65u32..513];
    let refresh = prop::sample::select(Refresh::ALL);
    let bus = prop::sample::select(Sharing::ALL);
    let mapping = prop::sample::select(MappingPreset::ALL.as_slice());
    // HBM2, which everything else is measured on, as often as all others together.
    let others = prop::sample::select(STANDARDS).prop_map(|(name, _)| name);
    let standard = prop_oneof![Just("hbm2"), others];
    let scheduler = prop::sample::select(Scheduler::ALL);
    let page = prop::sample::select(PagePolicy::ALL);
    let controller = (refresh, bus, scheduler, 1u32..6, page, 0u32..80);
    let spans = prop::option::weighted(0.3, prop::array::uniform(1u32..90));
    (standard, mapping, depth(), depth(), controller, spans).prop_map(
        |(standard, mapping, read_queue, write_queue, controller, spans)| {
            let (refresh, command_bus, scheduler, hit_cap, page, page_timeout) = controller;
            Setup {
                standard,
                mapping,
                read_queue,
                write_queue,
                refresh,
                command_bus,
                scheduler,
                hit_cap,
                page,
                page_timeout,
                spans,
            }
        },
    )
}

/// Bursts and gaps, on few rows of few banks: conflicts, hits, forwarded reads.
fn traffic() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let gap = prop_oneof![6 => Just(0u64), 3 => 1u64..6, 1 => 20u64..120];
    let near = (0u64..64).prop_map(|block| 32 * block);
    let far = (0u64..4, 0u64..512).prop_map(|(row, block)| (row << 24) + 32 * block);
    let address = prop_oneof![near, far];
    prop::collection::vec((gap, address, prop::bool::weighted(0.3)), 1..250)
}

/// Streams, side by side: each goes through the columns of its row, and on into the next, while others ask for rows of
/// the same banks. Some pause between their blocks, longer than a page's timeout or a refresh.
fn streams() -> impl Strategy<Value = Vec<(u64, u64, bool)>> {
    let first = (0u64..8, 0u64..256).prop_map(|(row, block)| (row << 24) + 32 * block);
    let gap = prop_oneof![6 => Just(0u64), 2 => 1u64..5, 1 => 60u64..300];
    let stream = (first, 1u64..3, 1u64..90, gap, prop::bool::weighted(0.2));
    let streams = prop::collection::vec(stream, 1..8);
    (streams, 1u64..34).prop_map(|(streams, block)| {
        let longest = streams.iter().map(|stream| stream.2).max().unwrap_or(0);
        let mut traffic = Vec::new();
        for start in (0..longest).step_by(usize::try_from(block).expect("it is small")) {
            for &(first, stride, length, gap, write) in &streams {
                for index in start..length.min(start + block) {
                    let gap = if index == start { gap } else { 0 };
                    traffic.push((gap, first + 32 * stride * index, write));
                }
            }
        }
        traffic
    })
}

fn arrivals(dram: &Dram, traffic: &[(u64, u64, bool)]) -> Vec<Arrival> {
    let mapping = Mapping::new(dram);
    let arrival = |(id, &(gap, address, write)): (u64, &(u64, u64, bool))| {
        let kind = if write { Kind::Write } else { Kind::Read };
        (gap, Request { id, location: mapping.decode(address), kind })
    };
    (0..).zip(traffic).map(arrival).collect()
}

/// Offers each request when its time has come and the one before was taken, and again in every tick.
fn by_ticking(dram: &Dram, arrivals: &[Arrival]) -> Vec<Completion> {
    let mut oracle = Oracle::new(dram);
    for &(gap, request) in arrivals {
        for _ in 0..gap {
            oracle.tick();
        }
        while !oracle.push(request) {
            oracle.tick();
        }
    }
    while !oracle.is_idle() {
        oracle.tick();
    }
    oracle.done.sort();
    oracle.done
}

/// The same, but looks again only when the channel says so.
fn by_events(dram: &Dram, arrivals: &[Arrival]) -> Vec<Completion> {
    let mut channel = Channel::new(dram);
    let mut done = Vec::new();
    let mut now = Tick(0);
    for &(gap, request) in arrivals {
        now = Tick(now.0 + gap);
        channel.advance(now, &mut done);
        while channel.push(now, request).is_err() {
            let next = channel.next_event().expect("a full queue has something to do");
            assert!(next > now, "an event of the past");
            assert!(next < LIMIT, "a request is never served");
            now = next;
            channel.advance(now, &mut done);
        }
    }
    while let Some(next) = channel.next_event() {
        assert!(next < LIMIT, "a request is never served");
        channel.advance(next, &mut done);
        assert!(done.iter().all(|done| done.at <= next), "delivered too early");
    }
    done.sort();
    done
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn every_request_takes_as_long_as_by_ticking(setup in setup(), traffic in traffic()) {
        let dram = setup.dram();
        let arrivals = arrivals(&dram, &traffic);
        prop_assert_eq!(by_events(&dram, &arrivals), by_ticking(&dram, &arrivals));
    }

    #[test]
    fn every_request_of_a_stream_takes_as_long_as_by_ticking(
        setup in setup(),
        traffic in streams(),
    ) {
        let dram = setup.dram();
        let arrivals = arrivals(&dram, &traffic);
        prop_assert_eq!(by_events(&dram, &arrivals), by_ticking(&dram, &arrivals));
    }

    #[test]
    fn any_partition_of_time_gives_the_same(
        setup in setup(),
        traffic in traffic(),
        steps in prop::collection::vec(1u64..40, 1..20),
    ) {
        let dram = setup.dram();
        let mut channel = Channel::new(&dram);
        let mut done = Vec::new();
        let mut pending = arrivals(&dram, &traffic);
        pending.retain(|(_, request)| request.id < 20);
        for &(_, request) in &pending {
            // What is refused here is refused in the other partition too.
            let _ = channel.push(Tick(0), request);
        }
        let mut whole = channel.clone();
        let end = Tick(3_000);
        let mut all = Vec::new();
        whole.advance(end, &mut all);
        let mut now = 0;
        for step in steps.iter().cycle() {
            now = (now + step).min(end.0);
            channel.advance(Tick(now), &mut done);
            if now == end.0 {
                break;
            }
        }
        prop_assert_eq!(done, all);
        prop_assert_eq!(channel.stats(), whole.stats());
    }
}

/// Where a row may only be closed long after a write, a read that closes it does so earlier: the next row of the bank waits for
/// that read, not for the write.
#[test]
fn a_bank_that_a_read_closes_opens_as_soon_as_by_ticking() {
    let setup = Setup {
        standard: "hbm2",
        mapping: MappingPreset::RoBaRaCoCh,
        read_queue: 8,
        write_queue: 8,
        refresh: Refresh::None,
        command_bus: Sharing::Shared,
        scheduler: Scheduler::FrFcfs,
        hit_cap: 1,
        page: PagePolicy::Closed,
        page_timeout: 0,
        spans: Some([10, 10, 1, 2, 0, 2, 90, 4, 0]),
    };
    let dram = setup.dram();
    let request = |id, row, column, kind| {
        let location = Location { row, column, ..Location::default() };
        Request { id, location, kind }
    };
    let arrivals = [
        (0, request(0, 0, 0, Kind::Write)),
        (2, request(1, 0, 1, Kind::Read)),
        (1, request(2, 1, 0, Kind::Read)),
    ];
    assert_eq!(by_events(&dram, &arrivals), by_ticking(&dram, &arrivals));
}
