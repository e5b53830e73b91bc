//! A text laid over the text that it extends.

use std::sync::Arc;

use toml::de::DeTable;

use super::{
    section::Section,
    tree::{Table, Value},
};
use crate::fault::{Faults, Place, Source};

/// Files that may extend each other in a row: more than anybody can follow.
const DEPTH: usize = 16;

/// A description as a tree, its bases laid under it.
#[derive(Clone, Debug)]
pub struct Document {
    root: Table,
}

impl Document {
    /// Reads a text that stands alone. Notes every fault of its syntax; none if there was one.
    #[must_use]
    pub fn parse(name: &str, text: &str, faults: &mut Faults) -> Option<Self> {
        let source = Source { name: name.into(), text: text.into() };
        parse(&Arc::new(source), faults).map(|root| Self { root })
    }

    /// Reads a text that may say `extends = "base"`, and its base, and so on. `find` gives the text
    /// of a base by the name written and the source it is written in, or says why it cannot.
    ///
    /// The keys `own` are never inherited: a base's name is not its variant's.
    #[must_use]
    pub fn parse_extending(
        source: Source,
        own: &[&str],
        find: &dyn Fn(&str, &Source) -> Result<Source, String>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut names = vec![source.name.clone()];
        let mut root = parse(&Arc::new(source), faults)?;
        let mut layers = Vec::new();
        while let Some(base) = root.entries.remove("extends") {
            let place = base.node.place;
            layers.push(root);
            let Value::Text(written) = base.node.value else {
                faults.note("`extends` must be a string: the name of a base", [place]);
                return None;
            };
            let found = match find(&written, place.source()) {
                Ok(found) => found,
                Err(reason) => {
                    faults.note(reason, [place]);
                    return None;
                }
            };
            if names.contains(&found.name) {
                names.push(found.name);
                let message = format!("`extends` goes in a circle: {}", names.join(" -> "));
                faults.note(message, [place]);
                return None;
            }
            if layers.len() == DEPTH {
                faults.note(format!("`extends` goes more than {DEPTH} files deep"), [place]);
                return None;
            }
            names.push(found.name.clone());
            root = parse(&Arc::new(found), faults)?;
        }
        while let Some(mut layer) = layers.pop() {
            root.entries.retain(|key, _| !own.contains(&key.as_str()));
            layer.own = own.iter().map(|&key| (key.to_owned(), layer.place.clone())).collect();
            root = layer.over(root);
        }
        Some(Self { root })
    }

    /// The whole document as a section, whose faults go to `faults`.
    #[must_use]
    pub fn root<'d, 'f>(&'d self, faults: &'f mut Faults) -> Section<'d, 'f> {
        Section::root(&self.root, faults)
    }

    /// Where the value of `section.key` stands, in whichever file states it; where the section does,
    /// if none does.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        let mut place = &self.root.place;
        let mut table = Some(&self.root);
        for key in path.split('.') {
            let Some(entry) = table.and_then(|table| table.entries.get(key)) else { break };
            place = &entry.node.place;
            table = match &entry.node.value {
                Value::Table(table) => Some(table),
                _ => None,
            };
        }
        place.clone()
    }
}

/// The tree of one text. A text with a fault of syntax has none: what follows from it would only
/// blur the message.
fn parse(source: &Arc<Source>, faults: &mut Faults) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.note(format!("this is not TOML: {}", error.message()), [Place::new(source, span)]);
    }
    // A missing section is reported at the top of the file.
    errors.is_empty().then(|| Table::new(source, 0..0, table.get_ref()))
}
