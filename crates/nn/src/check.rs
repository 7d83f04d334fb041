//! The gradients of a model held against central differences, entry by entry, in `f64`.
//!
//! [`tape::check`] does this for functions of operands; here it is done for the weights of a store.

use std::fmt;

use tape::{DType, RunError, Tape, Var, interpret, try_grad};

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
pub fn gradients(
    params: &Params,
    record: impl for<'t> FnOnce(&'t Tape) -> Var<'t>,
) -> Result<f64, CheckError> {
    let params = params.cast(DType::F64);
    let tape = params.tape();
    entry_by_entry(&params, &tape, project(record(&tape)))
}

/// Compares the gradients of a single number on a tape of an `f64` store with central differences.
pub(crate) fn entry_by_entry(params: &Params, tape: &Tape, result: Var<'_>) -> Result<f64, CheckError> {
    let weights: Vec<Param> = params.weights().collect();
    let vars: Vec<Var<'_>> = weights.iter().map(|param| param.on(tape)).collect();
    let gradients = try_grad(result, &vars).expect("a projection is a single number");

    let mut largest = 0.0;
    for ((param, var), gradient) in weights.iter().zip(vars).zip(gradients) {
        let value = &params[*param];
        let gradient = match gradient {
            Some(gradient) => interpret(&[gradient])?.remove(0).to_f64(),
            None => vec![0.0; value.shape().len()],
        };
        let floor = floor(&gradient);
        for (entry, gradient) in gradient.into_iter().enumerate() {
            let moved_by = |distance: f64| -> Result<Vec<f64>, RunError> {
                let mut moved = value.clone();
                moved.as_mut_slice::<f64>()[entry] += distance;
                tape.set(var, moved);
                Ok(interpret(&[result])?.remove(0).to_f64())
            };
            let Compared { difference, error, .. } = furthest(&[gradient], floor, moved_by)?;
            if error > LIMIT {
                let name = params.name(*param).into();
                return Err(CheckError::Apart { name, entry, gradient, difference, error });
            }
            largest = error.max(largest);
        }
        tape.set(var, value.clone());
    }
    Ok(largest)
}

/// A single number that depends on every entry of a value, twice.
pub(crate) fn project(value: Var<'_>) -> Var<'_> {
    let shape = value.shape();
    let weights = (0..shape.len()).map(|i| 0.5 + ((i + 1) as f64 * 0.755).fract());
    let weights = value.tape().input_numbers(shape.clone(), weights);
    (value * weights).sum() + 0.3 * (value * value * weights).sum()
}

/// The size that errors of small entries of a gradient are relative to.
pub(crate) fn floor(gradient: &[f64]) -> f64 {
    1e-3 * gradient.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()))
}

/// A derivative by one entry beside the difference.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Compared {
    pub entry: usize,
    pub gradient: f64,
    pub difference: f64,
    pub error: f64,
}

/// How far to move for a difference: the second step where the first one's difference disagrees.
///
/// The error of a difference is of fourth order, so that the first step balances it with rounding at about 1e-12.
/// Where a corner lies within that step, such as that of a rectifier, or the function bends fast, it is most likely
/// out of reach of the second, whose rounding is still far from the limit. A wrong derivative agrees with neither.
const STEPS: [f64; 2] = [5e-4, 2.5e-5];

/// Compares derivatives with central differences of values as something moves by a distance, each difference from
/// four neighbours, and returns the pair that is furthest apart.
pub(crate) fn furthest(
    derivatives: &[f64],
    floor: f64,
    mut moved_by: impl FnMut(f64) -> Result<Vec<f64>, RunError>,
) -> Result<Compared, RunError> {
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
