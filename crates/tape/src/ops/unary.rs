//! Functions of each element, one row of a table each: name, value, gradient.
//!
//! The gradient of `y = f(x)` is the upstream gradient times the slope `f'(x)`; a row writes it from the
//! operand `x` or the result `y`, whichever is cheaper to have, and in few operations, since each is a node.

use num_traits::Float;
use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The gradient of a function that is flat wherever it has a slope: none flows.
pub(super) struct Flat;

/// What may stand as a gradient in a table.
pub(super) trait Slope<'t> {
    fn of(self) -> Option<Var<'t>>;
}

impl<'t> Slope<'t> for Var<'t> {
    fn of(self) -> Option<Var<'t>> {
        Some(self)
    }
}

impl<'t> Slope<'t> for Flat {
    fn of(self) -> Option<Var<'t>> {
        None
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident $method:ident, |$x:ident| $value:expr,
        |$up:ident, $at:ident| $gradient:expr;)*) => {
        /// A function of each element.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Unary {
            $($(#[$doc])* $name,)*
        }

        impl Unary {
            /// All rows of the table.
            pub const ALL: &[Unary] = &[$(Unary::$name),*];

            fn label(self) -> &'static str {
                match self {
                    $(Unary::$name => stringify!($method),)*
                }
            }

            /// The function applied to a whole slice.
            #[inline(always)]
            pub(crate) fn map<T: Real>(self, from: &[T], to: &mut [T]) {
                #[inline(always)]
                fn each<T: Real>(from: &[T], to: &mut [T], f: impl Fn(T) -> T) {
                    from.iter().zip(to).for_each(|(x, y)| *y = f(*x));
                }
                match self {
                    $(Unary::$name => each(from, to, |$x: T| $value),)*
                }
            }

            fn gradient<'t>(self, adjoint: &Adjoint<'_, 't>) -> Option<Var<'t>> {
                match self {
                    $(Unary::$name => {
                        let ($up, $at) = (adjoint.upstream(), adjoint);
                        Slope::of($gradient)
                    })*
                }
            }
        }

        impl<'t> Var<'t> {
            $($(#[$doc])*
            #[track_caller]
            pub fn $method(self) -> Var<'t> {
                self.apply(Unary::$name)
            })*
        }
    };
}

table! {
    /// The element with its sign changed.
    Negate negate, |x| -x, |up, _at| -up;
    /// `e` to the power of the element.
    Exp exp, |x| x.exp(), |up, at| up * at.output();
    /// The natural logarithm.
    Ln ln, |x| x.ln(), |up, at| up / at.input(0);
    /// The hyperbolic tangent.
    Tanh tanh, |x| x.tanh(), |up, at| up.tanh_grad(at.output());
    /// The logistic function `1 / (1 + exp(-x))`.
    Sigmoid sigmoid, |x| logistic(x), |up, at| up.sigmoid_grad(at.output());
    /// The element where it is positive, else 0. The slope at 0 is 0.
    Relu relu, |x| if x <= T::zero() { T::zero() } else { x }, |up, at| up * at.input(0).step();
    /// 1 where the element is positive, else 0. The slope is 0 everywhere.
    Step step, |x| if x > T::zero() { T::one() } else { T::zero() }, |_up, _at| Flat;
    /// `ln(1 + exp(x))`, a smooth [`relu`](Var::relu).
    Softplus softplus, |x| x.max(T::zero()) + (-x.abs()).exp().ln_1p(), |up, at| up * at.input(0).sigmoid();
    /// The square root.
    Sqrt sqrt, |x| x.sqrt(), |up, at| 0.5 * up / at.output();
    /// The element times itself.
    Square square, |x| x * x, |up, at| 2.0 * up * at.input(0);
    /// One over the element.
    Recip recip, |x| x.recip(), |up, at| -(up * at.output().square());
    /// The element without its sign. The slope at 0 is 0.
    Abs abs, |x| x.abs(), |up, at| up * at.input(0).sign();
    /// -1, 0 or 1 by the element's sign. The slope is 0 everywhere.
    Sign sign, |x| if x == T::zero() { x } else { x.signum() }, |_up, _at| Flat;
    /// The sine.
    Sin sin, |x| x.sin(), |up, at| up * at.input(0).cos();
    /// The cosine.
    Cos cos, |x| x.cos(), |up, at| -(up * at.input(0).sin());
    /// The same value, through which no gradient flows.
    Detach detach, |x| x, |_up, _at| Flat;
}

/// The logistic function without overflow: `exp` is only taken of numbers that are not positive.
fn logistic<T: Float>(x: T) -> T {
    let e = (-x.abs()).exp();
    if x < T::zero() { e / (T::one() + e) } else { T::one() / (T::one() + e) }
}

impl Rule for Unary {
    fn name(&self) -> &'static str {
        self.label()
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn linear(&self, _: &[bool]) -> bool {
        *self == Unary::Negate
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), common_real(self, inputs)?))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        with_real!(io.dtype(), T => self.map::<T>(io.get(0), io.out()));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![self.gradient(at)]
    }

    fn flat(&self, _: usize) -> bool {
        matches!(self, Unary::Step | Unary::Sign | Unary::Detach)
    }
}

impl Parse for Unary {
    fn parse(line: &Line<'_>) -> Parsed<Unary> {
        line.choose(Unary::ALL, 1)
    }
}

impl<'t> std::ops::Neg for Var<'t> {
    type Output = Var<'t>;

    #[track_caller]
    fn neg(self) -> Var<'t> {
        self.negate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_operands_give_limits_and_nan_stays_nan() {
        let check = |op: Unary, x: f64, expected: f64| {
            let mut y = [0.0];
            op.map(&[x], &mut y);
            assert!(y[0] == expected || (y[0].is_nan() && expected.is_nan()), "{op:?}({x}) = {}", y[0]);
        };
        check(Unary::Sigmoid, -1e4, 0.0);
        check(Unary::Sigmoid, 1e4, 1.0);
        check(Unary::Softplus, 1e4, 1e4);
        check(Unary::Softplus, -1e4, 0.0);
        check(Unary::Relu, f64::NAN, f64::NAN);
        check(Unary::Sign, f64::NAN, f64::NAN);
        check(Unary::Relu, 0.0, 0.0);
    }
}
