//! What one training of one cell on one task has shown: a line of the raw results.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::metrics::number;

/// A training from its start to its end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The name of the cell.
    pub cell: String,
    /// The name of the task.
    pub task: String,
    /// What the training was for.
    pub purpose: Purpose,
    /// Decides the first weights and the batches.
    pub seed: u64,
    /// The highest learning rate, which is reached after the first twentieth of the steps.
    pub learning_rate: f64,
    /// The width of the hidden state.
    pub hidden: usize,
    /// How many numbers were trained.
    pub parameters: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// How it stood along the way, on sequences that it was not trained on.
    pub curve: Vec<Point>,
    /// The median time of a step, in milliseconds.
    #[serde(deserialize_with = "number")]
    pub milliseconds_per_step: f64,
    /// The bytes that a step works in, weights and moments included.
    pub bytes: usize,
    /// The score at other lengths than the trained one, after the training.
    pub lengths: Vec<AtLength>,
    /// What the cell does before the first step and after the last one.
    pub behaviour: Option<BeforeAndAfter>,
}

/// What a training is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To choose a learning rate, by a seed that is not measured.
    Sweep,
    /// To be reported.
    Measured,
}

/// How a training ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All steps were taken.
    Finished,
    /// The loss or a gradient was not finite any more.
    Diverged {
        /// The step that was not taken, from 1.
        step: u64,
        /// What was not finite, in words.
        problem: String,
    },
}

/// How a training stood after some steps.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Steps taken.
    pub step: u64,
    /// Seconds of training, without those of evaluation.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    /// The mean loss of the training batches since the last point.
    #[serde(deserialize_with = "number")]
    pub training_loss: f64,
    /// The loss on held-out sequences.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The score on held-out sequences.
    #[serde(deserialize_with = "number")]
    pub score: f64,
}

/// How a trained model does at a length.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct AtLength {
    /// The length in the terms of the task.
    pub length: usize,
    /// The loss.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The score.
    #[serde(deserialize_with = "number")]
    pub score: f64,
}

/// What a cell does at the start of a training and at its end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BeforeAndAfter {
    /// With the first weights.
    pub before: Behaviour,
    /// With the last weights.
    pub after: Behaviour,
}

impl Record {
    /// The last point of the curve of a training that went to its end.
    pub fn last(&self) -> Option<&Point> {
        (self.outcome == Outcome::Finished).then(|| self.curve.last()).flatten()
    }
}
