//! Policy `cascade`: token and head pruning that carries from layer to layer, local value pruning,
//! progressive quantisation (SpAtten, sections III-A to III-D).

mod course;

use tamis_arch::reader::{Rule, Written};

use self::course::Pruning;
use super::{Course, Keep, Method, Misfit, Setting, Share, knobs};
use crate::plan::StoredBits;

tamis_arch::parameters! {
    /// SpAtten's algorithm.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Cascade {
        /// Share of the tokens that layers keep: the average, by the paper's rule, or a list.
        pub tokens_keep: Keep where Share::RULE,
        /// Share of the first layers that keep all tokens, for the paper's rule.
        pub tokens_start: Share where Rule::real(0.0, 1.0),
        /// Share of the heads that layers keep: the average, by the paper's rule, or a list.
        pub heads_keep: Keep where Share::RULE,
        /// Share of the first layers that keep all heads, for the paper's rule.
        pub heads_start: Share where Rule::real(0.0, 1.0),
        /// Share of the visible values that a row of the prompt keeps.
        pub values_keep_prefill: Share where Share::RULE,
        /// Share of the visible values that the row of a decode step keeps.
        pub values_keep_decode: Share where Share::RULE,
        /// Width of the first pass of K.
        pub key_msb_bits: u32 where Rule::between(2, 12),
        /// Width of the second pass of K; 0 for K in one plane.
        pub key_lsb_bits: u32 where Rule::between(0, 10),
        /// A row whose largest probability is below this is computed again with both planes.
        pub refetch_threshold: f64 where Rule::real(0.0, 1.0),
        /// Width at which V is stored.
        pub value_bits: u32 where Rule::between(2, 12),
        /// Whether the newest token stays in every layer.
        pub protect_newest: bool,
        /// Whether a value whose probability is 0 is left out.
        pub skip_zero_values: bool,
        /// What the importance of the prompt is worth in decode.
        pub prompt_importance: PromptImportance,
        /// Whether importance carries on from one decode step to the next.
        pub importance_over_steps: bool,
    }
}

tamis_arch::choices! {
    /// What the importance of the prompt is worth in decode.
    pub enum PromptImportance {
        /// Divided by the rows of the prompt, rounded down to a power of two.
        Mean = "mean",
        /// As it is.
        Sum = "sum",
    }
}

impl Method for Cascade {
    fn knobs(&self) -> Vec<(String, Written)> {
        knobs(self)
    }

    fn bits(&self, operand: u32) -> StoredBits {
        StoredBits {
            query: operand,
            key_msb: self.key_msb_bits,
            key_lsb: self.key_lsb_bits,
            value: self.value_bits,
        }
    }

    fn values_ahead(&self) -> bool {
        false
    }

    fn needs_prompt(&self) -> bool {
        true
    }

    fn start(&self, setting: &Setting<'_>) -> Result<Box<dyn Course>, Misfit> {
        self.check_bits(setting.arithmetic.operand_bits())?;
        let shape = setting.shape;
        let misfit = |key| move |rule| Misfit { key, rule };
        let tokens = self.tokens_keep.shares(self.tokens_start, shape.layers);
        let heads = self.heads_keep.shares(self.heads_start, shape.layers);
        let (tokens, heads) =
            (tokens.map_err(misfit("tokens_keep"))?, heads.map_err(misfit("heads_keep"))?);
        let shortest = shape.prompt_len.unwrap_or(shape.seq_len);
        self.tokens_keep.check_count(shortest, "tokens").map_err(misfit("tokens_keep"))?;
        self.heads_keep.check_count(shape.heads, "heads").map_err(misfit("heads_keep"))?;
        Ok(Box::new(Pruning::new(self.clone(), tokens, heads, setting)))
    }
}

impl Cascade {
    fn check_bits(&self, operand: u32) -> Result<(), Misfit> {
        let key_bits = self.key_msb_bits + self.key_lsb_bits;
        if key_bits > operand {
            let rule = format!(
                "and `key_msb_bits` must add up to at most formats.operand_bits = {operand} \
                 (found {key_bits})"
            );
            return Err(Misfit { key: "key_lsb_bits", rule });
        }
        if self.value_bits > operand {
            let found = self.value_bits;
            let rule = format!("must be at most formats.operand_bits = {operand} (found {found})");
            return Err(Misfit { key: "value_bits", rule });
        }
        Ok(())
    }
}
