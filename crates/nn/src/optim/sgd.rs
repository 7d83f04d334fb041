//! Stochastic gradient descent.
//!
//! ```text
//! w' = w - lr g
//! ```

use tape::{Tape, Var};

use super::{Optimizer, Updates};
use crate::param::Param;
use crate::params::Params;

/// `w' = w - lr g`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sgd {
    /// The learning rate, lr.
    pub learning_rate: f64,
}

impl Sgd {
    /// Descent with the given learning rate; CS231n's default is 1e-2.
    pub fn new(learning_rate: f64) -> Sgd {
        Sgd { learning_rate }
    }
}

impl Optimizer for Sgd {
    fn declare(&self, _: &mut Params) {}

    fn update<'t>(&self, _: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        let rate = tape.input_number(self.learning_rate);
        gradients.iter().map(|(param, g)| (*param, *param - rate * *g)).collect()
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }
}
