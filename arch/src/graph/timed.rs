//! The timed event graph of a machine: an event is the first item of a row in a block.

use super::{
    bound::{Arc, Bound, maximum_cycle_ratio},
    flow::{Counts, Flow},
    links::{Item, LinkSpec},
    ratio::Ratio,
};
use crate::{Accelerator, accelerator::Unsupported};

/// How fast a machine can go at most, for one flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Throughput {
    /// Cycles from a row to the next.
    pub cycles_per_row: Ratio,
    /// The same, for each line of keys.
    pub cycles_per_line: Ratio,
    /// What sets the bound: every block that is busy all the time, or else the blocks, links and buffers
    /// of the critical cycle, in order.
    pub limited_by: Vec<String>,
}

/// The graph as it is built: nodes by name, and arcs with what they stand for.
struct Timed<'m> {
    counts: Counts<'m>,
    nodes: Vec<&'static str>,
    arcs: Vec<Arc>,
    meanings: Vec<String>,
}

pub(super) fn throughput(machine: &Accelerator, flow: &Flow) -> Result<Throughput, Unsupported> {
    let counts = flow.counts(machine)?;
    let key_lines = u128::from(counts.key_lines);
    let mut timed = Timed { counts, nodes: Vec::new(), arcs: Vec::new(), meanings: Vec::new() };
    for link in machine.links(flow.head_dim)? {
        timed.add_link(&link);
    }
    timed.add_intervals();
    timed.add_buffers(machine);
    match maximum_cycle_ratio(timed.nodes.len(), &timed.arcs) {
        Bound::Cycle { ratio, arcs } => Ok(Throughput {
            cycles_per_row: ratio,
            cycles_per_line: ratio.over(key_lines),
            limited_by: timed.limits(ratio, &arcs),
        }),
        Bound::None => unreachable!("each block that a row needs is a cycle of its own"),
        Bound::Deadlock { arcs } => {
            let cycle = arcs.iter().map(|&arc| &timed.meanings[arc]).collect::<Vec<_>>();
            unreachable!("links and buffers have room, as checked, but {cycle:?} has none")
        }
    }
}

impl Timed<'_> {
    /// The link forward, and the room that its receiver gives back.
    fn add_link(&mut self, link: &LinkSpec) {
        let Some(items) = self.counts.items(link.item) else { return };
        // Writes come once a row. Values come when a row has chosen them, later than its keys; that
        // they share the way is in the intervals. Keys that come do not wait for those that are read,
        // nor responses for requests.
        let (from, to) = match link.name {
            "writes" | "value_arrivals" => return,
            "key_arrivals" => (link.from, "key_buffer (in)"),
            "responses" => ("dram (out)", "crossbar (responses)"),
            "returns" => ("crossbar (responses)", link.to),
            "probabilities" => ("softmax (out)", link.to),
            _ => (link.from, link.to),
        };
        let none = Ratio::whole(0_u32);
        self.add(from, to, Ratio::whole(link.latency.0), none, format!("link {}", link.name));
        let room = Ratio::new(u128::from(link.depth) * items.denominator(), items.numerator());
        self.add(to, from, Ratio::whole(1_u32), room, format!("room of link {}", link.name));
    }

    /// The time that a row's first item stays in a block.
    fn add_latency(&mut self, block: &'static str, out: &'static str) {
        let latency = Ratio::whole(self.counts.latency(block).0);
        self.add(block, out, latency, Ratio::whole(0_u32), format!("latency of {block}"));
    }

    /// A block goes on with the next row when it is done with this one.
    fn add_intervals(&mut self) {
        for block in self.nodes.clone() {
            if let Some(interval) = self.counts.interval(block) {
                self.add(block, block, interval, Ratio::whole(1_u32), format!("block {block}"));
            }
        }
    }

    /// Room in buffers, given back when a row has passed.
    fn add_buffers(&mut self, machine: &Accelerator) {
        let lines = u128::from(self.counts.probability_lines);
        let rows_of = |room: u64, of: u128| Ratio::new(room.into(), of);
        let register = Ratio::whole(1_u32);
        self.add_latency("softmax", "softmax (out)");
        let room = rows_of(machine.softmax.row_buffer_lines.into(), lines);
        self.add("softmax (out)", "softmax", register, room, "softmax.row_buffer_lines".into());
        let room = rows_of(machine.refetch.buffer_lines.into(), lines);
        self.add("refetch", "key_buffer", register, room, "refetch.buffer_lines".into());
        let last_line = Ratio::whole(self.counts.probability_lines);
        let rows = Ratio::whole(machine.refetch.rows);
        self.add("refetch", "key_buffer", last_line, rows, "refetch.rows".into());
        if self.counts.items(Item::Transaction).is_none() {
            return;
        }
        self.add_latency("dram", "dram (out)");
        let none = Ratio::whole(0_u32);
        self.add("key_buffer (in)", "key_buffer", none, none, "arrival of keys".into());
        let transactions = u128::from(self.counts.transactions);
        let entries = u64::from(machine.reorder.entries) * u64::from(machine.fetcher.lanes);
        let room = rows_of(entries, transactions);
        self.add("reorder", "fetcher", register, room, "reorder.entries".into());
        let outstanding =
            u64::from(machine.crossbar.outstanding) * u64::from(machine.dram.channels);
        let room = rows_of(outstanding, transactions);
        let responses = "crossbar (responses)";
        self.add(responses, "crossbar", register, room, "crossbar.outstanding".into());
        let room = rows_of(machine.key_lines(), self.counts.key_lines.into());
        self.add("key_buffer", "fetcher", register, room, "key_buffer.capacity_bytes".into());
    }

    /// What the critical cycle stands for. Where blocks are as slow as it is, those.
    fn limits(&self, ratio: Ratio, cycle: &[usize]) -> Vec<String> {
        let blocks = self.nodes.iter().filter(|block| self.counts.interval(block) == Some(ratio));
        let blocks = blocks.map(|block| format!("block {block}")).collect::<Vec<_>>();
        if blocks.is_empty() {
            cycle.iter().map(|&arc| self.meanings[arc].clone()).collect()
        } else {
            blocks
        }
    }

    fn add(
        &mut self,
        from: &'static str,
        to: &'static str,
        delay: Ratio,
        items: Ratio,
        meaning: String,
    ) {
        let [from, to] = [from, to].map(|name| {
            self.nodes.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.nodes.push(name);
                self.nodes.len() - 1
            })
        });
        self.arcs.push(Arc { from, to, delay, items });
        self.meanings.push(meaning);
    }
}
