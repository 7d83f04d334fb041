//! Why a cell behaves as it does: how gradients go back through time, what a state does to later states, and which gates
//! have closed.
//!
//! All of it is seen on a tape of the user's own cell, because gradients are values like others; nothing is asked of the
//! cell beyond its step. A [`Trajectory`] is what a cell goes through on given inputs. Along it [`gradient_norms()`],
//! [`jacobians`], [`lyapunov()`] and [`gates()`] look at one thing each, and [`observe()`] at all of them for a model and a
//! task. What the figures mean, and what they are for some cells, stands in `docs/notes/behaviour.md`.

mod gates;
mod gradient_norms;
mod jacobian;
mod lyapunov;
mod observe;
mod trajectory;

pub use gates::gates;
pub use gradient_norms::{GradientNorms, gradient_norms};
pub use jacobian::{jacobian, jacobians, singular_values};
pub use lyapunov::lyapunov;
pub use observe::{BehaviourError, observe};
pub use trajectory::Trajectory;

use serde::{Deserialize, Serialize};

use crate::metrics::{number, numbers};

/// What a cell does with a batch of a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Behaviour {
    /// The norm of the gradient of the loss with respect to the hidden state before each step, ‖dL/dh_t‖, a mean over the
    /// sequences; the last one is after the last step.
    #[serde(deserialize_with = "numbers")]
    pub gradient_norms: Vec<f64>,
    /// How far states that many steps apart depend on one another.
    pub jacobians: Vec<Jacobian>,
    /// The largest Lyapunov exponent, in nats a step: how fast two states that are close part, or come together.
    #[serde(deserialize_with = "number")]
    pub lyapunov: f64,
    /// How often each gate is closed or open for good.
    pub gates: Vec<Gate>,
}

/// The Jacobian of the whole state after some steps with respect to the state before them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Jacobian {
    /// Steps between the states.
    pub steps: usize,
    /// Its singular values, descending.
    #[serde(deserialize_with = "numbers")]
    pub singular_values: Vec<f64>,
}

/// A squashing function in the step of a cell, over all units, steps and sequences.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// What squashes: `sigmoid` or `tanh`.
    pub function: String,
    /// The user's line: `cells/lstm.rs:80`.
    pub line: String,
    /// Which one of that line: the scope in which it was recorded, or the parameters that its argument is made with:
    /// `part 2 of 4 of wx, wh, b`. Empty for a function of other gates and states alone.
    #[serde(default)]
    pub name: String,
    /// The share within a twentieth of the range's lower end.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// The share within a twentieth of the range's upper end.
    #[serde(deserialize_with = "number")]
    pub high: f64,
}
