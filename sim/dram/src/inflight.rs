//! Transactions whose time is known, on their way to whoever asked.

use std::collections::VecDeque;

use crate::{Completion, Tick};

/// Completions, each source of them in order of time.
#[derive(Clone, Debug)]
pub(crate) struct Inflight {
    /// When the next one is due.
    due: Tick,
    reads: VecDeque<Completion>,
    writes: VecDeque<Completion>,
    early: VecDeque<Completion>,
}

impl Inflight {
    pub(crate) fn new() -> Self {
        let none = VecDeque::new;
        Self { due: Tick::NEVER, reads: none(), writes: none(), early: none() }
    }

    #[inline]
    pub(crate) fn read(&mut self, done: Completion) {
        self.due = self.due.min(done.at);
        self.reads.push_back(done);
    }

    pub(crate) fn write(&mut self, done: Completion) {
        self.due = self.due.min(done.at);
        self.writes.push_back(done);
    }

    /// Answered without the DRAM.
    pub(crate) fn early(&mut self, done: Completion) {
        self.due = self.due.min(done.at);
        self.early.push_back(done);
    }

    /// When the next one is due; never when there is none.
    #[inline]
    pub(crate) fn due(&self) -> Tick {
        self.due
    }

    fn next(&self) -> Option<Tick> {
        [&self.reads, &self.writes, &self.early]
            .into_iter()
            .filter_map(|source| source.front())
            .map(|done| done.at)
            .min()
    }

    /// Hands over what is due by `to`, in order of time; at one time reads first, then writes, then those
    /// answered early.
    #[inline]
    pub(crate) fn deliver(&mut self, to: Tick, done: &mut Vec<Completion>) {
        if to < self.due {
            return;
        }
        if self.writes.is_empty() && self.early.is_empty() {
            while let Some(first) = self.reads.pop_front_if(|first| first.at <= to) {
                done.push(first);
            }
            self.due = self.reads.front().map_or(Tick::NEVER, |first| first.at);
        } else {
            self.deliver_mixed(to, done);
        }
    }

    fn deliver_mixed(&mut self, to: Tick, done: &mut Vec<Completion>) {
        while let Some(at) = self.next().filter(|at| *at <= to) {
            let sources = [&mut self.reads, &mut self.writes, &mut self.early];
            for source in sources {
                if let Some(first) = source.pop_front_if(|first| first.at == at) {
                    done.push(first);
                    break;
                }
            }
        }
        self.due = self.next().unwrap_or(Tick::NEVER);
    }
}
