//! The tree of a text: what `toml` parses, with the place of every key and value.

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use crate::fault::{Place, Source};

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a text can hold.
#[derive(Clone, Debug)]
pub enum Value {
    /// An integer; none if it has more than 127 bits.
    Integer(Option<i128>),
    /// A float, which may be infinite or not a number.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A string.
    Text(String),
    /// A date or a time: no description has one.
    Time,
    /// A list.
    List(Vec<Node>),
    /// A section or an inline table.
    Table(Table),
}

/// Keys and values of a section.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its header.
    pub place: Place,
    /// Where keys are missing that it has to state itself, whatever it extends.
    pub own: BTreeMap<String, Place>,
    /// Its keys, in alphabetical order.
    pub entries: BTreeMap<String, Entry>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands.
    pub key: Place,
    /// What it has.
    pub node: Node,
}

impl Table {
    /// The table that `toml` parsed from `source`.
    pub(super) fn new(source: &Arc<Source>, span: Range<usize>, table: &DeTable<'_>) -> Self {
        let entries = table.iter().map(|(key, value)| {
            let place = Place::new(source, key.span());
            (key.get_ref().to_string(), Entry { key: place, node: Node::new(source, value) })
        });
        let place = Place::new(source, span);
        Self { place, own: BTreeMap::new(), entries: entries.collect() }
    }

    /// This table laid over `base`: what it leaves out is the base's, table by table.
    pub(super) fn over(mut self, base: Self) -> Self {
        for (key, under) in base.entries {
            let entry = match self.entries.remove(&key) {
                None => under,
                Some(over) => over.over(under),
            };
            self.entries.insert(key, entry);
        }
        // What neither states is missing in the base, which must state everything.
        Self { place: base.place, own: self.own, entries: self.entries }
    }
}

impl Entry {
    fn over(self, base: Self) -> Self {
        let Self { key, node: Node { place, value } } = self;
        let value = match (value, base.node.value) {
            (Value::Table(over), Value::Table(under)) => Value::Table(over.over(under)),
            (over, _) => over,
        };
        Self { key, node: Node { place, value } }
    }
}

impl Node {
    fn new(source: &Arc<Source>, value: &Spanned<DeValue<'_>>) -> Self {
        let place = Place::new(source, value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(Cow::clone(text).into_owned()),
            DeValue::Integer(integer) => Value::Integer(integer_value(integer)),
            DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(_) => Value::Time,
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| Self::new(source, item)).collect())
            }
            DeValue::Table(table) => Value::Table(Table::new(source, value.span(), table)),
        };
        Self { place, value }
    }
}

fn integer_value(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// What was found, as a message says it: short, whatever the file holds.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(Some(integer)) => write!(out, "{integer}"),
            Self::Integer(None) => out.write_str("an integer of more than 127 bits"),
            Self::Float(float) => write!(out, "{float}"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Text(text) => match text.char_indices().nth(40) {
                None => write!(out, "{text:?}"),
                Some((end, _)) => write!(out, "{:?}...", &text[..end]),
            },
            Self::Time => out.write_str("a date or time"),
            Self::List(items) => write!(out, "a list of {}", items.len()),
            Self::Table(_) => out.write_str("a section"),
        }
    }
}
