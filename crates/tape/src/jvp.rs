//! Derivatives along a direction, made of gradients.
//!
//! For `y = f(x)` with Jacobian `J = ∂y/∂x`, the sweep of [`grad`](mod@crate::grad) gives products with the transpose,
//! `g(v) = Jᵀ v`. As a function of the cotangent `v` that is linear, whatever `f` is, and its gradient in the direction
//! `u` is `∂⟨g(v), u⟩/∂v = J u`: two sweeps backward make one forward ([Townsend,
//! 2017](https://j-towns.github.io/2017/06/12/A-new-trick.html)).
//!
//! A rule of its own for each operation and for scans would give the same, and would be as much again to hold right.
//! Nor would it run faster: nothing of the second sweep reads the values of the first, so that neither the
//! interpreter nor the engine computes them. What is left is one pass forward beside that of the values; of a scan,
//! the loop that computes the states, and one like it for their derivatives.

use crate::error::or_panic;
use crate::grad::{MaybeVars, try_grad};
use crate::var::Var;

/// The products `Jᵀ v` of a cotangent `v`, of the shape of `of`, with the Jacobians of `of` by some values; nothing
/// for one that it does not depend on.
///
/// # Panics
/// If `of` is not floating point, or `cotangent` does not have its shape.
#[track_caller]
pub fn vjp<'t>(of: Var<'t>, wrt: &[Var<'t>], cotangent: Var<'t>) -> MaybeVars<'t> {
    let (shape, given) = (of.shape(), cotangent.shape());
    assert!(shape == given, "vjp: a cotangent of {given} for a value of {shape}");
    or_panic(try_grad((of * cotangent).sum(), wrt))
}

/// The derivative of `of` as each of `wrt` moves along its tangent: the sum of `J u` over them. It has the shape of
/// `of`, and is zero where `of` does not depend on any of them.
///
/// ```
/// use tape::{DType, Tape, Tensor, jvp};
///
/// let tape = Tape::new(DType::F64);
/// let x = tape.input(Tensor::new([2], vec![3.0, 4.0]));
/// let u = tape.input(Tensor::new([2], vec![1.0, 0.5]));
/// assert_eq!(jvp(x.square(), &[x], &[u]).value().as_slice::<f64>(), [6.0, 4.0]);
/// ```
///
/// # Panics
/// If `of` is not floating point, there is not one tangent for each value, or one has another shape than its value.
#[track_caller]
pub fn jvp<'t>(of: Var<'t>, wrt: &[Var<'t>], tangents: &[Var<'t>]) -> Var<'t> {
    let (values, given) = (wrt.len(), tangents.len());
    assert!(values == given, "jvp: {given} tangents for {values} values");
    for (value, tangent) in wrt.iter().zip(tangents) {
        let (shape, given) = (value.shape(), tangent.shape());
        assert!(shape == given, "jvp: a tangent of {given} for a value of {shape}");
    }
    // Any numbers would do. The barrier keeps it apart from other zeros of the program.
    let cotangent = of.zeros_like().barrier();
    let products = vjp(of, wrt, cotangent);
    let terms = products.into_iter().zip(tangents);
    let along = terms.filter_map(|(product, tangent)| Some((product? * *tangent).sum()));
    let derivative = match along.reduce(|sum, term| sum + term) {
        Some(along) => or_panic(try_grad(along, &[cotangent])).remove(0),
        None => None,
    };
    derivative.unwrap_or_else(|| of.zeros_like())
}
