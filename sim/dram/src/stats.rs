//! What a channel counts: plain integers, priced and divided when a report is written.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::Serialize;
use tamis_arch::{dram::Command, units::Bytes};

use crate::Ticks;

/// What happened in a channel, or, summed, in many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Ticks of all channels together.
    pub channel_ticks: Ticks,
    /// Commands, by [`Command::index`].
    pub commands: [u64; Command::COUNT],
    /// How requests found their row.
    pub rows: Rows,
    /// Reads answered by a write that waited.
    pub forwarded: u64,
    /// Writes that another write to the same place, still waiting, took in.
    pub coalesced: u64,
    /// Read over the data buses.
    pub read_bytes: Bytes,
    /// Written over the data buses.
    pub written_bytes: Bytes,
    /// Ticks of all pseudo-channels together.
    pub pseudo_ticks: Residency,
    /// Ticks that data buses of pseudo-channels moved data.
    pub data_ticks: Ticks,
    /// Ticks that they did not, by what they waited for: a constraint by the name that the standard's file gives
    /// it, `row bus`, `column bus` (`command bus` where a standard has one), `refresh`, `no request` or
    /// `still waiting`. With `data_ticks` all ticks of `pseudo_ticks`.
    pub lost: BTreeMap<String, Ticks>,
    /// From arrival to last beat, of reads.
    pub read_latency: Latencies,
}

/// How requests found their row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Open.
    pub hits: u64,
    /// The bank closed.
    pub misses: u64,
    /// Another row open.
    pub conflicts: u64,
}

/// In which state pseudo-channels spent their time. Every tick is in exactly one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Residency {
    /// All banks closed.
    pub closed: Ticks,
    /// A bank open.
    pub open: Ticks,
    /// Under a refresh of all banks.
    pub refreshing: Ticks,
}

impl Residency {
    /// All ticks.
    #[must_use]
    pub fn total(&self) -> Ticks {
        self.closed + self.open + self.refreshing
    }
}

/// A histogram of spans: exact below 16 ticks, in steps of a sixteenth of the power of two above.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latencies {
    counts: Vec<u64>,
    sum: u64,
    most: u64,
}

const STEPS_LOG2: u32 = 4;
const STEPS: u64 = 1 << STEPS_LOG2;

impl Latencies {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, ticks: Ticks) {
        let bucket = bucket(ticks.0);
        match self.counts.get_mut(bucket) {
            Some(count) => *count += 1,
            None => self.add_beyond(bucket),
        }
        self.sum += ticks.0;
        self.most = self.most.max(ticks.0);
    }

    /// Counts one in a step that none has been in yet, nor in a later one.
    #[cold]
    fn add_beyond(&mut self, bucket: usize) {
        self.counts.resize(bucket, 0);
        self.counts.push(1);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The mean; `None` of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// The longest; `None` of nothing.
    #[must_use]
    pub fn max(&self) -> Option<Ticks> {
        (self.count() > 0).then_some(Ticks(self.most))
    }

    /// A span that at least `percent` of a hundred do not exceed: the upper end of its step, so at most
    /// a sixteenth too long. `None` of nothing.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<Ticks> {
        let wanted = (self.count() * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(Ticks(upper_end(bucket).min(self.most)));
            }
        }
        None
    }
}

#[inline]
fn bucket(ticks: u64) -> usize {
    let octave = u64::from((ticks | STEPS).ilog2() - STEPS_LOG2);
    let bucket = (octave << STEPS_LOG2) + (ticks >> octave);
    usize::try_from(bucket).expect("a histogram has fewer than a thousand steps")
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).expect("a histogram has fewer than a thousand steps");
    if bucket < 2 * STEPS {
        return bucket;
    }
    let octave = (bucket >> STEPS_LOG2) - 1;
    let step = bucket - (octave << STEPS_LOG2);
    ((step + 1) << octave) - 1
}

impl AddAssign for Residency {
    fn add_assign(&mut self, other: Self) {
        self.closed += other.closed;
        self.open += other.open;
        self.refreshing += other.refreshing;
    }
}

impl AddAssign<&Self> for Latencies {
    fn add_assign(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
        self.most = self.most.max(other.most);
    }
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.channel_ticks += other.channel_ticks;
        for (mine, theirs) in self.commands.iter_mut().zip(&other.commands) {
            *mine += theirs;
        }
        self.rows.hits += other.rows.hits;
        self.rows.misses += other.rows.misses;
        self.rows.conflicts += other.rows.conflicts;
        self.forwarded += other.forwarded;
        self.coalesced += other.coalesced;
        self.read_bytes += other.read_bytes;
        self.written_bytes += other.written_bytes;
        self.pseudo_ticks += other.pseudo_ticks;
        self.data_ticks += other.data_ticks;
        for (cause, ticks) in &other.lost {
            *self.lost.entry(cause.clone()).or_default() += *ticks;
        }
        self.read_latency += &other.read_latency;
    }
}

impl Stats {
    /// How often a command was issued.
    #[must_use]
    pub fn count(&self, command: Command) -> u64 {
        self.commands[command.index()]
    }

    /// Share of requests that found their row open; `None` when there was none.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.rows.hits + self.rows.misses + self.rows.conflicts;
        (all > 0).then(|| self.rows.hits as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_falls_into_the_step_that_ends_at_or_just_above_it() {
        for ticks in (0..5_000).chain([1 << 20, (1 << 40) - 1, 1 << 40]) {
            let end = upper_end(bucket(ticks));
            assert!(end >= ticks && end - ticks <= ticks / 16, "{ticks} is counted as {end}");
            assert_eq!(bucket(end), bucket(ticks));
            assert_eq!(bucket(end + 1), bucket(ticks) + 1);
        }
    }

    #[test]
    fn percentiles_come_from_the_sorted_spans() {
        let mut latencies = Latencies::default();
        (1..=10).for_each(|ticks| latencies.add(Ticks(ticks)));
        assert_eq!(latencies.percentile(50), Some(Ticks(5)));
        assert_eq!(latencies.percentile(51), Some(Ticks(6)));
        assert_eq!(latencies.percentile(100), Some(Ticks(10)));
        assert_eq!(latencies.mean(), Some(5.5));
    }

    #[test]
    fn nothing_has_no_mean_and_no_percentile() {
        let nothing = Latencies::default();
        assert_eq!((nothing.mean(), nothing.percentile(50), nothing.max()), (None, None, None));
    }

    #[test]
    fn merged_histograms_count_both() {
        let of = |spans: &[u64]| {
            let mut latencies = Latencies::default();
            spans.iter().for_each(|ticks| latencies.add(Ticks(*ticks)));
            latencies
        };
        let (mut one, other, both) = (of(&[3, 900]), of(&[70]), of(&[3, 70, 900]));
        one += &other;
        assert_eq!(one, both);
    }
}
