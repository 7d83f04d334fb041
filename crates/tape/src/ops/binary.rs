//! Functions of each pair of elements, one row of a table each: name, value, both slopes.
//!
//! Operands broadcast as in numpy. The gradient of `z = f(x, y)` is the upstream gradient times
//! `∂f/∂x` and `∂f/∂y`; the sweep sums it over what was repeated, for every row at once.

use smallvec::smallvec;

use super::unary::{Flat, Slope};
use super::walk::{broadcast, each};
use super::{Gradients, Io, Kind, Meta, Parse, Rule, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::{Operand, Var};

macro_rules! table {
    ($($(#[$doc:meta])* $form:ident $name:ident $label:ident, |$x:ident, $y:ident| $value:expr,
        |$up:ident, $at:ident| $left:expr, $right:expr;)*) => {
        /// A function of each pair of elements.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Binary {
            $($(#[$doc])* $name,)*
        }

        impl Binary {
            /// All rows of the table.
            pub const ALL: &[Binary] = &[$(Binary::$name),*];

            fn label(self) -> &'static str {
                match self {
                    $(Binary::$name => stringify!($label),)*
                }
            }

            /// Hands the function to `user`, so that loops are compiled for each row of the table.
            #[inline(always)]
            pub(crate) fn with<T: Real, U: BinaryUser<T>>(self, user: U) {
                match self {
                    $(Binary::$name => user.run(|$x: T, $y: T| $value),)*
                }
            }

            fn gradients<'t>(self, adjoint: &Adjoint<'_, 't>) -> Gradients<'t> {
                match self {
                    $(Binary::$name => {
                        let ($up, $at) = (adjoint.upstream(), adjoint);
                        let (left, right) = (|| Slope::of($left), || Slope::of($right));
                        smallvec![at_side(adjoint, 0, left), at_side(adjoint, 1, right)]
                    })*
                }
            }
        }

        $(table! { @$form $(#[$doc])* $name $label })*
    };
    // An operator is written as such and needs no method.
    (@operator $($row:tt)*) => {};
    (@method $(#[$doc:meta])* $name:ident $label:ident) => {
        impl<'t> Var<'t> {
            $(#[$doc])*
            #[track_caller]
            pub fn $label(self, other: impl Operand<'t>) -> Var<'t> {
                Binary::$name.record(self, other)
            }
        }
    };
}

table! {
    /// The sum of two elements.
    operator Add add, |x, y| x + y, |up, _at| up, up;
    /// The first element less the second.
    operator Sub sub, |x, y| x - y, |up, _at| up, -up;
    /// The product of two elements.
    operator Mul mul, |x, y| x * y, |up, at| up * at.input(1), up * at.input(0);
    /// The first element divided by the second.
    operator Div div, |x, y| x / y, |up, at| up / at.input(1), -(up * at.output() / at.input(1));
    /// The first element to the power of the second, for positive first elements.
    method Pow pow, |x, y| x.powf(y), |up, at|
        up * at.input(1) * at.input(0).pow(at.input(1) - 1.0), up * at.output() * at.input(0).ln();
    /// The larger of two elements. Where they are equal the gradient goes to the first.
    method Maximum maximum, |x, y| if y > x || y.is_nan() { y } else { x }, |up, at|
        up * (1.0 - at.input(1).greater(at.input(0))), up * at.input(1).greater(at.input(0));
    /// The smaller of two elements. Where they are equal the gradient goes to the first.
    method Minimum minimum, |x, y| if y < x || y.is_nan() { y } else { x }, |up, at|
        up * (1.0 - at.input(0).greater(at.input(1))), up * at.input(0).greater(at.input(1));
    /// 1 where the first element is greater than the second, else 0. The slope is 0 everywhere.
    method Greater greater, |x, y| if x > y { T::one() } else { T::zero() }, |_up, _at| Flat, Flat;
    /// 1 where both elements are the same, else 0. The slope is 0 everywhere.
    method Equal equal, |x, y| if x == y { T::one() } else { T::zero() }, |_up, _at| Flat, Flat;
    /// The first element times `1 - y²`, where y is the second: the gradient of `y = tanh(x)`.
    method TanhGrad tanh_grad, |u, y| u * (T::one() - y * y), |up, at|
        up.tanh_grad(at.input(1)), -2.0 * up * at.input(0) * at.input(1);
    /// The first element times `y (1 - y)`, where y is the second: the gradient of `y = 1 / (1 + exp(-x))`.
    method SigmoidGrad sigmoid_grad, |u, y| u * (y * (T::one() - y)), |up, at|
        up.sigmoid_grad(at.input(1)), up * at.input(0) * (1.0 - 2.0 * at.input(1));
}

impl Binary {
    #[track_caller]
    fn record<'t>(self, left: Var<'t>, right: impl Operand<'t>) -> Var<'t> {
        let right = right.on(left.tape());
        left.tape().push(self, &[left, right])
    }
}

/// A gradient that is recorded only if it is wanted.
fn at_side<'t>(
    adjoint: &Adjoint<'_, 't>,
    side: usize,
    gradient: impl FnOnce() -> Option<Var<'t>>,
) -> Option<Var<'t>> {
    if adjoint.wants(side) { gradient() } else { None }
}

/// A loop that takes the function of a row of the table.
pub(crate) trait BinaryUser<T> {
    /// Runs the loop with the function.
    fn run(self, f: impl Fn(T, T) -> T);
}

/// The reference loop: every pair of elements where broadcasting puts it.
struct PlainLoop<'a, T> {
    left: (&'a [T], &'a Shape),
    right: (&'a [T], &'a Shape),
    out: (&'a mut [T], &'a Shape),
}

impl<T: Real> BinaryUser<T> for PlainLoop<'_, T> {
    fn run(self, f: impl Fn(T, T) -> T) {
        let (out, shape) = self.out;
        let sizes = shape.sizes();
        let mut next = 0;
        each(&sizes, &broadcast(self.left.1, shape), |offset| {
            out[next] = self.left.0[offset];
            next += 1;
        });
        next = 0;
        each(&sizes, &broadcast(self.right.1, shape), |offset| {
            out[next] = f(out[next], self.right.0[offset]);
            next += 1;
        });
    }
}

impl Rule for Binary {
    fn name(&self) -> &'static str {
        self.label()
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn linear(&self, varying: &[bool]) -> bool {
        match self {
            Binary::Add | Binary::Sub => varying == [true, true],
            Binary::Mul => varying != [true, true],
            Binary::Div | Binary::TanhGrad | Binary::SigmoidGrad => varying == [true, false],
            _ => false,
        }
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        let (left, right) = (inputs[0].shape, inputs[1].shape);
        let shape = left.broadcast(right).ok_or_else(|| self.error(inputs, mismatch(left, right)))?;
        Ok((shape, dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let (shape, inputs) = (io.shape, io.inputs);
        with_real!(io.dtype(), T => self.with(PlainLoop::<T> {
            left: (io.get(0), inputs[0].shape),
            right: (io.get(1), inputs[1].shape),
            out: (io.out(), shape),
        }));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        self.gradients(at)
    }

    fn flat(&self, _: usize) -> bool {
        matches!(self, Binary::Greater | Binary::Equal)
    }
}

impl Parse for Binary {
    fn parse(line: &Line<'_>) -> Parsed<Binary> {
        line.choose(Binary::ALL, 2)
    }
}

/// Why two shapes do not broadcast, with the likely mistake inside a scan.
fn mismatch(left: &Shape, right: &Shape) -> String {
    let mut reason = "aligned at the last axis, two extents are neither equal nor 1".to_string();
    if left.has_rows() != right.has_rows() {
        reason += "; if an axis of the one without n is the batch, take it into the step by `.rows()`";
    }
    reason
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<'t, R: Operand<'t>> std::ops::$trait<R> for Var<'t> {
            type Output = Var<'t>;

            #[track_caller]
            fn $method(self, other: R) -> Var<'t> {
                Binary::$trait.record(self, other)
            }
        }

        impl<'t> std::ops::$trait<Var<'t>> for f64 {
            type Output = Var<'t>;

            #[track_caller]
            fn $method(self, other: Var<'t>) -> Var<'t> {
                Binary::$trait.record(self.on(other.tape()), other)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
