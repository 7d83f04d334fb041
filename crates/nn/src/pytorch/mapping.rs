//! Which blocks of parameters a tensor of PyTorch's is made of.
//!
//! ```text
//! parameter (in, 4H)      i f o g               tensor (4H, in)   iᵀ
//!                         i f o g                                 fᵀ
//!                         i f o g                                 gᵀ
//!                                                                 oᵀ
//! ```
//!
//! A parameter is seen as a matrix whose columns are outputs; a vector has one row. The rows of the tensor are the columns
//! of its blocks, one block after the other.

use tape::Shape;

use crate::param::Param;
use crate::params::Params;

/// A tensor of PyTorch's as blocks of parameters.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
    order: Order,
}

/// Columns of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub(super) param: Param,
    part: usize,
    parts: usize,
    pub(super) added: bool,
}

/// How the axes of a tensor lie beside those of its parameter.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// (out, in) for (in, out).
    OutputsFirst,
    /// As in the parameter.
    Same,
    /// (F, C, size, size) for (size · size · C, F).
    Filters { size: usize },
}

/// All columns.
impl From<Param> for Block {
    fn from(param: Param) -> Block {
        Block::part(param, 0, 1)
    }
}

impl Block {
    /// One of so many equal parts of a parameter's columns, such as a gate.
    pub fn part(param: Param, part: usize, parts: usize) -> Block {
        Block { param, part, parts, added: false }
    }

    /// The same block where PyTorch has a second tensor that is only ever added to one before it: added on the way in,
    /// zeros on the way out.
    pub fn added(self) -> Block {
        Block { added: true, ..self }
    }

    /// How many columns there are, of a parameter with so many.
    #[track_caller]
    fn width(&self, columns: usize) -> usize {
        let Block { part, parts, .. } = *self;
        assert!(
            part < parts && columns.is_multiple_of(parts),
            "{columns} columns have no part {part} of {parts}"
        );
        columns / parts
    }
}

impl Mapping {
    /// A matrix (out, in) or vector (out), with the outputs of all blocks one after another.
    pub fn new<B: Into<Block>>(name: &str, blocks: impl IntoIterator<Item = B>) -> Mapping {
        let blocks = blocks.into_iter().map(Into::into).collect();
        Mapping { name: name.into(), blocks, order: Order::OutputsFirst }
    }

    /// A tensor that lies as its parameter does, such as a table of vectors.
    pub fn same(name: &str, param: Param) -> Mapping {
        Mapping { order: Order::Same, ..Mapping::new(name, [param]) }
    }

    /// The filters (F, C, size, size) of a convolution with the parameter (size · size · C, F).
    pub fn filters(name: &str, param: Param, size: usize) -> Mapping {
        Mapping { order: Order::Filters { size }, ..Mapping::new(name, [param]) }
    }

    /// The same tensor under a name that is made of its own.
    pub(super) fn renamed(self, name: impl FnOnce(&str) -> String) -> Mapping {
        Mapping { name: name(&self.name), ..self }
    }

    /// The tensor's shape, from the parameters of a store.
    #[track_caller]
    pub(super) fn shape(&self, params: &Params) -> Shape {
        let Some(first) = self.blocks.first() else { panic!("`{}` is made of no parameter", self.name) };
        let shape = params[first.param].shape();
        let (rows, _) = self.matrix(shape);
        let width = |block: &Block| {
            let (own, columns) = self.matrix(params[block.param].shape());
            assert!(own == rows, "`{}` is made of parameters with {rows} rows and with {own}", self.name);
            block.width(columns)
        };
        let outputs: usize = self.blocks.iter().map(width).sum();
        match self.order {
            Order::Same => shape.clone(),
            Order::Filters { size } => Shape::from([outputs, rows / (size * size), size, size]),
            Order::OutputsFirst if shape.rank() < 2 => Shape::from([outputs]),
            Order::OutputsFirst => Shape::from([outputs, rows]),
        }
    }

    /// Where in its parameter, of this shape, each element of a block lies, in the order of the tensor.
    pub(super) fn places(&self, block: &Block, shape: &Shape) -> impl Iterator<Item = usize> + use<> {
        let (rows, columns) = self.matrix(shape);
        let width = block.width(columns);
        let start = block.part * width;
        // A window has its channels last here and first there; all else has the rows in their order.
        let area = if let Order::Filters { size } = self.order { size * size } else { 1 };
        let row = move |q: usize| q % area * (rows / area) + q / area;
        (start..start + width).flat_map(move |column| (0..rows).map(move |q| row(q) * columns + column))
    }

    /// Rows and columns of a parameter of this shape, as this mapping sees it.
    fn matrix(&self, shape: &Shape) -> (usize, usize) {
        let columns = match self.order {
            Order::Same => shape.len(),
            _ => shape.sizes().last().copied().unwrap_or(1),
        };
        (shape.len() / columns.max(1), columns)
    }
}
