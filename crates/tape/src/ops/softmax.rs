//! Probabilities from scores along the last axis: `p_i = exp(x_i) / Σ_j exp(x_j)`.
//! The gradient is `dx = p (dp - Σ_j p_j dp_j)`.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The softmax of each row, computed after taking the row's largest score off.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Softmax;

/// What both softmax and its logarithm ask of their operand.
pub(super) fn infer_rows(rule: &impl Rule, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
    let dtype = common_real(rule, inputs)?;
    let shape = inputs[0].shape;
    if shape.rank() == 0 || shape.last().is_per_row() || shape.last() == 0 {
        return Err(rule.error(inputs, "there is no last axis of one or more scores"));
    }
    Ok((shape.clone(), dtype))
}

/// The largest score of a row, and the sum of the exponentials of all scores less that one.
pub(super) fn largest_and_sum<T: Real>(row: &[T]) -> (T, T) {
    let largest = row.iter().copied().fold(T::neg_infinity(), T::max);
    (largest, row.iter().map(|x| (*x - largest).exp()).sum())
}

/// The sum along the last axis, which is kept with extent 1.
pub(super) fn row_sums<'t>(rows: Var<'t>) -> Var<'t> {
    let shape = rows.shape();
    let axis = shape.rank() - 1;
    rows.sum_along(&[axis]).reshape(shape.with_dim(axis, Dim::new(1)))
}

impl Rule for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn kind(&self) -> Kind {
        Kind::RowFunction
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        infer_rows(self, inputs)
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = io.shape.last().at(0);
        with_real!(io.dtype(), T => {
            let from = io.get::<T>(0);
            for (row, to) in from.chunks_exact(width).zip(io.out::<T>().chunks_exact_mut(width)) {
                let (largest, sum) = largest_and_sum(row);
                row.iter().zip(to).for_each(|(x, p)| *p = (*x - largest).exp() / sum);
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let (p, up) = (at.output(), at.upstream());
        smallvec![Some(p * (up - row_sums(p * up)))]
    }
}

impl Parse for Softmax {
    fn parse(line: &Line<'_>) -> Parsed<Softmax> {
        line.read("softmax", 1, |_| Ok(Softmax))
    }
}

impl<'t> Var<'t> {
    /// Probabilities from these scores along the last axis.
    #[track_caller]
    pub fn softmax(self) -> Var<'t> {
        self.tape().push(Softmax, &[self])
    }
}
