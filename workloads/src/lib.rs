//! Attention traces, fixed point, policies and plans.

pub mod plan;
pub mod quickselect;
pub mod trace;
