//! Small files that the tests start from.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

/// A path as a word of a command line.
pub(crate) fn path_of(path: &Path) -> String {
    path.to_str().expect("a plain path").to_owned()
}

/// A trace file in the making: what the header says, and the values.
#[derive(Clone)]
pub(crate) struct Trace {
    pub(crate) header: BTreeMap<String, Value>,
    pub(crate) data: Vec<u8>,
}

/// Sizes of a trace.
pub(crate) struct Sizes {
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) seq_len: usize,
}

impl Trace {
    /// 1 layer, 2 heads on 1 K/V head of 16, 3 tokens.
    pub(crate) fn valid() -> Self {
        Self::of(&Sizes { layers: 1, heads: 2, kv_heads: 1, head_dim: 16, seq_len: 3 })
    }

    /// 2 layers, 4 heads on 2 K/V heads of 64, 6 tokens of prompt and 3 decoded.
    pub(crate) fn decoder() -> Self {
        Self::of(&Sizes { layers: 2, heads: 4, kv_heads: 2, head_dim: 64, seq_len: 9 })
            .with_metadata("prompt_len", "6")
    }

    /// A causal trace of values of either sign from 0.5 to 1, which look random and are always the
    /// same.
    pub(crate) fn of(sizes: &Sizes) -> Self {
        let Sizes { layers, heads, kv_heads, head_dim, seq_len } = *sizes;
        let metadata = json!({
            "format": "attention-trace", "version": "1", "model": "test", "task": "test",
            "causal": "true", "num_layers": layers.to_string(), "num_heads": heads.to_string(),
            "num_kv_heads": kv_heads.to_string(), "head_dim": head_dim.to_string(),
            "seq_len": seq_len.to_string(), "scale": "0.25", "source_text": "none",
        });
        let mut header = BTreeMap::from([("__metadata__".to_owned(), metadata)]);
        let mut bytes = 0;
        for layer in 0..layers {
            for (kind, heads) in [("q", heads), ("k", kv_heads), ("v", kv_heads)] {
                let shape = [heads, seq_len, head_dim];
                let end = bytes + 2 * shape.iter().product::<usize>();
                let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [bytes, end]});
                header.insert(format!("layer.{layer}.{kind}"), tensor);
                bytes = end;
            }
        }
        let mut state = 1_u32;
        let halves = (0..bytes / 2).flat_map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [.., low, high] = state.to_be_bytes().map(u16::from);
            (0x3800 | (low << 2) | (high & 1) << 15).to_le_bytes()
        });
        Self { header, data: halves.collect() }
    }

    pub(crate) fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.header.get_mut("__metadata__").expect("it has metadata")[key] = json!(value);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(&self.header).expect("it is JSON");
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(&self.data);
        bytes
    }
}

/// Two heads of one layer and step: 20 tokens, 10 keys, 4 values; the second is refetched.
pub(crate) const TABLE: &str = "\
iteration_id,layer_id,head_id,embedding_length_D,sentence_length_L,key_fetch_num,quant_key_bit,\
quant_query_bit,auto_requant_thres,if_requant,auto_requant_incre,value_fetch_num,quant_value_bit,\
if_accumulate_importance,if_rescale_previous_importance,if_topk,topk
0,0,0,64.0,20,10,6,16,0.05,False,4,4,6,True,False,False,-1
0,0,1,64.0,20,10,6,16,0.05,True,4,4,6,True,False,False,-1
made-by-hand,,,,,,,,,,,,,,,,
";
