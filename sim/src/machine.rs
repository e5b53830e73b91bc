//! The machine: every block, and every link between them.

mod blocks;

use tamis_arch::{Accelerator, units::Cycle};
use tamis_dram::Mapping;

use self::blocks::Blocks;
use crate::{
    blocks::{
        crossbar::{Crossbar, CrossbarPorts},
        dram::{Dram, DramPorts},
        fetcher::{Fetcher, FetcherPorts},
        importance::{Importance, ImportancePorts},
        key_buffer::{KeyBuffer, KeyBufferPorts},
        pv_array::{PvArray, PvArrayPorts},
        qk_array::{QkArray, QkArrayPorts},
        refetch::{Refetch, RefetchPorts},
        reorder::{Reorder, ReorderPorts},
        sequencer::{Sequencer, SequencerPorts},
        softmax::{Softmax, SoftmaxPorts},
        topk::{Topk, TopkPorts},
        value_buffer::{ValueBuffer, ValueBufferPorts},
        widen::{Widen, WidenPorts},
        writeback::{Writeback, WritebackPorts},
    },
    clock::{Clock, Wake},
    component::Component,
    cutter::Sizes,
    error::FitError,
    links::Links,
    outcome::{Block, BlockOutcome},
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
        let blocks = Blocks { arch, head_dim, sizes: Sizes::of(arch, head_dim)?, timeline };
        let (token_key, value_key) = (arch.formats.importance, blocks.sizes.score);
        Ok(Self {
            links: Links::new(arch, head_dim)?,
            mapping: Mapping::new(&arch.dram),
            shared_topk: arch.topk.engines == 1,
            sequencer: Sequencer::new(&arch.sequencer, blocks.ledger()),
            fetcher: blocks.fetcher(),
            crossbar: blocks.crossbar(),
            dram: blocks.dram(),
            reorder: blocks.reorder(),
            widen: blocks.widen(),
            key_buffer: blocks.key_buffer(),
            qk_array: QkArray::new(head_dim, arch.formats.operand, blocks.ledger()),
            softmax: blocks.softmax(),
            refetch: blocks.refetch(),
            importance: Importance::new(&arch.importance, token_key, blocks.ledger()),
            token_topk: blocks.topk(Block::TokenTopk, token_key),
            value_topk: blocks.topk(Block::ValueTopk, value_key),
            value_buffer: blocks.value_buffer(),
            pv_array: blocks.pv_array(),
            writeback: blocks.writeback(),
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
            Block::Dram => tick! { self.dram, clock, DramPorts {}, requests, responses },
            Block::Reorder => {
                tick! { self.reorder, clock, ReorderPorts {}, returns, arrivals, lane_credits }
            }
            Block::Widen => tick! {
                self.widen, clock, WidenPorts { table },
                arrivals, key_arrivals, value_arrivals
            },
            Block::KeyBuffer => tick! {
                self.key_buffer, clock,
                KeyBufferPorts { table, arrivals: &mut self.links.key_arrivals },
                passes, replays, row_credits, key_credits, key_lines
            },
            Block::QkArray => tick! { self.qk_array, clock, QkArrayPorts {}, key_lines, scores },
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
