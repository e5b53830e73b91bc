//! From a trace and a policy to a plan, one task at a time.

mod layer;
mod operands;

use std::{collections::VecDeque, sync::Arc};

use tamis_arch::{blocks::Formats, fault::Faults};

pub(crate) use self::operands::score_scale;
use self::{
    layer::{LayerResult, LayerRun},
    operands::{Layers, Operands},
};
use crate::{
    fixed::{Arithmetic, Unsupported},
    plan::{Phase, StoredBits, Task},
    policy::{Course, ImportanceTooNarrow, Pass, Policy, Setting},
    quality::Quality,
    quickselect::PivotRule,
    trace::{LayerSource, Shape, TraceError},
};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A knob of the policy does not fit the trace or the machine.
    #[error("{0}")]
    Policy(Faults),
    /// The trace or the machine is beyond what the fixed point is proved for.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The machine's importance accumulators are too narrow.
    #[error(transparent)]
    ImportanceTooNarrow(#[from] ImportanceTooNarrow),
}

/// Which parts of inference a plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phases {
    /// The prompt; for an encoder, everything.
    Prefill,
    /// The steps after the prompt; none for an encoder.
    Decode,
    /// Both, in order.
    All,
}

impl Phases {
    fn has(self, phase: Phase) -> bool {
        match self {
            Self::Prefill => phase == Phase::Prefill,
            Self::Decode => phase == Phase::Decode,
            Self::All => true,
        }
    }
}

/// Yields the tasks of a plan in the order in which the machine runs them.
///
/// It reads a layer when its first task is asked for, and holds that one and, for decode, as many
/// others as fit a fixed cache. After an error it is at its end.
pub struct Planner<'a> {
    shape: &'a Shape,
    arithmetic: Arithmetic,
    pivots: PivotRule,
    bits: StoredBits,
    values_ahead: bool,
    phases: Phases,
    course: Box<dyn Course>,
    layers: Layers<'a>,
    /// Passes that have not begun.
    passes: VecDeque<Pass>,
    /// The pass at hand and its next layer.
    current: Option<(Pass, u32)>,
    ready: VecDeque<Task>,
    quality: Quality,
}

impl<'a> Planner<'a> {
    /// A planner for the phases asked for. Decode alone still computes the prompt, where the policy
    /// remembers it, but yields none of its tasks.
    ///
    /// # Errors
    ///
    /// If the policy or the machine does not fit the trace.
    pub fn new(
        source: &'a (dyn LayerSource + Sync),
        policy: &Policy,
        formats: &Formats,
        pivots: PivotRule,
        phases: Phases,
    ) -> Result<Self, PlanError> {
        let shape = source.shape();
        let arithmetic = Arithmetic::new(formats, shape.head_dim, shape.seq_len)?;
        let method = policy.method();
        let course =
            policy.start(&Setting { shape, arithmetic, pivots }).map_err(PlanError::Policy)?;
        let bits = method.bits(arithmetic.operand_bits());
        let passes = passes(shape, phases, method.needs_prompt());
        Ok(Self {
            shape,
            arithmetic,
            pivots,
            bits,
            values_ahead: method.values_ahead(),
            phases,
            course,
            layers: Layers::new(source, bits, passes.len() > 1),
            passes,
            current: None,
            ready: VecDeque::new(),
            quality: Quality::new(shape.layers),
        })
    }

    /// What the policy costs in quality, over the tasks yielded so far.
    #[must_use]
    pub fn quality(&self) -> &Quality {
        &self.quality
    }

    /// Plans the next layer; false if there is none.
    fn advance(&mut self) -> Result<bool, PlanError> {
        let (pass, layer) = match self.current {
            Some((pass, layer)) if layer < self.shape.layers => (pass, layer),
            _ => match self.passes.pop_front() {
                Some(pass) => {
                    self.course.begin(pass);
                    (pass, 0)
                }
                None => return Ok(false),
            },
        };
        self.current = Some((pass, layer + 1));
        let operands = self.layers.get(layer)?;
        let LayerResult { mut tasks, seen, tally } = self.plan(pass, layer, &operands)?;
        let end = self.course.end_layer(layer, &seen);
        if self.phases.has(pass.phase) {
            if let Some(last) = tasks.last_mut() {
                last.layer_end = Some(end);
            }
            self.ready.extend(tasks);
            self.quality.note(self.shape, pass, layer, tally, operands.clips());
        }
        Ok(true)
    }

    fn plan(
        &mut self,
        pass: Pass,
        layer: u32,
        operands: &Arc<Operands>,
    ) -> Result<LayerResult, PlanError> {
        let live = self.course.live(layer)?;
        let run = LayerRun {
            shape: self.shape,
            arithmetic: self.arithmetic,
            bits: self.bits,
            pivots: self.pivots,
            values_ahead: self.values_ahead,
            pass,
            layer,
            operands,
            live: &live,
            course: &*self.course,
            judged: self.phases.has(pass.phase),
        };
        Ok(run.run())
    }
}

fn passes(shape: &Shape, phases: Phases, needs_prompt: bool) -> VecDeque<Pass> {
    let prompt = shape.prompt_len.unwrap_or(shape.seq_len);
    let steps = if phases.has(Phase::Decode) { shape.seq_len - prompt } else { 0 };
    let prefill = phases.has(Phase::Prefill) || (steps > 0 && needs_prompt);
    let first = prefill.then_some(Pass { phase: Phase::Prefill, step: 0, tokens: prompt });
    let decode =
        (0..steps).map(|step| Pass { phase: Phase::Decode, step, tokens: prompt + step + 1 });
    first.into_iter().chain(decode).collect()
}

impl Iterator for Planner<'_> {
    type Item = Result<Task, PlanError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.passes.clear();
                    self.current = None;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
