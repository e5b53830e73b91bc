//! A list of requests and the channels that it goes to, in order.

use tamis_arch::dram::Dram;

use super::{Injection, channel_of};
use crate::{Channel, Completion, Kind, Request, Stats, Tick};

/// The channels that wait for each other, because one list goes to all of them. Lanes share nothing.
pub(super) struct Lane {
    /// The number of the first channel.
    first: usize,
    inlets: Vec<Inlet>,
    /// When the head of the list is offered next.
    now: Tick,
}

impl Lane {
    /// One for the whole memory, or one for each channel.
    pub(super) fn all(dram: &Dram, injection: Injection) -> Vec<Self> {
        let channels = vec![Channel::new(dram); dram.channels as usize];
        let inlets = channels.into_iter().map(Inlet::new);
        match injection {
            Injection::InOrder => vec![Self::new(0, inlets.collect())],
            Injection::PerChannel => {
                inlets.enumerate().map(|(first, inlet)| Self::new(first, vec![inlet])).collect()
            }
        }
    }

    fn new(first: usize, inlets: Vec<Inlet>) -> Self {
        Self { first, inlets, now: Tick::ZERO }
    }

    /// Plays what is in the list, which is empty then.
    pub(super) fn play(&mut self, list: &mut Vec<Request>) {
        for (index, request) in list.iter().enumerate() {
            self.now = self.inlets[channel_of(request) - self.first].offer(self.now, list, index);
        }
        self.inlets.iter_mut().for_each(|inlet| inlet.settle(list));
        self.advance(self.now);
        list.clear();
    }

    fn advance(&mut self, to: Tick) {
        self.inlets.iter_mut().for_each(|inlet| inlet.advance(to));
    }

    /// Plays on until nothing waits; says when the last transaction of the lane was done.
    pub(super) fn drain(&mut self) -> Tick {
        self.inlets.iter_mut().map(Inlet::drain).max().unwrap_or_default()
    }

    /// What each channel counted up to `end`.
    pub(super) fn stats_at(&mut self, end: Tick) -> Vec<Stats> {
        self.advance(end);
        self.inlets.iter().map(|inlet| inlet.channel.stats()).collect()
    }
}

/// A channel, and the requests that it has taken as far as the list is concerned.
///
/// The state of a channel is kilobytes, and that of sixteen more than the nearest cache holds. So a request that
/// surely finds room is only noted, with its tick; the channel comes to all of them at once when somebody has to know
/// whether there still is room.
struct Inlet {
    channel: Channel,
    /// Requests that came at a tick and that the channel has not seen, by their places in the list.
    noted: Vec<(Tick, usize)>,
    /// Entries of each queue that are free at least.
    room: [usize; 2],
    /// The last completion so far.
    end: Tick,
    done: Vec<Completion>,
}

impl Inlet {
    fn new(channel: Channel) -> Self {
        let (noted, done) = (Vec::new(), Vec::new());
        Self { room: free(&channel), channel, noted, end: Tick::ZERO, done }
    }

    /// Takes a request of the list at `now`, or as soon after as the channel has room; says when that is.
    fn offer(&mut self, mut now: Tick, list: &[Request], index: usize) -> Tick {
        let request = list[index];
        let room = &mut self.room[request.kind.index()];
        if *room > 0 {
            *room -= 1;
            self.noted.push((now, index));
            return now;
        }
        self.settle(list);
        while self.channel.push(now, request).is_err() {
            self.advance(now);
            now = self.channel.next_event().expect("a full queue has something to do");
        }
        self.room = free(&self.channel);
        now
    }

    /// Lets the channel see what was noted.
    fn settle(&mut self, list: &[Request]) {
        for (at, index) in self.noted.drain(..) {
            self.channel.push(at, list[index]).expect("there was room before");
        }
    }

    /// Lets time pass in the channel.
    fn advance(&mut self, to: Tick) {
        self.channel.advance(to, &mut self.done);
        for done in self.done.drain(..) {
            self.end = self.end.max(done.at);
        }
    }

    /// Plays on until nothing waits; says when the last transaction was done.
    fn drain(&mut self) -> Tick {
        while let Some(next) = self.channel.next_event() {
            self.advance(next);
        }
        self.end
    }
}

/// Free entries of each queue.
fn free(channel: &Channel) -> [usize; 2] {
    [Kind::Read, Kind::Write].map(|kind| channel.room(kind))
}
