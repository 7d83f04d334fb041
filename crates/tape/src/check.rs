//! Gradients held against central differences, in `f64`.
//!
//! The function stands in the middle of a larger program: its operands are computed, its result is
//! used twice, and the gradient that reaches it is not one. So a rule that forgets to multiply by the
//! upstream gradient, or to add up two uses, does not pass.
//!
//! [`furthest`] is the one formula of differences here, and [`entry_by_entry`] the one loop over the entries of inputs: whoever
//! holds derivatives of something else against differences, such as the weights of a model, uses them too.

use std::fmt;

use crate::dtype::DType;
use crate::error::{RunError, or_panic};
use crate::grad::try_grad;
use crate::interpret::interpret;
use crate::record::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// The largest relative error that [`grad`] and [`second_order`] accept.
pub const LIMIT: f64 = 1e-6;

/// An entry at which a gradient and the central difference are too far apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The number of the operand.
    pub operand: usize,
    /// The entry of the operand in row-major order.
    pub entry: usize,
    /// The gradient from the tape.
    pub gradient: f64,
    /// The central difference.
    pub difference: f64,
    /// Their distance, relative to their size or to a thousandth of the largest entry.
    pub error: f64,
}

/// Why a check did not pass.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckError {
    /// A gradient is wrong, or the function is not smooth at that point.
    Apart(Worst),
    /// The function could not be evaluated.
    Run(RunError),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Apart(Worst { operand, entry, gradient, difference, error }) => write!(
                f,
                "operand {operand}, entry {entry}: the gradient is {gradient:e}, the central difference \
                 {difference:e}; relative error {error:.1e}, limit {LIMIT:.0e}"
            ),
            CheckError::Run(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for CheckError {}

impl From<RunError> for CheckError {
    fn from(error: RunError) -> CheckError {
        CheckError::Run(error)
    }
}

/// Compares the gradients of `f` at `operands` with central differences, and returns the largest
/// relative error. Indices are left as they are; numbers are taken as `f64`. At a corner of the function a difference
/// says nothing: see [`furthest`].
///
/// ```
/// use tape::{Tensor, check};
///
/// let x = Tensor::new([2, 2], vec![0.3, -0.2, 0.5, 0.1]);
/// check::grad(&[x], |v| v[0].dot(v[0]).tanh())?;
/// # Ok::<(), check::CheckError>(())
/// ```
///
/// # Errors
/// If a gradient and the difference are too far apart, with the entry that is, or `f` cannot be evaluated.
pub fn grad(operands: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Result<f64, CheckError> {
    compare(operands, |vars| project(f(vars), 0))
}

/// Compares the gradients of the gradients of `f` with central differences of the gradients.
///
/// # Errors
/// As for [`grad`].
pub fn second_order(
    operands: &[Tensor],
    f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>,
) -> Result<f64, CheckError> {
    compare(operands, |vars| {
        let real: Vec<Var<'_>> = vars.iter().copied().filter(|var| var.dtype().is_real()).collect();
        let gradients = try_grad(project(f(vars), 0), &real).expect("a projection is a single number");
        let zero = vars[0].tape().number(0.0);
        gradients
            .into_iter()
            .flatten()
            .enumerate()
            .fold(zero, |sum, (salt, gradient)| sum + project(gradient, salt + 1))
    })
}

/// A single number that depends on every entry of a value, twice, with other coefficients for each `salt`.
pub fn project(value: Var<'_>, salt: usize) -> Var<'_> {
    let shape = value.shape();
    let weights = (0..shape.len()).map(|i| 0.5 + ((i + 7 * salt + 1) as f64 * 0.755).fract());
    let weights = value.tape().input_numbers(shape.clone(), weights);
    (value * weights).sum() + 0.3 * (value * value * weights).sum()
}

fn compare(operands: &[Tensor], number: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Result<f64, CheckError> {
    let tape = Tape::new(DType::F64);
    let operands: Vec<Tensor> = operands
        .iter()
        .map(|operand| if operand.dtype().is_real() { operand.cast(DType::F64) } else { operand.clone() })
        .collect();
    let inputs: Vec<Var<'_>> = operands.iter().map(|operand| tape.input(operand.clone())).collect();
    let middle: Vec<Var<'_>> =
        inputs.iter().map(|input| if input.dtype().is_real() { *input * 1.0 } else { *input }).collect();
    entry_by_entry(number(&middle), &inputs.into_iter().zip(operands).collect::<Vec<_>>())
}

/// Compares the gradients of a single number by inputs of its `f64` tape with central differences, entry by entry, and returns
/// the largest relative error. Each input stands beside its value, which it has again when all agree; indices are left as they
/// are.
///
/// # Errors
/// If a gradient and the difference are too far apart, with the place of the input and the entry, or the number cannot be
/// computed.
///
/// # Panics
/// If it is not a single number.
#[track_caller]
pub fn entry_by_entry(number: Var<'_>, inputs: &[(Var<'_>, Tensor)]) -> Result<f64, CheckError> {
    let tape = number.tape();
    let real: Vec<usize> = (0..inputs.len()).filter(|place| inputs[*place].1.dtype().is_real()).collect();
    let vars: Vec<Var<'_>> = real.iter().map(|place| inputs[*place].0).collect();
    let gradients = or_panic(try_grad(number, &vars));

    let mut largest = 0.0;
    for (operand, gradient) in real.into_iter().zip(gradients) {
        let (input, value) = &inputs[operand];
        let gradient = match gradient {
            Some(gradient) => interpret(&[gradient])?.remove(0).to_f64(),
            None => vec![0.0; value.shape().len()],
        };
        let floor = floor(&gradient);
        for (entry, gradient) in gradient.into_iter().enumerate() {
            let moved_by = |distance: f64| -> Result<Vec<f64>, RunError> {
                let mut moved = value.clone();
                moved.as_mut_slice::<f64>()[entry] += distance;
                tape.set(*input, moved);
                Ok(interpret(&[number])?.remove(0).to_f64())
            };
            let Compared { difference, error, .. } = furthest(&[gradient], floor, moved_by)?;
            if error > LIMIT {
                return Err(CheckError::Apart(Worst { operand, entry, gradient, difference, error }));
            }
            largest = error.max(largest);
        }
        tape.set(*input, value.clone());
    }
    Ok(largest)
}

/// The size that errors of small entries of a gradient are relative to: a thousandth of the largest entry or of one.
pub fn floor(gradient: &[f64]) -> f64 {
    1e-3 * gradient.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()))
}

/// A derivative beside the difference.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Compared {
    /// The number of the derivative among those that were compared.
    pub entry: usize,
    /// The derivative.
    pub gradient: f64,
    /// The central difference that came closest to it.
    pub difference: f64,
    /// Their distance, relative to their size or to the floor.
    pub error: f64,
}

/// How far to move for a difference: the second step where the first one's difference disagrees.
///
/// The error of a difference is of fourth order, so that the first step balances it with rounding at about 1e-12.
/// Where a corner lies within that step, such as that of a rectifier, or the function bends fast, it is most likely
/// out of reach of the second, whose rounding is still far from the limit. A wrong derivative agrees with neither.
const STEPS: [f64; 2] = [5e-4, 2.5e-5];

/// Compares derivatives with central differences of values as something moves by a distance, and returns the pair
/// that is furthest apart. `moved_by` gives a value for each derivative.
///
/// Each difference is made of four neighbours. Where it disagrees by more than [`LIMIT`], one of neighbours that are
/// twenty times closer may agree instead, for there may be a corner in between.
///
/// # Errors
/// What `moved_by` returns.
pub fn furthest<E>(
    derivatives: &[f64],
    floor: f64,
    mut moved_by: impl FnMut(f64) -> Result<Vec<f64>, E>,
) -> Result<Compared, E> {
    let unknown = |(entry, gradient): (usize, &f64)| Compared {
        entry,
        gradient: *gradient,
        difference: f64::NAN,
        error: f64::INFINITY,
    };
    let mut closest: Vec<Compared> = derivatives.iter().enumerate().map(unknown).collect();
    for step in STEPS {
        let mut at = |steps: f64| moved_by(steps * step);
        let (far_below, below, above, far_above) = (at(-2.0)?, at(-1.0)?, at(1.0)?, at(2.0)?);
        for closest in &mut closest {
            let (entry, gradient) = (closest.entry, closest.gradient);
            let sides = far_below[entry] - 8.0 * below[entry] + 8.0 * above[entry] - far_above[entry];
            let difference = sides / (12.0 * step);
            let error = (gradient - difference).abs() / (gradient.abs() + difference.abs()).max(floor);
            // An error that is not a number is not less than any.
            if error < closest.error {
                *closest = Compared { entry, gradient, difference, error };
            }
        }
        if closest.iter().all(|closest| closest.error <= LIMIT) {
            break;
        }
    }
    let further = |a: Compared, b: Compared| if b.error > a.error { b } else { a };
    Ok(closest.into_iter().reduce(further).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_gradient_is_found_and_named() {
        // The second factor is cut off, so that half of the gradient is missing.
        let x = Tensor::new([3], vec![0.5, 1.0, 2.0]);
        let error = grad(&[x], |v| v[0] * v[0].detach()).expect_err("the gradient is wrong");
        assert!(error.to_string().starts_with("operand 0, entry "), "{error}");
    }

    #[test]
    fn a_corner_within_the_first_step_is_no_mistake() {
        // The neighbours of the first step lie on both sides of 0, those of the second on one.
        grad(&[Tensor::scalar(1e-4)], |v| v[0].relu()).unwrap_or_else(|error| panic!("{error}"));
        // But at the corner itself there is no derivative to be right about.
        assert!(grad(&[Tensor::scalar(0.0)], |v| v[0].relu()).is_err());
    }

    #[test]
    fn a_gradient_without_a_value_does_not_pass() {
        assert!(grad(&[Tensor::scalar(-1.0)], |v| v[0].sqrt()).is_err());
    }

    #[test]
    fn the_largest_error_is_told() {
        let error = grad(&[Tensor::new([3], vec![0.3, 1.0, 2.0])], |v| v[0].sin());
        let error = error.unwrap_or_else(|error| panic!("{error}"));
        assert!(error > 0.0 && error < LIMIT, "{error}");
    }
}
