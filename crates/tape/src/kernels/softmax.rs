//! Softmax and its logarithm over rows of `f32`, in vector loops.

use super::math;
use super::simd::{Width, widest};
use crate::ops::Io;

/// Partial results that are kept side by side, so that a sum or a maximum becomes vector instructions.
/// Their number does not depend on the machine, so neither does the order of additions.
const LANES: usize = 16;

/// Probabilities.
pub(crate) fn softmax(mut io: Io<'_>) {
    rows(&mut io, |row, to, exp| {
        let largest = largest(row);
        row.iter().zip(&mut *to).for_each(|(x, p)| *p = exp(*x - largest));
        let share = 1.0 / sum(to, |p| p);
        to.iter_mut().for_each(|p| *p *= share);
    });
}

/// Logarithms of probabilities.
pub(crate) fn log_softmax(mut io: Io<'_>) {
    rows(&mut io, |row, to, exp| {
        let largest = largest(row);
        let offset = largest + sum(row, |x| exp(x - largest)).ln();
        row.iter().zip(to).for_each(|(x, l)| *l = *x - offset);
    });
}

/// Hands each row, its place and an exponential to a loop that is compiled for the widest vectors.
#[inline(always)]
fn rows(io: &mut Io<'_>, each: impl Fn(&[f32], &mut [f32], fn(f32) -> f32)) {
    let width = io.shape.last().at(0);
    let (from, to) = (io.get::<f32>(0), io.out::<f32>());
    let rows = from.chunks_exact(width).zip(to.chunks_exact_mut(width));
    widest(|machine| match machine {
        Width::Wide => rows.for_each(|(row, to)| each(row, to, math::exp)),
        Width::Baseline => rows.for_each(|(row, to)| each(row, to, f32::exp)),
    });
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
