//! What is compared, and how: all that decides the results, and what a reader of them must know.
//!
//! It is the `config.json` of a comparison's folder, so that the folder alone is enough to go on or to report.

use serde::{Deserialize, Serialize};

use super::{CompareError, Purpose};
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

impl Default for Settings {
    /// Models of 10 000 parameters, three seeds, the best of three learning rates, and 3000 steps of 32 sequences.
    fn default() -> Settings {
        Settings {
            size: Size::Parameters(10_000),
            seeds: 3,
            learning_rates: vec![0.001, 0.003, 0.01],
            steps: 3000,
            sweep_steps: 1000,
            batch: 32,
            clip: Some(1.0),
            evaluate_every: 100,
            held_out: 256,
        }
    }
}

impl Settings {
    /// A first look in a few minutes: smaller models, fewer steps, two learning rates.
    pub fn quick() -> Settings {
        Settings {
            size: Size::Parameters(2_500),
            learning_rates: vec![0.005, 0.02],
            steps: 4000,
            sweep_steps: 1334,
            ..Settings::default()
        }
    }

    /// Refuses settings with which nothing can be trained or measured.
    ///
    /// # Errors
    /// Names the setting and what it can be.
    pub fn check(&self) -> Result<(), CompareError> {
        // More than the last number is a slip of the pen: it would take all memory or forever.
        let counts = [
            ("seeds", self.seeds, 1000),
            ("steps", self.steps, 1_000_000_000),
            ("sweep_steps", self.sweep_steps, 1_000_000_000),
            ("batch", self.batch as u64, 1_000_000),
            ("evaluate_every", self.evaluate_every, u64::MAX),
            ("held_out", self.held_out as u64, 1_000_000),
            match self.size {
                Size::Parameters(parameters) => ("parameters", parameters as u64, 100_000_000),
                Size::Hidden(hidden) => ("hidden", hidden as u64, 10_000),
            },
        ];
        let refused = |problem: String| Err(CompareError::Settings(problem));
        for (name, count, most) in counts {
            if count == 0 {
                return refused(format!("`{name}` is 0; give 1 or more"));
            }
            if count > most {
                return refused(format!("`{name}` is {count}; give {most} or less"));
            }
        }
        let rates = &self.learning_rates;
        if rates.is_empty() {
            return refused("there is no learning rate; give one or more".into());
        }
        let positive = |number: f64| number > 0.0 && number.is_finite();
        if let Some(rate) = rates.iter().find(|rate| !positive(**rate)) {
            return refused(format!("{rate} is no learning rate; give numbers above 0"));
        }
        if let Some(rate) = first_twice(rates) {
            return refused(format!("the learning rate {rate} is given twice; give each once"));
        }
        match self.clip {
            Some(clip) if !positive(clip) => refused(format!(
                "gradients cannot be clipped to a norm of {clip}; give a number above 0, or none"
            )),
            _ => Ok(()),
        }
    }

    /// Steps of a training for this purpose.
    pub fn steps_of(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Sweep => self.sweep_steps,
            Purpose::Measured => self.steps,
        }
    }

    /// The learning rates that are tried before the measured trainings: with one alone there is nothing to choose.
    pub fn rates_to_try(&self) -> &[f64] {
        if self.learning_rates.len() > 1 { &self.learning_rates } else { &[] }
    }
}

/// The first that is there twice.
pub(super) fn first_twice<T: PartialEq>(items: &[T]) -> Option<&T> {
    items.iter().enumerate().find(|(index, item)| items[..*index].contains(*item)).map(|(_, item)| item)
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
