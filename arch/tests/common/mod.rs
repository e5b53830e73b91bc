//! What several tests need.

use tamis_arch::{Accelerator, accelerator};

/// A machine that is compiled in.
pub(crate) fn preset(name: &str) -> Accelerator {
    accelerator::load(name).expect("it is compiled in")
}
