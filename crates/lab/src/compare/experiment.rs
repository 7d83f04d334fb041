//! What is compared, and how: all that decides the results, and what a reader of them must know.
//!
//! It is the `config.json` of a comparison's folder, so that the folder alone is enough to go on or to report.

use serde::{Deserialize, Serialize};

use crate::tasks::{Baseline, Measure, Task};

/// A comparison: cells, tasks and settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Experiment {
    /// The cells, in the order in which they are shown.
    pub cells: Vec<CellFacts>,
    /// The tasks, in the order in which they are shown.
    pub tasks: Vec<TaskFacts>,
    /// How every cell is trained on every task.
    pub settings: Settings,
}

/// A cell, for a reader.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CellFacts {
    /// The name by which it is chosen.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
}

/// A task, for a reader.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The name by which it is chosen.
    pub name: String,
    /// What it asks, in a sentence with its settings.
    pub about: String,
    /// Where it comes from.
    pub source: String,
    /// How answers are judged.
    pub measure: Measure,
    /// The length that is trained on.
    pub length: usize,
    /// What is reached without understanding it, at the trained length and at each length that is tested.
    pub baselines: Vec<BaselineAt>,
}

/// What is reached at a length without understanding the task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BaselineAt {
    /// The length in the terms of the task.
    pub length: usize,
    /// What is reached.
    pub baseline: Baseline,
}

/// How every cell is trained on every task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// How large the cells are.
    pub size: Size,
    /// How many seeds are measured: 1, 2, …
    pub seeds: u64,
    /// The learning rates of Adam among which each cell's best is chosen on each task.
    pub learning_rates: Vec<f64>,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Steps of the trainings that choose a learning rate.
    pub sweep_steps: u64,
    /// Sequences in a step.
    pub batch: usize,
    /// The largest norm of all gradients together.
    pub clip: Option<f64>,
    /// Steps from one look at held-out sequences to the next.
    pub evaluate_every: u64,
    /// How many held-out sequences there are.
    pub held_out: usize,
}

/// How large the cells are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Each model has about so many numbers to train, whatever its cell.
    Parameters(usize),
    /// Each cell has so many hidden units.
    Hidden(usize),
}

impl TaskFacts {
    /// What a reader must know of a task.
    pub fn of(task: &dyn Task) -> TaskFacts {
        let mut lengths = task.test_lengths();
        lengths.push(task.length());
        lengths.sort_unstable();
        lengths.dedup();
        let at = |length| BaselineAt { length, baseline: task.baseline(length) };
        TaskFacts {
            name: task.name(),
            about: task.about(),
            source: task.source().into(),
            measure: task.measure(),
            length: task.length(),
            baselines: lengths.into_iter().map(at).collect(),
        }
    }

    /// What is reached at the trained length without understanding the task.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baselines.iter().find(|at| at.length == self.length).map(|at| &at.baseline)
    }
}
