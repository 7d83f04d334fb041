//! Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019,
//! <https://arxiv.org/abs/1711.05101>), as PyTorch writes it.
//!
//! ```text
//! m' = β1 m + (1 - β1) g
//! v' = β2 v + (1 - β2) g²
//! w' = w - lr λ w - lr (m' / (1 - β1^t)) / (sqrt(v' / (1 - β2^t)) + ε)        t = 1, 2, …
//! ```
//!
//! The decay acts on the weight and not on the gradient, so that it is not divided by the root of v. Unlike in
//! [`Adam`](super::Adam), ε is added to the corrected root.

use tape::{Shape, Tape, Var};

use super::{Optimizer, Updates, count_of_steps, declare_slots};
use crate::param::Param;
use crate::params::Params;

const MEAN: &str = "adamw/m";
const SQUARE: &str = "adamw/v";
/// How many steps were taken. Whole numbers are exact in `f32` up to 16 million.
const STEPS: &str = "adamw/t";

/// The rule of the equations above, with m and v starting from zero.
///
/// Matrices decay; offsets and gains, which have one axis or none, do not: they are few and not what overfits.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdamW {
    /// The learning rate, lr.
    pub learning_rate: f64,
    /// The share of a weight that decays with a learning rate of one, λ.
    pub weight_decay: f64,
    /// What remains of the mean after a step, β1.
    pub beta1: f64,
    /// What remains of the mean square after a step, β2.
    pub beta2: f64,
    /// Keeps the divisor from zero, ε.
    pub epsilon: f64,
}

impl AdamW {
    /// The rule with β1 0.9, β2 0.999, ε 1e-8 and λ 0.01.
    pub fn new(learning_rate: f64) -> AdamW {
        AdamW { learning_rate, weight_decay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer for AdamW {
    fn declare(&self, params: &mut Params) {
        declare_slots(MEAN, params);
        declare_slots(SQUARE, params);
        params.declare_own_slot(STEPS.into(), Shape::scalar());
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        let AdamW { learning_rate, weight_decay, beta1, beta2, epsilon } = *self;
        let (steps, t) = count_of_steps(STEPS, params);
        // The corrections are computed in f64: 1 - β2^t would lose its digits in f32.
        let size = tape.input_number(learning_rate / (1.0 - beta1.powf(t)));
        let correction = tape.input_number(1.0 / (1.0 - beta2.powf(t)).sqrt());
        let kept = tape.input_number(1.0 - learning_rate * weight_decay);
        let one = |(param, g): &(Param, Var<'t>)| {
            let (m, v) = (params.slot(MEAN, *param), params.slot(SQUARE, *param));
            let mean = m.on(tape) * beta1 + *g * (1.0 - beta1);
            let square = v.on(tape) * beta2 + g.square() * (1.0 - beta2);
            let weight = param.on(tape);
            let decayed = if weight.shape().rank() > 1 { weight * kept } else { weight };
            let weight = decayed - size * mean / (square.sqrt() * correction + epsilon);
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
