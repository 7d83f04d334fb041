//! Whoever watches a comparison: what it is told, and how it can stop it.

use std::ops::ControlFlow;

use super::{Record, Trial};

/// Is told how a comparison goes on. Each answer may be to stop: what is finished is kept, and the rest can be done later.
pub trait View: Send {
    /// The comparison begins, or goes on.
    fn begin(&mut self, outline: &Outline) {
        let _ = outline;
    }

    /// A training has taken a step, counted from 1, of this loss.
    fn step(&mut self, job: &Job, step: u64, loss: f64) -> ControlFlow<()> {
        let _ = (job, step, loss);
        ControlFlow::Continue(())
    }

    /// A training has ended and is recorded.
    fn end(&mut self, record: &Record) -> ControlFlow<()> {
        let _ = record;
        ControlFlow::Continue(())
    }
}

/// Nobody watches.
impl View for () {}

/// What a comparison has before it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outline {
    /// How many trainings go on at the same time.
    pub threads: usize,
    /// Trainings that were finished before, and all.
    pub trainings: (usize, usize),
    /// Steps of the trainings that were finished before, and of all.
    pub steps: (u64, u64),
    /// The steps that are left of each cell on each task.
    pub left: Vec<Left>,
}

/// Steps that a cell has before it on a task.
#[derive(Clone, PartialEq, Debug)]
pub struct Left {
    /// The name of the cell.
    pub cell: String,
    /// The name of the task.
    pub task: String,
    /// The steps of all trainings that are not finished.
    pub steps: u64,
}

/// A training among others.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// The name of the cell.
    pub cell: String,
    /// The name of the task.
    pub task: String,
    /// Which training of the cell on the task it is.
    pub trial: Trial,
    /// The steps that it takes.
    pub steps: u64,
}

impl Job {
    /// Whether a record is that of this training.
    pub fn is_of(&self, record: &Record) -> bool {
        let Record { cell, task, purpose, seed, learning_rate, hidden, .. } = record;
        let trial = Trial { purpose: *purpose, seed: *seed, learning_rate: *learning_rate, hidden: *hidden };
        (cell, task, trial) == (&self.cell, &self.task, self.trial)
    }
}
