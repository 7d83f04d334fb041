//! Softmax and its logarithm over rows of `f32`, in vector loops.

use std::marker::PhantomData;

use super::math;
use super::simd::{Job, Width, widest};
use crate::ops::Io;

/// Partial results that are kept side by side, so that a sum or a maximum becomes vector instructions.
/// Their number does not depend on the machine, so neither does the order of additions.
const LANES: usize = 16;

/// Evaluates the probabilities of each row.
pub(crate) fn softmax(io: Io<'_>) {
    rows::<Probabilities>(io);
}

/// Evaluates the logarithms of the probabilities of each row.
pub(crate) fn log_softmax(io: Io<'_>) {
    rows::<Logarithms>(io);
}

/// What is made of a row; `make` must be `#[inline(always)]`.
trait Row {
    fn make(row: &[f32], to: &mut [f32], exp: impl Fn(f32) -> f32);
}

struct Probabilities;

impl Row for Probabilities {
    #[inline(always)]
    fn make(row: &[f32], to: &mut [f32], exp: impl Fn(f32) -> f32) {
        let largest = largest(row);
        row.iter().zip(&mut *to).for_each(|(x, p)| *p = exp(*x - largest));
        let share = 1.0 / sum(to, |p| p);
        to.iter_mut().for_each(|p| *p *= share);
    }
}

struct Logarithms;

impl Row for Logarithms {
    #[inline(always)]
    fn make(row: &[f32], to: &mut [f32], exp: impl Fn(f32) -> f32) {
        let largest = largest(row);
        let offset = largest + sum(row, |x| exp(x - largest)).ln();
        row.iter().zip(to).for_each(|(x, l)| *l = *x - offset);
    }
}

/// The same for every row.
struct Rows<'a, R> {
    from: &'a [f32],
    to: &'a mut [f32],
    width: usize,
    row: PhantomData<R>,
}

impl<R: Row> Job for Rows<'_, R> {
    #[inline(always)]
    fn run(self, machine: Width) {
        let rows = self.from.chunks_exact(self.width).zip(self.to.chunks_exact_mut(self.width));
        match machine {
            Width::Wide => rows.for_each(|(row, to)| R::make(row, to, math::exp)),
            Width::Baseline => rows.for_each(|(row, to)| R::make(row, to, f32::exp)),
        }
    }
}

fn rows<R: Row>(mut io: Io<'_>) {
    let width = io.shape.last().at(0);
    widest(Rows::<R> { from: io.get(0), to: io.out(), width, row: PhantomData });
}

/// The largest element of a row; NaN is passed over, and shows in the sum.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = larger(*lane, *x));
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

/// The sum of a function of the elements.
#[inline(always)]
fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += f(*x));
    }
    lanes.into_iter().sum::<f32>() + rest.iter().map(|x| f(*x)).sum::<f32>()
}
