//! The gradients of a model held against central differences, entry by entry, in `f64`.
//!
//! [`tape::check`] does this for functions of operands; here its loop goes over the weights of a store.

use std::fmt;

use tape::check::{Worst, project};
use tape::{DType, RunError, Tape, Var};

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
/// Inputs are checked too when they are declared as weights. At a corner of the function a difference says nothing:
/// where one disagrees, a second one decides whose neighbours are twenty times closer.
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
///
/// # Errors
/// If a gradient and the difference are too far apart, with the weight's name and the entry, or the function cannot be evaluated.
pub fn gradients(
    params: &Params,
    record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>,
) -> Result<f64, CheckError> {
    let params = params.cast(DType::F64);
    let tape = params.tape();
    entry_by_entry(&params, &tape, project(record(&tape), 0))
}

/// Compares the gradients of a single number on a tape of an `f64` store with central differences.
pub(crate) fn entry_by_entry(params: &Params, tape: &Tape, number: Var<'_>) -> Result<f64, CheckError> {
    let weights: Vec<Param> = params.weights().collect();
    let inputs: Vec<_> = weights.iter().map(|param| (param.on(tape), params[*param].clone())).collect();
    tape::check::entry_by_entry(number, &inputs).map_err(|error| match error {
        tape::check::CheckError::Apart(Worst { operand, entry, gradient, difference, error }) => {
            let name = params.name(weights[operand]).into();
            CheckError::Apart { name, entry, gradient, difference, error }
        }
        tape::check::CheckError::Run(error) => CheckError::Run(error),
    })
}
