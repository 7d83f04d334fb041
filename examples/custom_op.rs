//! An operation that unspool does not have: sparsemax, with its gradient, defined here and used inside a recurrent cell.
//!
//! ```text
//! p  = argmin over probabilities p of |p - z|²      the nearest probabilities to some scores; many are exactly 0
//! p  = max(z - τ, 0)                                τ such that p sums to 1
//! dz = s (dp - mean of dp where s)                  s = 1 where p > 0, else 0
//! ```
//!
//! (Martins and Astudillo, "From softmax to sparsemax", 2016, <https://arxiv.org/abs/1602.02068>.) It sorts its scores,
//! which no expression of other operations does. The gradient is an expression, so that it has gradients itself.
//!
//! `cargo run --release --example custom_op`; it takes a second.

use std::error::Error;

use unspool::nn::{Cell, Param, Scope, check_cell, init};
use unspool::tape::grad::Adjoint;
use unspool::tape::ops::{Gradients, Io, Kind, Meta, Rule};
use unspool::tape::{Custom, DType, Real, Shape, ShapeError, Tape, Tensor, Var, check};

struct Sparsemax;

impl Rule for Sparsemax {
    fn name(&self) -> &'static str {
        "sparsemax"
    }

    /// Each row by itself: this is what lets a loop over time be rearranged around it.
    fn kind(&self) -> Kind {
        Kind::RowFunction
    }

    /// The shape and type of the result, or why there is none.
    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let Meta { shape, dtype } = inputs[0];
        match shape.rank() {
            _ if !dtype.is_real() => Err(self.error(inputs, "scores are floating-point numbers")),
            0 => Err(self.error(inputs, "there is no axis of scores")),
            _ => Ok((shape.clone(), dtype)),
        }
    }

    /// Plain loops over elements, for both types.
    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = io.shape.last().at(0);
        match io.dtype() {
            DType::F32 => rows::<f32>(width, io.get(0), io.out()),
            _ => rows::<f64>(width, io.get(0), io.out()),
        }
        Ok(())
    }

    /// Records nodes and touches no element; it stands for any shape, within a loop too.
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let support = at.output().step();
        let over_row = |value: Var<'t>| {
            let (shape, last) = (value.shape(), value.shape().rank() - 1);
            let kept: Shape = shape.dims()[..last].iter().copied().chain([1.into()]).collect();
            value.sum_along(&[last]).reshape(kept)
        };
        let up = at.upstream() * support;
        [Some(up - support * (over_row(up) / over_row(support)))].into_iter().collect()
    }
}

fn rows<T: Real>(width: usize, from: &[T], to: &mut [T]) {
    for (scores, out) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        let mut sorted = scores.to_vec();
        sorted.sort_by(|a, b| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
        // The threshold of the k largest, for the last k at which the k-th is still above it.
        let (mut sum, mut count, mut threshold) = (T::zero(), T::zero(), T::zero());
        for score in sorted {
            (sum, count) = (sum + score, count + T::one());
            let of_these = (sum - T::one()) / count;
            if score > of_these {
                threshold = of_these;
            }
        }
        scores.iter().zip(out).for_each(|(score, p)| *p = (*score - threshold).max(T::zero()));
    }
}

/// A cell that looks a few patterns up: `h' = tanh(x W + sparsemax(h U) V)`.
struct Lookup {
    weights: [Param; 3],
    sparsemax: Custom,
}

impl Cell for Lookup {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [w, u, v] = self.weights;
        let h = (x.dot(w) + h.dot(u).apply_custom(&self.sparsemax, &[]).dot(v)).tanh();
        (h, h)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sparsemax = Custom::new(Sparsemax);
    let scores = Tensor::new([2, 5], vec![2.0, 1.6, 0.1, -0.4, 1.2, 0.2, 0.1, 0.3, 0.25, 0.15]);
    let tape = Tape::new(DType::F64);
    let z = tape.input(scores.clone());
    println!("softmax    {:.3?}", z.softmax().value().as_slice::<f64>());
    println!("sparsemax  {:.3?}\n", z.apply_custom(&sparsemax, &[]).value().as_slice::<f64>());

    println!("gradient right to {:.1e}", check::grad(&[scores], |v| v[0].apply_custom(&sparsemax, &[]))?);
    if let Err(error) = tape.try_push(sparsemax.clone(), &[z.sum()]) {
        println!("of a number there is none: {error}\n");
    }

    // Inside a cell, whose loop is rearranged, run backward, differentiated twice and cut into segments.
    let report = check_cell(|mut scope: Scope<'_>, inputs, hidden| {
        let sizes = [("w", [inputs, hidden]), ("u", [hidden, 6]), ("v", [6, hidden])];
        let weights = sizes.map(|(name, size)| scope.weight(name, size, init::fan_in()));
        Lookup { weights, sparsemax: sparsemax.clone() }
    });
    println!("{report}");
    Ok(report.ok()?)
}
