//! Elements repeated along axes. The gradient is the sum over what was repeated.

use smallvec::smallvec;

use super::walk::{broadcast, runs};
use super::{Gradients, Io, Kind, Meta, Op, Parse, Rule};
use crate::dtype::{DType, Element, with_element};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The operand repeated to a wider shape by the rules of broadcasting.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Expand {
    shape: Shape,
}

impl Expand {
    /// A repetition to the given shape.
    pub fn new(shape: Shape) -> Expand {
        Expand { shape }
    }
}

impl Rule for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    fn with_rows(&self, rows: Dim) -> Option<Op> {
        self.shape.with_rows(rows).map(|shape| Expand::new(shape).into())
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (from, to) = (inputs[0].shape, &self.shape);
        if from.broadcast(to).as_ref() != Some(to) {
            return Err(self.error(inputs, format!("it does not broadcast to {to}")));
        }
        Ok((to.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        fn expand<T: Element>(from: &[T], narrow: &Shape, wide: &Shape, to: &mut [T]) {
            let mut rest = to;
            runs(&wide.sizes(), &broadcast(narrow, wide), |start, stride, count| {
                let (run, after) = std::mem::take(&mut rest).split_at_mut(count);
                rest = after;
                match stride {
                    0 => run.fill(from[start]),
                    _ => run.copy_from_slice(&from[start..start + count]),
                }
            });
        }
        let (narrow, wide) = (&io.inputs[0].shape, io.shape);
        with_element!(io.dtype(), T => expand::<T>(io.get(0), narrow, wide, io.out()));
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(at.upstream().sum_to(&at.input_shape(0)))]
    }
}

impl Parse for Expand {
    fn parse(line: &Line<'_>) -> Parsed<Expand> {
        line.read("expand", 1, |line| Ok(Expand::new(line.shape.clone())))
    }
}

impl<'t> Var<'t> {
    /// The elements repeated to a wider shape by the rules of broadcasting.
    #[track_caller]
    pub fn expand(self, shape: impl Into<Shape>) -> Var<'t> {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        self.tape().push(Expand::new(shape), &[self])
    }

    /// Zeros of the same shape and type.
    #[track_caller]
    pub fn zeros_like(self) -> Var<'t> {
        self.tape().number(0.0).expand(self.shape())
    }
}
