//! How far a state depends on an earlier one: the Jacobian over k steps and its singular values.
//!
//! ```text
//! J = ∂s_t/∂s_{t-k} = J_t J_{t-1} … J_{t-k+1}        (S, S): a row for each number after, a column for each before
//! ```
//!
//! A singular value says by how much a difference in one direction has grown after k steps. Near 1 the cell remembers; as
//! many as are not small compared with 1, so many directions are remembered. All equal to 1 is what "dynamical isometry"
//! means (Saxe, McClelland and Ganguli, 2014, <https://arxiv.org/abs/1312.6120>; for gated cells Chen, Pennington and
//! Schoenholz, "Dynamical isometry and a mean field theory of RNNs", 2018, <https://arxiv.org/abs/1806.05394>).
//!
//! S copies of a state are the rows of a batch, each with the unit vector of one number after the step: one backward sweep
//! gives all rows of J.

use std::ops::Range;

use nalgebra::{DMatrix, SVD};
use nn::Cell;
use tape::RunError;

use super::Jacobian;
use super::trajectory::Trajectory;

/// The Jacobian (S, S) over some steps of a sequence, row-major: of the state after the last of them with respect to the
/// state before the first.
///
/// ```
/// use lab::behaviour::{Trajectory, jacobian};
/// use nn::{Layout, Lstm, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = Lstm::new(params.scope("lstm"), 1, 4);
/// let mut trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     Sequence::new(tape.input_numbers([10, 1], [0.5; 10]), &Layout::full(1, 10))
/// })?;
/// // Of h and c after step 7 with respect to h and c before step 5.
/// assert_eq!(jacobian(&mut trajectory, 0, 5..8)?.len(), 8 * 8);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
///
/// # Panics
/// If there is no such sequence, or it does not have these steps.
#[track_caller]
pub fn jacobian<C: Cell>(
    trajectory: &mut Trajectory<'_, C>,
    sequence: usize,
    steps: Range<usize>,
) -> Result<Vec<f64>, RunError> {
    let rows = trajectory.rows_of(sequence);
    assert!(steps.end <= rows.len(), "steps {steps:?} of a sequence of {}", rows.len());
    rows[steps].iter().rev().try_fold(identity(trajectory.state_size()), |matrix, row| {
        trajectory.pull_back(&vec![*row; trajectory.state_size()], &matrix)
    })
}

/// The singular values of the Jacobians over so many steps each, which all end with the last step of a sequence. Those over
/// more steps than the sequence has are left out.
///
/// One sweep back over the largest number of steps gives all of them, at the price of as many gradients of a step on S
/// rows.
///
/// ```
/// use lab::behaviour::{Trajectory, jacobians};
/// use nn::{Layout, Lstm, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = Lstm::new(params.scope("lstm"), 1, 4);
/// let mut trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     Sequence::new(tape.input_numbers([10, 1], [0.5; 10]), &Layout::full(1, 10))
/// })?;
/// let found = jacobians(&mut trajectory, 0, &[1, 10, 100])?;
/// assert_eq!([found.len(), found[1].steps, found[1].singular_values.len()], [2, 10, 8]);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
///
/// # Panics
/// If there is no such sequence.
#[track_caller]
pub fn jacobians<C: Cell>(
    trajectory: &mut Trajectory<'_, C>,
    sequence: usize,
    steps: &[usize],
) -> Result<Vec<Jacobian>, RunError> {
    let size = trajectory.state_size();
    let rows = trajectory.rows_of(sequence);
    let mut wanted: Vec<usize> = steps.iter().copied().filter(|steps| *steps <= rows.len()).collect();
    wanted.sort_unstable();
    let mut found = Vec::with_capacity(wanted.len());
    let (mut matrix, mut back) = (identity(size), 0);
    for steps in wanted {
        while back < steps {
            matrix = trajectory.pull_back(&vec![rows[rows.len() - 1 - back]; size], &matrix)?;
            back += 1;
        }
        found.push(Jacobian { steps, singular_values: singular_values(size, &matrix) });
    }
    Ok(found)
}

/// The singular values of a square matrix in row-major order, descending; not numbers, if an element is not finite.
///
/// # Panics
/// If it does not have `size` times `size` elements.
#[track_caller]
pub fn singular_values(size: usize, matrix: &[f64]) -> Vec<f64> {
    assert!(matrix.len() == size * size, "a matrix of {} numbers is not {size} by {size}", matrix.len());
    if size == 0 || matrix.iter().any(|element| !element.is_finite()) {
        return vec![f64::NAN; size];
    }
    let matrix = DMatrix::from_row_slice(size, size, matrix);
    let Some(svd) = SVD::try_new_unordered(matrix, false, false, 5.0 * f64::EPSILON, ROUNDS * size) else {
        return vec![f64::NAN; size];
    };
    let mut values: Vec<f64> = svd.singular_values.iter().copied().collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
}

/// Rounds of the iteration for each singular value; usually it takes two or three.
const ROUNDS: usize = 100;

/// The identity matrix in row-major order.
fn identity(size: usize) -> Vec<f64> {
    (0..size * size).map(|k| if k / size == k % size { 1.0 } else { 0.0 }).collect()
}
