//! Tensors joined along an axis. Each gradient is the slice where its operand went.

use super::slice::{Around, copy_range};
use super::{Gradients, Io, Kind, Meta, Parse, Rule, check_axis, common_real, kept_axis};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The operands one after another along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Concat {
    /// The axis along which operands may differ in extent.
    pub axis: u8,
}

impl Rule for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        format!("axis={}", self.axis)
    }

    fn linear(&self, varying: &[bool]) -> bool {
        varying.iter().all(|varies| *varies)
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let dtype = common_real(self, inputs)?;
        let axis = usize::from(self.axis);
        check_axis(self, inputs, axis)?;
        let first = inputs[0].shape;
        let mut joined = 0;
        for input in inputs {
            if input.shape.rank() != first.rank() || input.shape.with_dim(axis, first.dim(axis)) != *first {
                return Err(self.error(inputs, format!("operands differ along other axes than {axis}")));
            }
            match input.shape.dim(axis).known() {
                Some(extent) => joined += extent,
                None => return Err(self.error(inputs, format!("axis {axis} is the rows of a step"))),
            }
        }
        let Some(joined) = Dim::try_new(joined) else {
            return Err(self.error(inputs, format!("axis {axis} would be longer than 2^31 - 1")));
        };
        Ok((first.with_dim(axis, joined), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let axis = usize::from(self.axis);
        let target = Around::axis(io.shape, axis);
        let mut start = 0;
        for (index, input) in io.inputs.iter().enumerate() {
            let source = Around::axis(input.shape, axis);
            with_real!(io.dtype(), T => {
                copy_range::<T>(io.get(index), (source, 0), io.out(), (target, start), source.extent);
            });
            start += source.extent;
        }
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let axis = usize::from(self.axis);
        let mut start = 0;
        let slice = |input| {
            let extent = at.input_shape(input).dim(axis).at(0);
            start += extent;
            at.wants(input).then(|| at.upstream().slice(axis, start - extent..start))
        };
        (0..at.inputs()).map(slice).collect()
    }
}

impl Parse for Concat {
    fn parse(line: &Line<'_>) -> Parsed<Concat> {
        line.read_many("concat", |line| Ok(Concat { axis: line.number("axis")? }))
    }
}

/// Tensors joined along an axis.
///
/// # Panics
/// If there is no tensor, or shapes differ along another axis.
#[track_caller]
pub fn concat<'t>(parts: &[Var<'t>], axis: usize) -> Var<'t> {
    let first = parts.first().expect("concat needs at least one tensor");
    first.tape().push(Concat { axis: kept_axis(axis) }, parts)
}
