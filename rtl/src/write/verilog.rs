//! The Verilog-2001 header.

use tamis_arch::Accelerator;

use super::{banner_comment, is_plain};
use crate::parameters::Parameter;

/// A `` `define TAMIS_NAME value `` for each parameter.
pub(crate) fn verilog_header(
    machine: &Accelerator,
    source: &str,
    parameters: &[Parameter],
) -> String {
    let mut text = banner_comment(machine, source);
    text += "\n`ifndef TAMIS_PARAMS_VH\n`define TAMIS_PARAMS_VH\n\n";
    for Parameter { name, doc, value } in parameters {
        let width = if is_plain(*value) { "" } else { "64'd" };
        text += &format!("// {doc}\n`define TAMIS_{name} {width}{value}\n");
    }
    text += "\n`endif\n";
    text
}
