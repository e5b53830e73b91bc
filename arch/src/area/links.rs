//! Registers of the links between blocks: a slot of a link holds an item.
//!
//! A link of latency `l` has `l + 1` slots, as a registered valid/ready pipeline of `l` stages does. Items of control
//! (tasks, rows, credits) are in the share for control, and the stages of an array are the array's.

use std::collections::BTreeMap;

use super::{
    inventory::{ADDRESS, TOKEN, transaction_bits},
    parts::AreaBlock,
};
use crate::{Accelerator, accelerator::HEAD_DIMS, graph::LinkSpec};

/// Where the registers of a link are counted.
enum Registers {
    /// Here: bits of an item.
    Here(u64),
    /// With the stages of the block that sends.
    WithSender,
    /// In the share for control.
    WithControl,
}

/// Bits of registers of all links, by the block that sends.
pub(super) fn registers(machine: &Accelerator) -> BTreeMap<AreaBlock, u64> {
    // The head dimension sets the depth of the arrays' links alone, and every array holds the smallest.
    let links = machine.links(*HEAD_DIMS.start()).expect("an array holds the smallest head");
    let mut all = BTreeMap::new();
    for link in &links {
        if let Registers::Here(bits) = of(machine, link) {
            *all.entry(sender(link)).or_default() += u64::from(link.depth) * bits;
        }
    }
    all
}

fn of(machine: &Accelerator, link: &LinkSpec) -> Registers {
    let (lanes, transaction) = (machine.fetcher.lanes, transaction_bits(machine));
    let ports = machine.dram.channels * machine.ports_per_channel();
    let operand = machine.formats.operand.0;
    let probabilities = machine.softmax.lanes * machine.formats.probability_fraction.0;
    let key_line = machine.qk_array.multipliers * operand;
    let value_line = machine.pv_array.multipliers * operand;
    let bits = match link.name {
        "flights" => lanes * ADDRESS,
        // The write-back sends one transaction a cycle: its data are on a bus that all ports see.
        "requests" => ports * ADDRESS + transaction,
        "responses" => ports * transaction,
        "returns" | "arrivals" => lanes * transaction,
        // One pipeline, whose lines go to either buffer.
        "key_arrivals" => machine.widen.lines_per_cycle * key_line.max(value_line),
        "value_arrivals" => 0,
        "key_lines" => key_line,
        // With the probabilities of its values.
        "value_lines" => value_line + probabilities,
        "probabilities" | "settled" | "weighed" => probabilities,
        "kept" => probabilities + machine.softmax.lanes,
        "value_ids" => lanes * TOKEN,
        "writes" => ADDRESS + transaction,
        "scores" | "outputs" | "head_jobs" => return Registers::WithSender,
        "loads" | "made" | "values_made" | "value_loads" | "appends" | "passes"
        | "lane_credits" | "key_credits" | "replays" | "refetches" | "row_credits"
        | "token_jobs" | "selected" | "written" => {
            return Registers::WithControl;
        }
        name => unreachable!("no area counts the registers of the link `{name}`"),
    };
    Registers::Here(u64::from(bits))
}

/// The part of the area report that a link's sender is in.
fn sender(link: &LinkSpec) -> AreaBlock {
    match link.from {
        "fetcher" | "widen" => AreaBlock::Fetcher,
        "crossbar" | "dram" => AreaBlock::Crossbar,
        "reorder" | "writeback" => AreaBlock::Queues,
        "key_buffer" => AreaBlock::KeyBuffer,
        "value_buffer" => AreaBlock::ValueBuffer,
        "softmax" | "refetch" => AreaBlock::Softmax,
        "importance" => AreaBlock::Importance,
        "token_topk" | "value_topk" => AreaBlock::Topk,
        "qk_array" => AreaBlock::QkArray,
        "pv_array" => AreaBlock::PvArray,
        name => unreachable!("the area report has no part for the block `{name}`"),
    }
}
