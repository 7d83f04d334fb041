//! The vector loops of the machine, over slices that it has found.

use crate::dtype::Real;
use crate::kernels::math;
use crate::ops::{BinaryUser, Unary};

use super::code::Form;

/// Partial results that are kept side by side, so that a sum or a maximum becomes vector instructions.
/// Their number does not depend on the machine, so neither does the order of additions.
pub(in crate::kernels) const LANES: usize = 16;

/// The functions that have a form for vectors, of an element type.
pub(in crate::kernels) trait Vector: Real {
    fn wide_exp(self) -> Self;
    fn wide_tanh(self) -> Self;
    fn wide_logistic(self) -> Option<Self>;
}

impl Vector for f32 {
    #[inline(always)]
    fn wide_exp(self) -> f32 {
        math::exp(self)
    }

    #[inline(always)]
    fn wide_tanh(self) -> f32 {
        math::tanh(self)
    }

    #[inline(always)]
    fn wide_logistic(self) -> Option<f32> {
        Some(math::logistic(self))
    }
}

impl Vector for f64 {
    #[inline(always)]
    fn wide_exp(self) -> f64 {
        self.exp()
    }

    #[inline(always)]
    fn wide_tanh(self) -> f64 {
        self.tanh()
    }

    #[inline(always)]
    fn wide_logistic(self) -> Option<f64> {
        None
    }
}

/// `e^x` by the form for vectors where there are wide ones.
#[inline(always)]
pub(super) fn exp<T: Vector, const WIDE: bool>(x: T) -> T {
    if WIDE { x.wide_exp() } else { x.exp() }
}

/// A function of each element.
#[inline(always)]
pub(super) fn unary<T: Vector, const WIDE: bool>(op: Unary, from: &[T], to: &mut [T]) {
    match op {
        Unary::Exp if WIDE => from.iter().zip(to).for_each(|(x, y)| *y = x.wide_exp()),
        Unary::Tanh if WIDE => from.iter().zip(to).for_each(|(x, y)| *y = x.wide_tanh()),
        Unary::Sigmoid if WIDE && T::zero().wide_logistic().is_some() => {
            from.iter().zip(to).for_each(|(x, y)| *y = x.wide_logistic().unwrap_or(*x));
        }
        op => op.map(from, to),
    }
}

/// The operands of a function of pairs, a number as a slice of one element.
pub(super) struct Pairs<'a, T> {
    pub form: Form,
    pub left: &'a [T],
    pub right: &'a [T],
    pub to: &'a mut [T],
}

impl<T: Real> BinaryUser<T> for Pairs<'_, T> {
    #[inline(always)]
    fn run(self, f: impl Fn(T, T) -> T) {
        let Pairs { form, left, right, to } = self;
        match form {
            Form::Pairs => to.iter_mut().zip(left).zip(right).for_each(|((z, x), y)| *z = f(*x, *y)),
            Form::NumberLeft => {
                let x = left[0];
                to.iter_mut().zip(right).for_each(|(z, y)| *z = f(x, *y));
            }
            Form::NumberRight => {
                let y = right[0];
                to.iter_mut().zip(left).for_each(|(z, x)| *z = f(*x, y));
            }
        }
    }
}

/// Adds elements to the lanes of a sum.
#[inline(always)]
pub(in crate::kernels) fn add_to_lanes<T: Real>(from: &[T], lanes: &mut [T; LANES]) {
    let chunks = from.chunks_exact(LANES);
    let rest = chunks.remainder();
    let mut sums = *lanes;
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += *x);
    }
    sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += *x);
    *lanes = sums;
}

/// The largest element of a row; NaN is passed over, and shows in the sum of exponentials.
#[inline(always)]
pub(in crate::kernels) fn largest<T: Real>(row: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [T::neg_infinity(); LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = larger(*lane, *x));
    }
    lanes.iter().chain(rest).copied().fold(T::neg_infinity(), larger)
}

/// The sum of `e^(x - largest)` over a row.
#[inline(always)]
pub(in crate::kernels) fn sum_exp<T: Vector, const WIDE: bool>(row: &[T], largest: T) -> T {
    let mut lanes = [T::zero(); LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += exp::<T, WIDE>(*x - largest));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane += exp::<T, WIDE>(*x - largest));
    lanes.into_iter().sum()
}

/// Writes `e^(x - largest)` for each element of a row.
#[inline(always)]
pub(in crate::kernels) fn write_exp<T: Vector, const WIDE: bool>(row: &[T], largest: T, to: &mut [T]) {
    row.iter().zip(to).for_each(|(x, y)| *y = exp::<T, WIDE>(*x - largest));
}
