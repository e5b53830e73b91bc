//! The C header.

use tamis_arch::Accelerator;

use super::{banner_comment, is_plain};
use crate::parameters::Parameter;

/// A `#define TAMIS_NAME value` for each parameter.
pub(crate) fn c_header(machine: &Accelerator, source: &str, parameters: &[Parameter]) -> String {
    let mut text = banner_comment(machine, source);
    text += "\n#ifndef TAMIS_PARAMS_H\n#define TAMIS_PARAMS_H\n\n";
    for Parameter { name, doc, value } in parameters {
        let suffix = if is_plain(*value) { "" } else { "ULL" };
        text += &format!("// {doc}\n#define TAMIS_{name} {value}{suffix}\n");
    }
    text += "\n#endif\n";
    text
}
