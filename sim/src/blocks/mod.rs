//! The hardware blocks: a file or folder each.

pub mod crossbar;
pub mod dram;
pub mod fetcher;
pub mod importance;
pub mod key_buffer;
pub mod pv_array;
pub mod qk_array;
pub mod refetch;
pub mod reorder;
pub mod sequencer;
pub mod softmax;
pub mod topk;
pub mod value_buffer;
pub mod widen;
pub mod writeback;
