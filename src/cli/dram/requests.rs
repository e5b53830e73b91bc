//! Opens a request trace: a file or standard input, plain or compressed by gzip.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Cursor, Read},
};

use tamis_dram::{RequestTrace, TraceError};

use super::gzip::Gzip;
use crate::exit::{Exit, Failure};

/// What a gzip file starts with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A trace that is being read, and what messages call it.
pub(super) struct Requests {
    pub(super) name: String,
    pub(super) trace: RequestTrace<Box<dyn BufRead + Send>>,
}

/// Opens a trace whose addresses are multiples of `alignment`; `-` is standard input.
pub(super) fn open(path: &str, alignment: u64) -> Result<Requests, Failure> {
    // A name without characters is seen when it is quoted.
    let name = if path.is_empty() { "``" } else { path };
    let cannot =
        |reason: &dyn std::fmt::Display| Failure::new(Exit::Input, format!("{name}: {reason}"));
    if path == "-" {
        let name = "standard input".to_owned();
        let input = plain(Box::new(BufReader::new(io::stdin())));
        let input = input.map_err(|error| Failure::new(Exit::Input, format!("{name}: {error}")))?;
        return Ok(Requests { name, trace: RequestTrace::new(input, alignment) });
    }
    // A pipe is welcome: what a shell writes as <(…) is one.
    if fs::metadata(path).map_err(|error| cannot(&error))?.is_dir() {
        return Err(cannot(&"must be a file, not a directory"));
    }
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let input = plain(Box::new(BufReader::new(file))).map_err(|error| cannot(&error))?;
    Ok(Requests { name: path.to_owned(), trace: RequestTrace::new(input, alignment) })
}

/// The bytes, decompressed if they start like a gzip file.
fn plain(mut input: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut head = Vec::new();
    (&mut input).take(GZIP.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head == GZIP;
    let whole = Cursor::new(head).chain(input);
    Ok(if is_gzip { Box::new(BufReader::new(Gzip::new(whole))) } else { Box::new(whole) })
}

/// The message of an error of a trace.
pub(super) fn failure(name: &str, error: &TraceError) -> Failure {
    Failure::new(Exit::Input, format!("{name}:{error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn text_of(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        plain(Box::new(Cursor::new(bytes)))?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes everything");
        encoder.finish().expect("memory takes everything")
    }

    #[test]
    fn gzip_is_told_by_its_first_bytes() {
        for text in ["", "0", "R 0x40\nR 0x80\n"] {
            assert_eq!(text_of(text.into()).expect("plain"), text);
            assert_eq!(text_of(gzip(text)).expect("compressed"), text);
        }
        let two = [gzip("R 0x40\n"), gzip("R 0x80\n")].concat();
        assert_eq!(text_of(two).expect("two members"), "R 0x40\nR 0x80\n");
    }

    #[test]
    fn a_compressed_file_that_is_cut_short_is_an_error() {
        let mut bytes = gzip("R 0x40\nR 0x80\n");
        bytes.truncate(bytes.len() - 4);
        assert!(text_of(bytes).is_err());
    }
}
