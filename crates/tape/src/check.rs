//! Gradients held against central differences, in `f64`.
//!
//! The function stands in the middle of a larger program: its operands are computed, its result is
//! used twice, and the gradient that reaches it is not one. So a rule that forgets to multiply by the
//! upstream gradient, or to add up two uses, does not pass.

use std::fmt;

use crate::dtype::DType;
use crate::error::RunError;
use crate::grad::try_grad;
use crate::interpret::interpret;
use crate::record::Tape;
use crate::tensor::Tensor;
use crate::var::Var;

/// The largest relative error that [`grad`] and [`second_order`] accept.
pub const LIMIT: f64 = 1e-6;

/// The entry at which a gradient and the central difference are furthest apart.
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
/// relative error. Indices are left as they are; numbers are taken as `f64`.
///
/// ```
/// use tape::{Tensor, check};
///
/// let x = Tensor::new([2, 2], vec![0.3, -0.2, 0.5, 0.1]);
/// check::grad(&[x], |v| v[0].dot(v[0]).tanh())?;
/// # Ok::<(), check::CheckError>(())
/// ```
pub fn grad(operands: &[Tensor], f: impl for<'t> Fn(&[Var<'t>]) -> Var<'t>) -> Result<f64, CheckError> {
    compare(operands, |vars| project(f(vars), 0))
}

/// Compares the gradients of the gradients of `f` with central differences of the gradients.
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

/// A single number that depends on every entry of a value, twice.
fn project<'t>(value: Var<'t>, salt: usize) -> Var<'t> {
    let shape = value.shape();
    let weights: Vec<f64> =
        (0..shape.len()).map(|i| 0.5 + ((i + 7 * salt + 1) as f64 * 0.755).fract()).collect();
    let weights = value.tape().input(Tensor::new(shape, weights));
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
    let result = number(&middle);
    let real: Vec<usize> = (0..inputs.len()).filter(|index| inputs[*index].dtype().is_real()).collect();
    let wrt: Vec<Var<'_>> = real.iter().map(|index| inputs[*index]).collect();
    let gradients = try_grad(result, &wrt).expect("a projection is a single number");

    let mut worst: Option<Worst> = None;
    for (index, gradient) in real.into_iter().zip(gradients) {
        let gradient = match gradient {
            Some(gradient) => interpret(&[gradient])?.remove(0).to_f64(),
            None => vec![0.0; operands[index].shape().len()],
        };
        let floor = 1e-3 * gradient.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        for (entry, gradient) in gradient.into_iter().enumerate() {
            let difference = central_difference(&tape, inputs[index], &operands[index], entry, result)?;
            let error = (gradient - difference).abs() / (gradient.abs() + difference.abs()).max(floor);
            // A comparison that is not finite is the worst there can be.
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if worst.as_ref().is_none_or(|worst| error > worst.error) {
                worst = Some(Worst { operand: index, entry, gradient, difference, error });
            }
        }
        tape.set(inputs[index], operands[index].clone());
    }
    match worst {
        Some(worst) if worst.error > LIMIT => Err(CheckError::Apart(worst)),
        Some(worst) => Ok(worst.error),
        None => Ok(0.0),
    }
}

/// The derivative of `result` by one entry of `input`, from four neighbours: the error is of fourth
/// order in the step, so that a step of 5e-4 balances it with rounding at about 1e-12.
fn central_difference(
    tape: &Tape,
    input: Var<'_>,
    value: &Tensor,
    entry: usize,
    result: Var<'_>,
) -> Result<f64, RunError> {
    let step = 5e-4;
    let at = |steps: f64| -> Result<f64, RunError> {
        let mut moved = value.clone();
        moved.as_mut_slice::<f64>()[entry] += steps * step;
        tape.set(input, moved);
        Ok(interpret(&[result])?[0].number())
    };
    Ok((at(-2.0)? - 8.0 * at(-1.0)? + 8.0 * at(1.0)? - at(2.0)?) / (12.0 * step))
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
}
