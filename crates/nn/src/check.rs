//! The gradients of a model held against central differences, entry by entry, in `f64`.
//!
//! [`tape::check`] does this for functions of operands; here it is done for the weights of a store.

use std::fmt;

use tape::{DType, RunError, Tape, Tensor, Var, interpret, try_grad};

use crate::param::Param;
use crate::params::Params;

/// The largest relative error that [`gradients`] accepts.
pub const LIMIT: f64 = tape::check::LIMIT;

/// Why a check did not pass.
#[derive(Clone, PartialEq, Debug)]
pub enum CheckError {
    /// A gradient is wrong, or the function is not smooth at that point.
    Apart {
        /// The name of the parameter.
        name: String,
        /// The entry in row-major order.
        entry: usize,
        /// The gradient from the tape.
        gradient: f64,
        /// The central difference.
        difference: f64,
        /// Their distance, relative to their size or to a thousandth of the largest entry.
        error: f64,
    },
    /// The function could not be evaluated.
    Run(RunError),
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Apart { name, entry, gradient, difference, error } => write!(
                f,
                "`{name}`, entry {entry}: the gradient is {gradient:e}, the central difference {difference:e}; \
                 relative error {error:.1e}, limit {LIMIT:.0e}"
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

/// Compares the gradients of a value of any shape with central differences, for each entry of each
/// weight, and returns the largest relative error. A weight that is not used must have no influence.
///
/// Inputs are checked too when they are declared as weights.
///
/// ```
/// use nn::{Affine, Params, check, init};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F64);
/// let x = params.scope("").weight("x", [2, 3], init::normal(1.0));
/// let affine = Affine::new(params.scope("affine"), 3, 4);
/// check::gradients(&params, |tape| affine.apply(x.on(tape)).tanh())?;
/// # Ok::<(), check::CheckError>(())
/// ```
pub fn gradients(
    params: &Params,
    record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>,
) -> Result<f64, CheckError> {
    let params = params.cast(DType::F64);
    let tape = params.tape();
    let result = project(record(&tape));
    let weights: Vec<Param> = params.weights().collect();
    let vars: Vec<Var<'_>> = weights.iter().map(|param| param.on(&tape)).collect();
    let gradients = try_grad(result, &vars).expect("a projection is a single number");

    let mut largest = 0.0;
    for ((param, var), gradient) in weights.iter().zip(vars).zip(gradients) {
        let value = &params[*param];
        let gradient = match gradient {
            Some(gradient) => interpret(&[gradient])?.remove(0).to_f64(),
            None => vec![0.0; value.shape().len()],
        };
        let floor = 1e-3 * gradient.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        for (entry, gradient) in gradient.into_iter().enumerate() {
            let difference = central_difference(&tape, var, value, entry, result)?;
            let error = (gradient - difference).abs() / (gradient.abs() + difference.abs()).max(floor);
            // Written so that a comparison with NaN does not pass.
            if error <= LIMIT {
                largest = error.max(largest);
            } else {
                let name = params.name(*param).into();
                return Err(CheckError::Apart { name, entry, gradient, difference, error });
            }
        }
        tape.set(var, value.clone());
    }
    Ok(largest)
}

/// A single number that depends on every entry of a value, twice.
fn project(value: Var<'_>) -> Var<'_> {
    let shape = value.shape();
    let weights: Vec<f64> = (0..shape.len()).map(|i| 0.5 + ((i + 1) as f64 * 0.755).fract()).collect();
    let weights = value.tape().input(Tensor::new(shape, weights));
    (value * weights).sum() + 0.3 * (value * value * weights).sum()
}

/// The derivative of `result` by one entry of a parameter, from four neighbours: the error is of fourth
/// order in the step, so that a step of 5e-4 balances it with rounding at about 1e-12.
fn central_difference(
    tape: &Tape,
    param: Var<'_>,
    value: &Tensor,
    entry: usize,
    result: Var<'_>,
) -> Result<f64, RunError> {
    let step = 5e-4;
    let at = |steps: f64| -> Result<f64, RunError> {
        let mut moved = value.clone();
        moved.as_mut_slice::<f64>()[entry] += steps * step;
        tape.set(param, moved);
        Ok(interpret(&[result])?[0].number())
    };
    Ok((at(-2.0)? - 8.0 * at(-1.0)? + 8.0 * at(1.0)? - at(2.0)?) / (12.0 * step))
}
