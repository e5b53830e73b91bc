//! The fetcher asks for the transactions that hold the records, all of them and no other, and never
//! for more than there is room.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use tamis_arch::{
    Accelerator,
    blocks::{Join, RecordLayout},
    units::Cycles,
};
use tamis_sim::{
    blocks::fetcher::{Fetcher, FetcherPorts, FetcherSpec},
    component::Component,
    items::{Flight, KeyCredit, LaneCredits, Stream, ValueId, ValueIds},
    layout::{Layout, Plane},
    stats::Ledger,
    work::{Batch, WorkTable},
};
use tamis_workloads::plan::{KeySet, Phase, StoredBits};

use crate::{
    bench::{each_cycle, moves, offer, spatten, wire},
    common::Dense,
};

/// Names of streams, for counting.
fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Query => "Q",
        Stream::KeyMsb => "K MSB",
        Stream::KeyLsb => "K LSB",
        Stream::Value => "V",
        Stream::Output | Stream::Append => unreachable!("the fetcher writes nothing"),
    }
}

/// How often each address was asked for, by stream; and when flights left.
struct Seen {
    asked: BTreeMap<(&'static str, u64), u32>,
    times: Vec<u64>,
}

/// The memory after the fetcher: reorder buffers of so many entries, and answers that come later.
struct Memory<'a> {
    arch: &'a Accelerator,
    delay: u64,
    /// Transactions of each lane that are asked for and not answered.
    held: Vec<u32>,
    answers: VecDeque<(u64, LaneCredits)>,
    /// Queries that came and have not left their store.
    queries: u32,
    seen: Seen,
}

impl<'a> Memory<'a> {
    fn new(arch: &'a Accelerator, delay: u64) -> Self {
        Self {
            arch,
            delay,
            held: vec![0; arch.fetcher.lanes as usize],
            answers: VecDeque::new(),
            queries: 0,
            seen: Seen { asked: BTreeMap::new(), times: Vec::new() },
        }
    }

    fn take(&mut self, now: u64, flight: &Flight) {
        self.seen.times.push(now);
        let mut used: LaneCredits = 0;
        for one in flight {
            assert_eq!(used >> one.lane & 1, 0, "a lane takes one transaction a cycle");
            used |= 1 << one.lane;
            *self.seen.asked.entry((name(one.to.stream), one.address)).or_default() += 1;
            self.queries += u32::from(one.to.stream == Stream::Query && one.ends_flight);
        }
        if self.arch.reorder.join == Join::Row {
            let lanes = self.held.len();
            used = if lanes == 64 { LaneCredits::MAX } else { (1 << lanes) - 1 };
        }
        for (lane, held) in self.held.iter_mut().enumerate() {
            *held += u32::try_from(used >> lane & 1).unwrap();
            assert!(*held <= self.arch.reorder.entries, "lane {lane} overruns its reorder buffer");
        }
        self.answers.push_back((now + self.delay, used));
    }

    /// Gives back the room of the oldest answer, if it has come.
    fn answer(&mut self, now: u64) -> Option<LaneCredits> {
        let (_, credits) = self.answers.pop_front_if(|(at, _)| *at <= now)?;
        self.held.iter_mut().enumerate().for_each(|(lane, held)| {
            *held -= u32::try_from(credits >> lane & 1).unwrap();
        });
        Some(credits)
    }

    /// Queries leave their store one after the other.
    fn query(&mut self, now: u64) -> Option<KeyCredit> {
        let leaves = now.is_multiple_of(7) && self.queries > 0;
        self.queries -= u32::from(leaves);
        leaves.then_some(KeyCredit { queries: 1, ..KeyCredit::default() })
    }
}

/// Every value of a batch's first group, sixteen at a time.
fn all_values(batch: &Batch) -> VecDeque<ValueIds> {
    let id = |&token: &u32| ValueId { group: 0, token, line: 0 };
    let together = batch.tokens.chunks(16);
    together
        .map(|tokens| ValueIds { batch: 0, urgent: false, ids: tokens.iter().map(id).collect() })
        .collect()
}

fn fetcher(arch: &Accelerator, batch: &Batch) -> Fetcher {
    let spec = FetcherSpec {
        fetcher: &arch.fetcher,
        reorder: &arch.reorder,
        sequencer: &arch.sequencer,
        key_lines: 2 * batch.heads * batch.blocks(),
        queries: 2,
        transaction: arch.dram.transaction.0,
    };
    Fetcher::new(&spec, Ledger::default())
}

/// Loads the one batch of `table`, its LSBs, and every value of its first group, with answers that
/// come `delay` cycles later.
fn drive(arch: &Accelerator, table: &WorkTable, delay: u64, take: &[bool]) -> Seen {
    let batch = table.batch(0);
    let mut fetcher = fetcher(arch, batch);
    let (mut loads, mut made, mut refetches) = (wire(Cycles(1)), wire(Cycles(1)), wire(Cycles(1)));
    let (mut value_ids, mut key_credits) = (wire(Cycles(1)), wire(Cycles(1)));
    let (mut lane_credits, mut flights) = (wire(Cycles(1)), wire(arch.fetcher.latency));
    let (mut ids, mut memory) = (all_values(batch), Memory::new(arch, delay));
    each_cycle(6000, |clock| {
        let now = clock.now().0;
        if now == 0 {
            loads.push(clock, 0);
            made.push(clock, 0);
        }
        if now == 3000 && !batch.lsb_units.is_empty() {
            refetches.push(clock, 0);
        }
        offer(&mut value_ids, clock, &mut ids, true);
        // Both are taken in the cycle in which they come, so that there is always room.
        memory.query(now).into_iter().for_each(|credit| key_credits.push(clock, credit));
        memory.answer(now).into_iter().for_each(|credit| lane_credits.push(clock, credit));
        let ports = FetcherPorts {
            table,
            loads: &mut loads,
            made: &mut made,
            refetches: &mut refetches,
            value_ids: &mut value_ids,
            key_credits: &mut key_credits,
            lane_credits: &mut lane_credits,
            flights: &mut flights,
        };
        fetcher.tick(clock, ports);
        if moves(take, clock)
            && let Some(flight) = flights.pop(clock)
        {
            memory.take(now, &flight);
        }
    });
    memory.seen
}

/// The transactions of the records of `heads` of `tokens` in one plane, by walking over their bytes.
fn walk(
    (arch, dense): (&Accelerator, &Dense),
    (plane, bits): (Plane, u32),
    heads: u32,
    tokens: &[u32],
) -> Vec<u64> {
    let layout = Layout::new(arch, dense.dimensions());
    let bytes = u64::from(bits * dense.head_dim) / 8;
    let transaction = arch.dram.transaction.0;
    let origin = layout.units(plane, bits, 0, &[0])[0].origin;
    let of_token = match arch.layout.record {
        RecordLayout::Aligned => bytes.next_multiple_of(transaction),
        RecordLayout::Packed => (u64::from(heads) * bytes).next_multiple_of(transaction),
    };
    let mut touched = Vec::new();
    for &token in tokens {
        let start = origin + u64::from(token) * of_token;
        for byte in start..start + u64::from(heads) * bytes {
            touched.push(byte / transaction * transaction);
        }
    }
    touched.sort_unstable();
    touched.dedup();
    touched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_transaction_of_the_records_once_and_no_other(
        level in 4_u32..9,
        tokens in 1_u32..40,
        live in prop::collection::vec(any::<bool>(), 40),
        planes in prop_oneof![Just((12, 0)), Just((8, 4)), Just((6, 6))],
        aligned in any::<bool>(),
        row in any::<bool>(),
        lanes in (0_u32..7).prop_map(|level| 1 << level),
        entries in 1_u32..70,
        delay in 1_u64..40,
        take in prop::collection::vec(any::<bool>(), 1..6),
    ) {
        // With less room in all, the answers' delay is so many times that of a transaction.
        prop_assume!(entries * lanes > 8);
        let (key_msb, key_lsb) = planes;
        let bits = StoredBits { query: 12, key_msb, key_lsb, value: 12 };
        let head_dim = 1 << level;
        let dense = Dense { head_dim, bits, ..Dense::one_head(Phase::Prefill, tokens) };
        let mut arch = spatten();
        arch.fetcher.lanes = lanes;
        arch.reorder.entries = entries;
        arch.reorder.join = if row { Join::Row } else { Join::Lane };
        arch.layout.record = if aligned { RecordLayout::Aligned } else { RecordLayout::Packed };
        // Some tokens are pruned, with their rows.
        let mut tasks = dense.tasks();
        let kept: Vec<u32> = (0..tokens).filter(|&at| at == 0 || live[at as usize]).collect();
        let count = u32::try_from(kept.len()).unwrap();
        tasks[0].rows.retain(|row| kept.contains(&row.token));
        for row in &mut tasks[0].rows {
            (row.visible, row.kept) = (0..count, KeySet::Range(0..count));
        }
        tasks[0].tokens = kept.clone().into();
        let table = crate::bench::table(&arch, dense.dimensions(), tasks);
        let mut expected = BTreeMap::new();
        let mut expect = |name, plane, bits| {
            if bits > 0 {
                for address in walk((&arch, &dense), (plane, bits), 1, &kept) {
                    expected.insert((name, address), 1);
                }
            }
        };
        expect("Q", Plane::Query, 12);
        expect("K MSB", Plane::KeyMsb, key_msb);
        expect("K LSB", Plane::KeyLsb, key_lsb);
        expect("V", Plane::Value, 12);
        let seen = drive(&arch, &table, delay, &take);
        prop_assert_eq!(seen.asked, expected);
    }
}

#[test]
fn a_flight_of_all_lanes_leaves_each_cycle_after_the_latency() {
    let mut arch = spatten();
    arch.sequencer.query_traffic = false;
    let dense = Dense::one_head(Phase::Prefill, 256);
    let table = crate::bench::table(&arch, dense.dimensions(), dense.tasks());
    let seen = drive(&arch, &table, 20, &[true]);
    // 256 keys of 3 transactions fill 24 flights of 32 lanes; the batch is here in cycle 1.
    let first = 1 + arch.fetcher.latency.0;
    assert_eq!(seen.times[..24], (first..first + 24).collect::<Vec<u64>>());
}
