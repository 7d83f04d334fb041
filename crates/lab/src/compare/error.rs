//! Why cells cannot be compared.

use std::fmt;

use tape::RunError;

use super::matching::TOLERANCE;
use crate::files::FileError;

/// What ends a comparison.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum CompareError {
    /// Cells, tasks or settings that make no comparison: what is wrong, and what to do.
    Settings(String),
    /// No width of a cell has about as many parameters as were asked for.
    Budget {
        /// The name of the cell.
        cell: String,
        /// The name of the task.
        task: String,
        /// How many parameters were asked for.
        budget: usize,
        /// The widths with the nearest counts below and above: hidden units and parameters.
        nearest: Vec<(usize, usize)>,
    },
    /// A task holds a value that a model cannot take, such as a symbol that it does not have.
    Run {
        /// The name of the cell.
        cell: String,
        /// The name of the task.
        task: String,
        /// What was met.
        error: RunError,
    },
    /// The folder of the results.
    File(FileError),
    /// Ranks cannot reach each other, or one of them could not do a training; what is wrong, in words.
    Ranks(String),
    /// The view asked to stop; what was finished is kept.
    Stopped {
        /// How many trainings are finished, of how many.
        trainings: (usize, usize),
    },
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompareError::Settings(problem) => f.write_str(problem),
            CompareError::Budget { cell, task, budget, nearest } => {
                let counts: Vec<String> = nearest
                    .iter()
                    .map(|(hidden, count)| format!("{count} (with {hidden} hidden units)"))
                    .collect();
                let percent = 100.0 * TOLERANCE;
                write!(
                    f,
                    "no width of the cell `{cell}` on the task `{task}` comes within {percent}% of {budget} parameters: \
                     the nearest is {}; ask for more parameters or for one of these counts, or give all cells the same \
                     hidden width",
                    counts.join(", or ")
                )
            }
            CompareError::Run { cell, task, error } => {
                write!(
                    f,
                    "the cell `{cell}` cannot be trained on the task `{task}`: {error}; correct the task"
                )
            }
            CompareError::File(error) => write!(f, "{error}"),
            CompareError::Ranks(problem) => {
                write!(f, "{problem}; the same comparison in the same folder goes on")
            }
            CompareError::Stopped { trainings: (done, all) } => {
                write!(
                    f,
                    "stopped after {done} of {all} trainings; the same comparison in the same folder goes on"
                )
            }
        }
    }
}

impl std::error::Error for CompareError {}

impl From<FileError> for CompareError {
    fn from(error: FileError) -> CompareError {
        CompareError::File(error)
    }
}
