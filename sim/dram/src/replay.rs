//! Replays a list of requests into a memory, open loop: as fast as the queues take them.
//!
//! The list is taken in pieces. While one is played, the next is read and decoded; and of one piece, all that does not
//! wait for each other is played side by side. What comes out is the same for any number of threads, and what is in
//! memory does not grow with the list.

mod lane;

use std::mem;

use rayon::prelude::*;
use tamis_arch::dram::Dram;

use self::lane::Lane;
use crate::{Kind, Mapping, Request, Stats, Tick};

/// A request of any size, by byte address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// First byte.
    pub address: u64,
    /// Read or write.
    pub kind: Kind,
}

/// Who waits for whom when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// One list for the whole memory: its head blocks all channels.
    InOrder,
    /// A list for each channel, like a DMA engine for each.
    PerChannel,
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// When the last beat of the last transaction was on a data bus; 0 without requests.
    pub end: Tick,
    /// All channels together, up to `end`.
    pub stats: Stats,
    /// Each of them.
    pub channels: Vec<Stats>,
}

/// Transactions of a piece. Some milliseconds to play, so that handing it to other threads costs nothing beside, and
/// with the next one 1.3 MB, which caches hold. A replay of fewer starts no thread.
const PIECE: u64 = 1 << 14;

/// Replays requests of `request_bytes` each, from reset: in every tick, as many transactions as the queues take.
///
/// A request becomes the transactions that hold its bytes, in order of address. Ids count transactions.
///
/// Works with the threads of the current [rayon] pool, to the same result for any number: the channels side by side
/// where each has its list, and the reading of `accesses`, which stays in the thread that calls, beside them.
///
/// # Panics
/// When `request_bytes` is 0.
pub fn replay(
    dram: &Dram,
    accesses: impl IntoIterator<Item = Access>,
    request_bytes: u64,
    injection: Injection,
) -> Replay {
    assert!(request_bytes > 0, "a request moves at least a byte");
    let mut lanes = Lane::all(dram, injection);
    let mut source = Source::new(dram, accesses.into_iter(), request_bytes);
    let mut playing = vec![Vec::new(); lanes.len()];
    let mut coming = playing.clone();
    let mut whole = source.fill(&mut playing);
    while whole {
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| {
                lanes.par_iter_mut().zip(&mut playing).for_each(|(lane, list)| lane.play(list));
            });
            whole = source.fill(&mut coming);
        });
        mem::swap(&mut playing, &mut coming);
    }
    lanes.iter_mut().zip(&mut playing).for_each(|(lane, list)| lane.play(list));
    finish(lanes)
}

/// The transactions that hold the bytes of each request, in order.
struct Source<I> {
    accesses: I,
    request_bytes: u64,
    mapping: Mapping,
    /// Bytes of a transaction.
    step: u64,
    /// Transactions so far.
    count: u64,
}

impl<I: Iterator<Item = Access>> Source<I> {
    fn new(dram: &Dram, accesses: I, request_bytes: u64) -> Self {
        let (mapping, step) = (Mapping::new(dram), dram.transaction.0);
        Self { accesses, request_bytes, mapping, step, count: 0 }
    }

    /// Appends a piece, of whole requests, to the lists of its lanes; says whether there may be another.
    fn fill(&mut self, lists: &mut [Vec<Request>]) -> bool {
        let end = self.count + PIECE;
        while self.count < end {
            let Some(Access { address, kind }) = self.accesses.next() else { return false };
            let last = address.saturating_add(self.request_bytes - 1) / self.step;
            for transaction in address / self.step..=last {
                let location = self.mapping.decode(transaction * self.step);
                let request = Request { id: self.count, location, kind };
                let lane = if lists.len() == 1 { 0 } else { channel_of(&request) };
                lists[lane].push(request);
                self.count += 1;
            }
        }
        true
    }
}

fn channel_of(request: &Request) -> usize {
    usize::try_from(request.location.channel).expect("a channel number fits memory")
}

fn finish(mut lanes: Vec<Lane>) -> Replay {
    let end = lanes.iter_mut().map(Lane::drain).max().unwrap_or_default();
    let channels = lanes.iter_mut().flat_map(|lane| lane.stats_at(end)).collect::<Vec<_>>();
    let mut stats = Stats::default();
    channels.iter().for_each(|channel| stats += channel);
    Replay { end, stats, channels }
}
