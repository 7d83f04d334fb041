//! The cross entropy of scores (…, V) with the entries that are right: `e = ln Σ_j exp(s_j) - s_i` for the
//! index `i` of each row, which is minus the logarithm of the probability of entry `i`.
//!
//! With `p = softmax(s)` the gradient is `ds = (p - [i]) de`, where `[i]` is 1 at the index and 0 elsewhere.
//! It is an operation of its own, so that value and gradient can be computed while a row of scores is at
//! hand, and no table of probabilities is kept. For an upstream gradient `G` of that gradient,
//! `ds = p (g - Σ_j p_j g_j)` with `g = G de`, and `dde = Σ_j G_j p_j - G_i`.

use smallvec::smallvec;

use super::gather::checked;
use super::softmax::{largest_and_sum, row_sums};
use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::{Operand, Var};

/// From scores (…, V) and indices (…) the cross entropy of each row: (…).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CrossEntropy;

/// From scores (…, V), indices (…) and upstream gradients (…) the gradients of the scores: (…, V).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CrossEntropyGradient;

/// What both ask of scores and indices.
fn check_scores(rule: &impl Rule, inputs: &[Meta<'_>]) -> Result<(), ShapeError> {
    let (scores, index) = (inputs[0], inputs[1]);
    if !scores.dtype.is_real() || index.dtype != DType::I32 {
        return Err(rule.error(inputs, "floating-point scores and i32 indices are needed"));
    }
    let rank = index.shape.rank();
    let fits = scores.shape.rank() == rank + 1 && scores.shape.dims()[..rank] == *index.shape.dims();
    if !fits {
        return Err(rule.error(inputs, "scores need the axes of the indices and one more"));
    }
    if scores.shape.last().is_per_row() || scores.shape.last() == 0 {
        return Err(rule.error(inputs, "there is no last axis of one or more scores"));
    }
    Ok(())
}

impl Rule for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn kind(&self) -> Kind {
        Kind::RowFunction
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        check_scores(self, inputs)?;
        Ok((inputs[1].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = io.inputs[0].shape.last().at(0);
        with_real!(io.dtype(), T => {
            let (scores, indices) = (io.get::<T>(0), io.get::<i32>(1));
            let to = io.out::<T>();
            for (position, row) in scores.chunks_exact(width).enumerate() {
                let (largest, sum) = largest_and_sum(row);
                to[position] = largest + sum.ln() - row[checked(indices[position], position, width)?];
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let gradient = || {
            let (scores, index) = (at.input(0), at.input(1));
            scores.tape().push(CrossEntropyGradient, &[scores, index, at.upstream()])
        };
        smallvec![at.wants(0).then(gradient), None]
    }
}

impl Rule for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        "cross_entropy_gradient"
    }

    fn kind(&self) -> Kind {
        Kind::RowFunction
    }

    fn linear(&self, varying: &[bool]) -> bool {
        *varying == [false, false, true]
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        check_scores(self, inputs)?;
        if inputs[2].shape != inputs[1].shape || inputs[2].dtype != inputs[0].dtype {
            return Err(self.error(inputs, "upstream gradients need the shape of the indices"));
        }
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = io.shape.last().at(0);
        with_real!(io.dtype(), T => {
            let (scores, indices, upstream) = (io.get::<T>(0), io.get::<i32>(1), io.get::<T>(2));
            let to = io.out::<T>().chunks_exact_mut(width);
            for (position, (row, to)) in scores.chunks_exact(width).zip(to).enumerate() {
                let (largest, sum) = largest_and_sum(row);
                let share = upstream[position];
                row.iter().zip(&mut *to).for_each(|(x, d)| *d = (*x - largest).exp() / sum * share);
                to[checked(indices[position], position, width)?] += -share;
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let (scores, index, share, up) = (at.input(0), at.input(1), at.input(2), at.upstream());
        let p = scores.softmax();
        let of_scores = || {
            let g = up * share.reshape(share.shape().with_inner(Dim::new(1)));
            p * (g - row_sums(p * g))
        };
        let of_share = || {
            let axis = up.shape().rank() - 1;
            (up * p).sum_along(&[axis]) - up.pick(index)
        };
        smallvec![at.wants(0).then(of_scores), None, at.wants(2).then(of_share)]
    }
}

impl Parse for CrossEntropy {
    fn parse(line: &Line<'_>) -> Parsed<CrossEntropy> {
        line.read("cross_entropy", 2, |_| Ok(CrossEntropy))
    }
}

impl Parse for CrossEntropyGradient {
    fn parse(line: &Line<'_>) -> Parsed<CrossEntropyGradient> {
        line.read("cross_entropy_gradient", 3, |_| Ok(CrossEntropyGradient))
    }
}

impl<'t> Var<'t> {
    /// The cross entropy of each row of these scores (…, V) with the entry that its index (…) names.
    ///
    /// The same as `-scores.log_softmax().pick(indices)`, without the table of logarithms.
    #[track_caller]
    pub fn cross_entropy(self, indices: impl Operand<'t>) -> Var<'t> {
        let indices = indices.on(self.tape());
        self.tape().push(CrossEntropy, &[self, indices])
    }
}

#[cfg(test)]
mod tests {
    use crate::dtype::DType;
    use crate::interpret::interpret;
    use crate::record::Tape;
    use crate::tensor::Tensor;

    #[test]
    fn it_is_minus_the_logarithm_of_the_right_probability() {
        let tape = Tape::new(DType::F64);
        let scores = tape.input(Tensor::new([2, 3], vec![1.0, 2.0, 700.0, -1.0, 0.5, 0.0]));
        let right = tape.input(Tensor::new([2], vec![0, 1]));
        let found = interpret(&[scores.cross_entropy(right), -scores.log_softmax().pick(right)]);
        let found = found.expect("indices within the scores");
        for (a, b) in found[0].to_f64().iter().zip(found[1].to_f64()) {
            assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        }
    }

    #[test]
    fn an_index_outside_the_scores_is_told() {
        let tape = Tape::new(DType::F64);
        let scores = tape.input(Tensor::zeros(DType::F64, [2, 3]));
        let right = tape.input(Tensor::new([2], vec![0, 3]));
        assert!(interpret(&[scores.cross_entropy(right)]).is_err());
    }
}
