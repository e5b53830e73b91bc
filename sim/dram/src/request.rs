//! What goes into a channel, and what comes out.

use crate::Tick;

/// Whether a request reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Data come back.
    Read,
    /// Data go in.
    Write,
}

impl Kind {
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// Where a transaction lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// Channel of the memory.
    pub channel: u32,
    /// Pseudo-channel of the channel.
    pub pseudo: u32,
    /// Bank group of the pseudo-channel.
    pub group: u32,
    /// Bank of the group.
    pub bank: u32,
    /// Row of the bank.
    pub row: u32,
    /// Transaction of the row.
    pub column: u32,
}

/// One transaction, asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Comes back with the [`Completion`]; means nothing to the model.
    pub id: u64,
    /// Where. The channel number is not looked at by a [`Channel`](crate::Channel).
    pub location: Location,
    /// Read or write.
    pub kind: Kind,
}

/// One transaction, done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completion {
    /// When its last beat was on the data bus.
    pub at: Tick,
    /// The request's.
    pub id: u64,
}

/// The queue for this kind of request is full: try again when
/// [`next_event`](crate::Channel::next_event) says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the channel is full")]
pub struct Full;
