//! A safetensors file in the making, so that a test can spoil one thing in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Metadata and tensors, before they become bytes.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Value>,
    pub(crate) data: Vec<u8>,
}

impl Draft {
    /// One causal layer: 4 query heads on 2 K/V heads, 3 tokens (2 of them prompt), 16 dimensions,
    /// f32 ones.
    pub(crate) fn sound() -> Self {
        let metadata = [
            ("format", "attention-trace"),
            ("version", "1"),
            ("model", "draft"),
            ("task", "none"),
            ("causal", "true"),
            ("num_layers", "1"),
            ("num_heads", "4"),
            ("num_kv_heads", "2"),
            ("head_dim", "16"),
            ("seq_len", "3"),
            ("scale", "0.25"),
            ("source_text", "none"),
            ("prompt_len", "2"),
        ];
        let tensor = |heads: u32, start: u32| {
            let end = start + heads * 3 * 16 * 4;
            json!({"dtype": "F32", "shape": [heads, 3, 16], "data_offsets": [start, end]})
        };
        let tensors = [
            ("layer.0.k", tensor(2, 0)),
            ("layer.0.q", tensor(4, 384)),
            ("layer.0.v", tensor(2, 1152)),
        ];
        Self {
            metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            tensors: tensors.map(|(name, entry)| (name.to_owned(), entry)).into(),
            data: 1_f32.to_le_bytes().repeat(1536 / 4),
        }
    }

    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.metadata.remove(key).expect("a key to take away");
        self
    }

    pub(crate) fn with_tensor(mut self, name: &str, field: &str, value: Value) -> Self {
        self.tensors.get_mut(name).expect("a tensor to spoil")[field] = value;
        self
    }

    /// Sets value `index` of the data, which start with K.
    pub(crate) fn with_value(mut self, index: usize, value: f32) -> Self {
        self.data[4 * index..][..4].copy_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut header = json!(self.tensors);
        header["__metadata__"] = json!(self.metadata);
        raw(header.to_string().as_bytes(), &self.data)
    }
}

/// A file with this header and these data.
pub(crate) fn raw(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}
