//! Gradient descent with momentum.
//!
//! ```text
//! v' = μ v - lr g
//! w' = w + v'
//! ```

use tape::{Tape, Var};

use super::{Optimizer, Updates, declare_slots};
use crate::param::Param;
use crate::params::Params;

const STATE: &str = "momentum/v";

/// `v' = μ v - lr g`, `w' = w + v'`, with v starting from zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Momentum {
    /// The learning rate, lr.
    pub learning_rate: f64,
    /// What remains of the velocity after a step, μ.
    pub momentum: f64,
}

impl Momentum {
    /// Descent with momentum 0.9; CS231n's default learning rate is 1e-2.
    pub fn new(learning_rate: f64) -> Momentum {
        Momentum { learning_rate, momentum: 0.9 }
    }
}

impl Optimizer for Momentum {
    fn declare(&self, params: &mut Params) {
        declare_slots(STATE, params);
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        let rate = tape.input_number(self.learning_rate);
        let one = |(param, g): &(Param, Var<'t>)| {
            let v = params.slot(STATE, *param);
            let velocity = v.on(tape) * self.momentum - rate * *g;
            [(*param, *param + velocity), (v, velocity)]
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
