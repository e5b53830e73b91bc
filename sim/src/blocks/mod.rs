//! The hardware blocks, a file or folder each.

pub mod topk;
