//! The SystemVerilog package.

use tamis_arch::Accelerator;

use super::{banner_comment, is_plain};
use crate::parameters::Parameter;

/// The types of the datapath, from the parameters of the package.
const TYPES: &str = "
  // Q, K or V on chip.
  typedef logic signed [FORMATS_OPERAND_BITS-1:0] operand_t;

  // Dot product of a query and a key.
  typedef logic signed [SCORE_BITS-1:0] score_t;

  // Probability on its way to PV: no bits before the point.
  typedef logic [FORMATS_PROBABILITY_FRACTION_BITS-1:0] probability_t;

  // Importance of a token or a head.
  typedef logic [FORMATS_IMPORTANCE_BITS-1:0] importance_t;

  // Sum of probabilities times values.
  typedef logic signed [OUTPUT_ACCUMULATOR_BITS-1:0] accumulator_t;

  // Place of a token.
  typedef logic [TOKEN_BITS-1:0] token_t;

  // Byte address in DRAM.
  typedef logic [ADDRESS_BITS-1:0] address_t;

  // Data of a DRAM transaction.
  typedef logic [8*DRAM_TRANSACTION_BYTES-1:0] transaction_t;
";

/// A `localparam` for each parameter, and the types that follow from them.
pub(crate) fn systemverilog_package(
    machine: &Accelerator,
    source: &str,
    parameters: &[Parameter],
) -> String {
    let mut text = banner_comment(machine, source);
    text += "\npackage tamis_pkg;\n";
    text += "\n  // A design need not use every number.\n  // verilator lint_off UNUSEDPARAM\n";
    for Parameter { name, doc, value } in parameters {
        let (kind, width) =
            if is_plain(*value) { ("int unsigned", "") } else { ("longint unsigned", "64'd") };
        text += &format!("\n  // {doc}\n  localparam {kind} {name} = {width}{value};\n");
    }
    text += "\n  // verilator lint_on UNUSEDPARAM\n";
    text += TYPES;
    text += "\nendpackage\n";
    text
}
