//! The header of a safetensors file: a length, then JSON that names every tensor.
//!
//! Layout, from the description of the format in its [repository]: 8 bytes of header length
//! (little endian), the header, which starts with `{` and may end in spaces, then the data. The
//! tensors cover the data without holes; no key appears twice.
//!
//! [repository]: https://github.com/huggingface/safetensors#format

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize,
    de::{Deserializer, Error, MapAccess, Visitor},
};

use super::{
    error::{Fault, Place, TraceError, short},
    store::Store,
};

/// Bytes of the length field.
pub(super) const LENGTH_BYTES: u64 = 8;

/// Longest header that is read. A million tokens of text take about 10 MiB; the reference
/// implementation stops at 100 MB.
pub(super) const MAX_HEADER_BYTES: u64 = 16 << 20;

/// Key of the metadata beside the names of tensors.
pub(super) const METADATA: &str = "__metadata__";

/// What the header says, as written.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tensors: BTreeMap<String, TensorEntry>,
    /// Byte of the file where the data start.
    pub(super) data_start: u64,
}

/// One tensor. `data_offsets` count from the start of the data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TensorEntry {
    pub(super) dtype: String,
    pub(super) shape: Vec<u64>,
    pub(super) data_offsets: [u64; 2],
}

impl Header {
    pub(super) fn read(store: &Store) -> Result<Self, TraceError> {
        let invalid = |place, rule: String| Fault::new(place, rule).in_file(&store.name);
        if store.len < LENGTH_BYTES {
            let rule = format!(
                "must be a safetensors file, of 8 bytes of header length and more (found {} in all)",
                store.len
            );
            return Err(invalid(Place::File, rule));
        }
        let mut length = [0; 8];
        store.read(0, &mut length)?;
        let length = u64::from_le_bytes(length);
        let room = (store.len - LENGTH_BYTES).min(MAX_HEADER_BYTES);
        if length > room {
            let rule = format!(
                "a safetensors file starts with the length of its header, here at most {room} (found \
                 {length})"
            );
            return Err(invalid(Place::Byte(0), rule));
        }
        let size = usize::try_from(length).expect("at most MAX_HEADER_BYTES, just checked");
        let mut text = vec![0; size];
        store.read(LENGTH_BYTES, &mut text)?;
        if text.first() != Some(&b'{') {
            let rule = "the header of a safetensors file must start with `{`";
            return Err(invalid(Place::Byte(LENGTH_BYTES), rule.to_owned()));
        }
        let Entries { metadata, tensors } = serde_json::from_slice(&text).map_err(|error| {
            let offset = LENGTH_BYTES + position(&text, error.line(), error.column());
            invalid(
                Place::Byte(offset),
                format!("the header must be sound JSON: {}", short(&error.to_string())),
            )
        })?;
        let metadata = metadata.ok_or_else(|| {
            let rule = format!("the header must hold `{METADATA}` that says what the trace is");
            invalid(Place::File, rule)
        })?;
        Ok(Self { metadata, tensors, data_start: LENGTH_BYTES + length })
    }
}

/// Offset of a line and column, both from 1, as `serde_json` counts them.
fn position(text: &[u8], line: usize, column: usize) -> u64 {
    let before: usize = text
        .split_inclusive(|&byte| byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    (before + column.saturating_sub(1)) as u64
}

/// The header's JSON object.
struct Entries {
    metadata: Option<BTreeMap<String, String>>,
    tensors: BTreeMap<String, TensorEntry>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries { metadata: None, tensors: BTreeMap::new() };
        while let Some(key) = map.next_key::<String>()? {
            let again = if key == METADATA {
                entries.metadata.replace(map.next_value::<Metadata>()?.0).is_some()
            } else {
                entries.tensors.insert(key.clone(), map.next_value()?).is_some()
            };
            if again {
                return Err(A::Error::custom(format!("key `{key}` appears twice")));
            }
        }
        Ok(entries)
    }
}

/// An object of strings in which no key appears twice.
struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if let Some((key, _)) = entries.get_key_value(&key) {
                return Err(A::Error::custom(format!("key `{key}` appears twice")));
            }
            entries.insert(key, value);
        }
        Ok(Metadata(entries))
    }
}
