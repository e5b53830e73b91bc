//! Where the cycles of the memory's data buses went: rows of the cost table that add up to all of them.

use tamis_dram::Wait;

use crate::{
    grid::Grid,
    report::{
        PhaseReport,
        memory::{DataBuses, Limit, title},
    },
    text::{UNDEFINED, or_dash, percent},
};

/// What limits the memory, the share of cycles in which data moved, and those lost, by kind of wait. A kind that no
/// phase has is left out.
pub(super) fn write(phases: &[&PhaseReport], grid: &mut Grid) {
    let limits = phases.iter().map(|phase| &phase.dram.activity.limited_by);
    let limits =
        limits.map(|limit| limit.as_ref().map_or_else(|| UNDEFINED.to_owned(), Limit::title));
    grid.row("data buses, limited by", limits);
    let mut row = |title: &str, cycles: &dyn Fn(&DataBuses) -> u64| {
        let buses = phases.iter().map(|phase| &phase.dram.activity.data_buses);
        let shares = buses.map(|buses| or_dash(buses.share(cycles(buses)), percent));
        grid.row(&format!("  {title}"), shares);
    };
    row("moving data", &|buses| buses.moving_data);
    let met = |wait: &&Wait| {
        let mut buses = phases.iter().map(|phase| &phase.dram.activity.data_buses);
        buses.any(|buses| buses.clocks_of(**wait) > 0)
    };
    for wait in Wait::ALL.iter().filter(met) {
        row(&title(*wait), &|buses| buses.clocks_of(*wait));
    }
}
