//! An energy and area table: one process at one corner, every figure with its range and its source.

use serde::Serialize;

use super::{
    spread::Spread,
    sram::{Growth, Sram},
};
use crate::{
    Accelerator,
    fault::Faults,
    reader::{Block, Document, Rule, Section},
};

/// Tables that are compiled in: name and text.
const TABLES: [(&str, &str); 2] = [
    ("40nm", include_str!("../../tables/40nm.toml")),
    ("28nm", include_str!("../../tables/28nm.toml")),
];

crate::choices! {
    /// Where a figure comes from.
    pub enum Basis {
        /// Geometric mean of published points, scaled to this node; the range is their extremes.
        Published = "published",
        /// Fitted to the output of a public tool.
        Fitted = "fitted",
        /// Taken from a tool or a paper with a factor that the rule states.
        Derived = "derived",
        /// Nobody published it: an engineering assumption.
        Assumed = "assumed",
    }
}

crate::parameters! {
    /// One figure of a table, with the range that its sources leave.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Figure {
        /// What the lowest source says.
        pub low: f64 where Rule::real(0.0, 1e9),
        /// The value to work with.
        pub typical: f64 where Rule::real(0.0, 1e9),
        /// What the highest source says.
        pub high: f64 where Rule::real(0.0, 1e9),
        /// Unit of the three.
        pub unit: String,
        /// Where it comes from.
        pub basis: Basis,
        /// Keys of its sources.
        pub sources: Vec<String>,
        /// How it follows from them.
        pub rule: String,
    }

    /// A public source.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct Citation {
        /// What figures call it.
        pub key: String,
        /// Where to find it.
        pub citation: String,
    }
}

impl Figure {
    /// Its three values.
    #[must_use]
    pub fn spread(&self) -> Spread<f64> {
        Spread { low: self.low, typical: self.typical, high: self.high }
    }
}

/// Energy of logic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergyFigures {
    /// A multiplier, per bit of one factor and bit of the other.
    pub multiply: Figure,
    /// An adder, per bit.
    pub add: Figure,
    /// A register, clock included, per bit written and read.
    pub register: Figure,
    /// One stage of multiplexers, per bit.
    pub mux: Figure,
    /// A crossbar, per bit moved and wire of a side.
    pub crossbar: Figure,
    /// Multiplications, each with an addition, in an exponential.
    pub exponent_steps: Figure,
    /// Factor on all logic for the clock tree and control.
    pub clock: Figure,
}

/// Area and static power of logic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AreaFigures {
    /// A multiplier, per bit of one factor and bit of the other.
    pub multiply: Figure,
    /// An adder, per bit.
    pub add: Figure,
    /// A register, per bit.
    pub register: Figure,
    /// One stage of multiplexers, per bit.
    pub mux: Figure,
    /// A crossbar, per crossing of two wires.
    pub crossbar: Figure,
    /// Share of placed area that cells fill.
    pub utilization: Figure,
    /// Control, as a share of the logic that it controls.
    pub control: Figure,
    /// Static power of placed cells.
    pub leakage: Figure,
}

/// Prices and sizes of one process at one corner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergyTable {
    /// What machines call it.
    pub name: String,
    /// Process node in nanometres.
    pub node_nm: u32,
    /// Supply in volts.
    pub voltage_v: f64,
    /// Junction temperature of the static figures, in degrees Celsius.
    pub temperature_c: f64,
    /// The corner in words.
    pub corner: String,
    /// Energy of logic.
    pub energy: EnergyFigures,
    /// SRAM.
    pub sram: Sram,
    /// Area and static power of logic.
    pub area: AreaFigures,
    /// Where the figures come from.
    pub sources: Vec<Citation>,
}

/// No table of that name is compiled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no energy table is called \"{name}\": there are {known}")]
pub struct UnknownTable {
    name: String,
    known: String,
}

impl EnergyTable {
    /// Names of the tables that are compiled in.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLES.iter().map(|(name, _)| *name)
    }

    /// A table that is compiled in.
    ///
    /// # Errors
    /// If there is none of that name.
    ///
    /// # Panics
    /// If a table that is compiled in has a fault: the tests read each of them.
    pub fn named(name: &str) -> Result<Self, UnknownTable> {
        let Some((_, text)) = TABLES.iter().find(|(known, _)| *known == name) else {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            return Err(UnknownTable { name: name.into(), known });
        };
        let read = Self::parse(&format!("{name}.toml"), text);
        Ok(read.unwrap_or_else(|faults| panic!("compiled-in tables have no faults: {faults}")))
    }

    /// The table that a machine names.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn of(machine: &Accelerator) -> Result<Self, UnknownTable> {
        Self::named(&machine.technology.table)
    }

    /// Reads a table; `file` is what messages call it.
    ///
    /// # Errors
    /// Every fault of the text, each with its place and rule.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let document = Document::parse(file, text, &mut faults);
        let table = document.and_then(|document| read(document.root(&mut faults)));
        faults.into_result(table)
    }
}

fn read(mut root: Section<'_, '_>) -> Option<EnergyTable> {
    let name = root.get("name", Rule::ANY);
    let node_nm = root.get("node_nm", Rule::between(1, 1000));
    let voltage_v = root.get("voltage_v", Rule::real(0.2, 5.0));
    let temperature_c = root.get("temperature_c", Rule::real(-55.0, 150.0));
    let corner = root.get("corner", Rule::ANY);
    let sources = root.each("source", Citation::read);
    let keys = sources.iter().flatten().map(|source| source.key.clone()).collect::<Vec<_>>();
    let energy = energy(root.section("energy"), &keys);
    let sram = sram(root.section("sram"), &keys);
    let area = area(root.section("area"), &keys);
    root.finish();
    Some(EnergyTable {
        name: name?,
        node_nm: node_nm?,
        voltage_v: voltage_v?,
        temperature_c: temperature_c?,
        corner: corner?,
        energy: energy?,
        sram: sram?,
        area: area?,
        sources: sources?,
    })
}

fn energy(mut section: Section<'_, '_>, keys: &[String]) -> Option<EnergyFigures> {
    let mut figure = |key, unit| figure(&mut section, key, unit, keys);
    let read = (
        figure("multiply", "pJ/bit^2"),
        figure("add", "pJ/bit"),
        figure("register", "pJ/bit"),
        figure("mux", "pJ/bit"),
        figure("crossbar", "pJ/bit/wire"),
        figure("exponent_steps", "multiplications"),
        figure("clock", "factor"),
    );
    section.finish();
    Some(EnergyFigures {
        multiply: read.0?,
        add: read.1?,
        register: read.2?,
        mux: read.3?,
        crossbar: read.4?,
        exponent_steps: read.5?,
        clock: read.6?,
    })
}

fn sram(mut section: Section<'_, '_>, keys: &[String]) -> Option<Sram> {
    let growth = Growth::read(section.section("growth"));
    let mut figure = |key, unit| figure(&mut section, key, unit, keys);
    let read = (
        figure("read", "pJ"),
        figure("write", "pJ"),
        figure("leakage", "nW/byte"),
        figure("bit_area", "um^2/bit"),
        figure("edge_area", "um^2/bit of edge"),
    );
    section.finish();
    Some(Sram {
        read: read.0?,
        write: read.1?,
        growth: growth?,
        leakage: read.2?,
        bit_area: read.3?,
        edge_area: read.4?,
    })
}

fn area(mut section: Section<'_, '_>, keys: &[String]) -> Option<AreaFigures> {
    let mut figure = |key, unit| figure(&mut section, key, unit, keys);
    let read = (
        figure("multiply", "um^2/bit^2"),
        figure("add", "um^2/bit"),
        figure("register", "um^2/bit"),
        figure("mux", "um^2/bit"),
        figure("crossbar", "um^2/crossing"),
        figure("utilization", "share"),
        figure("control", "share"),
        figure("leakage", "mW/mm^2"),
    );
    if read.5.as_ref().is_some_and(|share| share.low <= 0.0 || share.high > 1.0) {
        section.note("utilization", "must be above 0 and at most 1: cells are placed in an area");
    }
    section.finish();
    Some(AreaFigures {
        multiply: read.0?,
        add: read.1?,
        register: read.2?,
        mux: read.3?,
        crossbar: read.4?,
        utilization: read.5?,
        control: read.6?,
        leakage: read.7?,
    })
}

/// One figure, with the rules that join its parts.
fn figure(section: &mut Section<'_, '_>, key: &str, unit: &str, keys: &[String]) -> Option<Figure> {
    let figure = Figure::read(section.section(key))?;
    if !(figure.low <= figure.typical && figure.typical <= figure.high) {
        let found = format!("{}, {}, {}", figure.low, figure.typical, figure.high);
        section.note(key, &format!("must have low <= typical <= high (found {found})"));
    }
    if figure.unit != unit {
        section.note(key, &format!("must be in {unit} (found \"{}\")", figure.unit));
    }
    for source in figure.sources.iter().filter(|source| !keys.contains(source)) {
        section.note(key, &format!("names a source that the table does not list: \"{source}\""));
    }
    Some(figure)
}
