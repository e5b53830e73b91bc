//! A machine as text: the full file, and the digest that names it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Accelerator;
use crate::reader::Written;

impl Accelerator {
    /// The machine as a file that states every parameter, with its meaning and unit; loads back to
    /// the same value.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for (key, value) in [("name", &self.name), ("description", &self.description)] {
            line(&mut text, key, &Written::String(value.clone()));
        }
        for section in self.values() {
            write!(text, "\n# {}\n[{}]\n", section.purpose, section.name).expect(TO_STRING);
            for (field, value) in section.values {
                writeln!(text, "# {}", field.doc).expect(TO_STRING);
                line(&mut text, &field.name, &value);
            }
        }
        text
    }

    /// The machine as a table, as its file has it.
    #[must_use]
    pub fn to_table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        table.insert("name".into(), Written::String(self.name.clone()));
        table.insert("description".into(), Written::String(self.description.clone()));
        for section in self.values() {
            let values = section.values.into_iter().map(|(field, value)| (field.name, value));
            table.insert(section.name.into(), Written::Table(values.collect()));
        }
        table
    }

    /// SHA-256, in hexadecimal, of every parameter and of the DRAM standard that one of them names: the
    /// same for two files that describe the same machine, whatever they call it and in whatever order
    /// they say it.
    ///
    /// # Panics
    /// Never: a standard is made of values that JSON can hold.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut canonical = String::from("tamis machine 1\n");
        for section in self.values() {
            for (field, value) in section.values {
                line(&mut canonical, &format!("{}.{}", section.name, field.name), &value);
            }
        }
        canonical += &serde_json::to_string(&self.dram.standard).expect("a standard is JSON");
        let mut digest = String::new();
        for byte in Sha256::digest(canonical) {
            write!(digest, "{byte:02x}").expect(TO_STRING);
        }
        digest
    }
}

const TO_STRING: &str = "writing to a string cannot fail";

fn line(text: &mut String, key: &str, value: &Written) {
    writeln!(text, "{key} = {value}").expect(TO_STRING);
}
