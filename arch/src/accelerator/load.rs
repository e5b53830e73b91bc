//! From a preset's name, a file or a text to a checked machine.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{Accelerator, Draft, check};
use crate::{
    fault::{Faults, Source},
    reader::{Document, closest},
};

/// Largest machine file that is read.
const LARGEST_FILE: u64 = 1 << 20;
/// Keys that a file states itself, whatever it extends.
const OWN_KEYS: &[&str] = &["name", "description"];

/// A machine that comes with Tamis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// By which it is loaded and extended.
    pub name: &'static str,
    /// The commented machine file.
    pub text: &'static str,
}

/// The machines that come with Tamis.
pub const PRESETS: &[Preset] = &[
    Preset { name: "spatten", text: include_str!("../../presets/spatten.toml") },
    Preset { name: "spatten-eighth", text: include_str!("../../presets/spatten-eighth.toml") },
];

/// Why there is no machine.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Neither a preset nor a file.
    #[error(
        "no machine is called `{name}`{hint}; presets are {presets}, and a machine file ends in .toml"
    )]
    NoPreset {
        /// What was asked for.
        name: String,
        /// The preset that was probably meant.
        hint: String,
        /// All presets.
        presets: String,
    },
    /// The file cannot be read.
    #[error("machine file {}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file, or one that it extends, has faults.
    #[error("{0}")]
    Faults(Faults),
}

/// The machine of a preset's name, or of a path that ends in `.toml`.
///
/// # Errors
/// If there is no such preset or file, or if it has faults: all of them.
pub fn load(name_or_path: &str) -> Result<Accelerator, LoadError> {
    if let Ok(source) = find_preset(name_or_path) {
        return Accelerator::read(source, &|base, _| find_preset(base)).map_err(LoadError::Faults);
    }
    let is_folder = Path::new(name_or_path).is_dir();
    if !is_file_name(name_or_path) && !is_folder {
        return Err(no_preset(name_or_path));
    }
    let path = Path::new(name_or_path);
    let text = read_text(path)
        .map_err(|reason| LoadError::File { path: path.into(), reason: reason.to_string() })?;
    let source = Source { name: name_or_path.into(), text };
    Accelerator::read(source, &find_beside).map_err(LoadError::Faults)
}

impl Accelerator {
    /// The machine of a text, which may extend presets; messages call it `name`.
    ///
    /// # Errors
    /// Every fault of the text and of what it extends.
    pub fn parse(name: &str, text: &str) -> Result<Self, Faults> {
        Self::read(Source { name: name.into(), text: text.into() }, &|base, _| find_preset(base))
    }

    fn read(
        source: Source,
        find: &dyn Fn(&str, &Source) -> Result<Source, String>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let document = Document::parse_extending(source, OWN_KEYS, find, &mut faults);
        let machine = document.and_then(|document| {
            let draft = Draft::read(document.root(&mut faults));
            check::note_conflicts(&draft, &document, &mut faults);
            draft.complete()
        });
        faults.into_result(machine)
    }
}

fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

fn is_file_name(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

fn no_preset(name: &str) -> LoadError {
    let hint = closest(name, PRESETS.iter().map(|preset| preset.name));
    LoadError::NoPreset {
        name: name.escape_debug().to_string(),
        hint: hint.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)")),
        presets: PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
    }
}

/// The base of a text: a preset.
fn find_preset(base: &str) -> Result<Source, String> {
    let preset = preset(base).ok_or_else(|| no_preset(base).to_string())?;
    Ok(Source { name: format!("preset:{}.toml", preset.name), text: preset.text.into() })
}

/// The base of a file: a preset, or a file named by its path from the folder of the file.
fn find_beside(base: &str, from: &Source) -> Result<Source, String> {
    if preset(base).is_some() || !is_file_name(base) {
        return find_preset(base);
    }
    let folder = Path::new(&from.name).parent().unwrap_or(Path::new(""));
    let path = folder.join(base);
    let text =
        read_text(&path).map_err(|reason| format!("machine file {}: {reason}", path.display()))?;
    Ok(Source { name: path.display().to_string(), text })
}

/// The text of a file, whatever the path leads to: never more than the largest file, never for ever.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::Error::other("this is a directory"));
    }
    if !kind.is_file() {
        return Err(io::Error::other("this is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other("more than 1 MiB is not a machine file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        io::Error::other(format!("byte {valid} is not UTF-8 text"))
    })
}
