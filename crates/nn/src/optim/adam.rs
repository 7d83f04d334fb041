//! Adam (Kingma and Ba, 2015), as CS231n writes it.
//!
//! ```text
//! m' = β1 m + (1 - β1) g
//! v' = β2 v + (1 - β2) g²
//! w' = w - lr sqrt(1 - β2^t) / (1 - β1^t) · m' / (sqrt(v') + ε)        t = 1, 2, …
//! ```
//!
//! The correction of the bias is in the step size, so that ε is added to the uncorrected root.

use tape::{Shape, Tape, Var};

use super::{Optimizer, Updates, count_of_steps, declare_slots};
use crate::param::Param;
use crate::params::Params;

const MEAN: &str = "adam/m";
const SQUARE: &str = "adam/v";
/// How many steps were taken. Whole numbers are exact in `f32` up to 16 million.
const STEPS: &str = "adam/t";

/// The rule of the equations above, with m and v starting from zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adam {
    /// The learning rate, lr.
    pub learning_rate: f64,
    /// What remains of the mean after a step, β1.
    pub beta1: f64,
    /// What remains of the mean square after a step, β2.
    pub beta2: f64,
    /// Keeps the divisor from zero, ε.
    pub epsilon: f64,
}

impl Adam {
    /// Adam with β1 0.9, β2 0.999 and ε 1e-8; CS231n's default learning rate is 1e-3.
    pub fn new(learning_rate: f64) -> Adam {
        Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer for Adam {
    fn declare(&self, params: &mut Params) {
        declare_slots(MEAN, params);
        declare_slots(SQUARE, params);
        params.declare_own_slot(STEPS.into(), Shape::scalar());
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        let Adam { beta1, beta2, epsilon, .. } = *self;
        let (steps, t) = count_of_steps(STEPS, params);
        // The step size is computed in f64: 1 - β2^t would lose its digits in f32.
        let size = self.learning_rate * (1.0 - beta2.powf(t)).sqrt() / (1.0 - beta1.powf(t));
        let size = tape.input_number(size);
        let one = |(param, g): &(Param, Var<'t>)| {
            let (m, v) = (params.slot(MEAN, *param), params.slot(SQUARE, *param));
            let mean = m.on(tape) * beta1 + *g * (1.0 - beta1);
            let square = v.on(tape) * beta2 + g.square() * (1.0 - beta2);
            let weight = *param - size * mean / (square.sqrt() + epsilon);
            [(*param, weight), (m, mean), (v, square)]
        };
        gradients.iter().flat_map(one).chain([(steps, steps.on(tape) + 1.0)]).collect()
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }
}
