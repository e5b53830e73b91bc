//! The checked machine: every other part of Tamis reads this value and nothing else.

use serde::Serialize;

use crate::{
    blocks::{
        Array, Core, Crossbar, Fetcher, Formats, Importance, KvBuffer, Layout, Refetch, Reorder,
        Sequencer, Softmax, Technology, Topk, Widen, Writeback,
    },
    dram::Dram,
};

/// One design point, checked: a component never meets a value that cannot be built.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accelerator {
    /// What the file calls it.
    pub name: String,
    /// A sentence on what it is.
    pub description: String,
    /// Clock.
    pub core: Core,
    /// Number formats.
    pub formats: Formats,
    /// Task issue.
    pub sequencer: Sequencer,
    /// Ids to transactions.
    pub fetcher: Fetcher,
    /// Lanes to channels.
    pub crossbar: Crossbar,
    /// The memory.
    pub dram: Dram,
    /// Order of responses.
    pub reorder: Reorder,
    /// Stored widths to operand width.
    pub widen: Widen,
    /// K on chip.
    pub key_buffer: KvBuffer,
    /// V on chip.
    pub value_buffer: KvBuffer,
    /// Scores.
    pub qk_array: Array,
    /// Probabilities.
    pub softmax: Softmax,
    /// Progressive quantisation.
    pub refetch: Refetch,
    /// Token and head importance.
    pub importance: Importance,
    /// Selection.
    pub topk: Topk,
    /// Outputs.
    pub pv_array: Array,
    /// Results to memory.
    pub writeback: Writeback,
    /// Addresses.
    pub layout: Layout,
    /// Prices.
    pub technology: Technology,
}
