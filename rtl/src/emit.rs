//! The files in their folder: each written beside its place and renamed into it when all are whole.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tamis_arch::Accelerator;
use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

use crate::{
    parameters::parameters,
    write::{c_header, json, systemverilog_package, verilog_header},
};

/// Why files were not written: the folder, not the machine.
#[derive(Debug, Error)]
#[error("cannot write `{}`: {reason}", path.display())]
pub struct EmitError {
    path: PathBuf,
    reason: io::Error,
}

/// Name and text of each file of a machine. They say that it was loaded as `source`.
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

/// Writes the files of a machine into a folder, which is made if it is not there, and gives their paths. They
/// say that it was loaded as `source`: a preset's name, or a file's without its folders.
///
/// # Errors
/// If the folder or a file cannot be written. Then no file is half-written, and a file that was there
/// before is whole.
pub fn emit(machine: &Accelerator, source: &str, folder: &Path) -> Result<Vec<PathBuf>, EmitError> {
    let cannot = |path: &Path| {
        let path = path.to_path_buf();
        |reason: io::Error| EmitError { path, reason }
    };
    fs::create_dir_all(folder).map_err(cannot(folder))?;
    let mut staged = Vec::new();
    for (name, text) in files(machine, source) {
        let place = folder.join(name);
        staged.push((stage(folder, &place, &text).map_err(cannot(&place))?, place));
    }
    let mut paths = Vec::new();
    for (file, place) in staged {
        file.persist(&place).map_err(|error| cannot(&place)(error.error))?;
        paths.push(place);
    }
    Ok(paths)
}

/// The text in a file of the folder that goes away again unless it is put in its place.
fn stage(folder: &Path, place: &Path, text: &str) -> io::Result<NamedTempFile> {
    if place.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut builder = Builder::new();
    builder.prefix(".tamis-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(readable_by_all());
    // The error of `tempfile` names a file that the user never asked for.
    let refused = |error: io::Error| {
        io::Error::other(format!("its folder takes no new file: {}", error.kind()))
    };
    let mut file = builder.tempfile_in(folder).map_err(refused)?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

/// What `File::create` would ask for; the umask takes away from it.
#[cfg(unix)]
fn readable_by_all() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o666)
}
