//! Pointwise functions in vector loops. Of two operands for the layouts that matter: equal shapes, a
//! number, and a row that repeats; whatever else broadcasting allows is left to the plain loop.

use super::math;
use super::simd::{Job, Width, widest};
use crate::dtype::{DType, Real, with_real};
use crate::ops::{Binary, BinaryUser, Io, Rule, Unary};

/// How an operand lies beside the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// The same shape.
    Full,
    /// One element for all.
    Number,
    /// The innermost axes, repeated over the outer ones.
    Row,
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
        let Loop {
            left: Operand { elements: a, layout: la },
            right: Operand { elements: b, layout: lb },
            out,
        } = self;
        let each = |out: &mut [T], a: &[T], b: &[T]| {
            out.iter_mut().zip(a).zip(b).for_each(|((z, x), y)| *z = f(*x, *y));
        };
        match (la, lb) {
            _ if out.is_empty() => {}
            (Layout::Full, Layout::Full) => each(out, a, b),
            (_, Layout::Number) if la == Layout::Full => {
                let y = b[0];
                out.iter_mut().zip(a).for_each(|(z, x)| *z = f(*x, y));
            }
            (Layout::Number, _) if lb == Layout::Full => {
                let x = a[0];
                out.iter_mut().zip(b).for_each(|(z, y)| *z = f(x, *y));
            }
            (Layout::Full, _) => {
                out.chunks_exact_mut(b.len()).zip(a.chunks_exact(b.len())).for_each(|(z, a)| each(z, a, b));
            }
            (_, Layout::Full) => {
                out.chunks_exact_mut(a.len()).zip(b.chunks_exact(a.len())).for_each(|(z, b)| each(z, a, b));
            }
            _ => unreachable!("one operand has the shape of the result, as `binary` has seen to"),
        }
    }
}

/// Evaluates a function of two operands.
pub(crate) fn binary(op: Binary, mut io: Io<'_>) -> Result<(), String> {
    let layout = |input: usize| {
        let (dims, wide) = (io.inputs[input].shape.dims(), io.shape.dims());
        let elements = io.inputs[input].data.len();
        if dims == wide {
            Some(Layout::Full)
        } else if elements == 1 {
            Some(Layout::Number)
        } else if wide.ends_with(dims) {
            Some(Layout::Row)
        } else {
            None
        }
    };
    match (layout(0), layout(1)) {
        (Some(left), Some(right)) if left == Layout::Full || right == Layout::Full => {
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
