//! What several tests need.

use std::num::NonZeroU64;

use tamis_arch::{
    Accelerator,
    blocks::{
        Arbiter, Array, BufferRead, Core, Crossbar, Fetcher, Formats, Importance, Join, KvBuffer,
        Layout, Pivot, Prefetch, RecordLayout, Refetch, Reorder, Sequencer, Softmax, SoftmaxModel,
        Technology, Topk, TopkModel, Widen, Writeback,
    },
    dram::Dram,
    units::{Bits, Bytes, Cycles, Megahertz},
};

fn megahertz(value: u64) -> Megahertz {
    Megahertz(NonZeroU64::new(value).expect("a clock is not zero"))
}

fn buffer() -> KvBuffer {
    KvBuffer {
        capacity: Bytes(196_608),
        banks: 2,
        queue: 8,
        read: BufferRead::Notified,
        poll_period: Cycles(1),
        read_latency: Cycles(1),
    }
}

fn array() -> Array {
    Array {
        multipliers: 512,
        broadcast_latency: Cycles(1),
        multiply_latency: Cycles(1),
        tree_level_latency: Cycles(1),
        accumulate_latency: Cycles(1),
    }
}

/// The machine of the paper, as DESIGN 7 sizes it.
pub(crate) fn spatten() -> Accelerator {
    Accelerator {
        name: "spatten".into(),
        description: "the paper's machine".into(),
        core: Core { clock: megahertz(1000) },
        formats: Formats {
            operand: Bits(12),
            probability_fraction: Bits(16),
            importance: Bits(40),
        },
        sequencer: Sequencer {
            prefetch: Prefetch::DoubleBuffered,
            layer_barrier: true,
            query_traffic: true,
            write_traffic: true,
            round_counts_to: 1,
            latency: Cycles(1),
        },
        fetcher: Fetcher { lanes: 32, latency: Cycles(1) },
        crossbar: Crossbar {
            address_queue: 16,
            arbiter: Arbiter::RoundRobin,
            request_latency: Cycles(1),
            response_latency: Cycles(1),
            outstanding: 64,
        },
        dram: Dram { channels: 16, clock: megahertz(1000), transaction: Bytes(32) },
        reorder: Reorder { entries: 64, join: Join::Lane },
        widen: Widen { lines_per_cycle: 1, latency: Cycles(1) },
        key_buffer: buffer(),
        value_buffer: buffer(),
        qk_array: array(),
        softmax: Softmax {
            model: SoftmaxModel::Modelled,
            lanes: 8,
            row_buffer_lines: 256,
            scale_latency: Cycles(7),
            exponent_latency: Cycles(21),
            accumulate_latency: Cycles(23),
            divide_latency: Cycles(29),
            round_latency: Cycles(7),
        },
        refetch: Refetch { rows: 8, buffer_lines: 256, latency: Cycles(1) },
        importance: Importance { lanes: 8, tokens: 1024, latency: Cycles(2) },
        topk: Topk {
            model: TopkModel::Engine,
            engines: 1,
            comparators: 16,
            pivot: Pivot::Random,
            seed: 1,
            entries: 1024,
            compare_latency: Cycles(1),
            eliminate_latency: Cycles(4),
            decide_latency: Cycles(1),
            filter_lanes: 8,
        },
        pv_array: array(),
        writeback: Writeback { queue: 16, latency: Cycles(1) },
        layout: Layout { record: RecordLayout::Packed, region_alignment: Bytes(4096) },
        technology: Technology { table: "40nm".into() },
    }
}
