//! Transactions whose time is known, on their way to whoever asked.

use std::collections::VecDeque;

use crate::{Completion, Tick};

/// Completions, each source of them in order of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inflight {
    reads: VecDeque<Completion>,
    writes: VecDeque<Completion>,
    early: VecDeque<Completion>,
}

impl Inflight {
    pub(crate) fn read(&mut self, done: Completion) {
        self.reads.push_back(done);
    }

    pub(crate) fn write(&mut self, done: Completion) {
        self.writes.push_back(done);
    }

    /// Answered without the DRAM.
    pub(crate) fn early(&mut self, done: Completion) {
        self.early.push_back(done);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Tick> {
        [&self.reads, &self.writes, &self.early]
            .into_iter()
            .filter_map(|source| source.front())
            .map(|done| done.at)
            .min()
    }

    /// Hands over what is due by `to`, in order of time; at one time reads first, then writes, then those
    /// answered early.
    pub(crate) fn deliver(&mut self, to: Tick, done: &mut Vec<Completion>) {
        if self.writes.is_empty() && self.early.is_empty() {
            while let Some(first) = self.reads.pop_front_if(|first| first.at <= to) {
                done.push(first);
            }
            return;
        }
        while let Some(at) = self.next().filter(|at| *at <= to) {
            let sources = [&mut self.reads, &mut self.writes, &mut self.early];
            for source in sources {
                if let Some(first) = source.pop_front_if(|first| first.at == at) {
                    done.push(first);
                    break;
                }
            }
        }
    }
}
