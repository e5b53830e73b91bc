//! What several tests need.

use tamis_arch::Accelerator;

/// The machine of the paper.
pub(crate) fn spatten() -> Accelerator {
    tamis_arch::load("spatten").expect("the preset is good")
}
