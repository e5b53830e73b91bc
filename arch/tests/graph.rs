//! The machine as a graph, and the bound on its speed.

use std::num::NonZeroU64;

use tamis_arch::{
    Accelerator,
    graph::{Flow, LinkSpec, Ratio},
    load,
    units::{Bits, Cycles, Megahertz},
};

fn spatten() -> Accelerator {
    load("spatten").expect("the preset is good")
}

fn resident(head_dim: u32, keys: u32) -> Flow {
    Flow { head_dim, keys, streamed: None }
}

fn link<'l>(links: &'l [LinkSpec], name: &str) -> &'l LinkSpec {
    links.iter().find(|link| link.name == name).expect("there is such a link")
}

#[test]
fn the_arrays_have_the_latencies_of_the_released_rtl() {
    let links = spatten().links(64).expect("64 is supported");
    // 8 = broadcast, multiply, 6 levels; 6 = broadcast, multiply, 3 levels, accumulator.
    assert_eq!(link(&links, "scores").latency, Cycles(8));
    assert_eq!(link(&links, "outputs").latency, Cycles(6));
    let links = spatten().links(128).expect("128 is supported");
    assert_eq!(
        (link(&links, "scores").latency, link(&links, "outputs").latency),
        (Cycles(9), Cycles(5))
    );
}

#[test]
fn each_link_has_a_name_of_its_own_and_sustains_an_item_a_cycle() {
    for engines in [1, 2] {
        let mut machine = spatten();
        machine.topk.engines = engines;
        let links = machine.links(64).expect("64 is supported");
        for (place, link) in links.iter().enumerate() {
            assert!(links[..place].iter().all(|other| other.name != link.name), "{}", link.name);
            assert!(link.latency >= Cycles(1), "{}", link.name);
            // A slot is taken for its latency and one cycle more.
            assert_eq!(u64::from(link.depth), link.latency.0 + 1, "{}", link.name);
        }
    }
}

#[test]
fn a_head_dimension_without_lines_has_no_links() {
    assert!(spatten().links(80).is_err());
    assert!(spatten().graph(&resident(512, 8)).is_err());
}

// The figures of `docs/reference/graph.md` stand in the tests from here on.
#[test]
fn k_on_chip_goes_at_a_line_a_cycle() {
    for keys in [16, 40, 512, 1024] {
        let graph = spatten().graph(&resident(64, keys)).expect("64 is supported");
        assert_eq!(graph.throughput.cycles_per_row, Ratio::whole(keys / 8), "{keys} keys");
        assert_eq!(graph.throughput.cycles_per_line, Ratio::whole(1_u32), "{keys} keys");
    }
}

#[test]
fn sixteen_scores_a_cycle_are_too_many_for_eight_lanes() {
    let graph = spatten().graph(&resident(32, 1024)).expect("32 is supported");
    assert_eq!(graph.throughput.cycles_per_line, Ratio::whole(2_u32));
    let limits = ["block softmax", "block refetch", "block importance"];
    assert_eq!(graph.throughput.limited_by, limits);
}

#[test]
fn thirty_two_scores_a_cycle_take_four_and_larger_heads_one() {
    for (head_dim, cycles) in [(16, 4_u32), (128, 1), (256, 1)] {
        let graph = spatten().graph(&resident(head_dim, 1024)).expect("it is supported");
        assert_eq!(graph.throughput.cycles_per_line, Ratio::whole(cycles), "head_dim {head_dim}");
    }
}

#[test]
fn a_last_line_that_is_not_full_takes_its_own_time() {
    // 20 keys are a line of 16 scores, two cycles for 8 lanes, and one of 4, one cycle.
    let graph = spatten().graph(&resident(32, 20)).expect("32 is supported");
    assert_eq!(graph.throughput.cycles_per_row, Ratio::whole(3_u32));
}

#[test]
fn two_rows_of_softmax_buffer_are_too_few_for_a_line_a_cycle() {
    let mut machine = spatten();
    machine.softmax.row_buffer_lines = 256;
    let graph = machine.graph(&resident(64, 1024)).expect("64 is supported");
    // By hand: a line stays for the 128 cycles in which its row comes, 7 to scale, 128 in which the row
    // is exponentiated, 21 + 23 + 29 until the reciprocal, and its room is free a cycle later: 337
    // cycles for 256 lines of room.
    assert_eq!(graph.throughput.cycles_per_line, Ratio::new(337, 256));
    let limits = graph.throughput.limited_by;
    assert!(limits.contains(&"softmax.row_buffer_lines".to_owned()), "{limits:?}");
}

#[test]
fn few_rows_under_way_bound_short_rows() {
    let mut machine = spatten();
    machine.refetch.rows = 2;
    let graph = machine.graph(&resident(64, 64)).expect("64 is supported");
    // By hand: 5 to read, 8 of the array, 8 + 7 + 8 + 73 of the softmax, 7 to round, 8 until the last
    // line is decided: 124 cycles for two rows of 8 lines.
    assert_eq!(graph.throughput.cycles_per_row, Ratio::new(124, 2));
    assert_eq!(graph.throughput.cycles_per_line, Ratio::new(124, 16));
    assert_eq!(graph.throughput.limited_by.len(), 5);
}

#[test]
fn streams_go_at_the_bandwidth_that_refresh_leaves() {
    let machine = spatten();
    let flow = Flow { head_dim: 64, keys: 1024, streamed: Some(Bits(12)) };
    let graph = machine.graph(&flow).expect("64 is supported");
    // 2 x 1024 vectors of 96 bytes at 512 bytes a cycle, less the refreshes.
    let timing = &machine.dram.standard.timing;
    let (interval, refresh) = (timing.refresh_interval, timing.refresh);
    let expected = Ratio::new(384 * u128::from(interval), (interval - refresh).into());
    assert_eq!(graph.throughput.cycles_per_row, expected);
    assert_eq!(graph.throughput.cycles_per_line, Ratio::new(45, 14));
    assert_eq!(graph.throughput.limited_by, ["block dram"]);
}

#[test]
fn a_stream_goes_at_a_transaction_a_port_and_cycle() {
    let mut machine = spatten();
    // Slow enough that the DRAM is not what bounds it, with lanes for every port twice.
    machine.core.clock = Megahertz(NonZeroU64::new(333).expect("it is not 0"));
    machine.fetcher.lanes = 64;
    let flow = Flow { head_dim: 64, keys: 1024, streamed: Some(Bits(12)) };
    // 6144 transactions through 16 channels of 1 or 2 ports; HBM2 has 2 pseudo-channels.
    for (ports, cycles) in [(1, 384_u32), (2, 192), (8, 192)] {
        machine.crossbar.ports_per_channel = ports;
        let throughput = machine.graph(&flow).expect("64 is supported").throughput;
        assert_eq!(throughput.cycles_per_row, Ratio::whole(cycles), "{ports} ports");
        assert_eq!(throughput.limited_by, ["block crossbar"], "{ports} ports");
    }
}

#[test]
fn one_topk_engine_takes_the_jobs_of_both() {
    let mut machine = spatten();
    for (engines, engine) in [(2, "token_topk"), (1, "value_topk")] {
        machine.topk.engines = engines;
        let links = machine.links(64).expect("64 is supported");
        assert_eq!(link(&links, "token_jobs").to, engine);
        assert_eq!(link(&links, "head_jobs").to, engine);
        assert_eq!(link(&links, "selected").from, engine);
        assert_eq!(link(&links, "weighed").to, "value_topk");
        assert_eq!(link(&links, "kept").from, "value_topk");
    }
}

#[test]
fn few_requests_under_way_bound_a_stream() {
    let mut machine = spatten();
    machine.reorder.entries = 4;
    let flow = Flow { head_dim: 64, keys: 1024, streamed: Some(Bits(12)) };
    let throughput = machine.graph(&flow).expect("64 is supported").throughput;
    // By hand: 4 to the crossbar, 3 to the DRAM, 14 + 2 in it, 1 back, 2 to the reorder buffer and 1
    // for its credit: 27 cycles for 128 of the 6144 transactions.
    assert_eq!(throughput.cycles_per_row, Ratio::new(27 * 6144, 128));
    assert!(throughput.limited_by.contains(&"reorder.entries".to_owned()));
}

#[test]
fn the_drawing_names_every_block_and_link() {
    let graph = spatten().graph(&resident(64, 1024)).expect("64 is supported");
    let dot = graph.to_dot();
    assert!(dot.starts_with("digraph {"));
    for link in spatten().links(64).expect("64 is supported") {
        for name in [link.name, link.from, link.to] {
            assert!(dot.contains(&format!("label=\"{name}")), "{name}");
        }
    }
    assert!(dot.contains("label=\"scores\\nlatency 8, depth 9\""), "{dot}");
    assert!(dot.contains("label=\"qk_array\\n128 cycles a row\""), "{dot}");
    assert_eq!(graph.blocks.node_count(), 16);
}
