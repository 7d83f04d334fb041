//! One element of each row by an index, as the score of the right word, and the reverse: one element
//! of each row placed among zeros. The two are each other's gradient. An index outside of the row is an error of the
//! run; where a pass sees that the placed elements are only summed or picked again, nothing is placed and no index read.

use smallvec::smallvec;

use super::gather::checked;
use super::{Gradients, Io, Kind, Meta, Parse, Rule, kept_extent};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::{Operand, Var};

/// From rows (…, K) and indices (…) the element of each row that its index names: (…).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pick;

/// From elements (…) and indices (…) rows (…, `width`) of zeros with each element where its index says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The extent of the new last axis.
    pub width: u32,
}

impl Rule for Pick {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn kind(&self) -> Kind {
        Kind::Gather
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn linear(&self, varying: &[bool]) -> bool {
        *varying == [true, false]
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (rows, index) = (inputs[0], inputs[1]);
        if !rows.dtype.is_real() || index.dtype != DType::I32 {
            return Err(self.error(inputs, "floating-point rows and i32 indices are needed"));
        }
        let fits = rows.shape.rank() == index.shape.rank() + 1
            && rows.shape.dims()[..index.shape.rank()] == *index.shape.dims()
            && !rows.shape.last().is_per_row();
        if !fits {
            return Err(self.error(inputs, "rows need the axes of the indices and one more"));
        }
        Ok((index.shape.clone(), rows.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = io.inputs[0].shape.last().at(0);
        with_real!(io.dtype(), T => {
            let (rows, indices) = (io.get::<T>(0), io.get::<i32>(1));
            let to = io.out::<T>();
            for (position, index) in indices.iter().enumerate() {
                to[position] = rows[position * width + checked(*index, position, width)?];
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let width = at.input_shape(0).last().at(0);
        smallvec![at.wants(0).then(|| at.upstream().place(at.input(1), width)), None]
    }
}

impl Rule for Place {
    fn name(&self) -> &'static str {
        "place"
    }

    fn kind(&self) -> Kind {
        Kind::Gather
    }

    fn attributes(&self) -> String {
        format!("width={}", self.width)
    }

    // Its shape rule leaves the rows of a step in their place, or refuses them.
    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        true
    }

    fn linear(&self, varying: &[bool]) -> bool {
        *varying == [true, false]
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (elements, index) = (inputs[0], inputs[1]);
        if !elements.dtype.is_real() || index.dtype != DType::I32 || elements.shape != index.shape {
            return Err(self.error(inputs, "floating-point elements and i32 indices of one shape are needed"));
        }
        let Some(width) = Dim::try_new(self.width as usize) else {
            return Err(self.error(inputs, format!("rows of {} are longer than 2^31 - 1", self.width)));
        };
        Ok((elements.shape.with_inner(width), elements.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let width = self.width as usize;
        io.out.clear();
        with_real!(io.dtype(), T => {
            let (elements, indices) = (io.get::<T>(0), io.get::<i32>(1));
            let to = io.out::<T>();
            for (position, index) in indices.iter().enumerate() {
                to[position * width + checked(*index, position, width)?] = elements[position];
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![at.wants(0).then(|| at.upstream().pick(at.input(1))), None]
    }
}

impl Parse for Pick {
    fn parse(line: &Line<'_>) -> Parsed<Pick> {
        line.read("pick", 2, |_| Ok(Pick))
    }
}

impl Parse for Place {
    fn parse(line: &Line<'_>) -> Parsed<Place> {
        line.read("place", 2, |line| Ok(Place { width: line.number("width")? }))
    }
}

impl<'t> Var<'t> {
    /// From these rows (…, K) and indices (…) the element of each row that its index names.
    #[track_caller]
    pub fn pick(self, indices: impl Operand<'t>) -> Var<'t> {
        let indices = indices.on(self.tape());
        self.tape().push(Pick, &[self, indices])
    }

    /// Rows of `width` zeros with each of these elements where its index says.
    #[track_caller]
    pub fn place(self, indices: impl Operand<'t>, width: usize) -> Var<'t> {
        let indices = indices.on(self.tape());
        self.tape().push(Place { width: kept_extent(width) }, &[self, indices])
    }
}
