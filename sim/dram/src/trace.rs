//! Reads request traces: plain text, a request a line, as Ramulator's and other simulators' users keep them.
//!
//! ```text
//! # comments and empty lines mean nothing
//! R 0x1f40      # a read
//! W 0x1f80      # a write
//! 0x2000        # an address alone is a read
//! ```
//!
//! Addresses are those of bytes, hexadecimal, with or without `0x`. A line is read at a time, so that a trace of any
//! length needs no memory.

use std::io::{self, BufRead, Read};

use crate::{Access, Kind};

/// Longest line; a longer one is something else than a request.
const LONGEST_LINE: usize = 4096;

/// Characters of a word that a message quotes.
const QUOTED: usize = 40;

/// Why a trace cannot be read on. Fits after the name of the file and a colon.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A line breaks a rule.
    #[error("{line}:{column}: {rule}")]
    Line {
        /// From 1.
        line: u64,
        /// From 1, in bytes.
        column: usize,
        /// What must hold, and what was found.
        rule: String,
    },
    /// The bytes did not come: of a file, of a compressed one that is cut short or not sound.
    #[error("{line}: {source}")]
    Io {
        /// The line that was being read, from 1.
        line: u64,
        /// Why.
        source: io::Error,
    },
}

/// The requests of a trace, in order. Ends after the first error.
#[derive(Debug)]
pub struct RequestTrace<R> {
    input: R,
    alignment: u64,
    line: u64,
    text: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> RequestTrace<R> {
    /// Reads requests whose addresses are multiples of `alignment` bytes.
    ///
    /// # Panics
    /// When `alignment` is 0.
    #[must_use]
    pub fn new(input: R, alignment: u64) -> Self {
        assert!(alignment > 0, "every address is a multiple of 1, and none of 0");
        Self { input, alignment, line: 0, text: Vec::new(), ended: false }
    }

    /// The request of the next line that has one.
    fn request(&mut self) -> Result<Option<Access>, TraceError> {
        while self.read_line()? {
            let parsed = parse(&self.text, self.alignment);
            let found = parsed.map_err(|Broken { column, rule }| TraceError::Line {
                line: self.line,
                column,
                rule,
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Whether there was another line.
    fn read_line(&mut self) -> Result<bool, TraceError> {
        self.text.clear();
        self.line += 1;
        let mut limited = (&mut self.input).take(LONGEST_LINE as u64 + 1);
        let read = limited.read_until(b'\n', &mut self.text);
        let read = read.map_err(|source| TraceError::Io { line: self.line, source })?;
        if read > LONGEST_LINE {
            let rule =
                format!("must be a request, and is a line of more than {LONGEST_LINE} bytes");
            return Err(TraceError::Line { line: self.line, column: 1, rule });
        }
        Ok(read > 0)
    }
}

impl<R: BufRead> Iterator for RequestTrace<R> {
    type Item = Result<Access, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let request = self.request().transpose();
        self.ended = !matches!(request, Some(Ok(_)));
        request
    }
}

/// What is wrong with a line, and where.
struct Broken {
    column: usize,
    rule: String,
}

impl Broken {
    fn at(column: usize, rule: impl Into<String>) -> Self {
        Self { column, rule: rule.into() }
    }
}

/// The request of a line, if it has one.
fn parse(line: &[u8], alignment: u64) -> Result<Option<Access>, Broken> {
    let end = line.iter().position(|byte| *byte == b'#').unwrap_or(line.len());
    let mut words = Words { line: &line[..end], at: 0 };
    let Some((column, first)) = words.next() else { return Ok(None) };
    let (kind, (column, word)) = match (kind(first), words.next()) {
        (Some(kind), Some(second)) => (kind, second),
        (None, None) => (Kind::Read, (column, first)),
        (Some(_), None) => return Err(Broken::at(column, "must have an address after R or W")),
        (None, Some(_)) => return Err(Broken::at(column, shape(line))),
    };
    if let Some((column, _)) = words.next() {
        return Err(Broken::at(column, shape(line)));
    }
    let address = address(word).map_err(|rule| Broken::at(column, rule))?;
    if !address.is_multiple_of(alignment) {
        let rule = format!("address must be a multiple of {alignment} (found {address:#x})");
        return Err(Broken::at(column, rule));
    }
    Ok(Some(Access { address, kind }))
}

fn shape(line: &[u8]) -> String {
    let found = quoted(line.trim_ascii());
    format!("must be `R ADDRESS`, `W ADDRESS` or an address alone (found {found})")
}

fn kind(word: &[u8]) -> Option<Kind> {
    match word {
        b"R" | b"r" => Some(Kind::Read),
        b"W" | b"w" => Some(Kind::Write),
        _ => None,
    }
}

fn address(word: &[u8]) -> Result<u64, String> {
    if word.starts_with(b"-") {
        return Err(format!("address must not be negative (found {})", quoted(word)));
    }
    let digits = match word {
        [b'0', b'x' | b'X', digits @ ..] => digits,
        digits => digits,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        let found = quoted(word);
        return Err(format!("address must be hexadecimal, such as 0x1f40 (found {found})"));
    }
    let add = |sum: Option<u64>, digit: &u8| {
        let digit = char::from(*digit).to_digit(16)?;
        sum?.checked_mul(16).map(|sum| sum | u64::from(digit))
    };
    let value = digits.iter().fold(Some(0), add);
    value.ok_or_else(|| format!("address must be below 2^64 (found {})", quoted(word)))
}

/// What stands in the file, fit for a terminal.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = text.chars().take(QUOTED).flat_map(char::escape_debug).collect::<String>();
    let rest = if text.chars().count() > QUOTED { "…" } else { "" };
    format!("`{shown}{rest}`")
}

/// The words of a line, each with its column.
struct Words<'l> {
    line: &'l [u8],
    at: usize,
}

impl<'l> Iterator for Words<'l> {
    type Item = (usize, &'l [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.line[self.at..];
        let start = self.at + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = &self.line[start..];
        let length = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        self.at = start + length;
        Some((start + 1, &rest[..length]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Access>, String> {
        RequestTrace::new(text, 64)
            .map(|request| request.map_err(|error| error.to_string()))
            .collect()
    }

    fn access(kind: Kind, address: u64) -> Access {
        Access { address, kind }
    }

    #[test]
    fn reads_writes_and_bare_addresses() {
        let text = b"R 0x40\nW 0X80\n c0 \nr 100\r\nw\t0x0140";
        let expected = [
            access(Kind::Read, 0x40),
            access(Kind::Write, 0x80),
            access(Kind::Read, 0xc0),
            access(Kind::Read, 0x100),
            access(Kind::Write, 0x140),
        ];
        assert_eq!(read(text).expect("all lines are requests"), expected);
    }

    #[test]
    fn comments_and_empty_lines_are_skipped_and_counted() {
        let text = b"# head\n\n  \nR 0x40 # tail\nR 0x41\n";
        let error = read(text).expect_err("0x41 is not aligned");
        assert_eq!(error, "5:3: address must be a multiple of 64 (found 0x41)");
        assert_eq!(read(b"\n#\n").expect("nothing is wrong"), []);
    }

    #[test]
    fn the_largest_address_is_the_last_of_64_bits() {
        let text = b"0xffffffffffffffc0\n00000000000000000000040";
        let expected = [access(Kind::Read, u64::MAX - 63), access(Kind::Read, 0x40)];
        assert_eq!(read(text).expect("all fit"), expected);
        let error = read(b"0x10000000000000000").expect_err("it has 65 bits");
        assert_eq!(error, "1:1: address must be below 2^64 (found `0x10000000000000000`)");
    }

    #[test]
    fn each_fault_has_its_place_and_rule() {
        for (line, expected) in [
            ("R -0x40", "1:3: address must not be negative (found `-0x40`)"),
            ("-64", "1:1: address must not be negative (found `-64`)"),
            ("R 0x", "1:3: address must be hexadecimal, such as 0x1f40 (found `0x`)"),
            ("R +40", "1:3: address must be hexadecimal, such as 0x1f40 (found `+40`)"),
            ("hello", "1:1: address must be hexadecimal, such as 0x1f40 (found `hello`)"),
            (
                "W 4\x1b[0m",
                "1:3: address must be hexadecimal, such as 0x1f40 (found `4\\u{1b}[0m`)",
            ),
            ("  W", "1:3: must have an address after R or W"),
            ("R 0x20", "1:3: address must be a multiple of 64 (found 0x20)"),
        ] {
            assert_eq!(read(line.as_bytes()).expect_err(line), expected);
        }
        for (line, column) in [("0x40 R", 1), ("0x40 READ 12", 1), ("R 0x40 7", 8), ("X 0x40", 1)] {
            let rule = "must be `R ADDRESS`, `W ADDRESS` or an address alone";
            let expected = format!("1:{column}: {rule} (found `{line}`)");
            assert_eq!(read(line.as_bytes()).expect_err(line), expected);
        }
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_is_read() {
        let endless = io::BufReader::new(io::repeat(b'0'));
        let error = RequestTrace::new(endless, 1).next().expect("an item").expect_err("no request");
        assert!(
            error.to_string().starts_with("1:1: must be a request, and is a line of more than")
        );
        let longest = [b"R 0x40".to_vec(), vec![b' '; LONGEST_LINE - 7], b"\n".to_vec()].concat();
        assert_eq!(longest.len(), LONGEST_LINE);
        assert_eq!(read(&longest).expect("just short enough").len(), 1);
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut trace = RequestTrace::new(&b"junk\nR 0x40\n"[..], 64);
        assert!(trace.next().is_some_and(|request| request.is_err()));
        assert!(trace.next().is_none());
    }
}
