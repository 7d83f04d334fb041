//! Pointwise functions in vector loops. Of two operands for the layouts that matter: one has the shape of the
//! result, and the other repeats along axes that lie side by side, or not at all; whatever else broadcasting
//! allows is left to the plain loop.

use std::ops::Range;

use super::math;
use super::simd::{Job, Width, widest};
use crate::dtype::{DType, Real, with_real};
use crate::ops::{Binary, BinaryUser, Io, Rule, Unary};
use crate::shape::Shape;

/// How an operand lies beside the result: runs of so many elements, each of them so many times.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Layout {
    run: usize,
    times: usize,
}

impl Layout {
    /// That of an operand that repeats along axes side by side.
    fn of(operand: &Shape, wide: &Shape) -> Option<Layout> {
        let axes = operand.repeated_axes(wide);
        let extent = |axes: Range<usize>| -> usize { axes.map(|axis| wide.dim(axis).at(0)).product() };
        match (axes.first(), axes.last()) {
            (Some(first), Some(last)) => (last - first + 1 == axes.len())
                .then(|| Layout { run: extent(last + 1..wide.rank()), times: extent(*first..last + 1) }),
            _ => Some(Layout { run: wide.len(), times: 1 }),
        }
    }
}

struct Operand<'a, T> {
    elements: &'a [T],
    layout: Layout,
}

struct Loop<'a, T> {
    left: Operand<'a, T>,
    right: Operand<'a, T>,
    out: &'a mut [T],
}

impl<T: Real> BinaryUser<T> for Loop<'_, T> {
    fn run(self, f: impl Fn(T, T) -> T) {
        widest(Pairs { operands: self, f });
    }
}

/// A function of each pair.
struct Pairs<'a, T, F> {
    operands: Loop<'a, T>,
    f: F,
}

impl<T: Real, F: Fn(T, T) -> T> Job for Pairs<'_, T, F> {
    #[inline(always)]
    fn run(self, _: Width) {
        self.operands.each(self.f);
    }
}

impl<T: Real> Loop<'_, T> {
    #[inline(always)]
    fn each(self, f: impl Fn(T, T) -> T) {
        let Loop { left, right, out } = self;
        if out.is_empty() {
            return;
        }
        if left.layout.times == 1 {
            right.beside(left.elements, out, f);
        } else {
            left.beside(right.elements, out, |y, x| f(x, y));
        }
    }
}

impl<T: Real> Operand<'_, T> {
    /// A function of each pair of an element with the shape of the result and one of this operand.
    #[inline(always)]
    fn beside(self, full: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
        let Layout { run, times } = self.layout;
        let blocks = out.chunks_exact_mut(run * times).zip(full.chunks_exact(run * times));
        if run == 1 {
            for ((out, full), y) in blocks.zip(self.elements) {
                out.iter_mut().zip(full).for_each(|(z, x)| *z = f(*x, *y));
            }
            return;
        }
        for ((out, full), run_of) in blocks.zip(self.elements.chunks_exact(run)) {
            for (out, full) in out.chunks_exact_mut(run).zip(full.chunks_exact(run)) {
                out.iter_mut().zip(full).zip(run_of).for_each(|((z, x), y)| *z = f(*x, *y));
            }
        }
    }
}

/// Evaluates a function of two operands.
pub(crate) fn binary(op: Binary, mut io: Io<'_>) -> Result<(), String> {
    let layout = |input: usize| Layout::of(io.inputs[input].shape, io.shape);
    match (layout(0), layout(1)) {
        (Some(left), Some(right)) if left.times == 1 || right.times == 1 => {
            with_real!(io.dtype(), T => op.with(Loop::<T> {
                left: Operand { elements: io.get(0), layout: left },
                right: Operand { elements: io.get(1), layout: right },
                out: io.out(),
            }));
            Ok(())
        }
        _ => op.eval(io),
    }
}

/// A function of each element that has a form for vectors beside its row of the table.
struct Each<'a, W> {
    from: &'a [f32],
    to: &'a mut [f32],
    wide: W,
    plain: Unary,
}

impl<W: Fn(f32) -> f32> Job for Each<'_, W> {
    #[inline(always)]
    fn run(self, width: Width) {
        match width {
            Width::Wide => self.from.iter().zip(self.to).for_each(|(x, y)| *y = (self.wide)(*x)),
            Width::Baseline => self.plain.map(self.from, self.to),
        }
    }
}

/// A function of each element, as its row of the table says.
struct Map<'a, T> {
    op: Unary,
    from: &'a [T],
    to: &'a mut [T],
}

impl<T: Real> Job for Map<'_, T> {
    #[inline(always)]
    fn run(self, _: Width) {
        self.op.map(self.from, self.to);
    }
}

/// Evaluates a function of one operand.
pub(crate) fn unary(op: Unary, mut io: Io<'_>) {
    if io.dtype() == DType::F32 {
        let (from, to) = (io.get::<f32>(0), io.out::<f32>());
        match op {
            Unary::Exp => return widest(Each { from, to, wide: math::exp, plain: op }),
            Unary::Tanh => return widest(Each { from, to, wide: math::tanh, plain: op }),
            Unary::Sigmoid => return widest(Each { from, to, wide: math::logistic, plain: op }),
            _ => {}
        }
    }
    with_real!(io.dtype(), T => widest(Map::<T> { op, from: io.get(0), to: io.out() }));
}
