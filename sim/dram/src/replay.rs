//! Replays a list of requests into a memory, open loop: as fast as the queues take them.

use tamis_arch::dram::Dram;

use crate::{Channel, Completion, Kind, Mapping, Request, Stats, Tick};

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

/// Replays requests of `request_bytes` each, from reset: in every tick, as many transactions as the queues take.
///
/// A request becomes the transactions that hold its bytes, in order of address. Ids count transactions.
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
    let mut player = Player::new(dram);
    match injection {
        Injection::InOrder => {
            let mut now = Tick::ZERO;
            split(dram, accesses, request_bytes, |request| now = player.offer(now, request));
        }
        Injection::PerChannel => {
            let mut lists = vec![Vec::new(); player.channels.len()];
            split(dram, accesses, request_bytes, |request| {
                lists[channel_of(&request)].push(request)
            });
            for list in lists {
                let mut now = Tick::ZERO;
                list.into_iter().for_each(|request| now = player.offer(now, request));
            }
        }
    }
    player.finish()
}

/// Hands the transactions that hold the bytes of each request to `take`, in order.
fn split(
    dram: &Dram,
    accesses: impl IntoIterator<Item = Access>,
    request_bytes: u64,
    mut take: impl FnMut(Request),
) {
    let mapping = Mapping::new(dram);
    let step = dram.transaction.0;
    let mut id = 0;
    accesses.into_iter().for_each(|Access { address, kind }| {
        let last = address.saturating_add(request_bytes - 1) / step;
        for transaction in address / step..=last {
            take(Request { id, location: mapping.decode(transaction * step), kind });
            id += 1;
        }
    });
}

fn channel_of(request: &Request) -> usize {
    usize::try_from(request.location.channel).expect("a channel number fits memory")
}

struct Player {
    channels: Vec<Channel>,
    done: Vec<Completion>,
    end: Tick,
}

impl Player {
    fn new(dram: &Dram) -> Self {
        let channels = (0..dram.channels).map(|_| Channel::new(dram)).collect();
        Self { channels, done: Vec::new(), end: Tick::ZERO }
    }

    /// Offers one request to its channel at `now`, or as soon after as it is taken; says when that was.
    fn offer(&mut self, mut now: Tick, request: Request) -> Tick {
        let channel = channel_of(&request);
        while self.channels[channel].push(now, request).is_err() {
            self.advance(channel, now);
            let next = self.channels[channel].next_event();
            now = next.expect("a full queue has something to do");
        }
        now
    }

    fn advance(&mut self, channel: usize, to: Tick) {
        self.channels[channel].advance(to, &mut self.done);
        for done in self.done.drain(..) {
            self.end = self.end.max(done.at);
        }
    }

    fn finish(mut self) -> Replay {
        for channel in 0..self.channels.len() {
            while let Some(next) = self.channels[channel].next_event() {
                self.advance(channel, next);
            }
        }
        for channel in 0..self.channels.len() {
            self.advance(channel, self.end);
        }
        let channels = self.channels.iter().map(Channel::stats).collect::<Vec<_>>();
        let mut stats = Stats::default();
        channels.iter().for_each(|channel| stats += channel);
        Replay { end: self.end, stats, channels }
    }
}
