//! The traces that come with the program. `workloads/traces/README.md` says where they are from.

use super::{TraceError, TraceFile};

/// A trace compiled into the program, so that it is there whatever the folder.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// Name of the file, without extension.
    pub name: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

/// A small decoder: 30 layers, 9 query and 3 K/V heads, 48 tokens of prompt and 16 generated.
pub const DECODER: Bundled = Bundled {
    name: "smollm2-135m_alice_s64",
    bytes: include_bytes!("../../traces/smollm2-135m_alice_s64.safetensors"),
};

/// A small encoder: 6 layers of 12 heads, 40 tokens.
pub const ENCODER: Bundled = Bundled {
    name: "minilm-l6_alice_s40",
    bytes: include_bytes!("../../traces/minilm-l6_alice_s40.safetensors"),
};

/// All bundled traces.
pub const BUNDLED: [Bundled; 2] = [DECODER, ENCODER];

/// The bundled trace of that name.
#[must_use]
pub fn bundled(name: &str) -> Option<Bundled> {
    BUNDLED.into_iter().find(|trace| trace.name == name)
}

impl Bundled {
    /// Opens it without copying it.
    ///
    /// # Errors
    ///
    /// Only if the file in the repository was damaged before the program was built.
    pub fn open(self) -> Result<TraceFile, TraceError> {
        TraceFile::from_bytes(self.name, self.bytes)
    }
}
