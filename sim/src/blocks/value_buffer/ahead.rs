//! Values that are fetched before a row has chosen: all of a batch, where the policy prunes none.

use arrayvec::ArrayVec;

use super::{Held, ValueBuffer, ValueBufferPorts};
use crate::{
    clock::Clock,
    items::{MAX_LANES, ValueIds},
    work::WorkTable,
};

/// Where fetching ahead is. In prefill a row of any group may be the next to need its values, so
/// all groups go together; in decode they are read, and fetched, one after the other.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead {
    group: usize,
    place: u32,
}

impl ValueBuffer {
    /// Sends the ids of some values that are fetched ahead, those that a row may wait for first.
    pub(super) fn fetch_ahead(
        &mut self,
        clock: &mut Clock,
        ports: &mut ValueBufferPorts<'_>,
    ) -> bool {
        ports.value_ids.can_push(clock)
            && (self.fetch_newest(clock, ports) || self.fetch_next(clock, ports))
    }

    /// Asks for values of the newest token that were set aside until it is made.
    fn fetch_newest(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        if self.set_aside == 0 {
            return false;
        }
        let made = self.made;
        let mut made = self.batches.iter_mut().take_while(|held| held.batch < made);
        let Some(held) = made.find(|held| !held.newest.is_empty()) else { return false };
        let some = held.newest.len().min(MAX_LANES);
        let ids = held.newest.drain(..some).collect();
        self.set_aside -= some;
        ports.value_ids.push(clock, ValueIds { batch: held.batch, urgent: true, ids });
        true
    }

    /// The batch to fetch ahead for. Room is taken in the order of the batches: a later one must not
    /// hold what an earlier one waits for.
    fn next_ahead(&mut self) -> Option<&mut Held> {
        let held =
            self.batches.iter_mut().find(|held| held.ahead.is_some() || !held.has_its_room());
        held.filter(|held| held.ahead.is_some() && held.reserved)
    }

    /// Asks for some lines of values of the oldest batch that is fetched ahead. Those of a newest token
    /// that is not made are set aside when their lines have their room.
    fn fetch_next(&mut self, clock: &mut Clock, ports: &mut ValueBufferPorts<'_>) -> bool {
        if self.fetching == 0 {
            return false;
        }
        let (made, fetch_lanes, free_lines) = (self.made, self.fetch_lanes, self.free_lines);
        let Some(held) = self.next_ahead() else { return false };
        let Some((places, is_made)) = held.places_ahead(ports.table, made, fetch_lanes, free_lines)
        else {
            return false;
        };
        let batch = ports.table.batch(held.batch);
        let at = held.ahead.expect("it is fetched ahead");
        let streams = batch.line_by_line();
        let groups = if streams { at.group..at.group + 1 } else { 0..held.groups.len() };
        let (mut ids, mut opened) = (Vec::with_capacity(places.len() * groups.len()), 0);
        for directory in &mut held.groups[groups] {
            for place in places.clone() {
                if let Some((id, opens)) = directory.ask(batch, place) {
                    ids.push(id);
                    opened += directory.heads * u32::from(opens && streams);
                }
            }
            directory.complete = places.end == batch.keys;
        }
        held.ahead = match places.end < batch.keys {
            true => Some(Ahead { place: places.end, ..at }),
            false if streams && at.group + 1 < held.groups.len() => {
                Some(Ahead { group: at.group + 1, place: 0 })
            }
            false => None,
        };
        let through = held.ahead.is_none();
        let set_aside = if is_made { 0 } else { ids.len() };
        if is_made {
            let ids = ids.into_iter().collect::<ArrayVec<_, MAX_LANES>>();
            ports.value_ids.push(clock, ValueIds { batch: batch.id, urgent: false, ids });
        } else {
            held.newest.extend(ids);
        }
        self.set_aside += set_aside;
        self.fetching -= u32::from(through);
        self.free_lines -= opened;
        true
    }
}

impl Held {
    /// The values to ask for next, and whether they are made; none where there is no room for them, with
    /// `free` lines. Whole lines, enough for each lane of the fetcher; the newest token by itself, with the
    /// places that repeat it, if it is in a batch from `made` on.
    fn places_ahead(
        &self,
        table: &WorkTable,
        made: u32,
        fetch_lanes: u32,
        free: u32,
    ) -> Option<(std::ops::Range<u32>, bool)> {
        let batch = table.batch(self.batch);
        let Ahead { group, place: start } = self.ahead?;
        let streams = batch.line_by_line();
        let groups = if streams { &self.groups[group..=group] } else { &self.groups[..] };
        let room = if streams { self.groups[group].room(free) } else { u32::MAX };
        let newest = batch.newest();
        let unmade = streams && self.batch >= made;
        if unmade && start == newest {
            return (room >= batch.keys - start).then_some((start..batch.keys, false));
        }
        let heads: u32 = groups.iter().map(|group| group.heads).sum();
        let line = batch.values_per_line;
        let most = u32::try_from(MAX_LANES / groups.len()).expect("lanes are few");
        let values = (fetch_lanes.div_ceil(line * heads) * line).min(most).min(room);
        let limit = if unmade { newest } else { batch.keys };
        let end = limit.min(start + values);
        (end > start).then_some((start..end, true))
    }
}
