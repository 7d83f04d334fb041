//! A number written in the program. It has no gradient.

use super::{Gradients, Io, Kind, Meta, Rule};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;

/// A number of the tape's floating-point type, kept by its bits so that equal programs compare equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scalar {
    bits: u64,
    dtype: DType,
}

impl Scalar {
    /// The number, rounded to `dtype`.
    pub fn new(number: f64, dtype: DType) -> Scalar {
        Scalar { bits: number.to_bits(), dtype }
    }

    /// The number.
    pub fn number(self) -> f64 {
        f64::from_bits(self.bits)
    }
}

impl Rule for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn kind(&self) -> Kind {
        Kind::Leaf
    }

    fn attributes(&self) -> String {
        self.number().to_string()
    }

    fn infer(&self, _: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((Shape::scalar(), self.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        with_real!(io.dtype(), T => io.out::<T>()[0] = T::from_f64(self.number()));
        Ok(())
    }

    fn grad<'t>(&self, _: &Adjoint<'_, 't>) -> Gradients<'t> {
        Gradients::new()
    }
}
