//! What a `TRACE` argument means.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use tamis_workloads::{
    table::Table,
    trace::{self, BUNDLED, Place, TraceError, TraceFile},
};

use crate::exit::{Exit, Failure, OrExit};

/// What can be replayed.
pub(crate) enum Workload {
    /// Q, K and V: a policy decides what is computed.
    Trace(Box<TraceFile>),
    /// A workload table of the SpAtten authors: what was computed is in it.
    Table(Table),
}

/// Opens a bundled trace by its name, or else a file: a table if it ends in `.csv`, else a trace. A
/// file in the current folder that has the name of a bundled trace is reached as `./NAME`.
pub(crate) fn open(name_or_path: &str) -> Result<Workload, Failure> {
    if let Some(bundled) = trace::bundled(name_or_path) {
        return bundled.open().or_exit(Exit::Bug).map(|trace| Workload::Trace(Box::new(trace)));
    }
    let path = Path::new(name_or_path);
    if !path.exists() {
        let names = BUNDLED.map(|trace| trace.name).join("`, `");
        let message = format!(
            "{name_or_path}: there is no such file, and no bundled trace of that name (bundled: \
             `{names}`)"
        );
        return Err(Failure::new(Exit::Input, message));
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        return Table::open(path).or_exit(Exit::Input).map(Workload::Table);
    }
    let is_text = path.extension().is_some_and(|extension| extension == "toml");
    let trace = TraceFile::open(path).map_err(|error| {
        let hint = match &error {
            TraceError::Invalid { .. } if is_text => format!(
                "\na machine goes to `--arch {name_or_path}`, a policy to `--policy {name_or_path}`"
            ),
            TraceError::Invalid { place, .. } if is_of_the_format(place) => {
                WHAT_A_TRACE_IS.to_owned()
            }
            _ => String::new(),
        };
        Failure::new(Exit::Input, format!("{error}{hint}"))
    })?;
    Ok(Workload::Trace(Box::new(trace)))
}

/// Follows an error of a file that looks like something else.
const WHAT_A_TRACE_IS: &str = "\na trace is a safetensors file with Q, K and V of each layer, and metadata \
                               `format` = `attention-trace`;\n`tamis trace info smollm2-135m_alice_s64` \
                               looks into one that comes with tamis";

/// Whether what is wrong there is that the file is no trace at all, rather than one with a fault.
fn is_of_the_format(place: &Place) -> bool {
    match place {
        Place::File | Place::Byte(_) => true,
        Place::Metadata(key) => key == "format",
        Place::Tensor(_) | Place::Value { .. } => false,
    }
}

/// Largest text file that is read whole.
const LARGEST_TEXT: u64 = 1 << 20;

/// The text of a file that a person wrote: a regular file, and not a large one.
pub(crate) fn read_text(path: &str) -> Result<String, Failure> {
    let cannot =
        |reason: &dyn std::fmt::Display| Failure::new(Exit::Input, format!("{path}: {reason}"));
    let about = fs::metadata(path).map_err(|error| cannot(&error))?;
    if !about.is_file() {
        return Err(cannot(&"must be a regular file, not a directory or a device"));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(&error))?;
    file.take(LARGEST_TEXT + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    if text.len() as u64 > LARGEST_TEXT {
        return Err(cannot(&"must be at most 1 MiB long"));
    }
    Ok(text)
}
