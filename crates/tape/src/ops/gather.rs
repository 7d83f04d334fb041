//! Rows of a table chosen by indices, as in an embedding, and the reverse: rows added into a table.
//!
//! For `y_i = W[x_i]` the gradient of `W` adds each upstream row to the row it came from; the gradient
//! of that addition gathers again. The two are each other's gradient.

use smallvec::smallvec;

use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::{DType, with_real};
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::shape::{Dim, Shape};
use crate::text::{Line, Parsed};
use crate::var::{Operand, Var};

/// Rows of a table (R, …) at indices of any shape (…): the index's shape followed by the row's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Gather;

/// Rows added into a table of `rows` rows of zeros at indices; rows with the same index add up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScatterAdd {
    /// The rows of the table.
    pub rows: Dim,
}

/// The index as a row number, if there is such a row.
pub(crate) fn checked(index: i32, position: usize, rows: usize) -> Result<usize, String> {
    usize::try_from(index)
        .ok()
        .filter(|index| *index < rows)
        .ok_or_else(|| format!("index {index} at position {position} is not in 0..{rows}"))
}

impl Rule for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn kind(&self) -> Kind {
        Kind::Gather
    }

    fn row_wise(&self, operands: &[Meta<'_>]) -> bool {
        !operands[0].shape.has_rows()
    }

    fn linear(&self, varying: &[bool]) -> bool {
        *varying == [true, false]
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (table, index) = (inputs[0], inputs[1]);
        if table.shape.rank() == 0 || !table.dtype.is_real() || index.dtype != DType::I32 {
            return Err(self.error(inputs, "a table of floating-point rows and i32 indices are needed"));
        }
        let row = &table.shape.dims()[1..];
        Ok((index.shape.dims().iter().chain(row).copied().collect(), table.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let rows = io.inputs[0].shape.dim(0).at(0);
        let width: usize = io.inputs[0].shape.without_leading().len();
        with_real!(io.dtype(), T => {
            let (table, indices) = (io.get::<T>(0), io.get::<i32>(1));
            let to = io.out::<T>();
            for (position, index) in indices.iter().enumerate() {
                let row = checked(*index, position, rows)?;
                to[position * width..][..width].copy_from_slice(&table[row * width..][..width]);
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        let rows = at.input_shape(0).dim(0);
        smallvec![at.wants(0).then(|| at.upstream().scatter_add(at.input(1), rows)), None]
    }
}

impl Rule for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn kind(&self) -> Kind {
        Kind::Gather
    }

    fn attributes(&self) -> String {
        format!("rows={}", self.rows)
    }

    fn row_wise(&self, _: &[Meta<'_>]) -> bool {
        false
    }

    fn sums_rows(&self, operands: &[Meta<'_>]) -> bool {
        !self.rows.is_per_row() && operands.iter().all(|operand| operand.shape.has_only_leading_rows())
    }

    fn linear(&self, varying: &[bool]) -> bool {
        *varying == [true, false]
    }

    fn adds_rows(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        let (rows, index) = (inputs[0], inputs[1]);
        let leading = index.shape.rank();
        if !rows.dtype.is_real() || index.dtype != DType::I32 {
            return Err(self.error(inputs, "floating-point rows and i32 indices are needed"));
        }
        if rows.shape.rank() < leading || rows.shape.dims()[..leading] != *index.shape.dims() {
            return Err(self.error(inputs, "the first axes of the rows are not those of the indices"));
        }
        let row = &rows.shape.dims()[leading..];
        Ok((std::iter::once(self.rows).chain(row.iter().copied()).collect(), rows.dtype))
    }

    fn eval(&self, mut io: Io<'_>) -> Result<(), String> {
        let rows = io.shape.dim(0).at(0);
        let width: usize = io.shape.without_leading().len();
        io.out.clear();
        with_real!(io.dtype(), T => {
            let (from, indices) = (io.get::<T>(0), io.get::<i32>(1));
            let to = io.out::<T>();
            for (position, index) in indices.iter().enumerate() {
                let row = checked(*index, position, rows)?;
                let sums = &mut to[row * width..][..width];
                sums.iter_mut().zip(&from[position * width..][..width]).for_each(|(sum, x)| *sum += *x);
            }
        });
        Ok(())
    }

    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t> {
        smallvec![at.wants(0).then(|| at.upstream().gather(at.input(1))), None]
    }
}

impl Parse for Gather {
    fn parse(line: &Line<'_>) -> Parsed<Gather> {
        line.read("gather", 2, |_| Ok(Gather))
    }
}

impl Parse for ScatterAdd {
    fn parse(line: &Line<'_>) -> Parsed<ScatterAdd> {
        line.read("scatter_add", 2, |line| Ok(ScatterAdd { rows: line.dim("rows")? }))
    }
}

impl<'t> Var<'t> {
    /// Rows of this table (R, …) at indices of any shape: the index's shape followed by the row's.
    #[track_caller]
    pub fn gather(self, indices: impl Operand<'t>) -> Var<'t> {
        let indices = indices.on(self.tape());
        self.tape().push(Gather, &[self, indices])
    }

    /// These rows added into a table of `rows` rows of zeros; rows with the same index add up.
    #[track_caller]
    pub fn scatter_add(self, indices: impl Operand<'t>, rows: impl Into<Dim>) -> Var<'t> {
        let indices = indices.on(self.tape());
        self.tape().push(ScatterAdd { rows: rows.into() }, &[self, indices])
    }
}
