//! What a `TRACE` argument means.

use std::path::Path;

use tamis_workloads::trace::{self, BUNDLED, TraceFile};

use crate::exit::{Exit, Failure, OrExit};

/// Opens a bundled trace by its name, or else a file. A file in the current folder that has the
/// name of a bundled trace is reached as `./NAME`.
pub(crate) fn open_trace(name_or_path: &str) -> Result<TraceFile, Failure> {
    if let Some(bundled) = trace::bundled(name_or_path) {
        return bundled.open().or_exit(Exit::Bug);
    }
    if !Path::new(name_or_path).exists() {
        let names = BUNDLED.map(|trace| trace.name).join("`, `");
        let message = format!(
            "{name_or_path}: there is no such file, and no bundled trace of that name (bundled: \
             `{names}`)"
        );
        return Err(Failure::new(Exit::Input, message));
    }
    TraceFile::open(name_or_path).or_exit(Exit::Input)
}
