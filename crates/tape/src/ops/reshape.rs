//! Another shape over the same elements in the same order. The gradient is reshaped back.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Op, Parse, Rule};
use crate::dtype::DType;
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The operand's elements under another shape.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reshape {
    shape: Shape,
}

impl Reshape {
    /// A change to the given shape.
    pub fn new(shape: Shape) -> Reshape {
        Reshape { shape }
    }
}

impl Rule for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn kind(&self) -> Kind {
        Kind::View
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    fn with_rows(&self, rows: Dim) -> Option<Op> {
        self.shape.with_rows(rows).map(|shape| Reshape::new(shape).into())
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (from, to) = (inputs[0].shape, &self.shape);
        if from.elements() != to.elements() {
            let reason = format!("it does not have as many elements as {to}");
            return Err(self.error(inputs, reason));
        }
        Ok((to.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        io.out.copy_from(io.inputs[0].data);
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(at.upstream().reshape(at.input_shape(0)))]
    }
}

impl Parse for Reshape {
    fn parse(line: &Line<'_>) -> Parsed<Reshape> {
        line.read("reshape", 1, |line| Ok(Reshape::new(line.shape.clone())))
    }
}

impl<'t> Var<'t> {
    /// The same elements in the same order under another shape.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'t> {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        self.tape().push(Reshape::new(shape), &[self])
    }
}
