//! The machine as a graph: blocks, the links between them, and the bound on its speed that both imply.
//!
//! The simulator takes the latency and depth of its links from here. The bound is the maximum cycle
//! ratio of a timed event graph for one [`Flow`]: each block as often as it must go for a row, each link
//! with its latency forward and its room backward, each buffer with the time that a row stays in it.
//! No schedule of the same machine can be faster; what the bound leaves out (order of DRAM commands,
//! selections, the dependence of V on K) only makes a run slower.

mod bound;
mod flow;
mod links;
mod ratio;
mod timed;

pub use bound::{Arc, Bound, maximum_cycle_ratio};
pub use flow::Flow;
pub use links::{Item, LinkSpec};
pub use ratio::Ratio;
pub use timed::Throughput;

use std::collections::BTreeMap;

use petgraph::{
    dot::{Config, Dot},
    graph::DiGraph,
};

use crate::{Accelerator, accelerator::Unsupported, units::Cycles};

/// A block as the graph shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the block.
    pub block: &'static str,
    /// Cycles for which it is busy with a row; none if rows do not bind it.
    pub interval: Option<Ratio>,
    /// Cycles from a row's first item in to its first item out, beside those of the link that it
    /// leaves by.
    pub latency: Cycles,
}

/// The machine as a graph, for one flow of rows.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Blocks and links.
    pub blocks: DiGraph<Node, LinkSpec>,
    /// How fast it can go at most.
    pub throughput: Throughput,
}

impl Accelerator {
    /// The machine as a graph for one flow of rows.
    ///
    /// # Errors
    /// If the machine does not support the flow's head dimension.
    pub fn graph(&self, flow: &Flow) -> Result<Graph, Unsupported> {
        let counts = flow.counts(self)?;
        let mut blocks = DiGraph::new();
        let mut places = BTreeMap::new();
        for link in self.links(flow.head_dim)? {
            let [from, to] = [link.from, link.to].map(|block| {
                *places.entry(block).or_insert_with(|| {
                    let (interval, latency) = (counts.interval(block), counts.latency(block));
                    blocks.add_node(Node { block, interval, latency })
                })
            });
            blocks.add_edge(from, to, link);
        }
        Ok(Graph { blocks, throughput: timed::throughput(self, flow)? })
    }
}

impl Graph {
    /// The graph in the language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let node = |_, (_, node): (_, &Node)| {
            let interval = match node.interval {
                Some(interval) => format!("\\n{interval} cycles a row"),
                None => String::new(),
            };
            let latency = match node.latency {
                Cycles(0) => String::new(),
                Cycles(latency) => format!("\\nlatency {latency}"),
            };
            format!("label=\"{}{interval}{latency}\"", node.block)
        };
        let edge = |_, edge: petgraph::graph::EdgeReference<'_, LinkSpec>| {
            let link = edge.weight();
            format!("label=\"{}\\nlatency {}, depth {}\"", link.name, link.latency.0, link.depth)
        };
        let config = &[Config::NodeNoLabel, Config::EdgeNoLabel];
        let dot = Dot::with_attr_getters(&self.blocks, config, &edge, &node);
        format!("{dot:?}")
    }
}
