//! The DRAM's section of the machine file.

use std::path::Path;

use crate::{
    dram::{
        Controller, Dram, MappingSpec, PagePolicy, Refresh, Scheduler, Sharing, Standard,
        standard_source,
    },
    parameters,
    reader::{Block, Field, Rule, Section, Written},
};

parameters! {
    /// The memory system.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DramSection {
        /// What the chips are: the name of a standard, or a file of one (`.toml`, from this file's folder).
        pub standard: String,
        /// Channels; each is independent.
        pub channels: u32 where Rule::power_of_two(1, 64)
            .because("the channel is a slice of the address"),
        /// Which address bit is what: `tamis`, `RoBaRaCoCh`, `MOP4CLXOR`, `RoRaBgBaChCo`, or a list of fields,
        /// most significant first (`docs/reference/dram.md`).
        pub mapping: String,
        /// Reads of a channel that wait for their row to be opened, or for their turn in an open one.
        pub read_queue: u32 where Rule::between(1, 4096),
        /// Writes of a channel that wait.
        pub write_queue: u32 where Rule::between(1, 4096),
        /// Writes are served from when more than this share of the write queue is filled.
        pub write_high_percent: u32 where Rule::between(0, 100),
        /// Reads are served again from when less than this share is filled.
        pub write_low_percent: u32 where Rule::between(0, 100),
        /// How rows are kept alive.
        pub refresh: Refresh,
        /// Whether the pseudo-channels of a channel share its command buses.
        pub command_bus: Sharing,
        /// Which of the requests that could be served is.
        pub scheduler: Scheduler,
        /// Requests that a row serves while an older one waits for its bank; not used by other schedulers than
        /// `fr-fcfs-cap`.
        pub hit_cap: u32 where Rule::between(1, 1024),
        /// When a row is closed, other than for a refresh.
        pub page: PagePolicy,
        /// Ticks of the DRAM's command clock after which a row that nobody asks for is closed; not used by other
        /// policies than `timeout`.
        pub page_timeout: u32 where Rule::between(0, 1_000_000),
    }
}

impl Block for Dram {
    const PURPOSE: &'static str = DramSection::PURPOSE;

    fn fields() -> Vec<Field> {
        DramSection::fields()
    }

    fn read(mut section: Section<'_, '_>) -> Option<Self> {
        let standard = read_standard(&mut section);
        let checks = joint_rules(&mut section, standard.as_ref());
        let written = DramSection::read(section);
        let (written, standard, mapping) = (written?, standard?, checks?);
        let controller = Controller {
            read_queue: written.read_queue,
            write_queue: written.write_queue,
            write_high_percent: written.write_high_percent,
            write_low_percent: written.write_low_percent,
            refresh: written.refresh,
            command_bus: written.command_bus,
            scheduler: written.scheduler,
            hit_cap: written.hit_cap,
            page: written.page,
            page_timeout: written.page_timeout,
        };
        Some(Self::of(written.standard, standard, written.channels, mapping, controller))
    }

    fn write(&self) -> Vec<(Field, Written)> {
        let controller = &self.controller;
        DramSection {
            standard: self.standard_name.clone(),
            channels: self.channels,
            mapping: self.mapping.text.clone(),
            read_queue: controller.read_queue,
            write_queue: controller.write_queue,
            write_high_percent: controller.write_high_percent,
            write_low_percent: controller.write_low_percent,
            refresh: controller.refresh,
            command_bus: controller.command_bus,
            scheduler: controller.scheduler,
            hit_cap: controller.hit_cap,
            page: controller.page,
            page_timeout: controller.page_timeout,
        }
        .write()
    }
}

/// The standard that the section names; its own faults are noted where they stand.
fn read_standard(section: &mut Section<'_, '_>) -> Option<Standard> {
    let name = section.peek::<String>("standard")?;
    let place = section.place("standard")?;
    let folder = Path::new(&place.source().name).parent().unwrap_or(Path::new(""));
    match standard_source(&name, folder) {
        Ok(source) => Standard::read(source, section.faults()),
        Err(reason) => {
            section.note("standard", &format!("must be a DRAM standard: {reason}"));
            None
        }
    }
}

/// The rules that join parameters of the section.
fn joint_rules(section: &mut Section<'_, '_>, standard: Option<&Standard>) -> Option<MappingSpec> {
    let high = section.peek::<u32>("write_high_percent");
    let low = section.peek::<u32>("write_low_percent");
    if let (Some(high), Some(low)) = (high, low)
        && low > high
    {
        let places = [section.place("write_low_percent"), section.place("write_high_percent")];
        let message = format!(
            "`dram.write_low_percent` must not be above `dram.write_high_percent` ({low} > {high})"
        );
        section.faults().note(message, places.into_iter().flatten());
    }
    if section.peek::<Refresh>("refresh") == Some(Refresh::PerBank)
        && standard.is_some_and(|standard| !standard.refreshes_banks())
    {
        let message = "cannot be \"per-bank\": the standard has no refresh of single banks";
        section.note("refresh", message);
    }
    let text = section.peek::<String>("mapping")?;
    // A number that is no power of two has a fault of its own.
    let channels = section.peek::<u32>("channels").filter(|count| count.is_power_of_two())?;
    match MappingSpec::parse(&text, channels, &standard?.organisation) {
        Ok(mapping) => Some(mapping),
        Err(error) => {
            section.note("mapping", &format!("is not a mapping of this memory: {error}"));
            None
        }
    }
}
