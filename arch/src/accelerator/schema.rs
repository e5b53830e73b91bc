//! The machine file for editors and other tools: its JSON schema, from the table of parameters.

use serde_json::{Map, Value, json};

use super::{Accelerator, SectionTable};
use crate::reader::{Field, Kind, Rule};

impl Accelerator {
    /// The JSON schema (draft 2020-12) of a machine file. Rules that join parameters are not in it.
    #[must_use]
    pub fn schema() -> Value {
        let sections = Self::sections();
        let mut properties = Map::new();
        let text = |doc: &str| json!({ "type": "string", "minLength": 1, "description": doc });
        properties.insert("name".into(), text("What reports call the machine."));
        properties.insert("description".into(), text("A sentence on what it is."));
        properties.insert(
            "extends".into(),
            text("A preset, or a file beside this one, that states what this file leaves out."),
        );
        for section in &sections {
            properties.insert(section.name.into(), of_section(section));
        }
        // A file that extends nothing states every parameter of every section.
        let complete = sections.iter().map(|section| {
            let keys = section.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>();
            (section.name.to_owned(), json!({ "required": keys }))
        });
        let complete = complete.collect::<Map<_, _>>();
        let required = complete.keys().cloned().collect::<Vec<_>>();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Tamis machine",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "required": ["name", "description"],
            "anyOf": [
                { "required": ["extends"] },
                { "required": required, "properties": complete },
            ],
        })
    }
}

fn of_section(section: &SectionTable) -> Value {
    let properties = section.fields.iter().map(|field| (field.name.clone(), of_field(field)));
    json!({
        "type": "object",
        "description": section.purpose,
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

fn of_field(field: &Field) -> Value {
    let mut schema = of_kind(&field.kind, &field.rule);
    schema["description"] = Value::from(field.doc);
    schema
}

fn of_kind(kind: &Kind, rule: &Rule) -> Value {
    match kind {
        Kind::Integer if rule.wants_power_of_two() => {
            let (least, most) = rule.integer_range();
            let powers = (0..u64::BITS).map(|exponent| 1_u64 << exponent);
            let powers = powers.filter(|power| (least..=most).contains(power));
            json!({ "enum": powers.collect::<Vec<_>>() })
        }
        Kind::Integer => {
            let (least, most) = rule.integer_range();
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Real => {
            let (least, most) = rule.real_range();
            json!({ "type": "number", "minimum": least, "maximum": most })
        }
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Choice(names) => {
            json!({ "enum": names.iter().map(|named| named.name).collect::<Vec<_>>() })
        }
        Kind::List(item) => json!({ "type": "array", "items": of_kind(item, rule) }),
    }
}
