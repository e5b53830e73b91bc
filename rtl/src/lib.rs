//! The machine for register-transfer design: one list of parameters, written for four languages.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let machine = tamis_arch::load("spatten")?;
//! for (name, text) in tamis_rtl::files(&machine, "spatten") {
//!     std::fs::write(name, text)?;
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod files;
mod parameters;
mod write;

pub use address::FieldBit;
pub use files::files;
pub use parameters::{Parameter, parameters};
