//! A flow of equal rows, and what each of them asks of every block.

use super::{links::Item, ratio::Ratio};
use crate::{
    Accelerator,
    accelerator::Unsupported,
    blocks::SoftmaxModel,
    dram::Refresh,
    units::{Bits, Cycles},
};

/// Rows of attention one after the other, all alike, none of whose keys or values is pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Dimensions of a head.
    pub head_dim: u32,
    /// Keys of a row; at least 1.
    pub keys: u32,
    /// Width at which K and V come from DRAM for each row, as in decode; none where they stay on chip,
    /// as in prefill.
    pub streamed: Option<Bits>,
}

/// What a row of a flow asks of the blocks of a machine.
pub(super) struct Counts<'m> {
    machine: &'m Accelerator,
    /// Lines of keys, and of values.
    pub(super) key_lines: u64,
    value_lines: u64,
    /// Lines of probabilities.
    pub(super) probability_lines: u64,
    /// Cycles in which the softmax takes the scores of a row.
    scored: u64,
    /// Cycles in which the importance of its tokens is updated.
    updated: u64,
    /// DRAM transactions of K and V.
    pub(super) transactions: u64,
}

impl Flow {
    pub(super) fn counts<'m>(&self, machine: &'m Accelerator) -> Result<Counts<'m>, Unsupported> {
        let keys = u64::from(self.keys.max(1));
        let per_line = u64::from(machine.keys_per_line(self.head_dim)?);
        let values_per_line = u64::from(machine.values_per_line(self.head_dim)?);
        let lanes = u64::from(machine.softmax.lanes);
        let key_lines = keys.div_ceil(per_line);
        // The last line of a row may hold fewer keys.
        let scored =
            (keys / per_line) * per_line.div_ceil(lanes) + (keys % per_line).div_ceil(lanes);
        let update = u64::from(machine.importance.lanes);
        let updated = (keys / lanes) * lanes.div_ceil(update) + (keys % lanes).div_ceil(update);
        let transactions = self.streamed.map_or(0, |width| {
            let bytes = width.times(keys * u64::from(self.head_dim)).0;
            2 * bytes.div_ceil(machine.dram.transaction.0)
        });
        Ok(Counts {
            machine,
            key_lines,
            value_lines: keys.div_ceil(values_per_line),
            probability_lines: keys.div_ceil(lanes),
            scored,
            updated,
            transactions,
        })
    }
}

impl Counts<'_> {
    /// Cycles for which a block is busy with a row; none if the flow does not bind it.
    pub(super) fn interval(&self, block: &str) -> Option<Ratio> {
        let machine = self.machine;
        let lanes = u128::from(machine.fetcher.lanes);
        let lines = self.key_lines + self.value_lines;
        let interval = match block {
            "fetcher" => Ratio::whole(u128::from(self.transactions).div_ceil(lanes)),
            "crossbar" => self.transactions_of_a_port(),
            "dram" => self.dram_interval(),
            "widen" if self.transactions > 0 => {
                Ratio::whole(lines).over(machine.widen.lines_per_cycle.into())
            }
            "key_buffer" | "qk_array" => Ratio::whole(self.key_lines),
            "softmax" => Ratio::whole(self.scored),
            "refetch" => Ratio::whole(self.probability_lines),
            "importance" => Ratio::whole(self.updated),
            "value_buffer" | "pv_array" => Ratio::whole(self.value_lines),
            _ => return None,
        };
        (interval.numerator() > 0).then_some(interval)
    }

    /// Cycles that a row's first item spends in a block beside those of the link that it leaves by. A
    /// softmax keeps it until the row's maximum and then its sum are known; DRAM takes a column
    /// command's latency and the burst at least.
    pub(super) fn latency(&self, block: &str) -> Cycles {
        let softmax = &self.machine.softmax;
        match (block, softmax.model) {
            ("dram", _) => {
                let (dram, core) = (&self.machine.dram, self.machine.core.clock.0.get());
                let timing = &dram.standard.timing;
                let clocks = u64::from(timing.read_latency) + u64::from(timing.burst);
                Cycles(clocks * core / dram.clock.0.get())
            }
            ("softmax", SoftmaxModel::Modelled) => {
                Cycles(self.scored + self.probability_lines)
                    + softmax.scale_latency
                    + softmax.exponent_latency
                    + softmax.accumulate_latency
                    + softmax.divide_latency
            }
            _ => Cycles(0),
        }
    }

    /// Items of a row on a link; none where rows do not bind it.
    pub(super) fn items(&self, item: Item) -> Option<Ratio> {
        let items = match item {
            Item::KeyLine => Ratio::whole(self.key_lines),
            Item::ProbabilityLine => Ratio::whole(self.probability_lines),
            Item::ValueLine => Ratio::whole(self.value_lines),
            Item::Flight => Ratio::whole(self.transactions).over(self.machine.fetcher.lanes.into()),
            Item::Transaction => self.transactions_of_a_port(),
            Item::Control => return None,
        };
        (items.numerator() > 0).then_some(items)
    }

    /// Transactions of a row that pass each port of a channel, one a cycle.
    fn transactions_of_a_port(&self) -> Ratio {
        let ports = self.machine.dram.channels * self.machine.ports_per_channel();
        Ratio::whole(self.transactions).over(ports.into())
    }

    /// Core cycles of the data buses for a row: a burst a transaction on each pseudo-channel, and the
    /// time that refreshes of all banks take from it.
    fn dram_interval(&self) -> Ratio {
        let (machine, dram) = (self.machine, &self.machine.dram);
        let timing = &dram.standard.timing;
        let [core, memory] =
            [machine.core.clock, dram.clock].map(|clock| u128::from(clock.0.get()));
        let buses =
            u128::from(dram.channels) * u128::from(dram.standard.organisation.pseudo_channels);
        let clocks = u128::from(self.transactions) * u128::from(timing.burst) * core;
        let useful = timing.refresh_interval.saturating_sub(timing.refresh);
        let (whole, useful) = match dram.controller.refresh {
            Refresh::AllBank if useful > 0 => (timing.refresh_interval, useful),
            _ => (1, 1),
        };
        Ratio::new(clocks * u128::from(whole), buses * memory * u128::from(useful))
    }
}
