//! The commands of a DRAM, where they go, and the buses they travel on (JESD235, JESD79).

use crate::choices;

choices! {
    /// A DRAM command.
    pub enum Command {
        /// Opens a row of a bank.
        Activate = "ACT",
        /// Closes the row of a bank.
        Precharge = "PRE",
        /// Closes the rows of all banks of a pseudo-channel.
        PrechargeAll = "PREA",
        /// Reads a transaction from the open row.
        Read = "RD",
        /// Writes a transaction to the open row.
        Write = "WR",
        /// Reads, then closes the row.
        ReadAuto = "RDA",
        /// Writes, then closes the row.
        WriteAuto = "WRA",
        /// Refreshes all banks of a pseudo-channel, which must be closed.
        RefreshAll = "REFAB",
        /// Refreshes one bank, which must be closed.
        RefreshBank = "REFPB",
    }

    /// How far a timing constraint reaches.
    pub enum Level {
        /// All commands of a channel.
        Channel = "channel",
        /// Commands to one pseudo-channel (or rank).
        PseudoChannel = "pseudo-channel",
        /// Commands to one bank group.
        BankGroup = "bank-group",
        /// Commands to one bank.
        Bank = "bank",
    }

    /// The command buses of a channel.
    pub enum Buses {
        /// One for row commands, one for column commands: a command each in a clock (HBM).
        RowAndColumn = "row-and-column",
        /// One for all (DDR, GDDR, LPDDR).
        Single = "single",
    }
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
