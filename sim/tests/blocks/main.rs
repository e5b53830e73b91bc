//! Each block alone, driven through its ports: what comes out and in which order against a slow and
//! obvious oracle, and when, two-sided.

#[path = "../common/mod.rs"]
mod common;
#[path = "../random/workload.rs"]
mod workload;

mod bench;
mod crossbar;
mod dram;
mod fetcher;
mod importance;
mod key_buffer;
mod pv_array;
mod qk_array;
mod refetch;
mod reorder;
mod sequencer;
mod softmax;
mod topk;
mod value_buffer;
mod value_end;
mod widen;
mod writeback;
