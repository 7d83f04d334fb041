//! Largest element along axes. The gradient goes to the largest element; where several are equally
//! large they share it evenly, which is the symmetric subgradient.

use smallvec::smallvec;

use super::sum::Axes;
use super::walk::each;
use super::{Gradients, Io, Kind, Meta, Parse, Rule, check_axis, common_real};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The largest element along axes, which are then gone. NaN wherever one takes part.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Max {
    /// The axes to compare along.
    pub axes: Axes,
}

impl Rule for Max {
    fn name(&self) -> &'static str {
        "max"
    }

    fn kind(&self) -> Kind {
        Kind::Reduction
    }

    fn attributes(&self) -> String {
        self.axes.to_string()
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        self.axes.iter().try_for_each(|axis| check_axis(self, inputs, axis))?;
        if self.axes.iter().any(|axis| inputs[0].shape.dim(axis) == 0) {
            return Err(self.error(inputs, "there is no largest among no elements"));
        }
        Ok((self.axes.remove_from(inputs[0].shape), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn max<T: Real>(axes: Axes, shape: &Shape, from: &[T], to: &mut [T]) {
            to.fill(T::neg_infinity());
            let mut elements = from.iter();
            each(&shape.sizes(), &axes.strides(shape), |offset| {
                if let Some(x) = elements.next()
                    && (*x > to[offset] || x.is_nan())
                {
                    to[offset] = *x;
                }
            });
        }
        let shape = &io.inputs[0].shape;
        with_real!(io.dtype(), T => max::<T>(self.axes, shape, io.get(0), io.out()));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let flat = self.axes.flatten(&at.input_shape(0));
        let largest = at.input(0).equal(at.output().reshape(flat.clone()));
        let ties = largest.sum_along(&Vec::from_iter(self.axes.iter()));
        smallvec![Some(largest * (at.upstream() / ties).reshape(flat))]
    }
}

impl Parse for Max {
    fn parse(line: &Line<'_>) -> Parsed<Max> {
        line.read("max", 1, |line| Ok(Max { axes: Axes::new(line.axes("axes")?) }))
    }
}

impl<'t> Var<'t> {
    /// The largest elements along some axes, which are then gone.
    #[track_caller]
    pub fn max_along(self, axes: &[usize]) -> Var<'t> {
        self.tape().push(Max { axes: Axes::new(axes.iter().copied()) }, &[self])
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Tape, Tensor, grad};

    #[test]
    fn equal_largest_elements_share_the_gradient() {
        let tape = Tape::new(DType::F64);
        let x = tape.input(Tensor::new([3], vec![2.0, 1.0, 2.0]));
        let dx = grad(x.max_along(&[0]) * 6.0, &[x])[0];
        assert_eq!(dx.value().as_slice::<f64>(), [3.0, 0.0, 3.0]);
    }
}
