//! The commands of a DRAM, where they go, and the buses they travel on (JESD235, JESD79).

use serde::{Deserialize, Serialize};

/// A DRAM command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Opens a row of a bank.
    #[serde(rename = "ACT")]
    Activate,
    /// Closes the row of a bank.
    #[serde(rename = "PRE")]
    Precharge,
    /// Closes the rows of all banks of a pseudo-channel.
    #[serde(rename = "PREA")]
    PrechargeAll,
    /// Reads a transaction from the open row.
    #[serde(rename = "RD")]
    Read,
    /// Writes a transaction to the open row.
    #[serde(rename = "WR")]
    Write,
    /// Reads, then closes the row.
    #[serde(rename = "RDA")]
    ReadAuto,
    /// Writes, then closes the row.
    #[serde(rename = "WRA")]
    WriteAuto,
    /// Refreshes all banks of a pseudo-channel, which must be closed.
    #[serde(rename = "REFAB")]
    RefreshAll,
    /// Refreshes one bank, which must be closed.
    #[serde(rename = "REFPB")]
    RefreshBank,
}

/// What a command is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One bank.
    Bank,
    /// All banks of a pseudo-channel.
    Pseudo,
}

impl Command {
    /// How many commands there are.
    pub const COUNT: usize = 9;

    /// All of them, in the order of [`Command::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Activate,
        Self::Precharge,
        Self::PrechargeAll,
        Self::Read,
        Self::Write,
        Self::ReadAuto,
        Self::WriteAuto,
        Self::RefreshAll,
        Self::RefreshBank,
    ];

    /// Its place in [`Command::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it travels on the column bus, where a standard has two.
    #[must_use]
    pub const fn is_column(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::ReadAuto | Self::WriteAuto)
    }

    /// What it is addressed to.
    #[must_use]
    pub const fn target(self) -> Target {
        match self {
            Self::PrechargeAll | Self::RefreshAll => Target::Pseudo,
            _ => Target::Bank,
        }
    }
}

/// How far a timing constraint reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All commands of a channel.
    Channel,
    /// Commands to one pseudo-channel (or rank).
    PseudoChannel,
    /// Commands to one bank group.
    BankGroup,
    /// Commands to one bank.
    Bank,
}

/// The command buses of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Buses {
    /// One for row commands, one for column commands: a command each in a clock (HBM).
    RowAndColumn,
    /// One for all (DDR, GDDR, LPDDR).
    Single,
}
