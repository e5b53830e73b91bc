//! Random machines: each parameter is the preset's, or one of some others, down to the smallest.

use proptest::prelude::*;
use tamis_arch::Accelerator;

/// Section, parameter, values; the preset's is not among them.
const KNOBS: &[(&str, &str, &[&str])] = &[
    ("core", "clock_mhz", &["800", "333", "1700"]),
    ("sequencer", "prefetch", &["\"serialized\""]),
    ("sequencer", "layer_barrier", &["\"none\"", "\"rows\""]),
    ("sequencer", "query_traffic", &["false"]),
    ("sequencer", "write_traffic", &["false"]),
    ("sequencer", "round_counts_to", &["8", "64", "5"]),
    ("sequencer", "latency", &["1"]),
    ("fetcher", "lanes", &["1", "8", "64"]),
    ("fetcher", "latency", &["1"]),
    ("crossbar", "address_queue", &["1", "2"]),
    ("crossbar", "ports_per_channel", &["1", "8"]),
    ("crossbar", "arbiter", &["\"fixed\"", "\"oldest\""]),
    ("crossbar", "outstanding", &["1", "3"]),
    ("dram", "channels", &["1", "2"]),
    ("dram", "read_queue", &["1"]),
    ("dram", "write_queue", &["1", "2"]),
    ("dram", "refresh", &["\"none\"", "\"per-bank\""]),
    ("reorder", "entries", &["1", "2", "5"]),
    ("reorder", "join", &["\"row\""]),
    ("widen", "lines_per_cycle", &["1"]),
    ("key_buffer", "capacity_bytes", &["1536", "3072", "12288"]),
    ("key_buffer", "queue", &["1", "2"]),
    ("key_buffer", "read", &["\"polling\""]),
    ("key_buffer", "skip", &["1", "2"]),
    ("value_buffer", "skip", &["1", "2", "1024"]),
    ("value_buffer", "capacity_bytes", &["1536", "3072", "12288"]),
    ("value_buffer", "queue", &["1", "8", "64"]),
    ("qk_array", "multipliers", &["256", "1024", "16"]),
    ("pv_array", "multipliers", &["256", "1024", "16"]),
    ("softmax", "model", &["\"wire\""]),
    ("softmax", "lanes", &["1", "2", "64", "256"]),
    ("softmax", "row_buffer_lines", &["64", "16", "1"]),
    ("refetch", "rows", &["1", "2", "12"]),
    ("refetch", "buffer_lines", &["64", "16", "1"]),
    ("importance", "lanes", &["1", "64"]),
    ("topk", "model", &["\"delay-model\""]),
    ("topk", "engines", &["1"]),
    ("topk", "comparators", &["1", "128"]),
    ("topk", "filter_lanes", &["1", "64", "256"]),
    ("writeback", "queue", &["1"]),
    ("writeback", "latency", &["1"]),
    ("layout", "record", &["\"aligned\""]),
];

/// A machine file: the preset with some parameters changed.
#[derive(Clone, Debug)]
pub(crate) struct MachineFile(pub(crate) String);

pub(crate) fn any_machine() -> impl Strategy<Value = MachineFile> {
    prop::collection::btree_map(0..KNOBS.len(), any::<prop::sample::Index>(), 0..9).prop_map(
        |chosen| {
            // Rows are short, so that small buffers can hold one.
            let mut text =
                String::from("extends = \"spatten\"\nname = \"random\"\ndescription = \"any\"\n");
            text += "importance.tokens = 64\n";
            for (knob, value) in chosen {
                let (section, key, values) = KNOBS[knob];
                text += &format!("{section}.{key} = {}\n", value.get(values));
            }
            MachineFile(text)
        },
    )
}

impl MachineFile {
    /// The machine, if there can be one.
    pub(crate) fn parse(&self) -> Option<Accelerator> {
        Accelerator::parse("random.toml", &self.0).ok()
    }
}
