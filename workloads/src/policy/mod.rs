//! Policies: what is computed, and what is never fetched.
//!
//! A [`Policy`] is a description with checked knobs; it has a file, a name and a digest. Started on a
//! sequence it becomes a [`Course`], which holds what the algorithm remembers from layer to layer
//! and step to step. The planner asks the course, for each layer, what is live, and for each row,
//! which values it keeps; and tells it at the end of the layer what was seen.
//!
//! A new method is one file: a struct of [`parameters!`](tamis_arch::parameters) that is a
//! [`Method`], its course, a description under `workloads/policies`, and a line in `METHODS`. It
//! can choose keys per layer or per K/V head ([`Live`]), per row before or after its scores
//! ([`Course::choose`]), from positions, scores, probabilities or what earlier layers showed
//! ([`Seen`]).

mod cascade;
mod dense;
mod importance;
mod schedule;

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use tamis_arch::{
    fault::{Faults, Source},
    reader::{Block, Document, Rule, Section, Written},
};

pub use cascade::{Cascade, PromptImportance};
pub use dense::Dense;
pub use importance::Importance;
pub use schedule::{Keep, Share};

use crate::{
    fixed::Arithmetic,
    plan::{KeySet, LayerEnd, Phase, Selection, StoredBits, Weighs},
    quickselect::PivotRule,
    row::RowView,
    trace::Shape,
};

/// The policies: name, description, and what reads it.
const METHODS: [(&str, &str, Read); 2] = [
    ("cascade", include_str!("../../policies/cascade.toml"), read::<Cascade>),
    ("dense", include_str!("../../policies/dense.toml"), read::<Dense>),
];

type Read = fn(Section<'_, '_>) -> Option<Arc<dyn Method>>;

/// An algorithm with its knobs, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    name: &'static str,
    method: Arc<dyn Method>,
    document: Document,
}

/// What a policy is made of.
pub trait Method: fmt::Debug + Send + Sync {
    /// Each knob and its value, in the order of the description.
    fn knobs(&self) -> Vec<(String, Written)>;

    /// Widths of stored operands on a machine whose operands have `operand` bits.
    fn bits(&self, operand: u32) -> StoredBits;

    /// Whether rows keep all values they see, so that they can be fetched before there are scores.
    fn values_ahead(&self) -> bool;

    /// Whether decode depends on what prefill saw.
    fn needs_prompt(&self) -> bool;

    /// Begins a sequence.
    ///
    /// # Errors
    ///
    /// If a knob does not fit the sequence or the machine.
    fn start(&self, setting: &Setting<'_>) -> Result<Box<dyn Course>, Misfit>;
}

/// What a sequence and a machine are like.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The sequence.
    pub shape: &'a Shape,
    /// The machine's arithmetic.
    pub arithmetic: Arithmetic,
    /// The machine's choice of pivots.
    pub pivots: PivotRule,
}

/// A knob that does not fit the sequence or the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The knob.
    pub key: &'static str,
    /// The rule, and what was found: ends the sentence that begins with the knob.
    pub rule: String,
}

/// A policy at work on one sequence.
pub trait Course: Send + Sync {
    /// All layers start over: prefill, or the next decode step.
    fn begin(&mut self, pass: Pass);

    /// What is live in a layer.
    ///
    /// # Errors
    ///
    /// If the machine's importance accumulators are too narrow for it.
    fn live(&mut self, layer: u32) -> Result<Live, ImportanceTooNarrow>;

    /// What one row keeps. Rows of a layer are asked in any order, and at the same time.
    fn choose(&self, row: &mut RowView<'_>) -> Choice;

    /// Takes note of a layer and decides on the next.
    fn end_layer(&mut self, layer: u32, seen: &[Seen]) -> LayerEnd;
}

/// One time through all layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Prefill or decode.
    pub phase: Phase,
    /// Decode step; 0 in prefill.
    pub step: u32,
    /// Tokens in the sequence, the newest included.
    pub tokens: u32,
}

/// What is live in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Query heads, ascending.
    pub heads: Vec<u32>,
    /// Positions of the queries, ascending.
    pub queries: Arc<[u32]>,
    /// Positions of the keys of each K/V head, ascending. Each query is among them.
    pub keys: Vec<Arc<[u32]>>,
    /// Fraction bits of a probability that token importance drops, rounding to nearest.
    pub importance_shift: u32,
    /// Which importance the machine adds up.
    pub weighs: Weighs,
}

/// What one row keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whether its scores were computed again with the LSBs.
    pub refetch: bool,
    /// Values it fetches.
    pub kept: KeySet,
    /// The selection that chose them.
    pub select: Option<Selection>,
}

/// What the rows of a K/V head showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Positions of its keys.
    pub tokens: Arc<[u32]>,
    /// For each key the sum of its probabilities, each without the bits that
    /// [`Live::importance_shift`] drops.
    pub mass: Vec<u64>,
    /// For each query head of the group its number and the sum of its outputs' magnitudes.
    pub outputs: Vec<(u32, u64)>,
    /// Rows of each head.
    pub rows: u32,
    /// What one unit of an output stands for.
    pub output_unit: f64,
}

/// The machine cannot add up importance as finely as it must.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "formats.importance_bits = {bits} leaves {fraction} fraction bits for the importance of a token in \
     layer {layer}: rankings need {} or more",
    Importance::LEAST_FRACTION
)]
pub struct ImportanceTooNarrow {
    /// Width of an accumulator.
    pub bits: u32,
    /// Fraction bits that are left.
    pub fraction: i32,
    /// Where.
    pub layer: u32,
}

impl Policy {
    /// Names of the policies.
    pub fn names() -> impl Iterator<Item = &'static str> {
        METHODS.iter().map(|(name, ..)| *name)
    }

    /// A policy by name, every knob at its default.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (name, text, _) = METHODS.iter().find(|(known, ..)| *known == name)?;
        Some(Self::parse(name, text).expect("the policies that come with the program are sound"))
    }

    /// A policy from the text of a file. `name` is what messages call the file. It states every knob,
    /// or says which policy it `extends`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let policy = Self::read(Source { name: name.into(), text: text.into() }, &mut faults);
        faults.into_result(policy)
    }

    fn read(source: Source, faults: &mut Faults) -> Option<Self> {
        let document = Document::parse_extending(source, &[], &description, faults)?;
        let mut root = document.root(faults);
        let name: String = root.get("policy", Rule::ANY)?;
        let Some((name, _, read)) = METHODS.iter().find(|(known, ..)| *known == name) else {
            root.note("policy", &format!("must be one of {} (found {name:?})", listed()));
            return None;
        };
        let method = read(root)?;
        Some(Self { name, method, document })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Each knob and its value, in the order of the description.
    #[must_use]
    pub fn knobs(&self) -> Vec<(String, Written)> {
        self.method.knobs()
    }

    /// The policy as a file that states every knob.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let knobs = self.knobs().into_iter().map(|(name, value)| format!("{name} = {value}\n"));
        format!("policy = \"{}\"\n{}", self.name, knobs.collect::<String>())
    }

    /// SHA-256 of [`Self::to_toml`], in hexadecimal: the same for the same algorithm, however it was
    /// written down.
    #[must_use]
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.to_toml());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What it is made of.
    #[must_use]
    pub fn method(&self) -> &dyn Method {
        &*self.method
    }

    /// Begins a sequence.
    ///
    /// # Errors
    ///
    /// If a knob does not fit the sequence or the machine: with its place in the file.
    pub fn start(&self, setting: &Setting<'_>) -> Result<Box<dyn Course>, Faults> {
        self.method.start(setting).map_err(|Misfit { key, rule }| {
            let mut faults = Faults::default();
            faults.note(format!("`{key}` {rule}"), [self.document.place(key)]);
            faults
        })
    }
}

/// The description that a file `extends`.
fn description(name: &str, _: &Source) -> Result<Source, String> {
    match METHODS.iter().find(|(known, ..)| *known == name) {
        Some((name, text, _)) => {
            Ok(Source { name: format!("policy {name}"), text: (*text).into() })
        }
        None => Err(format!("`extends` must be one of {} (found {name:?})", listed())),
    }
}

fn listed() -> String {
    METHODS.map(|(name, ..)| format!("\"{name}\"")).join(", ")
}

fn read<M: Block + Method + 'static>(section: Section<'_, '_>) -> Option<Arc<dyn Method>> {
    M::read(section).map(|method| Arc::new(method) as Arc<dyn Method>)
}

/// The knobs of a method that is a block of parameters.
fn knobs<B: Block>(block: &B) -> Vec<(String, Written)> {
    block.write().into_iter().map(|(field, value)| (field.name, value)).collect()
}
