//! The machine: every block, and every link between them.

use tamis_arch::{
    Accelerator,
    units::{Bits, Cycle},
};
use tamis_dram::Mapping;

use crate::{
    blocks::{
        crossbar::{Crossbar, CrossbarPorts, CrossbarSpec},
        dram::{Dram, DramPorts},
        fetcher::{Fetcher, FetcherPorts, FetcherSpec},
        importance::{Importance, ImportancePorts},
        key_buffer::{KeyBuffer, KeyBufferPorts, KeyBufferSpec},
        pv_array::{PvArray, PvArrayPorts, PvArraySpec},
        qk_array::{QkArray, QkArrayPorts},
        refetch::{Refetch, RefetchPorts},
        reorder::{Reorder, ReorderPorts},
        sequencer::{Sequencer, SequencerPorts},
        softmax::{Softmax, SoftmaxPorts},
        topk::{Topk, TopkPorts},
        value_buffer::{ValueBuffer, ValueBufferPorts, ValueBufferSpec},
        widen::{Widen, WidenPorts},
        writeback::{Writeback, WritebackPorts},
    },
    clock::{Clock, Wake},
    component::Component,
    cutter::Sizes,
    error::FitError,
    links::Links,
    outcome::{Block, BlockOutcome},
    stats::Ledger,
    work::WorkTable,
};

/// Ticks a block: its ports are the links of the same names, and what else it is given.
macro_rules! tick {
    (
        $machine:ident.$block:ident, $clock:ident,
        $ports:ident { $($given:ident $(: $value:expr)?),* }, $($link:ident),+
    ) => {
        $machine.$block.tick(
            $clock,
            $ports { $($given $(: $value)?,)* $($link: &mut $machine.links.$link),+ },
        )
    };
}

/// All blocks and links of one machine, at reset.
pub(crate) struct Machine {
    pub(crate) links: Links,
    pub(crate) mapping: Mapping,
    pub(crate) shared_topk: bool,
    pub(crate) sequencer: Sequencer,
    pub(crate) fetcher: Fetcher,
    pub(crate) crossbar: Crossbar,
    pub(crate) dram: Dram,
    pub(crate) reorder: Reorder,
    pub(crate) widen: Widen,
    pub(crate) key_buffer: KeyBuffer,
    pub(crate) qk_array: QkArray,
    pub(crate) softmax: Softmax,
    pub(crate) refetch: Refetch,
    pub(crate) importance: Importance,
    pub(crate) token_topk: Topk,
    pub(crate) value_topk: Topk,
    pub(crate) value_buffer: ValueBuffer,
    pub(crate) pv_array: PvArray,
    pub(crate) writeback: Writeback,
}

impl Machine {
    /// The machine of a description, for vectors of `head_dim` values; with `timeline`, every block
    /// records its intervals.
    ///
    /// # Errors
    /// [`FitError`] if the arrays cannot hold vectors of this size.
    pub(crate) fn new(arch: &Accelerator, head_dim: u32, timeline: bool) -> Result<Self, FitError> {
        let sizes = Sizes::of(arch, head_dim)?;
        let ledger = || if timeline { Ledger::recording() } else { Ledger::default() };
        let lanes = arch.fetcher.lanes;
        let transaction_bits =
            Bits(u32::try_from(sizes.transaction * 8).expect("a transaction is small"));
        let probability = arch.formats.probability_fraction;
        let importance = arch.formats.importance;
        let key_spec = KeyBufferSpec {
            buffer: &arch.key_buffer,
            line: sizes.key_line,
            lines: sizes.key_lines,
            query: Bits(head_dim * arch.formats.operand.0),
            query_traffic: arch.sequencer.query_traffic,
            rows: arch.refetch.rows,
            row_lines: arch.refetch.buffer_lines,
            softmax_lanes: arch.softmax.lanes,
        };
        let fetch_spec = FetcherSpec {
            fetcher: &arch.fetcher,
            reorder: &arch.reorder,
            sequencer: &arch.sequencer,
            key_lines: sizes.key_lines,
            queries: arch.key_buffer.queue,
            transaction: sizes.transaction,
        };
        let crossbar_spec = CrossbarSpec {
            crossbar: &arch.crossbar,
            lanes,
            channels: arch.dram.channels,
            ports_per_channel: arch.ports_per_channel(),
            data: transaction_bits,
        };
        let operand = arch.formats.operand;
        let pv_spec = PvArraySpec {
            head_dim,
            operand,
            probability,
            accumulator: Bits(arch.output_accumulator_bits()),
            importance,
            rows: arch.refetch.rows,
        };
        let outputs = (arch.refetch.rows, Bits(head_dim * operand.0));
        let write_lane = u8::try_from(lanes).expect("there are at most 64 lanes");
        let value_spec = ValueBufferSpec {
            buffer: &arch.value_buffer,
            line: sizes.value_line,
            lines: sizes.value_lines,
            softmax_lanes: arch.softmax.lanes,
            probability,
            fetch_lanes: lanes,
        };
        Ok(Self {
            links: Links::new(arch, head_dim)?,
            mapping: Mapping::new(&arch.dram),
            shared_topk: arch.topk.engines == 1,
            sequencer: Sequencer::new(&arch.sequencer, ledger()),
            fetcher: Fetcher::new(&fetch_spec, ledger()),
            crossbar: Crossbar::new(&crossbar_spec, ledger()),
            dram: Dram::new(
                &arch.dram,
                arch.core.clock,
                arch.ports_per_channel() as usize,
                ledger(),
            ),
            reorder: Reorder::new(&arch.reorder, lanes, transaction_bits, ledger()),
            widen: Widen::new(
                &arch.widen,
                arch.qk_array.multipliers,
                arch.pv_array.multipliers,
                sizes.transaction,
                ledger(),
            ),
            key_buffer: KeyBuffer::new(&key_spec, ledger()),
            qk_array: QkArray::new(head_dim, arch.formats.operand, ledger()),
            softmax: Softmax::new(&arch.softmax, sizes.score, probability, ledger()),
            refetch: Refetch::new(&arch.refetch, arch.softmax.lanes, probability, ledger()),
            importance: Importance::new(&arch.importance, importance, ledger()),
            token_topk: Topk::new(
                &arch.topk,
                arch.importance.lanes,
                Block::TokenTopk,
                importance,
                ledger(),
            ),
            value_topk: Topk::new(
                &arch.topk,
                arch.importance.lanes,
                Block::ValueTopk,
                sizes.score,
                ledger(),
            ),
            value_buffer: ValueBuffer::new(&value_spec, ledger()),
            pv_array: PvArray::new(pv_spec, ledger()),
            writeback: Writeback::new(
                &arch.writeback,
                arch.sequencer.write_traffic,
                outputs,
                write_lane,
                sizes.transaction,
                ledger(),
            ),
        })
    }

    /// One tick of one block, with its links lent.
    pub(crate) fn tick(&mut self, block: Block, clock: &mut Clock, table: &WorkTable) -> Wake {
        match block {
            Block::Sequencer => tick! {
                self.sequencer, clock, SequencerPorts { table },
                loads, value_loads, made, values_made, appends, passes, selected, written
            },
            Block::Fetcher => tick! {
                self.fetcher, clock, FetcherPorts { table },
                loads, made, refetches, value_ids, key_credits, lane_credits, flights
            },
            Block::Crossbar => tick! {
                self.crossbar, clock, CrossbarPorts { mapping: &self.mapping },
                flights, writes, requests, responses, returns
            },
            Block::Dram => tick! {
                self.dram, clock, DramPorts {},
                requests, responses
            },
            Block::Reorder => tick! {
                self.reorder, clock, ReorderPorts {},
                returns, arrivals, lane_credits
            },
            Block::Widen => tick! {
                self.widen, clock, WidenPorts { table },
                arrivals, key_arrivals, value_arrivals
            },
            Block::KeyBuffer => tick! {
                self.key_buffer, clock,
                KeyBufferPorts { table, arrivals: &mut self.links.key_arrivals },
                passes, replays, row_credits, key_credits, key_lines
            },
            Block::QkArray => tick! {
                self.qk_array, clock, QkArrayPorts {},
                key_lines, scores
            },
            Block::Softmax => tick! {
                self.softmax, clock, SoftmaxPorts { table },
                scores, probabilities
            },
            Block::Refetch => tick! {
                self.refetch, clock, RefetchPorts { table },
                probabilities, replays, refetches, row_credits, settled
            },
            Block::Importance => tick! {
                self.importance, clock, ImportancePorts { table },
                settled, weighed, token_jobs
            },
            Block::ValueBuffer => tick! {
                self.value_buffer, clock,
                ValueBufferPorts { table, arrivals: &mut self.links.value_arrivals },
                value_loads, values_made, kept, value_ids, value_lines
            },
            Block::PvArray => tick! {
                self.pv_array, clock, PvArrayPorts { table },
                value_lines, outputs, head_jobs
            },
            Block::Writeback => tick! {
                self.writeback, clock, WritebackPorts { table },
                outputs, appends, writes, written
            },
            Block::TokenTopk | Block::ValueTopk => self.tick_topk(block, clock, table),
        }
    }

    /// With one engine, values, tokens and heads all go to the one in the value's place.
    fn tick_topk(&mut self, block: Block, clock: &mut Clock, table: &WorkTable) -> Wake {
        let links = &mut self.links;
        let chooses_values = block == Block::ValueTopk;
        let chooses_tokens = self.shared_topk == chooses_values;
        let ports = TopkPorts {
            table,
            weighed: chooses_values.then_some(&mut links.weighed),
            kept: chooses_values.then_some(&mut links.kept),
            jobs: [
                chooses_tokens.then_some(&mut links.token_jobs),
                chooses_tokens.then_some(&mut links.head_jobs),
            ],
            selected: chooses_tokens.then_some(&mut links.selected),
        };
        let engine = if chooses_values { &mut self.value_topk } else { &mut self.token_topk };
        engine.tick(clock, ports)
    }

    /// What each block that holds work is doing.
    pub(crate) fn holds(&self) -> Vec<(Block, String)> {
        let all: [(Block, Option<String>); Block::COUNT] = [
            (Block::Sequencer, self.sequencer.holds()),
            (Block::Fetcher, self.fetcher.holds()),
            (Block::Crossbar, self.crossbar.holds()),
            (Block::Dram, self.dram.holds()),
            (Block::Reorder, self.reorder.holds()),
            (Block::Widen, self.widen.holds()),
            (Block::KeyBuffer, self.key_buffer.holds()),
            (Block::QkArray, self.qk_array.holds()),
            (Block::Softmax, self.softmax.holds()),
            (Block::Refetch, self.refetch.holds()),
            (Block::Importance, self.importance.holds()),
            (Block::TokenTopk, self.token_topk.holds()),
            (Block::ValueTopk, self.value_topk.holds()),
            (Block::ValueBuffer, self.value_buffer.holds()),
            (Block::PvArray, self.pv_array.holds()),
            (Block::Writeback, self.writeback.holds()),
        ];
        all.into_iter().filter_map(|(block, state)| Some((block, state?))).collect()
    }

    /// Closes every block's books.
    pub(crate) fn close(self, end: Cycle) -> Vec<BlockOutcome> {
        vec![
            self.sequencer.close(end),
            self.fetcher.close(end),
            self.crossbar.close(end),
            self.dram.close(end),
            self.reorder.close(end),
            self.widen.close(end),
            self.key_buffer.close(end),
            self.qk_array.close(end),
            self.softmax.close(end),
            self.refetch.close(end),
            self.importance.close(end),
            self.token_topk.close(end),
            self.value_topk.close(end),
            self.value_buffer.close(end),
            self.pv_array.close(end),
            self.writeback.close(end),
        ]
    }
}
