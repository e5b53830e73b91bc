//! The JSON file.

use serde_json::{Map, Value, json};
use tamis_arch::Accelerator;

use super::banner;
use crate::parameters::Parameter;

/// Number of this format, raised when a reader of the file would have to change.
const SCHEMA: u32 = 1;

/// An object of all parameters, and beside it what they are and where they come from.
pub(crate) fn json(machine: &Accelerator, source: &str, parameters: &[Parameter]) -> String {
    let values = parameters.iter().map(|each| (each.name.clone(), each.value.into()));
    let docs = parameters.iter().map(|each| (each.name.clone(), each.doc.clone().into()));
    let file = json!({
        "schema": SCHEMA,
        "banner": banner(machine, source),
        "machine": machine.name,
        "machine_digest": machine.digest(),
        "parameters": values.collect::<Map<String, Value>>(),
        "meanings": docs.collect::<Map<String, Value>>(),
    });
    format!("{file:#}\n")
}
