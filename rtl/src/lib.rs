//! The machine for register-transfer design: one list of parameters, written for four languages.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let machine = tamis_arch::load("spatten")?;
//! tamis_rtl::emit(&machine, "spatten", "build/rtl".as_ref())?;
//! # Ok(())
//! # }
//! ```

mod address;
mod emit;
mod parameters;
mod write;

pub use address::FieldBit;
pub use emit::{EmitError, emit, files};
pub use parameters::{Parameter, parameters};
