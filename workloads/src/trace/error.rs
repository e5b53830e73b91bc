//! What can be wrong with a trace: the file, the place in it, and the rule.

use std::{fmt, io};

/// Why a trace could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The operating system refused.
    #[error("{file}: {place}: {source}")]
    Io {
        /// The file, as the caller named it.
        file: String,
        /// What was being read or written.
        place: Place,
        /// Its reason.
        source: io::Error,
    },
    /// The contents break a rule of the format.
    #[error("{file}: {place}: {rule}")]
    Invalid {
        /// The file, as the caller named it.
        file: String,
        /// Where in it.
        place: Place,
        /// The rule, and what was found instead.
        rule: String,
    },
}

/// Where in a trace something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A byte of the file, from 0.
    Byte(u64),
    /// An entry of the header's metadata.
    Metadata(String),
    /// A tensor.
    Tensor(String),
    /// One value of a tensor.
    Value {
        /// Name of the tensor.
        tensor: String,
        /// Head, from 0.
        head: u32,
        /// Token, from 0.
        token: u32,
        /// Place in the vector, from 0.
        dim: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => write!(f, "the file"),
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Metadata(key) => write!(f, "metadata `{key}`"),
            Self::Tensor(name) => write!(f, "tensor `{name}`"),
            Self::Value { tensor, head, token, dim } => {
                write!(f, "tensor `{tensor}` at head {head}, token {token}, dim {dim}")
            }
        }
    }
}

/// A broken rule, before the name of the file is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) rule: String,
}

impl Fault {
    pub(super) fn new(place: Place, rule: impl Into<String>) -> Self {
        Self { place, rule: rule.into() }
    }

    pub(super) fn metadata(key: &str, rule: impl Into<String>) -> Self {
        Self::new(Place::Metadata(short(key).to_owned()), rule)
    }

    pub(super) fn tensor(name: &str, rule: impl Into<String>) -> Self {
        Self::new(Place::Tensor(short(name).to_owned()), rule)
    }

    pub(super) fn in_file(self, file: &str) -> TraceError {
        TraceError::Invalid { file: file.to_owned(), place: self.place, rule: self.rule }
    }
}

/// The start of a text from the file, which may be as long as the header.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(120).map_or(text, |(end, _)| &text[..end])
}
