//! What a memory did, in the words of reports: the same for the memory of a machine and for one alone.

mod buses;

use serde::Serialize;
use tamis_arch::dram::Dram;
use tamis_dram::{Latencies, Rows, Stats};

pub(crate) use self::buses::{CommandBuses, DataBuses, How, Limit, title};
use super::ratio;

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
    #[serde(rename = "mean_clocks")]
    pub(crate) mean: f64,
    #[serde(rename = "p50_clocks")]
    pub(crate) p50: u64,
    #[serde(rename = "p90_clocks")]
    pub(crate) p90: u64,
    #[serde(rename = "p99_clocks")]
    pub(crate) p99: u64,
    #[serde(rename = "max_clocks")]
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
    pub(crate) read_latency: Option<ReadLatency>,
    pub(crate) limited_by: Option<Limit>,
    pub(crate) command_buses: CommandBuses,
    pub(crate) data_buses: DataBuses,
}

impl ChannelReport {
    fn of(channel: u32, stats: &Stats, dram: &Dram) -> Self {
        let data_buses = DataBuses::of(stats, dram);
        let command_buses = CommandBuses::of(stats, dram);
        Self {
            channel,
            read_bytes: stats.read_bytes.0,
            written_bytes: stats.written_bytes.0,
            bandwidth_utilization: data_buses.share(data_buses.moving_data),
            rows: RowOutcomes::of(&stats.rows),
            read_latency: ReadLatency::of(&stats.read_latency),
            limited_by: Limit::of(&data_buses, &command_buses),
            command_buses,
            data_buses,
        }
    }

    /// A report for each channel, in order.
    fn of_all(channels: &[Stats], dram: &Dram) -> Vec<Self> {
        (0..).zip(channels).map(|(channel, stats)| Self::of(channel, stats, dram)).collect()
    }
}

/// What a memory did: all channels together, and each.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MemoryActivity {
    /// The DRAM's: that of all clocks here.
    #[serde(rename = "dram_clock_mhz")]
    pub(crate) clock_mhz: u64,
    /// Reads that a write still waiting for the bus answered: asked for, and not in what the channels moved.
    pub(crate) forwarded_read_bytes: u64,
    /// Writes that another write to the same place, still waiting, took in: the same.
    pub(crate) coalesced_write_bytes: u64,
    pub(crate) rows: RowOutcomes,
    pub(crate) read_latency: Option<ReadLatency>,
    pub(crate) limited_by: Option<Limit>,
    pub(crate) command_buses: CommandBuses,
    pub(crate) data_buses: DataBuses,
    pub(crate) channels: Vec<ChannelReport>,
}

impl MemoryActivity {
    /// From what each channel of this memory counted.
    pub(crate) fn of(channels: &[Stats], dram: &Dram) -> Self {
        let mut all = Stats::default();
        channels.iter().for_each(|channel| all += channel);
        let data_buses = DataBuses::of(&all, dram);
        let command_buses = CommandBuses::of(&all, dram);
        Self {
            clock_mhz: dram.clock.0.get(),
            forwarded_read_bytes: all.forwarded * dram.transaction.0,
            coalesced_write_bytes: all.coalesced * dram.transaction.0,
            rows: RowOutcomes::of(&all.rows),
            read_latency: ReadLatency::of(&all.read_latency),
            limited_by: Limit::of(&data_buses, &command_buses),
            command_buses,
            data_buses,
            channels: ChannelReport::of_all(channels, dram),
        }
    }

    /// Bytes that were asked for and met in the write queues, so that they crossed no data bus.
    pub(crate) fn queued_bytes(&self) -> u64 {
        self.forwarded_read_bytes + self.coalesced_write_bytes
    }

    /// Of so many clocks.
    pub(crate) fn seconds(&self, clocks: u64) -> f64 {
        clocks as f64 / (self.clock_mhz as f64 * 1e6)
    }
}
