//! Policy `dense`: every key and value of every query, at one precision, and nothing to select.

use std::sync::Arc;

use tamis_arch::reader::{Rule, Written};

use super::{
    Choice, Course, ImportanceTooNarrow, Live, Method, Misfit, Pass, Seen, Setting, knobs,
};
use crate::{
    plan::{KeySet, LayerEnd, Phase, StoredBits, Weighs},
    row::{Planes, RowView},
};

tamis_arch::parameters! {
    /// Attention as it is.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Dense {
        /// Width at which K is stored, in one plane.
        pub key_bits: u32 where Rule::between(2, 12),
        /// Width at which V is stored.
        pub value_bits: u32 where Rule::between(2, 12),
    }
}

impl Method for Dense {
    fn knobs(&self) -> Vec<(String, Written)> {
        knobs(self)
    }

    fn bits(&self, operand: u32) -> StoredBits {
        let value = self.value_bits;
        StoredBits { query: operand, key_msb: self.key_bits, key_lsb: 0, value }
    }

    fn values_ahead(&self) -> bool {
        true
    }

    fn needs_prompt(&self) -> bool {
        false
    }

    fn start(&self, setting: &Setting<'_>) -> Result<Box<dyn Course>, Misfit> {
        let operand = setting.arithmetic.operand_bits();
        for (key, bits) in [("key_bits", self.key_bits), ("value_bits", self.value_bits)] {
            if bits > operand {
                let rule =
                    format!("must be at most formats.operand_bits = {operand} (found {bits})");
                return Err(Misfit { key, rule });
            }
        }
        let heads = (0..setting.shape.heads).collect();
        let kv_heads = setting.shape.kv_heads as usize;
        let none: Arc<[u32]> = Arc::from([]);
        Ok(Box::new(Everything { heads, kv_heads, queries: none.clone(), keys: none }))
    }
}

/// The course of `dense`.
struct Everything {
    heads: Vec<u32>,
    kv_heads: usize,
    queries: Arc<[u32]>,
    keys: Arc<[u32]>,
}

impl Course for Everything {
    fn begin(&mut self, pass: Pass) {
        self.keys = (0..pass.tokens).collect();
        self.queries = match pass.phase {
            Phase::Prefill => self.keys.clone(),
            Phase::Decode => Arc::from([pass.tokens - 1]),
        };
    }

    fn live(&mut self, _: u32) -> Result<Live, ImportanceTooNarrow> {
        let keys = vec![self.keys.clone(); self.kv_heads];
        let queries = self.queries.clone();
        let (heads, weighs) = (self.heads.clone(), Weighs::default());
        Ok(Live { heads, queries, keys, importance_shift: 0, weighs })
    }

    fn choose(&self, row: &mut RowView<'_>) -> Choice {
        row.attend(Planes::All);
        Choice { refetch: false, kept: KeySet::Range(row.visible()), select: None }
    }

    fn end_layer(&mut self, _: u32, _: &[Seen]) -> LayerEnd {
        LayerEnd::default()
    }
}
