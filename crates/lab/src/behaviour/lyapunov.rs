//! How fast two states that are close part, or come together: the largest Lyapunov exponent.
//!
//! ```text
//! λ = lim 1/T ln ‖J_T J_{T-1} … J_1‖        in nats a step
//! ```
//!
//! Above 0 the states part and gradients explode, below 0 a difference is forgotten after about 1/|λ| steps, and at 0
//! something is kept (Engelken, Wolf and Abbott, "Lyapunov spectra of chaotic recurrent neural networks", 2023,
//! <https://arxiv.org/abs/2006.02427>; Vogt et al., "On Lyapunov exponents for RNNs", 2022,
//! <https://arxiv.org/abs/2006.14123>, who take them along the inputs of a task).
//!
//! Found by the method of one vector that is scaled to length 1 after every step (Benettin et al., "Lyapunov characteristic
//! exponents for smooth dynamical systems", 1980), here with vectors that are taken back through time, u J, instead of
//! forward, J v: a product and its transpose have the same norm, and a gradient is what the tape gives.

use nn::Cell;
use rand::RngExt;
use tape::RunError;

use super::gradient_norms::norm;
use super::trajectory::Trajectory;
use crate::tasks::generator;

/// The largest Lyapunov exponent along the sequences of a trajectory, in nats a step.
///
/// The first `transient` steps of a sequence, in which the state comes from zero to where the cell lives, and its last ones,
/// in which the vector turns from where it happened to point to where it grows most, do not count; unless no others are
/// there. Where nothing is left of a difference it is the logarithm of the smallest normal number, -708.
///
/// ```
/// use lab::behaviour::{Trajectory, lyapunov};
/// use nn::{Layout, Lstm, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = Lstm::new(params.scope("lstm"), 1, 4);
/// let mut trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     Sequence::new(tape.input_numbers([100, 1], [0.5; 100]), &Layout::full(1, 100))
/// })?;
/// // At its start an LSTM forgets: σ(0) = 1/2 of its memory stays.
/// assert!((-1.5..0.0).contains(&lyapunov(&mut trajectory, 10)?));
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
pub fn lyapunov<C: Cell>(trajectory: &mut Trajectory<'_, C>, transient: usize) -> Result<f64, RunError> {
    let size = trajectory.state_size();
    let layout = trajectory.layout().clone();
    // In the order of the packed rows, which is that of falling lengths.
    let mut growths: Vec<Vec<f64>> = Vec::new();
    let mut vectors: Vec<f64> = Vec::new();
    for t in (0..layout.packing().steps()).rev() {
        let (first, running) = (layout.packing().offset(t, 0), layout.packing().running(t, 0));
        // The sequences that end with this step follow those that go on.
        for sequence in growths.len()..running {
            let mut generator = generator(0, sequence as u64);
            vectors.extend((0..size).map(|_| generator.random_range(-1.0..1.0)));
            scale(&mut vectors[sequence * size..]);
            growths.push(Vec::new());
        }
        let rows: Vec<usize> = (first..first + running).collect();
        vectors = trajectory.pull_back(&rows, &vectors)?;
        for (sequence, growths) in growths.iter_mut().enumerate() {
            growths.push(scale(&mut vectors[sequence * size..][..size]));
        }
    }
    let counted: Vec<f64> = growths.iter().flat_map(|growths| logarithms(growths, transient)).collect();
    Ok(counted.iter().sum::<f64>() / counted.len().max(1) as f64)
}

/// The logarithms of the growths that count.
fn logarithms(growths: &[f64], transient: usize) -> Vec<f64> {
    let steps = growths.len();
    let counted = if 2 * transient < steps { &growths[transient..steps - transient] } else { growths };
    // After a step that leaves nothing there is nothing that could grow again.
    let lost = growths.contains(&0.0);
    let logarithm =
        |growth: &f64| if lost { 0.0 } else { *growth }.clamp(f64::MIN_POSITIVE, f64::INFINITY).ln();
    counted.iter().map(logarithm).collect()
}

/// Scales a vector to length 1, and returns how long it was.
fn scale(vector: &mut [f64]) -> f64 {
    let length = norm(vector);
    if length != 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    length
}
