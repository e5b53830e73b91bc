//! What can be wrong with a table: the file, the line, and the rule.

use std::io;

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The operating system refused.
    #[error("{file}: {source}")]
    Io {
        /// The file, as the caller named it.
        file: String,
        /// Its reason.
        source: io::Error,
    },
    /// The file as a whole breaks a rule.
    #[error("{file}: {rule}")]
    File {
        /// The file, as the caller named it.
        file: String,
        /// The rule, and what was found instead.
        rule: String,
    },
    /// A line breaks a rule.
    #[error("{file}:{line}: {rule}")]
    Line {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The rule, and what was found instead.
        rule: String,
    },
}
