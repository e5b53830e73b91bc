//! The comparison with other devices, below the table of costs.

use std::io::{self, Write};

use super::{
    super::{
        Policy,
        baselines::{Baseline, Compared, Origin},
        key,
    },
    NAME,
};
use crate::{
    grid::Grid,
    text::{UNDEFINED, or_dash, shortened, times},
};

/// One line a device: how many times longer it takes, and how many times more energy.
pub(super) fn write(policy: &Policy, out: &mut dyn Write) -> io::Result<()> {
    let (mut constructed, mut extrapolated) = (false, false);
    for phase in &policy.phases {
        let shown = phase.baselines.iter().filter(|(_, device)| device.shown);
        let mut devices: Vec<(&String, &Baseline)> = shown.collect();
        if devices.is_empty() {
            continue;
        }
        let is_constructed = |device: &Baseline| device.latency_origin == Origin::ByConstruction;
        constructed |= devices.iter().any(|(_, device)| is_constructed(device));
        extrapolated |= devices.iter().any(|(_, device)| device.extrapolated);
        devices.sort_by_key(|(name, device)| (device.latency_origin, *name));
        let mut grid = Grid::new(0);
        let title = format!("{}, {}, against", shortened(&policy.name, NAME), key(phase.phase));
        let heads = ["speed-up", "energy above idle"];
        grid.row(&title, heads.map(str::to_owned).into_iter());
        for (name, device) in devices {
            let beyond = if device.extrapolated { "*" } else { "" };
            let speedup = times_by(device.speedup, device.latency_origin) + beyond;
            let energy = |compared: Option<Compared>| {
                compared.map_or_else(
                    || UNDEFINED.to_owned(),
                    |compared| times_by(compared.ratio, compared.origin),
                )
            };
            let cells = [speedup, energy(device.dynamic_energy)];
            grid.row(&format!("  {name}"), cells.into_iter());
        }
        writeln!(out)?;
        grid.write(out)?;
    }
    let notes = [(extrapolated, EXTRAPOLATED), (constructed, BY_CONSTRUCTION)];
    let notes: Vec<&str> = notes.iter().filter(|(told, _)| *told).map(|(_, note)| *note).collect();
    if !notes.is_empty() {
        writeln!(out, "\n{}", notes.join("\n"))?;
    }
    Ok(())
}

/// These stand below the comparison where it has such rows.
const EXTRAPOLATED: &str = "* beyond the shapes that the model was fitted to";
const BY_CONSTRUCTION: &str = "by construction: fitted to the paper's averages over its tasks, \
                               for a mean over tasks, not one run";

fn times_by(ratio: Option<f64>, origin: Origin) -> String {
    format!("{} {}", or_dash(ratio, times), origin.words())
}
