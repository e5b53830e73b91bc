//! Writing a trace, one layer at a time.

use std::{collections::BTreeMap, fs::File, io, io::Write, path::Path};

use half::f16;
use serde_json::json;

use super::{
    Heads, LayerSource, Origin, Precision, Shape, TraceError,
    error::{Fault, Place},
    header::{LENGTH_BYTES, MAX_HEADER_BYTES, METADATA},
    layout::Kind,
    memory::check_layer,
    metadata::{check_origin, check_shape, compose},
};

/// Order of a layer's tensors in the file: by name.
const ORDER: [Kind; 3] = [Kind::Key, Kind::Query, Kind::Value];

/// Header and data are padded to this, so that a reader may map the tensors as they are.
const ALIGNMENT: usize = 8;

/// Writes a trace as a file of the format `attention-trace` 1.
///
/// The file is written beside `path` and renamed when it is complete: whatever happens, `path`
/// holds the old contents or the new. The same trace gives the same bytes. Memory holds one layer.
///
/// # Errors
///
/// If `source` breaks a rule of the format or fails, or if the file cannot be written.
pub fn write(
    path: impl AsRef<Path>,
    source: &(impl LayerSource + ?Sized),
    origin: &Origin,
    precision: Precision,
) -> Result<(), TraceError> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let invalid = |fault: Fault| fault.in_file(&name);
    let shape = source.shape();
    check_shape(shape).and_then(|()| check_origin(origin, shape)).map_err(invalid)?;
    let header = header(shape, origin, precision).map_err(invalid)?;

    let io = |source| TraceError::Io { file: name.clone(), place: Place::File, source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut beside = tempfile::Builder::new();
    readable_by_others(&mut beside);
    let partial = beside.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(io)?;
    let mut out = io::BufWriter::new(partial.as_file());
    out.write_all(&header).map_err(io)?;
    for index in 0..shape.layers {
        let layer = source.layer(index)?;
        check_layer(&layer, index, shape).map_err(invalid)?;
        for kind in ORDER {
            write_tensor(&mut out, kind.of(&layer), precision).map_err(io)?;
        }
    }
    out.flush().and_then(|()| partial.as_file().sync_all()).map_err(io)?;
    drop(out);
    let written: Result<File, _> = partial.persist(path);
    written.map(drop).map_err(|refused| io(refused.error))
}

/// Length, JSON and padding.
fn header(shape: &Shape, origin: &Origin, precision: Precision) -> Result<Vec<u8>, Fault> {
    let mut entries = BTreeMap::from([(METADATA.to_owned(), json!(compose(shape, origin)))]);
    let mut start: u64 = 0;
    for layer in 0..shape.layers {
        for kind in ORDER {
            let name = kind.tensor(layer);
            let dims = kind.dims(shape);
            let size = dims
                .into_iter()
                .try_fold(precision.bytes(), |size, dim| size.checked_mul(u64::from(dim)));
            let end = size
                .and_then(|size| start.checked_add(size))
                .ok_or_else(|| Fault::tensor(&name, "the file must be shorter than 2^64 bytes"))?;
            let entry = json!({
                "dtype": precision.name(), "shape": dims, "data_offsets": [start, end],
            });
            entries.insert(name, entry);
            start = end;
        }
    }
    let mut text = serde_json::to_vec(&entries).expect("strings and numbers are always JSON");
    text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
    if text.len() as u64 > MAX_HEADER_BYTES {
        let rule = format!("the header must be at most {MAX_HEADER_BYTES} (found {})", text.len());
        return Err(Fault::new(Place::Byte(LENGTH_BYTES), rule));
    }
    Ok([&(text.len() as u64).to_le_bytes()[..], &text].concat())
}

fn write_tensor(out: &mut impl Write, heads: &Heads, precision: Precision) -> io::Result<()> {
    heads.values.iter().try_for_each(|&value| match precision {
        Precision::F16 => out.write_all(&f16::from_f32(value).to_le_bytes()),
        Precision::F32 => out.write_all(&value.to_le_bytes()),
    })
}

/// A temporary file is private by default; what it becomes follows the user's mask, as any file.
#[cfg(unix)]
fn readable_by_others(file: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    file.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_others(_: &mut tempfile::Builder<'_, '_>) {}
