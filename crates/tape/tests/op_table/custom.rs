//! An operation as a user would define it: `y = x³`, with the gradient `3 x² dy`.

use smallvec::smallvec;
use tape::grad::Adjoint;
use tape::ops::{Gradients, Io, Kind, Meta, Rule};
use tape::{DType, Real, Shape, ShapeError};

use crate::arrays::Array;
use crate::loops;

pub struct Cube;

impl Rule for Cube {
    fn name(&self) -> &'static str {
        "cube"
    }

    fn kind(&self) -> Kind {
        Kind::Pointwise
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn cube<T: Real>(from: &[T], to: &mut [T]) {
            from.iter().zip(to).for_each(|(x, y)| *y = *x * *x * *x);
        }
        match io.dtype() {
            DType::F32 => cube::<f32>(io.get(0), io.out()),
            _ => cube::<f64>(io.get(0), io.out()),
        }
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(3.0 * at.upstream() * at.input(0).square())]
    }
}

pub fn plain(x: &Array) -> Array {
    loops::map(x, |x| x.powi(3))
}
