//! A mistake in the user's program panics at the user's line, not at one of this crate.

mod common;

use common::user_line::panics_here;
use tape::ops::{Axes, Transpose};
use tape::{DType, Packing, Tape, Tensor, Var, concat, grad, jvp, scan, vjp};

/// What mistakes are made with.
struct Given<'t> {
    tape: &'t Tape,
    /// (6, 3), (4, 4) and (2, 3).
    x: Var<'t>,
    w: Var<'t>,
    one: Var<'t>,
    index: Var<'t>,
    two: Packing,
}

/// Holds what panics to the line of the call.
#[track_caller]
fn check(name: &str, mistake: impl FnOnce(&Given<'_>)) {
    // Its own tape, since a step that panics leaves the loop open.
    let tape = &Tape::new(DType::F64);
    let given = |shape: &[usize]| tape.input(Tensor::zeros(DType::F64, shape));
    let (x, w, one) = (given(&[6, 3]), given(&[4, 4]), given(&[2, 3]));
    let index = tape.input(Tensor::new([1], vec![0]));
    let given = Given { tape, x, w, one, index, two: Packing::uniform(3, 2) };
    panics_here(name, || mistake(&given));
}

/// A value of a step, after the scan.
fn of_a_step<'t>(g: &Given<'t>) -> Var<'t> {
    let mut kept = None;
    let _ = scan(&g.two, g.one, g.x, |h, _| (*kept.insert(h), ()));
    kept.expect("the step was recorded")
}

// Each mistake stands on the line of its check.
#[test]
fn mistakes_are_told_at_the_line_that_makes_them() {
    check("add", |g| _ = g.x + g.w);
    check("add to a number's tape", |g| _ = 1.0 + g.x + g.w);
    check("maximum", |g| _ = g.x.maximum(g.w));
    check("dot", |g| _ = g.x.dot(g.w));
    check("reshape", |g| _ = g.x.reshape([5]));
    check("expand", |g| _ = g.x.expand([5]));
    check("slice", |g| _ = g.x.slice(1, 0..9));
    check("slice of another axis", |g| _ = g.x.slice(300, 0..1));
    check("split", |g| _ = g.x.split::<2>());
    check("pad", |g| _ = g.x.pad(300, 1, 0));
    check("concat", |g| _ = concat(&[g.x, g.w], 0));
    check("concat of nothing", |_| _ = concat(&[], 0));
    check("transpose", |g| _ = g.x.transpose(&[0, 0]));
    check("transpose of another axis", |_| _ = Transpose::new(&[300]));
    check("t", |g| _ = g.index.t());
    check("sum", |g| _ = g.x.sum_along(&[2]));
    check("axes", |_| _ = Axes::new([32]));
    check("mean", |g| _ = g.x.mean_along(&[2]));
    check("max", |g| _ = g.x.max_along(&[2]));
    check("gather", |g| _ = g.x.gather(g.x));
    check("pick", |g| _ = g.x.pick(g.x));
    check("cross_entropy", |g| _ = g.x.cross_entropy(g.index));
    check("softmax", |g| _ = g.index.softmax());
    check("dim", |g| _ = g.x.dim(2));
    check("set", |g| g.tape.set(g.x, Tensor::zeros(DType::F64, [1])));
    check("set of no input", |g| g.tape.set(g.x.tanh(), Tensor::zeros(DType::F64, [1])));
    check("input", |g| _ = g.tape.input(Tensor::zeros(DType::F32, [1])));
    check("input_numbers", |g| _ = g.tape.input_numbers([2], [1.0]));
    check("leaf", |g| _ = g.tape.leaf(0));
    check("grad of no number", |g| _ = grad(g.x, &[g.x]));
    check("grad by what does not matter", |g| _ = grad(g.x.sum(), &[g.w]));
    check("vjp", |g| _ = vjp(g.x, &[g.x], g.w));
    check("jvp", |g| _ = jvp(g.x, &[g.x], &[g.w]));
    check("jvp of no real number", |g| _ = jvp(g.index, &[g.x], &[g.x]));
    check("rows", |g| _ = g.x.rows());
    check("at_step", |g| _ = g.x.at_step());
    check("a state of another size", |g| _ = scan(&g.two, g.w, g.x, |h, _| (h, ())));
    check("a sequence of another length", |g| _ = scan(&g.two, g.one, g.w, |h, _| (h, ())));
    check("a state that changes", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h.slice(1, 0..2), ())));
    check("an output without rows", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h, h.sum())));
    check("in a step", |g| _ = scan(&g.two, g.one, g.x, |h, x| (h + x.dot(g.w), ())));
    check("rows of another batch", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h + g.w.rows(), ())));
    check("a mean over rows", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h + h.mean_along(&[0]), ())));
    check("a mean of all", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h + h.mean(), ())));
    check("a packing", |_| _ = Packing::ragged(&[1, 2]));
    check("a value within", |g| _ = scan(&g.two, g.one, g.x, |h, _| (h, drop(h.value()))));
    check("a value of a step afterwards", |g| _ = of_a_step(g) + g.one);
    check("one of several", |g| _ = concat(&[g.one, of_a_step(g)], 0));
    check("a value of another tape", |g| _ = g.x + Tape::new(DType::F64).number(1.0));
}
