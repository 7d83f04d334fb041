//! The optimisers that a recipe can name.

use nn::optim::{Optimizer, Updates};
use nn::{Adam, AdamW, Momentum, Param, Params, RmsProp, Sgd};
use serde::{Deserialize, Serialize};
use tape::{Tape, Var};

/// How weights are changed, by an optimiser of [`nn::optim`]; what is not said here is as that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// See [`Sgd`].
    Sgd,
    /// See [`Momentum`].
    Momentum,
    /// See [`RmsProp`].
    RmsProp,
    /// See [`Adam`].
    #[default]
    Adam,
    /// See [`AdamW`].
    AdamW {
        /// The share of a weight that decays with a learning rate of one.
        weight_decay: f64,
    },
}

impl Rule {
    /// Whether its settings are within bounds, else what is wrong.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Rule::AdamW { weight_decay } if !(0.0..=10.0).contains(weight_decay) => {
                Err(format!("a weight decay of {weight_decay} is out of bounds; give 0 to 10"))
            }
            _ => Ok(()),
        }
    }

    /// The optimiser, with a learning rate.
    pub(super) fn optimizer(self, rate: f64) -> AnyOptimizer {
        match self {
            Rule::Sgd => AnyOptimizer::Sgd(Sgd::new(rate)),
            Rule::Momentum => AnyOptimizer::Momentum(Momentum::new(rate)),
            Rule::RmsProp => AnyOptimizer::RmsProp(RmsProp::new(rate)),
            Rule::Adam => AnyOptimizer::Adam(Adam::new(rate)),
            Rule::AdamW { weight_decay } => AnyOptimizer::AdamW(AdamW { weight_decay, ..AdamW::new(rate) }),
        }
    }
}

/// One of the optimisers.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyOptimizer {
    Sgd(Sgd),
    Momentum(Momentum),
    RmsProp(RmsProp),
    Adam(Adam),
    AdamW(AdamW),
}

/// The same of whichever it is.
macro_rules! whichever {
    ($one:expr, $optimizer:ident => $value:expr) => {
        match $one {
            AnyOptimizer::Sgd($optimizer) => $value,
            AnyOptimizer::Momentum($optimizer) => $value,
            AnyOptimizer::RmsProp($optimizer) => $value,
            AnyOptimizer::Adam($optimizer) => $value,
            AnyOptimizer::AdamW($optimizer) => $value,
        }
    };
}

impl Optimizer for AnyOptimizer {
    fn declare(&self, params: &mut Params) {
        whichever!(self, optimizer => optimizer.declare(params));
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        whichever!(self, optimizer => optimizer.update(params, tape, gradients))
    }

    fn learning_rate(&self) -> f64 {
        whichever!(self, optimizer => optimizer.learning_rate())
    }

    fn set_learning_rate(&mut self, rate: f64) {
        whichever!(self, optimizer => optimizer.set_learning_rate(rate));
    }
}
