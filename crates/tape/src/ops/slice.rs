//! A range of one axis. The gradient is padded with zeros to the operand's extent.

use std::ops::Range;

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule, check_axis, kept_axis, kept_extent};
use crate::dtype::{DType, Element, with_element};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The entries `start .. start + len` of an axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slice {
    /// The axis.
    pub axis: u8,
    /// The first entry.
    pub start: u32,
    /// How many entries.
    pub len: u32,
}

/// An array seen as (outer, extent, inner) around one axis, in elements.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub outer: usize,
    pub extent: usize,
    pub inner: usize,
}

impl Around {
    pub(super) fn axis(shape: &Shape, axis: usize) -> Around {
        let sizes = shape.sizes();
        Around {
            outer: sizes[..axis].iter().product(),
            extent: sizes[axis],
            inner: sizes[axis + 1..].iter().product(),
        }
    }
}

/// Copies `len` entries of an axis of one array, from its entry `source.1` on, to those of the same axis of another
/// from `target.1` on.
pub(super) fn copy_range<T: Element>(
    from: &[T],
    source: (Around, usize),
    to: &mut [T],
    target: (Around, usize),
    len: usize,
) {
    let (outer, inner) = (source.0.outer, source.0.inner);
    let range = |(around, start): (Around, usize), outer: usize| {
        let first = (outer * around.extent + start) * inner;
        first..first + len * inner
    };
    for outer in 0..outer {
        to[range(target, outer)].copy_from_slice(&from[range(source, outer)]);
    }
}

impl Rule for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn kind(&self) -> Kind {
        Kind::Movement
    }

    fn attributes(&self) -> String {
        format!("axis={} start={} len={}", self.axis, self.start, self.len)
    }

    fn linear(&self, _: &[bool]) -> bool {
        true
    }

    // Entries of the outermost axis lie side by side.
    fn view(&self, operands: &[Meta<'_>]) -> Option<usize> {
        let (axis, shape) = (usize::from(self.axis), operands[0].shape);
        let outermost = shape.dims()[..axis].iter().all(|dim| *dim == 1) && !shape.has_rows();
        let inner: usize = shape.dims()[axis + 1..].iter().map(|dim| dim.at(0)).product();
        outermost.then(|| self.start as usize * inner)
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (axis, shape) = (usize::from(self.axis), inputs[0].shape);
        check_axis(self, inputs, axis)?;
        let (start, end) = (self.start as usize, self.start as usize + self.len as usize);
        match shape.dim(axis).known() {
            None => {
                Err(self.error(inputs, format!("axis {axis} is the rows of a step, which stay together")))
            }
            Some(extent) if end > extent => {
                Err(self.error(inputs, format!("the range {start}..{end} does not lie within axis {axis}")))
            }
            Some(_) => Ok((shape.with_dim(axis, Dim::new(end - start)), inputs[0].dtype)),
        }
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let axis = usize::from(self.axis);
        let (source, target) = (Around::axis(io.inputs[0].shape, axis), Around::axis(io.shape, axis));
        with_element!(io.dtype(), T => {
            copy_range::<T>(io.get(0), (source, self.start as usize), io.out(), (target, 0), target.extent);
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let axis = usize::from(self.axis);
        let extent = at.input_shape(0).dim(axis).at(0);
        let (before, after) = (self.start as usize, extent - self.start as usize - self.len as usize);
        smallvec![Some(at.upstream().pad(axis, before, after))]
    }
}

impl Parse for Slice {
    fn parse(line: &Line<'_>) -> Parsed<Slice> {
        line.read("slice", 1, |line| {
            let axis = line.number("axis")?;
            Ok(Slice { axis, start: line.number("start")?, len: line.number("len")? })
        })
    }
}

impl<'t> Var<'t> {
    /// A range of one axis.
    #[track_caller]
    pub fn slice(self, axis: usize, range: Range<usize>) -> Var<'t> {
        let (start, len) = (kept_extent(range.start), kept_extent(range.len()));
        self.tape().push(Slice { axis: kept_axis(axis), start, len }, &[self])
    }

    /// The last axis cut into equal parts, as for the gates of a cell.
    ///
    /// # Panics
    /// If the last extent is not a multiple of `PARTS`.
    #[track_caller]
    pub fn split<const PARTS: usize>(self) -> [Var<'t>; PARTS] {
        let shape = self.shape();
        let extent = shape.last().known().filter(|extent| shape.rank() > 0 && extent % PARTS == 0);
        let Some(extent) = extent else {
            panic!("split of {shape}: the last axis cannot be cut into {PARTS} equal parts");
        };
        let width = extent / PARTS;
        let mut parts = [self; PARTS];
        for (index, part) in parts.iter_mut().enumerate() {
            *part = self.slice(shape.rank() - 1, index * width..(index + 1) * width);
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Tape};

    #[test]
    #[should_panic(expected = "split of [2, 5]: the last axis cannot be cut into 2 equal parts")]
    fn what_cannot_be_cut_evenly_is_not_split() {
        let tape = Tape::new(DType::F64);
        tape.number(0.0).expand([2, 5]).split::<2>();
    }
}
