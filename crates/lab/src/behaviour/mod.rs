//! Why a cell behaves as it does: how gradients go back through time, what a state does to later states, and which gates
//! have closed.
//!
//! All of it is seen on a tape of the user's own cell, because gradients are values like others; nothing is asked of the
//! cell beyond its step.

use serde::{Deserialize, Serialize};

use crate::run_dir::{number, numbers};

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
    /// The share within a twentieth of the range's lower end.
    #[serde(deserialize_with = "number")]
    pub low: f64,
    /// The share within a twentieth of the range's upper end.
    #[serde(deserialize_with = "number")]
    pub high: f64,
}
