//! What can keep a step of training from being taken.

use std::fmt;

use tape::{NotFinite, RunError};

/// A weight that a loss does not depend on.
#[derive(Clone, PartialEq, Debug)]
pub struct Severed {
    /// Its name.
    pub name: String,
    /// Where the ways from it to the loss end, in words.
    pub why: String,
}

/// Why a step was not taken. Weights and slots are as they were.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss is not finite.
    Loss {
        /// NaN or an infinity.
        loss: f64,
    },
    /// The loss is finite but the gradients are not.
    Gradient {
        /// The loss.
        loss: f64,
        /// The parameters with a gradient whose square is not finite.
        names: Vec<String>,
    },
    /// Loss and gradients are finite but a new value is not.
    Update {
        /// The parameters and slots that would not be finite.
        names: Vec<String>,
    },
    /// A value of the step is not finite: the first, as each was looked at.
    NotFinite(Box<NotFinite>),
    /// The loss does not depend on all weights, and was not said to.
    Severed(Vec<Severed>),
    /// A value could not be taken, such as a word outside the vocabulary.
    Run(RunError),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = "the weights are left as they were";
        match self {
            TrainError::Loss { loss } => {
                write!(f, "the loss is {loss}; {kept}. A smaller learning rate or clipping may help")
            }
            TrainError::Gradient { loss, names } => {
                write!(
                    f,
                    "the loss is {loss} but the gradients of {} are not finite; {kept}",
                    names.join(", ")
                )
            }
            TrainError::Update { names } => write!(
                f,
                "the step would leave {} with values that are not finite; {kept}. A smaller learning rate may help",
                names.join(", ")
            ),
            TrainError::NotFinite(found) => write!(f, "{found}; {kept}"),
            TrainError::Severed(weights) => {
                let each = |severed: &Severed| format!("`{}` ({})", severed.name, severed.why);
                let all: Vec<String> = weights.iter().map(each).collect();
                write!(
                    f,
                    "the loss does not depend on {}; use them, freeze what is not to learn, or set `Trainer::partial`",
                    all.join(", ")
                )
            }
            TrainError::Run(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<RunError> for TrainError {
    fn from(error: RunError) -> TrainError {
        TrainError::Run(error)
    }
}
