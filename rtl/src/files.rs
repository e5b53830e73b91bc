//! The files of a machine, as text: who asks for them writes them.

use tamis_arch::Accelerator;

use crate::{
    parameters::parameters,
    write::{c_header, json, systemverilog_package, verilog_header},
};

/// Name and text of each file of a machine. They say that it was loaded as `source`: a preset's name, or a
/// file's without its folders.
#[must_use]
pub fn files(machine: &Accelerator, source: &str) -> [(&'static str, String); 4] {
    let list = parameters(machine);
    [
        ("tamis_pkg.sv", systemverilog_package(machine, source, &list)),
        ("tamis_params.vh", verilog_header(machine, source, &list)),
        ("tamis_params.h", c_header(machine, source, &list)),
        ("tamis_params.json", json(machine, source, &list)),
    ]
}
