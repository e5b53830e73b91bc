//! Attention traces, fixed point, policies and plans.

pub mod fixed;
pub mod plan;
pub mod quickselect;
pub mod trace;
