//! What one action costs.
//!
//! Width rules: a multiplier is an array of cells, so it costs what the product of its widths does;
//! adders, comparators (a subtractor whose sum nobody reads), registers and multiplexers cost what
//! their width does. A bit through a crossbar charges a wire along one side of the matrix, so it costs
//! what the geometric mean of the wires of both sides does. Exponentials and divisions are made of
//! multiplications and additions. Logic carries its share of the clock tree and of control.

use super::{
    action::{Action, barrel_stages},
    spread::Spread,
    table::EnergyTable,
};
use crate::units::{Bits, Picojoules};

/// The price of one action.
pub type Priced = Spread<Picojoules>;

impl EnergyTable {
    /// Energy of one action, with the range that the table's sources leave.
    #[must_use]
    pub fn price(&self, action: &Action) -> Priced {
        match *action {
            Action::SramRead { capacity, width } => self.sram.read(capacity, width),
            Action::SramWrite { capacity, width } => self.sram.write(capacity, width),
            Action::Fifo { entries, width } if action.is_of_sram() => {
                let capacity = width.times(u64::from(entries));
                self.sram.read(capacity, width) + self.sram.write(capacity, width)
            }
            _ => self
                .logic(action)
                .with(self.energy.clock.spread(), |energy, share| Picojoules(energy * share)),
        }
    }

    /// Energy of the gates of an action of logic, in picojoules.
    fn logic(&self, action: &Action) -> Spread<f64> {
        match *action {
            Action::MultiplyAccumulate { left, right } => {
                self.multiply(left, right) + self.add(Bits(left.0 + right.0))
            }
            Action::Add { width } | Action::Compare { width } => self.add(width),
            Action::Exponent { width } => {
                let step = self.multiply(width, width) + self.add(width);
                let stages = f64::from(barrel_stages(width));
                let shift = self.mux(width).map(|stage| stage * stages);
                self.energy.exponent_steps.spread().with(step, |steps, step| steps * step) + shift
            }
            Action::Divide { width } => {
                (self.add(width) + self.mux(width)).map(|step| step * f64::from(width.0))
            }
            Action::Shift { width } => self.mux(width),
            Action::Fifo { width, .. } | Action::RegisterWrite { width } => {
                per_bit(&self.energy.register, width)
            }
            Action::RegisterRead { words, width } => {
                let stages = f64::from(words.max(1).next_power_of_two().ilog2());
                self.mux(width).map(|stage| stage * stages)
            }
            Action::Crossbar { inputs, outputs, width } => {
                let bits = f64::from(width.0);
                let wires = libm::sqrt(f64::from(inputs) * f64::from(outputs)) * bits;
                self.energy.crossbar.spread().map(|energy| energy * bits * wires)
            }
            Action::SramRead { .. } | Action::SramWrite { .. } => Spread::default(),
        }
    }

    fn multiply(&self, left: Bits, right: Bits) -> Spread<f64> {
        let cells = f64::from(left.0) * f64::from(right.0);
        self.energy.multiply.spread().map(|energy| energy * cells)
    }

    fn add(&self, width: Bits) -> Spread<f64> {
        per_bit(&self.energy.add, width)
    }

    fn mux(&self, width: Bits) -> Spread<f64> {
        per_bit(&self.energy.mux, width)
    }
}

fn per_bit(figure: &super::table::Figure, width: Bits) -> Spread<f64> {
    figure.spread().map(|energy| energy * f64::from(width.0))
}
