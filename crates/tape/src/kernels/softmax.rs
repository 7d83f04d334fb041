//! Softmax and its logarithm over rows of `f32`, by the vector loops of fused work.

use std::marker::PhantomData;

use super::fused::loops::{LANES, add_to_lanes, largest, sum_exp, write_exp};
use super::simd::{Job, Width, widest};
use crate::ops::Io;

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
    fn make<const WIDE: bool>(row: &[f32], to: &mut [f32]);
}

struct Probabilities;

impl Row for Probabilities {
    #[inline(always)]
    fn make<const WIDE: bool>(row: &[f32], to: &mut [f32]) {
        write_exp::<f32, WIDE>(row, largest(row), to);
        let mut lanes = [0.0; LANES];
        add_to_lanes(to, &mut lanes);
        let share = 1.0 / lanes.into_iter().sum::<f32>();
        to.iter_mut().for_each(|p| *p *= share);
    }
}

struct Logarithms;

impl Row for Logarithms {
    #[inline(always)]
    fn make<const WIDE: bool>(row: &[f32], to: &mut [f32]) {
        let largest = largest(row);
        let offset = largest + sum_exp::<f32, WIDE>(row, largest).ln();
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
        // A closure may not be inlined, and would then be compiled without the wide vectors.
        for (row, to) in rows {
            match machine {
                Width::Wide => R::make::<true>(row, to),
                Width::Baseline => R::make::<false>(row, to),
            }
        }
    }
}

fn rows<R: Row>(mut io: Io<'_>) {
    let width = io.shape.last().at(0);
    widest(Rows::<R> { from: io.get(0), to: io.out(), width, row: PhantomData });
}
