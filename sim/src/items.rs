//! What travels on the links of the machine.

use arrayvec::ArrayVec;
use tamis_dram::Location;

/// The most fetch lanes that a machine may have, and so the most values that are asked for at once.
pub const MAX_LANES: usize = 64;

/// Number of a row since the start of the run, in the order of the plan.
pub type RowId = u32;

/// Number of a batch since the start of the run.
pub type BatchId = u32;

/// What a transaction carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// A query, to the key buffer's query store.
    Query,
    /// First pass of K, to the key buffer.
    KeyMsb,
    /// Second pass of K, to the key buffer.
    KeyLsb,
    /// V, to the value buffer.
    Value,
    /// An output, to DRAM.
    Output,
    /// A new K or V, to DRAM.
    Append,
}

impl Stream {
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Where a response goes: a place in a batch, and which one (a query, a K block, a V line).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What it is.
    pub stream: Stream,
    /// Whose it is.
    pub batch: BatchId,
    /// Query of the batch, block of keys, or place in the V directory.
    pub index: u32,
}

/// One DRAM access on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Byte address.
    pub address: u64,
    /// Its purpose.
    pub to: Destination,
    /// Fetch lane; the lane after the last is the write-back's.
    pub lane: u8,
    /// Slot of the lane's reorder buffer.
    pub slot: u32,
    /// Whether it is the last of its flight.
    pub ends_flight: bool,
}

impl Transaction {
    /// What comes back of it.
    #[inline]
    #[must_use]
    pub fn response(&self) -> Response {
        Response { to: self.to, slot: self.slot, lane: self.lane, ends_flight: self.ends_flight }
    }
}

/// What comes back of a transaction: all but its address, which nobody needs then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its purpose.
    pub to: Destination,
    /// Slot of the lane's reorder buffer.
    pub slot: u32,
    /// Fetch lane; the lane after the last is the write-back's.
    pub lane: u8,
    /// Whether it is the last of its flight.
    pub ends_flight: bool,
}

/// A transaction on its way to its channel, its address replaced by the place that this means.
#[derive(Clone, Copy, Debug)]
pub struct Routed {
    /// What is to come back.
    pub response: Response,
    /// Where it goes.
    pub location: Location,
}

/// Transactions that leave the fetcher together.
pub type Flight = Vec<Transaction>;

/// Responses that come back together, at most one a lane.
pub type Returns = Vec<Response>;

/// Responses that arrive together, joined where they go to the same place.
pub type Arrivals = Vec<(Destination, u32)>;

/// Lanes whose oldest response was handed on, as a bit mask: room in their reorder buffers.
pub type LaneCredits = u64;

/// Rows that the key buffer reads for together, line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// First row.
    pub first: RowId,
    /// Rows; of a replay, only those that refetch take part.
    pub rows: u32,
    /// Second pass, with all bits.
    pub full: bool,
}

/// A line of keys, read for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// For whom.
    pub row: RowId,
    /// Keys in the line that the row sees.
    pub keys: u32,
    /// Whether it is the row's last.
    pub last: bool,
    /// Second pass, with all bits.
    pub full: bool,
}

/// Scores of one line, as the QK array emits them.
pub type ScoreLine = KeyLine;

/// Probabilities of `softmax.lanes` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbLine {
    /// Whose.
    pub row: RowId,
    /// First key, counted from the first that the row sees.
    pub start: u32,
    /// Keys.
    pub keys: u32,
    /// Whether it is the row's last.
    pub last: bool,
    /// Second pass, with all bits.
    pub full: bool,
}

/// Keys of a row of which it is settled which values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// Whose.
    pub row: RowId,
    /// First key, as a place in the batch's list of tokens.
    pub start: u32,
    /// Keys.
    pub keys: u32,
    /// Whether it is the row's last.
    pub last: bool,
}

/// Values to fetch, for one group of heads: tokens, each with its place in the V directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueIds {
    /// Batch.
    pub batch: BatchId,
    /// Whether a row waits for them; otherwise they are fetched ahead.
    pub urgent: bool,
    /// Group of heads, token, line of the V directory.
    pub ids: ArrayVec<ValueId, MAX_LANES>,
}

/// One value to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueId {
    /// Group of heads in the batch.
    pub group: u32,
    /// Position of the token in the sequence.
    pub token: u32,
    /// Line of the V directory that waits for it.
    pub line: u32,
}

/// A line of values, read for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueLine {
    /// For whom.
    pub row: RowId,
    /// Values in the line that the row keeps; none at the end of a row whose last line left before it was
    /// known to be the last.
    pub values: u32,
    /// Whether it is the row's last.
    pub last: bool,
}

/// Room given back by the key buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCredit {
    /// Lines freed.
    pub lines: u32,
    /// Queries freed.
    pub queries: u32,
    /// Batches of which every row is decided and all that was asked for has come.
    pub batches: u32,
    /// Batches whose keys have streamed through once, the last of them too.
    pub streamed: u32,
}

/// Room given back by the refetch buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCredit {
    /// Lines of probabilities handed on.
    pub lines: u32,
    /// Rows handed on whole.
    pub rows: u32,
}

/// A selection at the end of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectJob {
    /// Batch that ended the layer.
    pub batch: BatchId,
    /// What is chosen from.
    pub of: Candidates,
}

/// What a selection at the end of a layer chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// Tokens.
    Tokens,
    /// Heads.
    Heads,
}
