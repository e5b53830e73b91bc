//! A list of requests and the channels that it goes to, in order.

use tamis_arch::dram::Dram;

use super::{Injection, channel_of};
use crate::{Channel, Completion, Request, Stats, Tick};

/// The channels that wait for each other, because one list goes to all of them. Lanes share nothing.
pub(super) struct Lane {
    /// The number of the first channel.
    first: usize,
    channels: Vec<Channel>,
    /// When the head of the list is offered next.
    now: Tick,
    /// The last completion so far.
    end: Tick,
    done: Vec<Completion>,
}

impl Lane {
    /// One for the whole memory, or one for each channel.
    pub(super) fn all(dram: &Dram, injection: Injection) -> Vec<Self> {
        let channels = (0..dram.channels).map(|_| Channel::new(dram)).collect::<Vec<_>>();
        match injection {
            Injection::InOrder => vec![Self::new(0, channels)],
            Injection::PerChannel => {
                let alone = channels.into_iter().map(|channel| vec![channel]);
                alone.enumerate().map(|(first, channel)| Self::new(first, channel)).collect()
            }
        }
    }

    fn new(first: usize, channels: Vec<Channel>) -> Self {
        Self { first, channels, now: Tick::ZERO, end: Tick::ZERO, done: Vec::new() }
    }

    /// Plays what is in the list, which is empty then.
    pub(super) fn play(&mut self, list: &mut Vec<Request>) {
        list.drain(..).for_each(|request| self.offer(request));
        // A channel that never was full still keeps what it has completed.
        (0..self.channels.len()).for_each(|channel| self.advance(channel, self.now));
    }

    /// Offers one request to its channel, or as soon after as it is taken.
    fn offer(&mut self, request: Request) {
        let channel = channel_of(&request) - self.first;
        while self.channels[channel].push(self.now, request).is_err() {
            self.advance(channel, self.now);
            let next = self.channels[channel].next_event();
            self.now = next.expect("a full queue has something to do");
        }
    }

    fn advance(&mut self, channel: usize, to: Tick) {
        self.channels[channel].advance(to, &mut self.done);
        for done in self.done.drain(..) {
            self.end = self.end.max(done.at);
        }
    }

    /// Plays on until nothing waits; says when the last transaction of the lane was done.
    pub(super) fn drain(&mut self) -> Tick {
        for channel in 0..self.channels.len() {
            while let Some(next) = self.channels[channel].next_event() {
                self.advance(channel, next);
            }
        }
        self.end
    }

    /// What each channel counted up to `end`.
    pub(super) fn stats_at(&mut self, end: Tick) -> Vec<Stats> {
        (0..self.channels.len()).for_each(|channel| self.advance(channel, end));
        self.channels.iter().map(Channel::stats).collect()
    }
}
