//! Optimisers, written on the tape: an update is recorded like the rest of the program, so that
//! forward pass, gradients and update run as one.
//!
//! What an optimiser remembers lies in the store as slots beside the weights, which makes a checkpoint
//! of the store complete. Settings that may change from step to step are inputs of the program, so that
//! every step has the same one.

mod adam;
mod adamw;
mod momentum;
mod rmsprop;
mod sgd;

use smallvec::SmallVec;
use tape::{Tape, Var};

pub use adam::Adam;
pub use adamw::AdamW;
pub use momentum::Momentum;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::param::Param;
use crate::params::Params;

/// Parameters and slots with the values that they have after a step.
pub type Updates<'t> = SmallVec<[(Param, Var<'t>); 40]>;

/// A rule that makes new weights of weights and gradients. It holds settings; its state is in the store.
pub trait Optimizer {
    /// Declares slots for all weights of a store. Slots that are there already keep what they hold.
    fn declare(&self, params: &mut Params);

    /// Records the values that parameters and slots have after a step. Numbers that change from step to step
    /// are given by [`Tape::input_number`].
    ///
    /// The tape must be one of `params`.
    ///
    /// # Panics
    /// If a parameter was declared after the slots.
    #[track_caller]
    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t>;

    /// The present learning rate.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate.
    fn set_learning_rate(&mut self, rate: f64);

    /// Multiplies the learning rate, as after an epoch.
    fn decay_learning_rate(&mut self, factor: f64) {
        self.set_learning_rate(self.learning_rate() * factor);
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn declare(&self, params: &mut Params) {
        (**self).declare(params);
    }

    fn update<'t>(&self, params: &Params, tape: &'t Tape, gradients: &[(Param, Var<'t>)]) -> Updates<'t> {
        (**self).update(params, tape, gradients)
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn set_learning_rate(&mut self, rate: f64) {
        (**self).set_learning_rate(rate);
    }
}

/// The slot that counts the steps of an optimiser, and the number of the step to come, from 1.
#[track_caller]
fn count_of_steps(name: &str, params: &Params) -> (Param, f64) {
    match params.find(name) {
        Ok(steps) => (steps, params[steps].number() + 1.0),
        Err(error) => panic!("{error}: declare the slots first"),
    }
}

/// Declares a slot for each weight.
fn declare_slots(state: &str, params: &mut Params) {
    let weights: Vec<Param> = params.weights().collect();
    for param in weights {
        params.declare_slot(state, param);
    }
}
