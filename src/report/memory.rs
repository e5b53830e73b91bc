//! What a memory did, in the words of reports: the same for the memory of a machine and for one alone.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;
use tamis_arch::dram::{Dram, Standard};
use tamis_dram::{Latencies, Rows, Stats, Wait};

use super::ratio;

/// Where the clocks of data buses went. Every clock of every bus is in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct BusCycles {
    /// Elapsed clocks of the DRAM times data buses (pseudo-channels).
    pub(crate) elapsed: u64,
    /// Data moved.
    pub(crate) moving_data: u64,
    /// None did, by what the next transfer waited for: a constraint by its name in the standard, or a bus.
    pub(crate) lost: BTreeMap<String, u64>,
    /// The same, by kind of wait.
    pub(crate) waits: BTreeMap<Wait, u64>,
}

/// What a memory spends most of its time on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Limit {
    /// `data bus`, or the kind of wait that most cycles are lost to, by its [`title`].
    pub(crate) by: &'static str,
    /// Of the cycles.
    pub(crate) share: f64,
}

/// Data buses that move data in this share of the cycles are themselves the limit.
const FULL: f64 = 0.9;

/// The limit where hardly a cycle is lost.
pub(crate) const DATA_BUS: &str = "data bus";

impl BusCycles {
    pub(crate) fn of(stats: &Stats, standard: &Standard) -> Self {
        let lost = stats.lost.iter().map(|(cause, ticks)| (cause.clone(), ticks.0));
        let mut waits = BTreeMap::new();
        for (cause, ticks) in &stats.lost {
            *waits.entry(wait(cause, standard)).or_default() += ticks.0;
        }
        Self {
            elapsed: stats.pseudo_ticks.total().0,
            moving_data: stats.data_ticks.0,
            lost: lost.collect(),
            waits,
        }
    }

    pub(crate) fn share(&self, cycles: u64) -> Option<f64> {
        ratio(cycles as f64, self.elapsed as f64)
    }

    /// Kinds of waits, the largest first.
    pub(crate) fn largest_waits(&self) -> Vec<(Wait, u64)> {
        largest_first(self.waits.iter().map(|(wait, cycles)| (*wait, *cycles)))
    }

    /// The causes of one kind, the largest first.
    pub(crate) fn causes(&self, of: Wait, standard: &Standard) -> Vec<(&str, u64)> {
        let all = self.lost.iter().map(|(cause, cycles)| (cause.as_str(), *cycles));
        largest_first(all.filter(|(cause, _)| wait(cause, standard) == of))
    }

    /// The data bus where it is as good as full, else what most is lost to.
    pub(crate) fn limit(&self) -> Option<Limit> {
        let moving = self.share(self.moving_data)?;
        if moving >= FULL {
            return Some(Limit { by: DATA_BUS, share: moving });
        }
        let (wait, cycles) = *self.largest_waits().first()?;
        Some(Limit { by: title(wait), share: self.share(cycles)? })
    }
}

fn largest_first<T: Ord + Copy>(parts: impl Iterator<Item = (T, u64)>) -> Vec<(T, u64)> {
    let mut parts = parts.collect::<Vec<_>>();
    parts.sort_by_key(|&(part, cycles)| (Reverse(cycles), part));
    parts
}

/// What reports call a kind of wait.
pub(crate) fn title(wait: Wait) -> &'static str {
    match wait {
        Wait::NoRequest => "no request",
        Wait::ColumnBus => "column bus",
        Wait::RowBus => "row bus",
        Wait::ColumnSpacing => "column spacing",
        Wait::RowSpacing => "activate spacing",
        Wait::RowChange => "row changes",
        Wait::Turnaround => "turnaround",
        Wait::Refresh => "refresh",
        Wait::StillWaiting => "still waiting",
    }
}

/// The kind of a cause that a memory of this standard gave.
fn wait(cause: &str, standard: &Standard) -> Wait {
    Wait::of(cause, standard).expect("the memory charges to what its standard names")
}

/// How transactions found their row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct RowOutcomes {
    /// Open.
    pub(crate) hits: u64,
    /// The bank closed.
    pub(crate) misses: u64,
    /// Another row open.
    pub(crate) conflicts: u64,
    pub(crate) hit_rate: Option<f64>,
    pub(crate) miss_rate: Option<f64>,
    pub(crate) conflict_rate: Option<f64>,
}

impl RowOutcomes {
    pub(crate) fn of(rows: &Rows) -> Self {
        let Rows { hits, misses, conflicts } = *rows;
        let rate = |count: u64| ratio(count as f64, (hits + misses + conflicts) as f64);
        let [hit_rate, miss_rate, conflict_rate] = [hits, misses, conflicts].map(rate);
        Self { hits, misses, conflicts, hit_rate, miss_rate, conflict_rate }
    }
}

/// Clocks of the DRAM from a read's arrival at its channel to its last beat. All but the mean and the longest are upper
/// ends of the steps of a histogram: at most a sixteenth too long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct ReadLatency {
    pub(crate) mean: f64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl ReadLatency {
    /// `None` without reads.
    pub(crate) fn of(latencies: &Latencies) -> Option<Self> {
        let percentile = |percent| latencies.percentile(percent).map(|ticks| ticks.0);
        Some(Self {
            mean: latencies.mean()?,
            p50: percentile(50)?,
            p90: percentile(90)?,
            p99: percentile(99)?,
            max: latencies.max()?.0,
        })
    }
}

/// What one channel did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChannelReport {
    pub(crate) channel: u32,
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    /// Share of its peak.
    pub(crate) bandwidth_utilization: Option<f64>,
    pub(crate) rows: RowOutcomes,
    pub(crate) read_latency_cycles: Option<ReadLatency>,
    pub(crate) limited_by: Option<Limit>,
    pub(crate) data_bus_cycles: BusCycles,
}

impl ChannelReport {
    fn of(channel: u32, stats: &Stats, standard: &Standard) -> Self {
        let cycles = BusCycles::of(stats, standard);
        Self {
            channel,
            read_bytes: stats.read_bytes.0,
            written_bytes: stats.written_bytes.0,
            bandwidth_utilization: cycles.share(cycles.moving_data),
            rows: RowOutcomes::of(&stats.rows),
            read_latency_cycles: ReadLatency::of(&stats.read_latency),
            limited_by: cycles.limit(),
            data_bus_cycles: cycles,
        }
    }

    /// A report for each channel, in order.
    pub(crate) fn of_all(channels: &[Stats], standard: &Standard) -> Vec<Self> {
        (0..).zip(channels).map(|(channel, stats)| Self::of(channel, stats, standard)).collect()
    }
}

/// Seconds of so many clocks of a memory.
pub(crate) fn seconds(dram: &Dram, clocks: f64) -> f64 {
    clocks / (dram.clock.0.get() as f64 * 1e6)
}

#[cfg(test)]
mod tests {
    use tamis_dram::{Residency, Ticks};

    use super::*;

    fn cycles(moving_data: u64, lost: &[(&str, u64)]) -> BusCycles {
        let elapsed = moving_data + lost.iter().map(|(_, cycles)| cycles).sum::<u64>();
        let lost = lost.iter().map(|(cause, cycles)| ((*cause).to_owned(), Ticks(*cycles)));
        let stats = Stats {
            pseudo_ticks: Residency { open: Ticks(elapsed), ..Residency::default() },
            data_ticks: Ticks(moving_data),
            lost: lost.collect(),
            ..Stats::default()
        };
        BusCycles::of(&stats, &hbm2())
    }

    fn hbm2() -> Standard {
        Standard::preset("hbm2").expect("a standard of ours")
    }

    #[test]
    fn the_limit_is_the_largest_loss_unless_the_bus_is_full() {
        let limit = |moving, lost: &[_]| cycles(moving, lost).limit().map(|l| (l.by, l.share));
        let lost = [("tCCD_L", 20), ("row bus", 30)];
        assert_eq!(limit(50, &lost), Some(("row bus", 0.3)));
        assert_eq!(limit(450, &lost), Some((DATA_BUS, 0.9)));
        assert_eq!(limit(449, &lost).expect("time passed").0, "row bus");
        assert_eq!(limit(0, &[]), None);
    }

    #[test]
    fn causes_of_one_kind_are_added_up() {
        let lost = [("tRP", 4), ("tRCD", 7), ("row bus", 10), ("tRRD_S", 2), ("tFAW", 3)];
        let cycles = cycles(74, &lost);
        let expected = [(Wait::RowChange, 11), (Wait::RowBus, 10), (Wait::RowSpacing, 5)];
        assert_eq!(cycles.largest_waits(), expected);
        assert_eq!(cycles.limit(), Some(Limit { by: "row changes", share: 0.11 }));
        assert_eq!(cycles.causes(Wait::RowChange, &hbm2()), [("tRCD", 7), ("tRP", 4)]);
    }
}
