//! The bytes of a trace: a file read at positions, or memory.

use std::{borrow::Cow, fs, fs::File, io, path::Path};

use sha2::{Digest, Sha256};

use super::error::{Fault, Place, TraceError};

/// Bytes read at once: small beside a layer, large beside the cost of a call.
const CHUNK: usize = 64 * 1024;

/// Where the bytes are, and how many there were when it was opened.
#[derive(Debug)]
pub(super) struct Store {
    /// The file as the caller named it, for messages.
    pub(super) name: String,
    pub(super) len: u64,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    File(File),
    Memory(Cow<'static, [u8]>),
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        let io = |source| TraceError::Io { file: name.clone(), place: Place::File, source };
        // Asked before opening: to open a pipe for reading can wait for ever.
        if !fs::metadata(path).map_err(io)?.is_file() {
            let rule = "must be a regular file, not a directory or a device";
            return Err(Fault::new(Place::File, rule).in_file(&name));
        }
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        Ok(Self { name, len, bytes: Bytes::File(file) })
    }

    pub(super) fn memory(name: &str, bytes: Cow<'static, [u8]>) -> Self {
        Self { name: name.to_owned(), len: bytes.len() as u64, bytes: Bytes::Memory(bytes) }
    }

    /// Fills `into` with the bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), TraceError> {
        let outcome = match &self.bytes {
            Bytes::File(file) => read_exact_at(file, into, offset),
            Bytes::Memory(bytes) => usize::try_from(offset)
                .ok()
                .and_then(|start| bytes.get(start..)?.get(..into.len()))
                .map(|found| into.copy_from_slice(found))
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
        };
        outcome.map_err(|error| self.refused(offset, error))
    }

    /// Hands the bytes from `offset` on to `each`, a piece at a time. Pieces have an even length.
    pub(super) fn read_pieces(
        &self,
        offset: u64,
        len: u64,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), TraceError> {
        let mut buffer = vec![0; CHUNK];
        let mut done = 0;
        while done < len {
            let size = usize::try_from(len - done).map_or(CHUNK, |left| left.min(CHUNK));
            let piece = &mut buffer[..size];
            self.read(offset + done, piece)?;
            each(piece);
            done += size as u64;
        }
        Ok(())
    }

    /// SHA-256 of all bytes, in lower-case hexadecimal.
    pub(super) fn digest(&self) -> Result<String, TraceError> {
        let mut hash = Sha256::new();
        self.read_pieces(0, self.len, |piece| hash.update(piece))?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn refused(&self, offset: u64, error: io::Error) -> TraceError {
        let place = Place::Byte(offset);
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let rule = format!(
                "the file must keep the {} bytes that it had when it was opened; it was cut short",
                self.len
            );
            return Fault::new(place, rule).in_file(&self.name);
        }
        TraceError::Io { file: self.name.clone(), place, source: error }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut into: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !into.is_empty() {
        let got = std::os::windows::fs::FileExt::seek_read(file, into, offset)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into = &mut into[got..];
        offset += got as u64;
    }
    Ok(())
}
