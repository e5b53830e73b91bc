//! Each block of a machine at reset, from the machine's description.

use tamis_arch::{Accelerator, units::Bits};

use crate::{
    blocks::{
        crossbar::{Crossbar, CrossbarSpec},
        dram::Dram,
        fetcher::{Fetcher, FetcherSpec},
        key_buffer::{KeyBuffer, KeyBufferSpec},
        pv_array::{PvArray, PvArraySpec},
        refetch::Refetch,
        reorder::Reorder,
        softmax::Softmax,
        topk::Topk,
        value_buffer::{ValueBuffer, ValueBufferSpec},
        widen::Widen,
        writeback::Writeback,
    },
    cutter::Sizes,
    outcome::Block,
    stats::Ledger,
};

/// What the blocks are made from.
pub(super) struct Blocks<'a> {
    pub(super) arch: &'a Accelerator,
    pub(super) head_dim: u32,
    pub(super) sizes: Sizes,
    /// Whether every block records its intervals.
    pub(super) timeline: bool,
}

impl Blocks<'_> {
    pub(super) fn ledger(&self) -> Ledger {
        if self.timeline { Ledger::recording() } else { Ledger::default() }
    }

    fn transaction(&self) -> Bits {
        Bits(u32::try_from(self.sizes.transaction * 8).expect("a transaction is small"))
    }

    /// Bits of a query or an output.
    fn vector(&self) -> Bits {
        Bits(self.head_dim * self.arch.formats.operand.0)
    }

    pub(super) fn fetcher(&self) -> Fetcher {
        let spec = FetcherSpec {
            fetcher: &self.arch.fetcher,
            reorder: &self.arch.reorder,
            sequencer: &self.arch.sequencer,
            key_lines: self.sizes.key_lines,
            queries: self.arch.key_buffer.queue,
            transaction: self.sizes.transaction,
        };
        Fetcher::new(&spec, self.ledger())
    }

    pub(super) fn crossbar(&self) -> Crossbar {
        let spec = CrossbarSpec {
            crossbar: &self.arch.crossbar,
            lanes: self.arch.fetcher.lanes,
            channels: self.arch.dram.channels,
            ports_per_channel: self.arch.ports_per_channel(),
            data: self.transaction(),
        };
        Crossbar::new(&spec, self.ledger())
    }

    pub(super) fn dram(&self) -> Dram {
        let ports = self.arch.ports_per_channel() as usize;
        Dram::new(&self.arch.dram, self.arch.core.clock, ports, self.ledger())
    }

    pub(super) fn reorder(&self) -> Reorder {
        let lanes = self.arch.fetcher.lanes;
        Reorder::new(&self.arch.reorder, lanes, self.transaction(), self.ledger())
    }

    pub(super) fn widen(&self) -> Widen {
        let keys = self.arch.qk_array.multipliers;
        let values = self.arch.pv_array.multipliers;
        Widen::new(&self.arch.widen, keys, values, self.sizes.transaction, self.ledger())
    }

    pub(super) fn key_buffer(&self) -> KeyBuffer {
        let spec = KeyBufferSpec {
            buffer: &self.arch.key_buffer,
            line: self.sizes.key_line,
            lines: self.sizes.key_lines,
            query: self.vector(),
            query_traffic: self.arch.sequencer.query_traffic,
            rows: self.arch.refetch.rows,
            row_lines: self.arch.refetch.buffer_lines,
            softmax_lanes: self.arch.softmax.lanes,
        };
        KeyBuffer::new(&spec, self.ledger())
    }

    pub(super) fn softmax(&self) -> Softmax {
        let probability = self.arch.formats.probability_fraction;
        Softmax::new(&self.arch.softmax, self.sizes.score, probability, self.ledger())
    }

    pub(super) fn refetch(&self) -> Refetch {
        let probability = self.arch.formats.probability_fraction;
        Refetch::new(&self.arch.refetch, self.arch.softmax.lanes, probability, self.ledger())
    }

    /// An engine for keys of so many bits.
    pub(super) fn topk(&self, block: Block, key: Bits) -> Topk {
        Topk::new(&self.arch.topk, self.arch.importance.lanes, block, key, self.ledger())
    }

    pub(super) fn value_buffer(&self) -> ValueBuffer {
        let spec = ValueBufferSpec {
            buffer: &self.arch.value_buffer,
            line: self.sizes.value_line,
            lines: self.sizes.value_lines,
            softmax_lanes: self.arch.softmax.lanes,
            probability: self.arch.formats.probability_fraction,
            fetch_lanes: self.arch.fetcher.lanes,
        };
        ValueBuffer::new(&spec, self.ledger())
    }

    pub(super) fn pv_array(&self) -> PvArray {
        let spec = PvArraySpec {
            head_dim: self.head_dim,
            operand: self.arch.formats.operand,
            probability: self.arch.formats.probability_fraction,
            accumulator: Bits(self.arch.output_accumulator_bits()),
            importance: self.arch.formats.importance,
            rows: self.arch.refetch.rows,
        };
        PvArray::new(spec, self.ledger())
    }

    pub(super) fn writeback(&self) -> Writeback {
        // Written data has a lane of its own at the crossbar, after those of the fetcher.
        let lane = u8::try_from(self.arch.fetcher.lanes).expect("there are at most 64 lanes");
        Writeback::new(
            &self.arch.writeback,
            self.arch.sequencer.write_traffic,
            (self.arch.refetch.rows, self.vector()),
            lane,
            self.sizes.transaction,
            self.ledger(),
        )
    }
}
