//! From a name or a file to a checked [`Standard`].

use std::{collections::BTreeMap, path::Path};

use super::{
    Buses, Command, Constraint, DataPins, EnergyRange, Level, Organisation, Power, Standard,
    Target, Timing,
    check::{Key, check, note_joined},
    data_bus::DataBus,
    twins::refuse_unlike,
};
use crate::{
    accelerator::read_text,
    fault::{Faults, Place, Source},
    reader::{Block, Document, Rule, Section, closest},
};

/// The standards that Tamis knows, by name: commented files, compiled in.
pub const STANDARDS: &[(&str, &str)] = &[
    ("hbm2", include_str!("../../presets/dram/hbm2.toml")),
    ("hbm2-release", include_str!("../../presets/dram/hbm2-release.toml")),
    ("hbm2e", include_str!("../../presets/dram/hbm2e.toml")),
    ("hbm3", include_str!("../../presets/dram/hbm3.toml")),
    ("gddr6", include_str!("../../presets/dram/gddr6.toml")),
    ("lpddr5", include_str!("../../presets/dram/lpddr5.toml")),
    ("ddr4", include_str!("../../presets/dram/ddr4.toml")),
    ("ddr5", include_str!("../../presets/dram/ddr5.toml")),
];

/// The name of what standards extend: the table of constraints that they share. It is none itself.
pub const SHARED_TABLE: &str = "jedec";
const BASE: (&str, &str) = (SHARED_TABLE, include_str!("../../presets/dram/jedec.toml"));

/// Keys that a file states itself, whatever it extends.
const OWN_KEYS: &[&str] = &["name", "description"];

/// Longest span of a standard: a refresh interval is a few thousand clocks.
const SPAN: Rule = Rule::between(0, 1_000_000);

/// Longest distance between two commands, in clocks: the longest refresh has a few thousand.
const LONGEST: u32 = 65_536;

/// There is no standard of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none is called `{name}`{hint}; there are {known}, and a file ends in .toml")]
pub struct UnknownStandard {
    name: String,
    hint: String,
    known: String,
}

/// The text of a standard: a preset by name, or a file, from a folder; or of `jedec`, the table that they share.
///
/// # Errors
/// Says why there is none.
pub fn standard_source(name: &str, folder: &Path) -> Result<Source, String> {
    if name == BASE.0 {
        return Ok(Source { name: "preset:dram/jedec.toml".into(), text: BASE.1.into() });
    }
    if !name.ends_with(".toml") {
        return preset(name).map_err(|error| error.to_string());
    }
    let path = folder.join(name);
    let text = read_text(&path).map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok(Source { name: path.display().to_string(), text })
}

fn preset(name: &str) -> Result<Source, UnknownStandard> {
    let names = || STANDARDS.iter().map(|(known, _)| *known);
    match STANDARDS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => {
            Ok(Source { name: format!("preset:dram/{name}.toml"), text: (*text).into() })
        }
        None => Err(UnknownStandard {
            name: name.escape_debug().to_string(),
            hint: closest(name, names())
                .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)")),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

impl Standard {
    /// A standard that Tamis knows.
    ///
    /// # Errors
    /// When there is none of this name.
    ///
    /// # Panics
    /// When a standard of ours has a fault, which a test rules out.
    pub fn preset(name: &str) -> Result<Self, UnknownStandard> {
        let mut faults = Faults::default();
        let standard = Self::read(preset(name)?, &mut faults);
        Ok(faults.into_result(standard).unwrap_or_else(|faults| panic!("our own file: {faults}")))
    }

    /// A standard from a text, which may say `extends = "hbm2"`, or name a file beside it. None if it has a fault,
    /// which has been noted.
    #[must_use]
    pub fn read(source: Source, faults: &mut Faults) -> Option<Self> {
        let find = |base: &str, from: &Source| {
            let folder = Path::new(&from.name).parent().unwrap_or(Path::new(""));
            standard_source(base, folder)
        };
        let mut own = Faults::default();
        let document = Document::parse_extending(source, OWN_KEYS, &find, &mut own);
        let standard = document.and_then(|document| read(document.root(&mut own)));
        let sound = own.is_empty();
        faults.append(own);
        standard.filter(|_| sound)
    }
}

fn read(mut root: Section<'_, '_>) -> Option<Standard> {
    let name = root.get("name", Rule::ANY);
    let description = root.get("description", Rule::ANY);
    let clock = root.get("clock_mhz", Rule::between(1, 100_000));
    let buses = root.get::<Buses>("buses", Rule::ANY);
    let organisation = Organisation::read(root.section("organisation"));
    if let Some(organisation) = &organisation
        && organisation.banks_per_channel() > 64
    {
        root.note("organisation", "has more than 64 banks a channel");
    }
    let data_bus = DataPins::read(root.section("data_bus"));
    let occupancy = read_occupancy(root.section("occupancy"));
    let spans = read_spans(&mut root.section("timing"));
    let timing = read_timing(&mut root, spans.as_ref());
    let timing_place = root.place("timing");
    let mut sums = Vec::new();
    let constraints = root.each("constraint", |section| {
        sums.push(section.peek::<String>("clocks").unwrap_or_default());
        read_constraint(section, spans.as_ref(), timing_place.as_ref())
    });
    if spans.is_some() {
        refuse_unused(root.section("timing"), &sums);
    }
    if let (Some(timing), Some(occupancy), Some(constraints)) = (&timing, &occupancy, &constraints)
    {
        let bus = DataBus { timing, occupancy, constraints, sums: &sums };
        bus.refuse_overlap(&mut root);
        refuse_unlike(constraints, occupancy, &mut root);
    }
    let power = Power::read(root.section("power"));
    let range = EnergyRange::read(root.section("range"));
    let standard = Standard {
        name: name?,
        description: description?,
        clock: clock?,
        buses: buses?,
        organisation: organisation?,
        data_bus: data_bus?,
        occupancy: occupancy?,
        timing: timing?,
        constraints: constraints?.into_iter().flatten().collect(),
        power: power?,
        range: range?,
    };
    check(&standard, &spans?, &mut root);
    root.finish();
    Some(standard)
}

fn read_occupancy(mut section: Section<'_, '_>) -> Option<[u32; Command::COUNT]> {
    let mut occupancy = [1; Command::COUNT];
    let mut sound = true;
    for &command in Command::ALL {
        match section.get_optional(command.name(), Rule::between(1, 16)) {
            Some(clocks) => occupancy[command.index()] = clocks.unwrap_or(1),
            None => sound = false,
        }
    }
    section.finish();
    sound.then_some(occupancy)
}

/// The named spans of a standard, in clocks.
pub(super) type Spans = BTreeMap<String, u32>;

fn read_spans(section: &mut Section<'_, '_>) -> Option<Spans> {
    // Where the section is missing, that has been said, and nothing of it is missed.
    section.place("")?;
    let names = section.keys();
    let spans = names.map(|name| Some((name.to_owned(), section.get::<u32>(name, SPAN)?)));
    spans.collect::<Vec<_>>().into_iter().collect()
}

/// Notes the spans that neither the model nor a constraint names. The table that standards share counts besides the
/// standard's own: who replaces it need not take spans away.
fn refuse_unused(mut section: Section<'_, '_>, sums: &[String]) {
    MODEL_SPANS.iter().for_each(|span| section.allow(span));
    let shared = shared_sums();
    let words = sums.iter().chain(&shared).flat_map(|sum| sum.split_whitespace());
    words.for_each(|word| section.allow(word));
    section.finish();
}

/// The sums of the table that standards share.
fn shared_sums() -> Vec<String> {
    let mut faults = Faults::default();
    let document = Document::parse(BASE.0, BASE.1, &mut faults);
    let document = document.expect("our own file is TOML");
    let sums = document.root(&mut faults).each("constraint", |section| section.peek("clocks"));
    sums.expect("each of our constraints has its sum")
}

/// Spans that the model needs, whatever the constraints name.
const MODEL_SPANS: [&str; 10] =
    ["BL", "CL", "CWL", "RAS", "RC", "RP", "REFI", "RFC", "REFIPB", "RFCPB"];

/// What the model itself needs to know of the spans, and the rules that join them.
fn read_timing(root: &mut Section<'_, '_>, spans: Option<&Spans>) -> Option<Timing> {
    let spans = spans?;
    let mut section = root.section("timing");
    let mut get = |name: &str| {
        let span = spans.get(name).copied();
        if span.is_none() {
            section.note(name, "is missing");
        }
        span
    };
    let [
        burst,
        read_latency,
        write_latency,
        row_open,
        row_cycle,
        row_close,
        refresh_interval,
        refresh,
        bank_refresh_interval,
        bank_refresh,
    ] = MODEL_SPANS.map(&mut get);
    let timing = Timing {
        burst: burst?,
        read_latency: read_latency?,
        write_latency: write_latency?,
        row_open: row_open?,
        row_cycle: row_cycle?,
        row_close: row_close?,
        refresh_interval: refresh_interval?,
        refresh: refresh?,
        bank_refresh_interval: bank_refresh_interval?,
        bank_refresh: bank_refresh?,
    };
    let mut sound = true;
    for (holds, key, rule, others) in rules(&timing) {
        if !holds {
            note_joined(root, ("timing", key), rule, others);
            sound = false;
        }
    }
    sound.then_some(timing)
}

/// Whether a rule holds, the span to point at, the rule, and the keys that it joins with the span.
type Joined = (bool, &'static str, &'static str, &'static [Key<'static>]);

/// Rules that spans must keep for the model.
fn rules(timing: &Timing) -> [Joined; 5] {
    [
        (timing.burst > 0, "BL", "must be at least 1: a transaction takes time on the bus", &[]),
        (
            timing.row_cycle >= timing.row_open + timing.row_close,
            "RC",
            "must be at least `RAS` + `RP`: a row is opened and closed in it",
            &[("timing", "RAS"), ("timing", "RP")],
        ),
        (
            timing.refresh_interval > timing.refresh,
            "REFI",
            "must be longer than `RFC`: there would be no time between refreshes",
            &[("timing", "RFC")],
        ),
        (timing.read_latency > 0, "CL", "must be at least 1", &[]),
        (timing.write_latency > 0, "CWL", "must be at least 1", &[]),
    ]
}

/// The constraints of one entry of the table: one for each pair of commands. What is wrong with its sum of spans may be
/// wrong with `timing`, so that place is told too: the table of constraints is seldom the user's.
fn read_constraint(
    mut section: Section<'_, '_>,
    spans: Option<&Spans>,
    timing: Option<&Place>,
) -> Option<Vec<Constraint>> {
    let name = section.get::<String>("name", Rule::ANY);
    let level = section.get::<Level>("level", Rule::ANY);
    let from = section.get::<Vec<Command>>("from", Rule::ANY);
    let to = section.get::<Vec<Command>>("to", Rule::ANY);
    let sum = section.get::<String>("clocks", Rule::ANY);
    let window = section.get_optional::<u32>("window", Rule::between(1, 16));
    let clocks = sum.zip(spans).and_then(|(sum, spans)| {
        let evaluated = evaluate(&sum, spans);
        evaluated.map_err(|reason| section.note_with("clocks", &reason, timing)).ok()
    });
    let (name, level, from, to) = (name?, level?, from?, to?);
    let wide = from.iter().chain(&to).find(|command| command.target() == Target::Pseudo);
    if let Some(command) = wide
        && level > Level::PseudoChannel
    {
        let message = format!("cannot be `{}`: {} goes to all banks", level.name(), command.name());
        section.note("level", &message);
        return None;
    }
    section.finish();
    let (clocks, window) = (clocks?, window?.unwrap_or(1));
    let pairs = from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to)));
    let rules = pairs.map(|(from, to)| {
        let name = name.clone();
        Constraint { name, level, from, to, clocks, window }
    });
    Some(rules.collect())
}

/// The value of a sum of spans and numbers, such as `CL + BL + 2 - CWL`.
fn evaluate(sum: &str, spans: &Spans) -> Result<u32, String> {
    let mut total: i64 = 0;
    let mut sign = Some(1);
    for word in sum.split_whitespace() {
        match (word, sign) {
            ("+", None) => sign = Some(1),
            ("-", None) => sign = Some(-1),
            (_, None) => return Err(format!("lacks `+` or `-` before `{word}`")),
            (_, Some(one)) => {
                let number = word.parse::<u32>().ok().or_else(|| spans.get(word).copied());
                let number = number
                    .ok_or_else(|| format!("names `{word}`, which is not a span of `timing`"))?;
                total += one * i64::from(number);
                sign = None;
            }
        }
    }
    if sign.is_some() {
        return Err("must be a sum of spans and numbers, such as `CL + BL - CWL`".into());
    }
    u32::try_from(total)
        .ok()
        .filter(|clocks| *clocks <= LONGEST)
        .ok_or_else(|| format!("comes to {total} clocks: it must be 0 to {LONGEST}"))
}
