//! Every link of the machine, as its description has it ([`Accelerator::links`]).

use std::collections::BTreeMap;

use tamis_arch::{Accelerator, accelerator::Unsupported, graph::LinkSpec};

use crate::{
    items::{
        Arrivals, BatchId, Flight, KeptLine, KeyCredit, KeyLine, LaneCredits, Pass, ProbLine,
        Response, Returns, Routed, RowCredit, RowId, ScoreLine, SelectJob, Transaction, ValueIds,
        ValueLine,
    },
    link::Link,
    outcome::Block,
    ports::Ports,
};

/// Declares the links by name and what they carry: those of which there is one, and those of which there
/// is one for each port of a DRAM channel.
macro_rules! links {
    (one { $($link:ident: $item:ty,)+ } of_ports { $($port:ident: $carried:ty,)+ }) => {
        /// The links, by what they carry.
        pub(crate) struct Links {
            $(pub(crate) $link: Link<$item>,)+
            $(pub(crate) $port: Ports<$carried>,)+
        }

        impl Links {
            /// The links of a machine, for heads of `head_dim` dimensions.
            ///
            /// # Errors
            /// If the machine does not support the head dimension.
            ///
            /// # Panics
            /// If the description and this list name different links.
            pub(crate) fn new(arch: &Accelerator, head_dim: u32) -> Result<Self, Unsupported> {
                let specs = arch.links(head_dim)?.into_iter().map(|spec| (spec.name, spec));
                let mut specs = specs.collect::<BTreeMap<_, _>>();
                let mut spec = |name| specs.remove(name).expect("the machine has such a link");
                let ports = (arch.dram.channels * arch.ports_per_channel()) as usize;
                let links = Self {
                    $($link: built(&spec(stringify!($link))),)+
                    $($port: Ports::new(ports, &built(&spec(stringify!($port)))),)+
                };
                assert!(specs.is_empty(), "links that nobody uses: {specs:?}");
                Ok(links)
            }

            /// Links that hold items: from, to, items, slots.
            pub(crate) fn filled(&self) -> Vec<(Block, Block, usize, usize)> {
                let mut filled = Vec::new();
                $(self.$link.note_fill(&mut filled);)+
                $(self.$port.note_fill(&mut filled);)+
                filled
            }
        }
    };
}

links! {
    one {
        loads: BatchId,
        value_loads: BatchId,
        made: BatchId,
        values_made: BatchId,
        appends: BatchId,
        passes: Pass,
        selected: SelectJob,
        written: BatchId,
        refetches: BatchId,
        replays: Pass,
        value_ids: ValueIds,
        key_credits: KeyCredit,
        lane_credits: LaneCredits,
        flights: Flight,
        writes: Transaction,
        returns: Returns,
        arrivals: Arrivals,
        key_arrivals: Arrivals,
        value_arrivals: Arrivals,
        key_lines: KeyLine,
        scores: ScoreLine,
        probabilities: ProbLine,
        row_credits: RowCredit,
        settled: ProbLine,
        weighed: ProbLine,
        token_jobs: SelectJob,
        head_jobs: SelectJob,
        kept: KeptLine,
        value_lines: ValueLine,
        outputs: RowId,
    }
    of_ports {
        requests: Routed,
        responses: Response,
    }
}

fn built<T>(spec: &LinkSpec) -> Link<T> {
    let [from, to] = [spec.from, spec.to].map(|name| {
        let block = Block::ALL.into_iter().find(|block| block.name() == name);
        block.expect("a link joins two blocks")
    });
    Link::new(from, to, spec.depth as usize, spec.latency)
}
