//! A value kept apart from itself. The gradient passes as it is.
//!
//! Passes merge what is computed twice from the same operands. Where it shall be computed twice, to need
//! less memory, the second time starts behind barriers: a barrier has the elements and the place of its
//! operand, but is a value of its own, and so is what is computed from it.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::DType;
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::Shape;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The operand, to be treated as another value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Barrier;

impl Rule for Barrier {
    fn name(&self) -> &'static str {
        "barrier"
    }

    fn kind(&self) -> Kind {
        Kind::View
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        Ok((inputs[0].shape.clone(), inputs[0].dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        io.out.copy_from(io.inputs[0].data);
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![Some(at.upstream())]
    }
}

impl Parse for Barrier {
    fn parse(line: &Line<'_>) -> Parsed<Barrier> {
        line.read("barrier", 1, |_| Ok(Barrier))
    }
}

impl<'t> Var<'t> {
    /// The same value, with which nothing that is computed from this one is shared: what is computed
    /// from the barrier is computed again. It costs no copy.
    #[track_caller]
    pub fn barrier(self) -> Var<'t> {
        self.apply(Barrier)
    }
}
