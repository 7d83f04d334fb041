//! Logarithms of probabilities from scores along the last axis: `l_i = x_i - ln Σ_j exp(x_j)`.
//! The gradient is `dx = dl - exp(l) Σ_j dl_j`.

use smallvec::smallvec;

use super::softmax::{infer_rows, largest_and_sum, row_sums};
use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The logarithm of the softmax of each row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LogSoftmax;

impl Rule for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
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
                let offset = largest + sum.ln();
                row.iter().zip(to).for_each(|(x, l)| *l = *x - offset);
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let up = at.upstream();
        smallvec![Some(up - at.output().exp() * row_sums(up))]
    }
}

impl Parse for LogSoftmax {
    fn parse(line: &Line<'_>) -> Parsed<LogSoftmax> {
        line.read("log_softmax", 1, |_| Ok(LogSoftmax))
    }
}

impl<'t> Var<'t> {
    /// Logarithms of probabilities from these scores along the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Var<'t> {
        self.tape().push(LogSoftmax, &[self])
    }
}
