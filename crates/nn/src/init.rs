//! Initial values of parameters.
//!
//! An initialiser draws `f64` numbers for a shape; the store rounds them to its type, so that `f32` and
//! `f64` models start from the same numbers. Any function of shape and generator is one:
//!
//! ```
//! use nn::{Params, init};
//! use rand::rngs::ChaCha8Rng;
//! use tape::DType;
//!
//! // The biases of an LSTM with its forget gates open.
//! let forget_one = |shape: &[usize], _: &mut ChaCha8Rng| {
//!     let hidden = shape[0] / 4;
//!     (0..shape[0]).map(|k| if k / hidden == 1 { 1.0 } else { 0.0 }).collect()
//! };
//! let mut params = Params::new(DType::F64);
//! let b = params.scope("lstm").weight("b", [8], forget_one);
//! assert_eq!(params[b].to_f64(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
//! ```

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A rule for the initial elements of a parameter.
pub trait Init {
    /// The elements for a shape in row-major order.
    fn draw(&self, shape: &[usize], generator: &mut ChaCha8Rng) -> Vec<f64>;
}

impl<F: Fn(&[usize], &mut ChaCha8Rng) -> Vec<f64>> Init for F {
    fn draw(&self, shape: &[usize], generator: &mut ChaCha8Rng) -> Vec<f64> {
        self(shape, generator)
    }
}

/// Every element 0.
pub fn zeros() -> impl Init + Copy {
    constant(0.0)
}

/// Every element the same.
pub fn constant(number: f64) -> impl Init + Copy {
    move |shape: &[usize], _: &mut ChaCha8Rng| vec![number; shape.iter().product()]
}

/// Normally distributed with mean 0 and the given standard deviation.
pub fn normal(deviation: f64) -> impl Init + Copy {
    move |shape: &[usize], generator: &mut ChaCha8Rng| {
        let mut numbers = standard_normal(shape.iter().product(), generator);
        numbers.iter_mut().for_each(|x| *x *= deviation);
        numbers
    }
}

/// Evenly distributed from `-bound` to `bound`.
pub fn uniform(bound: f64) -> impl Init + Copy {
    move |shape: &[usize], generator: &mut ChaCha8Rng| {
        (0..shape.iter().product()).map(|_| bound * (2.0 * generator.random::<f64>() - 1.0)).collect()
    }
}

/// Normally distributed with deviation `1 / sqrt(fan_in)`, where the fan-in is the product of all
/// extents but the last: what CS231n takes for matrices (inputs, outputs).
pub fn fan_in() -> impl Init + Copy {
    |shape: &[usize], generator: &mut ChaCha8Rng| {
        let (inputs, _) = as_matrix(shape);
        normal(1.0 / (inputs.max(1) as f64).sqrt()).draw(shape, generator)
    }
}

/// A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`. All axes but
/// the last count as rows.
///
/// The vectors are normally distributed and made orthogonal one after another (Gram-Schmidt), so that
/// every orientation is equally likely.
pub fn orthogonal(gain: f64) -> impl Init + Copy {
    move |shape: &[usize], generator: &mut ChaCha8Rng| {
        let (rows, columns) = as_matrix(shape);
        let (count, length) = (rows.min(columns), rows.max(columns));
        let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
        while basis.len() < count {
            let mut vector = standard_normal(length, generator);
            // The second round removes what rounding has left of the first.
            for known in basis.iter().chain(&basis) {
                let share = dot(&vector, known);
                vector.iter_mut().zip(known).for_each(|(x, y)| *x -= share * y);
            }
            let norm = dot(&vector, &vector).sqrt();
            // A vector that lay within the span of the others is drawn again.
            if norm > 1e-6 {
                vector.iter_mut().for_each(|x| *x /= norm);
                basis.push(vector);
            }
        }
        let at = |row: usize, column: usize| match rows <= columns {
            true => basis[row][column],
            false => basis[column][row],
        };
        (0..rows * columns).map(|k| gain * at(k / columns, k % columns)).collect()
    }
}

/// The identity matrix times `scale`; where rows and columns differ in number, what remains is zero.
pub fn identity(scale: f64) -> impl Init + Copy {
    move |shape: &[usize], _: &mut ChaCha8Rng| {
        let (rows, columns) = as_matrix(shape);
        let at = |k: usize| if k / columns == k % columns { scale } else { 0.0 };
        (0..rows * columns).map(at).collect()
    }
}

/// The extents with all axes but the last taken together.
fn as_matrix(shape: &[usize]) -> (usize, usize) {
    match shape.split_last() {
        Some((columns, rows)) => (rows.iter().product(), *columns),
        None => (1, 1),
    }
}

fn standard_normal(count: usize, generator: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(generator)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
