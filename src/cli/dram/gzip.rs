//! Decompresses gzip files: members one after the other (RFC 1952, section 2.2), and nothing else.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The bytes of all members. What follows the last one and is no member is an error, not the end: half of a trace looks
/// like a trace.
pub(super) struct Gzip<R> {
    /// None when all have been read.
    member: Option<GzDecoder<Counted<R>>>,
    /// Where it starts in the file.
    start: u64,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(Counted { input, count: 0 })), start: 0 }
    }

    /// Goes on to the next member, if there is one.
    fn next_member(&mut self) -> io::Result<()> {
        let Some(member) = &mut self.member else { return Ok(()) };
        // Before the member is taken: a read that is interrupted here is tried again.
        let is_last = member.get_mut().fill_buf()?.is_empty();
        let input = self.member.take().map(GzDecoder::into_inner).filter(|_| !is_last);
        if let Some(input) = input {
            self.start = input.count;
            self.member = Some(GzDecoder::new(input));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(buffer) {
                Ok(0) => self.next_member()?,
                Err(error) => return Err(explained(error, member, self.start)),
                read => return read,
            }
        }
        Ok(0)
    }
}

/// An error of a member that starts at this byte, with its place in the file.
fn explained<R: BufRead>(
    error: io::Error,
    member: &GzDecoder<Counted<R>>,
    start: u64,
) -> io::Error {
    let is_member = start == 0 || member.header().is_some();
    let rule = match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof if !is_member => format!(
            "what follows the gzip data, from byte {}, must be more of them or nothing",
            start + 1
        ),
        io::ErrorKind::UnexpectedEof => {
            let count = member.get_ref().count;
            format!("the gzip data must go on after byte {count}: they are cut short")
        }
        _ => return error,
    };
    io::Error::new(error.kind(), rule)
}

/// Counts the bytes that are taken.
struct Counted<R> {
    input: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
        self.count += amount as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes everything");
        encoder.finish().expect("memory takes everything")
    }

    /// In steps of so many bytes, so that every border of the file falls into each place of a step.
    fn text_of(bytes: &[u8], step: usize) -> Result<String, String> {
        let mut text = String::new();
        let read = Gzip::new(BufReader::with_capacity(step, bytes)).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn members_follow_each_other() {
        let members = [member("R 0x40\n"), member(""), member("R 0x80\n")].concat();
        for step in 1..40 {
            assert_eq!(text_of(&members, step).as_deref(), Ok("R 0x40\nR 0x80\n"));
        }
    }

    /// Is interrupted before every look at its bytes.
    struct Interrupted<'a>(&'a [u8], bool);

    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.fill_buf()?.read(buffer)?;
            self.consume(read);
            Ok(read)
        }
    }

    impl BufRead for Interrupted<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { Ok(self.0) }
        }

        fn consume(&mut self, amount: usize) {
            self.0.consume(amount);
        }
    }

    #[test]
    fn an_interruption_between_members_loses_none() {
        let members = [member("R 0x40\n"), member("R 0x80\n")].concat();
        let mut text = String::new();
        Gzip::new(Interrupted(&members, false)).read_to_string(&mut text).expect("it is whole");
        assert_eq!(text, "R 0x40\nR 0x80\n");
    }

    #[test]
    fn what_follows_the_last_member_is_told_with_its_place() {
        let whole = [member("R 0x40\n"), member("R 0x80\n")].concat();
        for rest in
            [&b"j"[..], b"junk that is long enough", b"\0", b"\0\0\0\0", b"\x1f\x8b", b"\x1fx"]
        {
            let place = whole.len() + 1;
            let rule = "must be more of them or nothing";
            let expected = format!("what follows the gzip data, from byte {place}, {rule}");
            for step in 1..40 {
                assert_eq!(text_of(&[&whole[..], rest].concat(), step), Err(expected.clone()));
            }
        }
    }

    #[test]
    fn a_member_that_is_cut_short_is_told_with_its_place() {
        let first = member("R 0x40\n");
        let whole = [first.clone(), member("R 0x80\n")].concat();
        for end in (3..first.len()).chain(first.len() + 10..whole.len()) {
            let expected = format!("the gzip data must go on after byte {end}: they are cut short");
            assert_eq!(text_of(&whole[..end], 7), Err(expected), "{end} bytes");
        }
    }
}
