//! All that is looked at, for a model and a task.

use std::fmt;

use nn::Params;
use tape::RunError;

use super::{Behaviour, Trajectory, gates, gradient_norms, jacobians, lyapunov};
use crate::sequence_model::SequenceModel;
use crate::tasks::{Task, generator};

/// How many sequences are looked at.
const SEQUENCES: usize = 8;

/// The stream of their random numbers.
const STREAM: u64 = 0x6265_6861_7669_6f72;

/// Steps between the states of a Jacobian.
const STEPS: [usize; 4] = [1, 4, 16, 64];

/// The most work for a Jacobian over k steps of S numbers, as k S³: 64 steps of 128 numbers.
const WORK: usize = 64 * 128 * 128 * 128;

/// Why a cell could not be observed.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum BehaviourError {
    /// A figure is not a finite number, as with weights of a training that has diverged.
    NotFinite {
        /// Which one.
        figure: &'static str,
    },
    /// An operation met a value that it cannot take.
    Run(RunError),
}

impl fmt::Display for BehaviourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BehaviourError::NotFinite { figure } => {
                write!(
                    f,
                    "{figure} of the cell are not finite: look at weights from before the training diverged"
                )
            }
            BehaviourError::Run(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for BehaviourError {}

impl From<RunError> for BehaviourError {
    fn from(error: RunError) -> BehaviourError {
        BehaviourError::Run(error)
    }
}

/// What the cell of a model does with eight new sequences of a task, of the length that is trained on, in `f64` and without
/// noise.
///
/// * Gradient norms are those of the hidden state, of the loss of each sequence by itself.
/// * Jacobians are over 1, 4, 16 and 64 steps and end with the last step of the first sequence. Those over more steps than it
///   has are left out, and so are those that are too much work, k S³ > 2²⁷, where S numbers are carried: up to S = 128
///   all are there, with 256 those over 1 and 4 steps, up to 512 that over one step, and beyond none.
/// * A tenth of the steps at each end of a sequence does not count for the Lyapunov exponent.
///
/// It takes as many runs of one step and its gradient as the task has steps, twice with 8 rows, and up to 64 times with S
/// rows. For an LSTM and 100 steps that was 0.16 s with 64 units, 0.7 s with 256 and 1.3 s with 512 (two cores, with other
/// work beside it).
///
/// # Errors
/// If a figure is not finite, or a symbol of the task is outside its range.
pub fn observe(
    params: &Params,
    model: &SequenceModel,
    task: &dyn Task,
    seed: u64,
) -> Result<Behaviour, BehaviourError> {
    let batch = task.draw_held_out(SEQUENCES, task.length(), &mut generator(seed, STREAM));
    let mut trajectory =
        Trajectory::follow(&model.cell, params, model.hidden, |tape| model.shown(tape, &batch))?;
    // The loss is a mean over the sequences.
    let norms =
        gradient_norms(&mut trajectory, |outputs| model.loss_of_outputs(outputs, &batch) * SEQUENCES as f64)?;
    let size = trajectory.state_size();
    let fits = |steps: &usize| steps.saturating_mul(size.saturating_pow(3)) <= WORK;
    let steps: Vec<usize> = STEPS.into_iter().filter(fits).collect();
    let behaviour = Behaviour {
        gradient_norms: norms.hidden,
        jacobians: jacobians(&mut trajectory, 0, &steps)?,
        lyapunov: lyapunov(&mut trajectory, batch.layout.steps() / 10)?,
        gates: gates(&mut trajectory)?,
    };
    let singular_values = behaviour.jacobians.iter().flat_map(|jacobian| &jacobian.singular_values);
    let are_finite = [
        ("gradient norms", behaviour.gradient_norms.iter().all(|norm| norm.is_finite())),
        ("singular values", singular_values.copied().all(f64::is_finite)),
        ("Lyapunov exponents", behaviour.lyapunov.is_finite()),
    ];
    match are_finite.into_iter().find(|(_, finite)| !finite) {
        Some((figure, _)) => Err(BehaviourError::NotFinite { figure }),
        None => Ok(behaviour),
    }
}
