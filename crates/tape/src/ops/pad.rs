//! Zeros before and after an axis. The gradient is the slice in between.

use smallvec::smallvec;

use super::slice::{Around, copy_range};
use super::{Gradients, Io, Kind, Meta, Parse, Rule, check_axis, common_real, kept_axis, kept_extent};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// Zeros around the entries of an axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pad {
    /// The axis.
    pub axis: u8,
    /// Zeros before its first entry.
    pub before: u32,
    /// Zeros after its last entry.
    pub after: u32,
}

impl Rule for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        format!("axis={} before={} after={}", self.axis, self.before, self.after)
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (axis, shape) = (usize::from(self.axis), inputs[0].shape);
        let dtype = common_real(self, inputs)?;
        check_axis(self, inputs, axis)?;
        let Some(extent) = shape.dim(axis).known() else {
            return Err(self.error(inputs, format!("axis {axis} is the rows of a step, which cannot grow")));
        };
        let Some(wide) = Dim::try_new(extent + self.before as usize + self.after as usize) else {
            return Err(self.error(inputs, format!("axis {axis} would be longer than 2^31 - 1")));
        };
        Ok((shape.with_dim(axis, wide), dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let axis = usize::from(self.axis);
        let (source, target) = (Around::axis(io.inputs[0].shape, axis), Around::axis(io.shape, axis));
        io.out.clear();
        with_real!(io.dtype(), T => {
            copy_range::<T>(io.get(0), (source, 0), io.out(), (target, self.before as usize), source.extent);
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let axis = usize::from(self.axis);
        let extent = at.input_shape(0).dim(axis).at(0);
        let start = self.before as usize;
        smallvec![Some(at.upstream().slice(axis, start..start + extent))]
    }
}

impl Parse for Pad {
    fn parse(line: &Line<'_>) -> Parsed<Pad> {
        line.read("pad", 1, |line| {
            let axis = line.number("axis")?;
            Ok(Pad { axis, before: line.number("before")?, after: line.number("after")? })
        })
    }
}

impl<'t> Var<'t> {
    /// Zeros before and after the entries of an axis.
    #[track_caller]
    pub fn pad(self, axis: usize, before: usize, after: usize) -> Var<'t> {
        if (before, after) == (0, 0) {
            return self;
        }
        let (before, after) = (kept_extent(before), kept_extent(after));
        self.tape().push(Pad { axis: kept_axis(axis), before, after }, &[self])
    }
}
