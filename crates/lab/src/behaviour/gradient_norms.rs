//! How gradients go back through time: ‖dL/dh_t‖ for each step.
//!
//! Where they shrink by the same factor at every step they vanish, where they grow they explode (Hochreiter, "Untersuchungen
//! zu dynamischen neuronalen Netzen", 1991; Bengio, Simard and Frasconi, "Learning long-term dependencies with gradient
//! descent is difficult", 1994; Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013,
//! <https://arxiv.org/abs/1211.5063>).
//!
//! With `s_t, y_t = step(s_{t-1}, x_t)` and u_t = ∂L/∂y_t, one step after the other from the last one, where c_T = 0:
//!
//! ```text
//! A_t     = s_t · c_t + y_t · u_t        what step t adds to the loss, c_t and u_t held
//! dL/ds_t = dA_t/ds_t                    the part of it that later steps see, and the one that y_t shows
//! c_{t-1} = dA_t/ds_{t-1}
//! ```
//!
//! A part of the state is meant as the value that it is in the step: the memory c of an LSTM with what it does by way of h.

use nn::{Cell, Sequence};
use tape::{RunError, Var};

use super::trajectory::{Trajectory, gradient, join};

/// Norms of gradients with respect to states, from before the first step (t = 0) to after the last one (t = T).
#[derive(Clone, PartialEq, Debug)]
pub struct GradientNorms {
    /// ‖dL/dh_t‖, where h is the first part of the state.
    pub hidden: Vec<f64>,
    /// ‖dL/ds_t‖, where s is all that is carried.
    pub state: Vec<f64>,
}

/// The norms of the gradient of a loss with respect to the states along a trajectory: each a mean over the sequences that
/// have come so far.
///
/// `loss` makes a single number of the outputs of all steps, rows (R, …); a mean over the sequences divides the gradient of
/// each by their number.
///
/// ```
/// use lab::behaviour::{Trajectory, gradient_norms};
/// use nn::{Layout, Params, Sequence, VanillaRnn};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = VanillaRnn::new(params.scope("rnn"), 1, 4);
/// let mut trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     Sequence::new(tape.input_numbers([10, 1], [0.5; 10]), &Layout::full(1, 10))
/// })?;
/// // The last of ten steps is to say nothing but zeros.
/// let norms = gradient_norms(&mut trajectory, |outputs| outputs.rows.slice(0, 9..10).square().sum())?;
/// assert_eq!(norms.hidden.len(), 11);
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
///
/// # Panics
/// If the loss is not a single number.
#[track_caller]
pub fn gradient_norms<C: Cell>(
    trajectory: &mut Trajectory<'_, C>,
    loss: impl for<'t> FnOnce(&Sequence<'t>) -> Var<'t>,
) -> Result<GradientNorms, RunError> {
    let (size, hidden) = (trajectory.state_size(), trajectory.hidden_size());
    let said = {
        let tape = trajectory.params.tape();
        let outputs = trajectory.outputs(&tape);
        let gradient = gradient(loss(&outputs), &[outputs.rows]);
        trajectory.engine.run(&[gradient])?.tensor(0).to_f64()
    };
    let width = said.len() / trajectory.rows().max(1);

    let layout = trajectory.layout().clone();
    if size == 0 {
        let zeros = vec![0.0; layout.packing().steps() + 1];
        return Ok(GradientNorms { hidden: zeros.clone(), state: zeros });
    }
    let mut norms = GradientNorms { hidden: Vec::new(), state: Vec::new() };
    let mut take = |gradients: &[f64]| {
        norms.hidden.push(mean_norm(gradients, size, hidden));
        norms.state.push(mean_norm(gradients, size, size));
    };
    let mut carried = Vec::new();
    for t in (0..layout.packing().steps()).rev() {
        let (first, running) = (layout.packing().offset(t, 0), layout.packing().running(t, 0));
        let rows: Vec<usize> = (first..first + running).collect();
        // The sequences that end with this step follow those that go on.
        carried.resize(running * size, 0.0);
        let tape = trajectory.params.tape();
        let step = trajectory.record(&tape, &rows);
        let said = said[first * width..][..running * width].iter().copied();
        let said = step.output * tape.input_numbers(step.output.shape(), said);
        let from_later = join(&step.after) * tape.input_numbers([running, size], carried);
        let influence = said.sum() + from_later.sum();
        let (after, before) = (gradient(influence, &step.after), gradient(influence, &step.before));
        let run = trajectory.engine.run(&[after, before])?;
        take(&run.tensor(0).to_f64());
        carried = run.tensor(1).to_f64();
    }
    take(&carried);
    norms.hidden.reverse();
    norms.state.reverse();
    Ok(norms)
}

/// The mean of the norms of the first `count` numbers of each row.
fn mean_norm(rows: &[f64], size: usize, count: usize) -> f64 {
    let rows = rows.chunks(size.max(1));
    let sequences = rows.len().max(1) as f64;
    rows.map(|row| norm(&row[..count])).sum::<f64>() / sequences
}

/// The Euclidean norm.
pub(super) fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}
