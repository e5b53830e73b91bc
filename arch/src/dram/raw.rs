//! A standard as its file says it, and the checks on the way to a [`Standard`].

use std::{collections::BTreeMap, num::NonZeroU64};

use serde::Deserialize;

use super::{Buses, Command, Constraint, Level, Organisation, Power, Standard, Timing};
use crate::units::{Bytes, Megahertz};

/// Why a file is not a standard.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StandardError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    name: String,
    description: String,
    clock_mhz: u64,
    buses: Buses,
    organisation: RawOrganisation,
    #[serde(default)]
    occupancy: BTreeMap<Command, u32>,
    timing: BTreeMap<String, u32>,
    constraint: Vec<RawConstraint>,
    power: RawPower,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawOrganisation {
    pseudo_channels: u32,
    bank_groups: u32,
    banks: u32,
    rows: u32,
    columns: u32,
    transaction_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawConstraint {
    name: String,
    level: Level,
    from: Vec<Command>,
    to: Vec<Command>,
    clocks: String,
    #[serde(default = "one")]
    window: u32,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawPower {
    volts: f64,
    activate_ma: f64,
    precharged_ma: f64,
    open_ma: f64,
    read_ma: f64,
    write_ma: f64,
    refresh_ma: f64,
    refresh_bank_ma: f64,
    interface_pj_per_bit: f64,
}

/// The standards compiled in, by name.
const PRESETS: [(&str, &str); 1] = [("hbm2", include_str!("../../presets/dram/hbm2.toml"))];

impl Standard {
    /// A standard that Tamis knows.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn preset(name: &str) -> Result<Self, StandardError> {
        let (_, text) = PRESETS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            StandardError(format!("no DRAM standard is called `{name}`: there is `hbm2`"))
        })?;
        Self::parse(text)
    }

    /// A standard from the text of a file.
    ///
    /// # Errors
    /// When the text is not TOML, a parameter is missing, or parameters contradict each other.
    pub fn parse(text: &str) -> Result<Self, StandardError> {
        let raw: Raw = toml::from_str(text).map_err(|error| StandardError(error.to_string()))?;
        raw.check()
    }
}

impl Raw {
    fn check(self) -> Result<Standard, StandardError> {
        let clock = NonZeroU64::new(self.clock_mhz)
            .ok_or_else(|| StandardError("`clock-mhz` must not be 0".into()))?;
        let timing = self.check_timing()?;
        let mut constraints = Vec::new();
        for rule in &self.constraint {
            let clocks = evaluate(&rule.clocks, &self.timing)?;
            for &from in &rule.from {
                for &to in &rule.to {
                    let (name, level, window) = (rule.name.clone(), rule.level, rule.window);
                    constraints.push(Constraint { name, level, from, to, clocks, window });
                }
            }
        }
        let mut occupancy = [1; Command::COUNT];
        for (command, clocks) in &self.occupancy {
            occupancy[command.index()] = *clocks;
        }
        let organisation = Organisation {
            pseudo_channels: self.organisation.pseudo_channels,
            bank_groups: self.organisation.bank_groups,
            banks: self.organisation.banks,
            rows: self.organisation.rows,
            columns: self.organisation.columns,
            transaction: Bytes(self.organisation.transaction_bytes),
        };
        let power = Power {
            volts: self.power.volts,
            activate_ma: self.power.activate_ma,
            precharged_ma: self.power.precharged_ma,
            open_ma: self.power.open_ma,
            read_ma: self.power.read_ma,
            write_ma: self.power.write_ma,
            refresh_ma: self.power.refresh_ma,
            refresh_bank_ma: self.power.refresh_bank_ma,
            interface_pj_per_bit: self.power.interface_pj_per_bit,
        };
        Ok(Standard {
            name: self.name,
            description: self.description,
            clock: Megahertz(clock),
            buses: self.buses,
            organisation,
            occupancy,
            timing,
            constraints,
            power,
        })
    }

    fn check_timing(&self) -> Result<Timing, StandardError> {
        let get = |name: &str| {
            self.timing
                .get(name)
                .copied()
                .ok_or_else(|| StandardError(format!("`timing` lacks `{name}`")))
        };
        let timing = Timing {
            burst: get("BL")?,
            read_latency: get("CL")?,
            write_latency: get("CWL")?,
            row_open: get("RAS")?,
            row_cycle: get("RC")?,
            row_close: get("RP")?,
            refresh_interval: get("REFI")?,
            refresh: get("RFC")?,
            bank_refresh_interval: get("REFIPB")?,
            bank_refresh: get("RFCPB")?,
        };
        if timing.row_cycle < timing.row_open + timing.row_close {
            return Err(StandardError("`RC` must be at least `RAS` + `RP`".into()));
        }
        Ok(timing)
    }
}

/// The value of a sum of parameters and numbers, such as `CL + BL + 2 - CWL`.
fn evaluate(sum: &str, timing: &BTreeMap<String, u32>) -> Result<u32, StandardError> {
    let mut total: i64 = 0;
    let mut sign = 1;
    for word in sum.split_whitespace() {
        match word {
            "+" => sign = 1,
            "-" => sign = -1,
            _ => {
                let value = match word.parse::<u32>() {
                    Ok(number) => number,
                    Err(_) => *timing.get(word).ok_or_else(|| {
                        StandardError(format!("`{sum}` names `{word}`, which `timing` lacks"))
                    })?,
                };
                total += sign * i64::from(value);
            }
        }
    }
    u32::try_from(total)
        .map_err(|_| StandardError(format!("`{sum}` is {total}: a distance is not negative")))
}
