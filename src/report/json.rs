//! The report as JSON: every number, keys in a fixed order.

use std::io::{self, Write};

use super::Report;

pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
