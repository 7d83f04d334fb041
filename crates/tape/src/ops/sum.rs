//! Sum along axes. Every element of the operand takes part once, so its gradient is the upstream
//! gradient repeated along those axes.

use smallvec::{SmallVec, smallvec};

use super::walk::{contiguous, runs};
use super::{Gradients, Io, Kind, Meta, Parse, Rule, check_axis, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// A set of axes, of the first 32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Axes(u32);

impl Axes {
    /// The set of the given axes.
    ///
    /// # Panics
    /// If an axis is not below 32.
    #[track_caller]
    pub fn new(axes: impl IntoIterator<Item = usize>) -> Axes {
        let mut set = 0;
        for axis in axes {
            assert!(axis < 32, "there is no axis {axis}: sums and maxima know the first 32");
            set |= 1 << axis;
        }
        Axes(set)
    }

    /// Whether an axis is in the set.
    pub fn contains(self, axis: usize) -> bool {
        axis < 32 && self.0 >> axis & 1 == 1
    }

    /// The set without an axis.
    pub(crate) fn without(self, axis: usize) -> Axes {
        Axes(self.0 & !(1 << axis))
    }

    /// Whether no axis is in the set.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The axes, outermost first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..32).filter(move |axis| self.contains(*axis))
    }

    /// The extents that are left when the axes are gone.
    pub(crate) fn remove_from(self, shape: &Shape) -> Shape {
        shape
            .dims()
            .iter()
            .enumerate()
            .filter(|(axis, _)| !self.contains(*axis))
            .map(|(_, dim)| *dim)
            .collect()
    }

    /// The same extents with 1 along the axes.
    pub(crate) fn flatten(self, shape: &Shape) -> Shape {
        let flat = |(axis, dim): (usize, &Dim)| if self.contains(axis) { Dim::new(1) } else { *dim };
        shape.dims().iter().enumerate().map(flat).collect()
    }

    /// For a walk over the operand, the strides of the result: 0 along the axes.
    pub(crate) fn strides(self, shape: &Shape) -> super::walk::Strides {
        let kept = contiguous(&self.flatten(shape).sizes());
        (0..shape.rank()).map(|axis| if self.contains(axis) { 0 } else { kept[axis] }).collect()
    }
}

impl std::fmt::Display for Axes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let axes: Vec<String> = self.iter().map(|axis| axis.to_string()).collect();
        write!(f, "axes={}", axes.join(","))
    }
}

/// The sum along axes, which are then gone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Sum {
    /// The axes to sum along.
    pub axes: Axes,
}

impl Rule for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn kind(&self) -> Kind {
        Kind::Reduction
    }

    fn attributes(&self) -> String {
        self.axes.to_string()
    }

    fn sums_rows(&self, operands: &[Meta<'_>]) -> bool {
        self.axes.contains(0) && operands[0].shape.has_only_leading_rows()
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        self.axes.iter().try_for_each(|axis| check_axis(self, inputs, axis))?;
        Ok((self.axes.remove_from(inputs[0].shape), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn sum<T: Real>(axes: Axes, shape: &Shape, from: &[T], to: &mut [T]) {
            to.fill(T::zero());
            let mut rest = from;
            runs(&shape.sizes(), &axes.strides(shape), |start, stride, count| {
                let (run, after) = rest.split_at(count);
                rest = after;
                match stride {
                    0 => to[start] += run.iter().copied().sum(),
                    _ => to[start..start + count].iter_mut().zip(run).for_each(|(to, x)| *to += *x),
                }
            });
        }
        let shape = &io.inputs[0].shape;
        with_real!(io.dtype(), T => sum::<T>(self.axes, shape, io.get(0), io.out()));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let shape = at.input_shape(0);
        smallvec![Some(at.upstream().reshape(self.axes.flatten(&shape)).expand(shape))]
    }
}

impl Parse for Sum {
    fn parse(line: &Line<'_>) -> Parsed<Sum> {
        line.read("sum", 1, |line| Ok(Sum { axes: Axes::new(line.axes("axes")?) }))
    }
}

impl<'t> Var<'t> {
    /// The sum of all elements.
    #[track_caller]
    pub fn sum(self) -> Var<'t> {
        let axes: SmallVec<[usize; 8]> = (0..self.shape().rank()).collect();
        self.sum_along(&axes)
    }

    /// The sum along some axes, which are then gone.
    #[track_caller]
    pub fn sum_along(self, axes: &[usize]) -> Var<'t> {
        if axes.is_empty() {
            return self;
        }
        self.tape().push(Sum { axes: Axes::new(axes.iter().copied()) }, &[self])
    }

    /// The mean of all elements.
    ///
    /// # Panics
    /// Inside a scan, if the number of elements depends on the rows of the step.
    #[track_caller]
    pub fn mean(self) -> Var<'t> {
        self.sum() / self.shape().len() as f64
    }

    /// The mean along some axes, which are then gone.
    ///
    /// # Panics
    /// If the number of averaged elements depends on the rows of a scan step.
    #[track_caller]
    pub fn mean_along(self, axes: &[usize]) -> Var<'t> {
        let (sum, shape) = (self.sum_along(axes), self.shape());
        let mut count = 1;
        for axis in Axes::new(axes.iter().copied()).iter() {
            let extent = shape.dim(axis).known();
            count *= extent.expect("a mean over the rows of a step is not the same for every step");
        }
        sum / count as f64
    }

    /// The sum over the axes along which a tensor of shape `narrow` would repeat to reach this shape:
    /// the gradient of broadcasting.
    #[track_caller]
    pub(crate) fn sum_to(self, narrow: &Shape) -> Var<'t> {
        let shape = self.shape();
        if shape == *narrow {
            return self;
        }
        let sum = self.sum_along(&narrow.repeated_axes(&shape));
        if sum.shape() == *narrow { sum } else { sum.reshape(narrow.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Tape, Tensor};

    #[test]
    fn an_axis_that_is_named_twice_is_one() {
        let tape = Tape::new(DType::F64);
        let x = tape.input(Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 6.0]));
        assert_eq!(x.sum_along(&[0, 0]).value().to_f64(), [4.0, 8.0]);
        assert_eq!(x.mean_along(&[0, 0]).value().to_f64(), [2.0, 4.0]);
    }
}
