//! The DRAM's section of the machine file.

use std::num::NonZeroU64;

use crate::{
    choices,
    dram::Dram,
    parameters,
    reader::Rule,
    reader::{Block, Field, Section, Written},
    units::{Bytes, Megahertz},
};

parameters! {
    /// The memory system.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DramSection {
        /// What the chips are.
        pub standard: StandardName,
        /// Channels; each is independent.
        pub channels: u32 where Rule::power_of_two(1, 64)
            .because("the channel is a slice of the address"),
    }
}

choices! {
    /// The DRAM standards that Tamis knows.
    pub enum StandardName {
        /// HBM2 at 2.0 Gb/s a pin: 32 GB/s a channel.
        Hbm2 = "hbm2",
    }
}

impl Block for Dram {
    const PURPOSE: &'static str = DramSection::PURPOSE;

    fn fields() -> Vec<Field> {
        DramSection::fields()
    }

    fn read(section: Section<'_, '_>) -> Option<Self> {
        let DramSection { standard: StandardName::Hbm2, channels } = DramSection::read(section)?;
        let clock = Megahertz(const { NonZeroU64::new(1000).expect("1000 is not zero") });
        Some(Self { channels, clock, transaction: Bytes(32) })
    }

    fn write(&self) -> Vec<(Field, Written)> {
        DramSection { standard: StandardName::Hbm2, channels: self.channels }.write()
    }
}
