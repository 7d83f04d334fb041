//! A number written in the program. It has no gradient.

use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::{DType, Real, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};

/// A number of the tape's floating-point type, kept by its bits so that equal programs compare equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scalar {
    bits: u64,
    dtype: DType,
}

impl Scalar {
    /// A number that is rounded to `dtype` where it is computed with.
    pub fn new(number: f64, dtype: DType) -> Scalar {
        Scalar { bits: number.to_bits(), dtype }
    }

    /// The number as it was written.
    pub fn number(self) -> f64 {
        f64::from_bits(self.bits)
    }
}

const BITS: &str = "bits=";

impl Rule for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn kind(&self) -> Kind {
        Kind::Leaf
    }

    fn attributes(&self) -> String {
        match self.number() {
            // Only one of the many numbers that are not a number has a name.
            number if number.is_nan() && self.bits != f64::NAN.to_bits() => format!("{BITS}{:x}", self.bits),
            number => format!("{number:?}"),
        }
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

impl Parse for Scalar {
    fn parse(line: &Line<'_>) -> Parsed<Scalar> {
        line.read("scalar", 0, |line| {
            let bits = line.only("a number", |text| match text.strip_prefix(BITS) {
                Some(bits) => u64::from_str_radix(bits, 16).ok(),
                None => text.parse().ok().map(f64::to_bits),
            })?;
            let dtype = line.dtype;
            if dtype.is_real() { Ok(Scalar { bits, dtype }) } else { Err("a scalar is f32 or f64".into()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_as_it_is_written() {
        let numbers = [0.0, -0.0, 1.0, 0.1, -1e-5, 1.0 / 3.0, 5e-324, f64::MAX, f64::MIN, f64::INFINITY];
        let odd = [f64::NEG_INFINITY, f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)];
        for number in numbers.into_iter().chain(odd) {
            let scalar = Scalar::new(number, DType::F32);
            let attributes = scalar.attributes();
            let line = Line::new(("scalar", 0), [&*attributes], (DType::F32, Shape::scalar()), &[]);
            assert_eq!(Scalar::parse(&line), Ok(Some(scalar)), "{attributes}");
        }
    }
}
