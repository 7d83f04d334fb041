//! RMSprop (Tieleman and Hinton, 2012).
//!
//! ```text
//! s' = ρ s + (1 - ρ) g²
//! w' = w - lr g / (sqrt(s') + ε)
//! ```
//!
//! ε stands outside the root, as in CS231n.

use tape::{Tape, Var};

use super::{Optimizer, Updates, declare_slots};
use crate::param::Param;
use crate::params::Params;

const STATE: &str = "rmsprop/s";

/// The rule of the equations above, with s starting from zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RmsProp {
    /// The learning rate, lr.
    pub learning_rate: f64,
    /// What remains of the mean square after a step, ρ.
    pub decay: f64,
    /// Keeps the divisor from zero, ε.
    pub epsilon: f64,
}

impl RmsProp {
    /// RMSprop with decay 0.99 and ε 1e-8; CS231n's default learning rate is 1e-2.
    pub fn new(learning_rate: f64) -> RmsProp {
        RmsProp { learning_rate, decay: 0.99, epsilon: 1e-8 }
    }
}

impl Optimizer for RmsProp {
    fn declare(&self, params: &mut Params) {
        declare_slots(STATE, params);
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        let rate = tape.input_number(self.learning_rate);
        let one = |(param, g): &(Param, Var<'t>)| {
            let s = params.slot(STATE, *param);
            let square = s.on(tape) * self.decay + g.square() * (1.0 - self.decay);
            let weight = *param - rate * *g / (square.sqrt() + self.epsilon);
            [(*param, weight), (s, square)]
        };
        gradients.iter().flat_map(one).collect()
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }
}
