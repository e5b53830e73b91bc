//! One section of a document, read key by key.

use std::sync::Arc;

use super::{
    parameter::{Parameter, Reading},
    rule::Rule,
    spelling::closest,
    tree::{Node, Table, Value},
};
use crate::fault::{Faults, Place};

/// A section that is being read. Ends with [`finish`](Section::finish), which notes the keys that
/// nobody asked for.
#[derive(Debug)]
pub struct Section<'d, 'f> {
    /// Its name with a dot at the end; empty for the whole document.
    prefix: String,
    /// None where the document lacks it, which has been noted: then every key is absent in silence.
    table: Option<&'d Table>,
    asked: Vec<String>,
    faults: &'f mut Faults,
}

impl<'d, 'f> Section<'d, 'f> {
    pub(super) fn root(table: &'d Table, faults: &'f mut Faults) -> Self {
        Self { prefix: String::new(), table: Some(table), asked: Vec::new(), faults }
    }

    /// The value of a key, which must be there and meet the rule; if not, notes why.
    pub fn get<T: Parameter>(&mut self, key: &str, rule: Rule) -> Option<T> {
        let node = self.require(key)?;
        self.read(key, node, rule)
    }

    /// The value of a key that may be left out. The outer option is none if it is there and wrong.
    pub fn get_optional<T: Parameter>(&mut self, key: &str, rule: Rule) -> Option<Option<T>> {
        match self.look_up(key) {
            None => Some(None),
            Some(node) => self.read(key, node, rule).map(Some),
        }
    }

    /// The value of a key that will be read later, for rules that join it with others; none, in silence,
    /// where it is missing or of another type.
    #[must_use]
    pub fn peek<T: Parameter>(&self, key: &str) -> Option<T> {
        let entry = self.table?.entries.get(key)?;
        let faults = &mut Faults::default();
        T::read(&entry.node, &mut Reading { name: key, rule: Rule::ANY, faults })
    }

    /// Where faults go, for what a value leads to: another file, say.
    pub fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    /// The section of that name, which must be there.
    pub fn section(&mut self, key: &str) -> Section<'d, '_> {
        let node = self.require(key);
        self.enter(key, node)
    }

    /// Reads each section of an array of sections (`[[key]]`), which may be empty or left out.
    pub fn each<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(Section<'d, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(node) = self.look_up(key) else { return Some(Vec::new()) };
        let Value::List(items) = &node.value else {
            self.refuse(key, "must be an array of sections", node);
            return None;
        };
        let read = items
            .iter()
            .enumerate()
            .map(|(index, item)| read(self.enter(&format!("{key}[{index}]"), Some(item))));
        read.collect::<Vec<_>>().into_iter().collect()
    }

    /// Names of its keys, whether asked for or not, in alphabetical order: for sections whose keys are
    /// names of the user's.
    pub fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.table.into_iter().flat_map(|table| table.entries.keys().map(String::as_str))
    }

    /// Counts a key as asked for: its value is read in another visit of the section.
    pub fn allow(&mut self, key: &str) {
        self.look_up(key);
    }

    /// Where the value of a key stands; where the section does, if it has none.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<Place> {
        let table = self.table?;
        let entry = table.entries.get(key);
        Some(entry.map_or_else(|| table.place.clone(), |entry| entry.node.place.clone()))
    }

    /// Notes that a key breaks a rule that its type does not know.
    pub fn note(&mut self, key: &str, message: &str) {
        self.note_with(key, message, None);
    }

    /// The same of a rule that joins it with what stands elsewhere, which is told first.
    pub fn note_with(&mut self, key: &str, message: &str, elsewhere: Option<&Place>) {
        let place = self.place(key);
        let places = elsewhere.cloned().into_iter().chain(place);
        self.faults.note(format!("`{}{key}` {message}", self.prefix), places);
    }

    /// Notes the keys that nobody asked for, each with the name it was probably meant to be.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, entry) in &table.entries {
            if self.asked.iter().any(|asked| asked == key) {
                continue;
            }
            // A name that the same file already states is not what the key was meant to be.
            let file = entry.key.source();
            let stated = |asked: &str| {
                table.entries.get(asked).is_some_and(|entry| Arc::ptr_eq(entry.key.source(), file))
            };
            let missing = self.asked.iter().map(String::as_str).filter(|asked| !stated(asked));
            // A hint that nobody will see is not worth the search.
            let near = if self.faults.are_too_many() { None } else { closest(key, missing) };
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let name = format!("{}{}", self.prefix, key.escape_debug());
            self.faults.note(format!("`{name}` is not known{hint}"), [entry.key.clone()]);
        }
    }

    fn enter(&mut self, key: &str, node: Option<&'d Node>) -> Section<'d, '_> {
        let table = node.and_then(|node| match &node.value {
            Value::Table(table) => Some(table),
            _ => {
                self.refuse(key, "must be a section", node);
                None
            }
        });
        let prefix = format!("{}{key}.", self.prefix);
        Section { prefix, table, asked: Vec::new(), faults: self.faults }
    }

    fn look_up(&mut self, key: &str) -> Option<&'d Node> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.into());
        }
        self.table?.entries.get(key).map(|entry| &entry.node)
    }

    fn require(&mut self, key: &str) -> Option<&'d Node> {
        let node = self.look_up(key);
        if let (None, Some(table)) = (node, self.table) {
            let (place, rule) = match table.own.get(key) {
                Some(place) => (place, ": a file states its own, whatever it extends"),
                None => (&table.place, ""),
            };
            let message = format!("`{}{key}` is missing{rule}", self.prefix);
            self.faults.note(message, [place.clone()]);
        }
        node
    }

    fn read<T: Parameter>(&mut self, key: &str, node: &Node, rule: Rule) -> Option<T> {
        let name = format!("{}{key}", self.prefix);
        T::read(node, &mut Reading { name: &name, rule, faults: self.faults })
    }

    fn refuse(&mut self, key: &str, message: &str, node: &Node) {
        let message = format!("`{}{key}` {message} (found {})", self.prefix, node.value);
        self.faults.note(message, [node.place.clone()]);
    }
}
