//! All channels of a memory behind one byte address.

use tamis_arch::dram::Dram;

use crate::{Channel, Completion, Full, Kind, Location, Mapping, Request, Stats, Tick};

/// A memory: its channels and the mapping that spreads addresses over them.
#[derive(Clone, Debug)]
pub struct Memory {
    mapping: Mapping,
    channels: Vec<Channel>,
}

impl Memory {
    /// A memory at reset.
    #[must_use]
    pub fn new(dram: &Dram) -> Self {
        let channels = vec![Channel::new(dram); dram.channels as usize];
        Self { mapping: Mapping::new(dram), channels }
    }

    /// Where a byte address lies.
    #[must_use]
    pub fn decode(&self, address: u64) -> Location {
        self.mapping.decode(address)
    }

    /// The channels, in order.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The channels, in order, to drive them one by one.
    pub fn channels_mut(&mut self) -> &mut [Channel] {
        &mut self.channels
    }

    /// Offers the transaction that holds a byte address.
    ///
    /// # Errors
    /// [`Full`] when the queue of its channel has no entry left.
    pub fn push(&mut self, now: Tick, id: u64, address: u64, kind: Kind) -> Result<(), Full> {
        let location = self.decode(address);
        self.channel_mut(location.channel).push(now, Request { id, location, kind })
    }

    /// The earliest [`Channel::next_event`].
    #[must_use]
    pub fn next_event(&self) -> Option<Tick> {
        self.channels.iter().filter_map(Channel::next_event).min()
    }

    /// Lets time pass in all channels; appends what has completed, channel by channel.
    pub fn advance(&mut self, to: Tick, done: &mut Vec<Completion>) {
        self.channels.iter_mut().for_each(|channel| channel.advance(to, done));
    }

    /// What happened, all channels together.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        self.channels.iter().for_each(|channel| total += &channel.stats());
        total
    }

    fn channel_mut(&mut self, channel: u32) -> &mut Channel {
        &mut self.channels[usize::try_from(channel).expect("a channel number fits memory")]
    }
}
