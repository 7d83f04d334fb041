//! The operations. One file each; the list at the foot of [`Op`] enrols a file everywhere.
//!
//! A file says everything about its operation in this order: formula and gradient in words, the
//! struct with its attributes, [`Rule`] (shape, evaluation, gradient), the methods that people call. The op table,
//! `tests/op_table`, does not compile before a new operation has samples there. Passes ask an operation for its
//! [`Kind`] and never list operations.

mod barrier;
mod binary;
mod concat;
mod cross_entropy;
mod custom;
mod dot;
mod expand;
mod gather;
mod log_softmax;
mod max;
mod pad;
mod part;
mod pick;
mod reshape;
mod scalar;
mod slice;
mod softmax;
mod sum;
mod transpose;
mod unary;
mod unfold;
pub(crate) mod walk;

use std::sync::Arc;

use smallvec::SmallVec;

pub use barrier::Barrier;
pub use binary::Binary;
pub(crate) use binary::BinaryUser;
pub use concat::{Concat, concat};
pub use cross_entropy::{CrossEntropy, CrossEntropyGradient};
pub use custom::Custom;
pub use dot::Dot;
pub(crate) use dot::ProductSize;
pub use expand::Expand;
pub(crate) use gather::checked;
pub use gather::{Gather, ScatterAdd};
pub use log_softmax::LogSoftmax;
pub use max::Max;
pub use pad::Pad;
pub use part::Part;
pub use pick::{Pick, Place};
pub use reshape::Reshape;
pub use scalar::Scalar;
pub use slice::Slice;
pub use softmax::Softmax;
pub use sum::{Axes, Sum};
pub use transpose::Transpose;
pub use unary::Unary;
pub use unfold::{Fold, Unfold, Windows};

use crate::dtype::{DType, Element};
use crate::error::ShapeError;
use crate::fused::Fused;
use crate::grad::Adjoint;
use crate::graph::Graph;
use crate::scan::Scan;
use crate::shape::{Dim, Shape};
use crate::tensor::SliceMut;
use crate::text::{Line, Parsed};
use crate::var::Var;

/// The shape and type of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta<'a> {
    /// The extents.
    pub shape: &'a Shape,
    /// The element type.
    pub dtype: DType,
}

/// An operand while a program runs.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    /// The extents, all of them numbers.
    pub shape: &'a Shape,
    /// The elements in row-major order.
    pub data: crate::tensor::Slice<'a>,
}

/// The operands and the place of the result while an operation runs.
#[derive(Debug)]
pub struct Io<'a> {
    /// The operands.
    pub inputs: &'a [Value<'a>],
    /// The extents of the result, all of them numbers.
    pub shape: &'a Shape,
    /// Where the result is to be written; its former content means nothing.
    pub out: SliceMut<'a>,
}

impl<'a> Io<'a> {
    /// The elements of an operand.
    pub fn get<T: Element>(&self, input: usize) -> &'a [T] {
        self.inputs[input].data.typed()
    }

    /// The element type of the result.
    pub fn dtype(&self) -> DType {
        self.out.dtype()
    }

    /// The elements of the result.
    pub fn out<T: Element>(&mut self) -> &mut [T] {
        T::slice_mut(self.out.reborrow()).expect("the result has the type that the shape rule gave it")
    }
}

/// The gradients with respect to each operand; nothing where there is none.
pub type Gradients<'t> = SmallVec<[Option<Var<'t>>; 4]>;

/// What passes may rely on about an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Given from outside or a constant.
    Leaf,
    /// Each element of the result from one element of each operand, with broadcasting.
    Pointwise,
    /// A matrix product.
    Product,
    /// The same elements in the same order under another shape: no work at all.
    View,
    /// Elements moved or repeated, but not computed with.
    Movement,
    /// Elements combined along axes.
    Reduction,
    /// Each row along the last axis by itself.
    RowFunction,
    /// Rows or elements chosen by indices.
    Gather,
    /// A loop over time.
    Loop,
    /// Anything else.
    Other,
}

/// Everything there is to know about an operation: its shape rule, value and gradient.
pub trait Rule {
    /// The name in dumps and messages; also that of the method and of the file.
    fn name(&self) -> &'static str;

    /// What passes may rely on.
    fn kind(&self) -> Kind;

    /// Settings as they stand in dumps, such as `axis=1`; empty where there are none.
    fn attributes(&self) -> String {
        String::new()
    }

    /// The shape and type of the result, or why the operands do not fit.
    fn infer(&self, inputs: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError>;

    /// Writes the result, in plain loops: the engine has faster kernels for what matters, and is held
    /// to this. Knows nothing of gradients. The error says which value cannot be taken.
    fn eval(&self, io: Io<'_>) -> Result<(), String>;

    /// Records the gradients with respect to the operands. Touches no element. A gradient may have the
    /// shape of the result where an operand was broadcast: the sweep sums over what was repeated.
    fn grad<'t>(&self, at: &Adjoint<'_, 't>) -> Gradients<'t>;

    /// Whether no gradient flows to an operand on purpose, as where the slope is 0 everywhere. Where this does not
    /// say so, a gradient that is wanted and not given is an error of [`grad`](crate::grad()), not zero in silence.
    fn flat(&self, operand: usize) -> bool {
        let _ = operand;
        false
    }

    /// Where the result lies within the first operand, in elements, if it is some of its elements in the same
    /// order and side by side, and so needs no place of its own.
    fn view(&self, operands: &[Meta<'_>]) -> Option<usize> {
        let _ = operands;
        (self.kind() == Kind::View).then_some(0)
    }

    /// Whether each row of the result depends on the same row of the operands alone, where the rows of
    /// a scan step are the leading axis of the result and of the operands that have rows. By default what
    /// the kind guarantees; [`lift`](crate::passes::lift) relies on it.
    fn row_wise(&self, operands: &[Meta<'_>]) -> bool {
        let _ = operands;
        matches!(self.kind(), Kind::Pointwise | Kind::View | Kind::Product | Kind::RowFunction)
    }

    /// Whether the result sums over the rows of a scan step, so that the sum over all steps is the same
    /// operation on all rows at once.
    fn sums_rows(&self, operands: &[Meta<'_>]) -> bool {
        let _ = operands;
        false
    }

    /// Whether the operation is linear in the operands that vary taken together.
    fn linear(&self, varying: &[bool]) -> bool {
        let _ = varying;
        false
    }

    /// Whether the result is a table of zeros to which the rows of the first operand are added at the indices of the second,
    /// so that these say the same in less room where the table is large.
    fn adds_rows(&self) -> bool {
        false
    }

    /// Whether the operation begins something that goes on beside the program, such as sending a gradient to other
    /// processes. It then runs as soon as its operands are there ([`hasten`](crate::passes::hasten)), on the calling thread, as
    /// often as it was recorded with different settings or operands, and in the order in which such operations were recorded
    /// as far as their operands allow it. Like any other it is left out where nothing that is wanted needs it.
    fn begins(&self) -> bool {
        false
    }

    /// The operation with `rows` in place of the rows of a scan step, where its settings speak of them.
    fn with_rows(&self, rows: Dim) -> Option<Op> {
        let _ = rows;
        None
    }

    /// An error of this operation on these operands.
    fn error(&self, inputs: &[Meta<'_>], reason: impl Into<String>) -> ShapeError
    where
        Self: Sized,
    {
        ShapeError::new(self.name(), inputs.iter().map(|input| input.shape), reason)
    }
}

/// How an operation is read from a dump: the way back from [`Rule::name`] and [`Rule::attributes`].
pub(crate) trait Parse: Sized {
    /// The operation on a line, nothing where the line names another, or what is wrong.
    fn parse(line: &Line<'_>) -> Parsed<Self>;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// An operation of a node.
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub enum Op {
            /// A value given from outside, by its number among the graph's inputs.
            Input(u32),
            /// A recorded loop over time. Its values are taken out of it by [`Op::Part`].
            Scan(Arc<Scan>),
            /// Elementwise work that runs as one kernel. Its values are taken out of it by [`Op::Part`].
            Fused(Arc<Fused>),
            $($(#[$doc])* $name($name),)*
        }

        impl Op {
            /// The rule of the operation; inputs, scans and fused work are the structure of a program and have none.
            pub fn rule(&self) -> Option<&dyn Rule> {
                match self {
                    Op::Input(_) | Op::Scan(_) | Op::Fused(_) => None,
                    $(Op::$name(op) => Some(op),)*
                }
            }
        }

        impl Parse for Op {
            fn parse(line: &Line<'_>) -> Parsed<Op> {
                $(if let Some(op) = $name::parse(line)? {
                    return Ok(Some(Op::$name(op)));
                })*
                Ok(None)
            }
        }

        /// The operations without their settings. A `match` over it does not compile when one is added, which is how
        /// the op table, `tests/op_table`, sees to it that none goes untested.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "each is explained where `Op` has it")]
        pub enum Operation {
            Input,
            Scan,
            Fused,
            $($name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Operation] =
                &[Operation::Input, Operation::Scan, Operation::Fused, $(Operation::$name),*];
        }

        impl Op {
            /// Which operation it is.
            pub fn operation(&self) -> Operation {
                match self {
                    Op::Input(_) => Operation::Input,
                    Op::Scan(_) => Operation::Scan,
                    Op::Fused(_) => Operation::Fused,
                    $(Op::$name(_) => Operation::$name,)*
                }
            }
        }

        $(impl From<$name> for Op {
            fn from(op: $name) -> Op {
                Op::$name(op)
            }
        })*
    };
}

operations! {
    /// The same number for every run.
    Scalar
    /// A function of each element.
    Unary
    /// A function of each pair of elements.
    Binary
    /// A matrix product.
    Dot
    /// Sums along axes.
    Sum
    /// Largest elements along axes.
    Max
    /// Another shape over the same elements.
    Reshape
    /// Elements repeated along axes.
    Expand
    /// Axes in another order.
    Transpose
    /// A range of an axis.
    Slice
    /// Zeros before and after an axis.
    Pad
    /// Tensors joined along an axis.
    Concat
    /// Rows of a table.
    Gather
    /// Rows added into a table.
    ScatterAdd
    /// One element of each row.
    Pick
    /// One element of each row, in zeros.
    Place
    /// Probabilities from scores.
    Softmax
    /// Logarithms of probabilities from scores.
    LogSoftmax
    /// The cross entropy of scores with the right entries.
    CrossEntropy
    /// Its gradient with respect to the scores.
    CrossEntropyGradient
    /// The windows of pictures.
    Unfold
    /// Windows added into pictures.
    Fold
    /// The operand, kept apart.
    Barrier
    /// A value taken out of a scan.
    Part
    /// An operation of the user's.
    Custom
}

impl Op {
    /// Whether a node has a value of its own; scans and fused work have parts instead.
    pub fn has_value(&self) -> bool {
        self.body().is_none()
    }

    /// The program within a scan or fused work; nothing for other operations.
    pub fn body(&self) -> Option<&Graph> {
        match self {
            Op::Scan(scan) => Some(&scan.body),
            Op::Fused(fused) => Some(&fused.body),
            _ => None,
        }
    }

    /// The name in dumps and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input(_) => "input",
            Op::Scan(_) => "scan",
            Op::Fused(_) => "fused",
            op => op.rule().expect("all other operations have a rule").name(),
        }
    }

    /// What passes may rely on.
    pub fn kind(&self) -> Kind {
        match self {
            Op::Input(_) => Kind::Leaf,
            Op::Scan(_) => Kind::Loop,
            Op::Fused(_) => Kind::Other,
            op => op.rule().expect("all other operations have a rule").kind(),
        }
    }

    /// Settings as they stand in dumps.
    pub fn attributes(&self) -> String {
        match self {
            Op::Input(slot) => slot.to_string(),
            Op::Scan(scan) => scan.attributes(),
            Op::Fused(_) => String::new(),
            op => op.rule().expect("all other operations have a rule").attributes(),
        }
    }
}

/// An axis as operations keep it.
#[track_caller]
fn kept_axis(axis: usize) -> u8 {
    match u8::try_from(axis) {
        Ok(axis) => axis,
        Err(_) => panic!("there is no axis {axis}: a tensor has fewer than 256"),
    }
}

/// An extent, or a place along an axis, as operations keep it.
#[track_caller]
fn kept_extent(extent: usize) -> u32 {
    match u32::try_from(extent) {
        Ok(extent) => extent,
        Err(_) => panic!("{extent} entries: an axis has fewer than 2^31"),
    }
}

/// The floating-point type that all operands share.
fn common_real(rule: &impl Rule, inputs: &[Meta<'_>]) -> Result<DType, ShapeError> {
    let dtype = inputs[0].dtype;
    if !dtype.is_real() || inputs.iter().any(|input| input.dtype != dtype) {
        let names: Vec<&str> = inputs.iter().map(|input| input.dtype.name()).collect();
        let names = names.join(" and ");
        return Err(rule.error(inputs, format!("operands must share one floating-point type, not {names}")));
    }
    Ok(dtype)
}

/// Checks that an axis exists.
fn check_axis(rule: &impl Rule, inputs: &[Meta<'_>], axis: usize) -> Result<(), ShapeError> {
    let rank = inputs[0].shape.rank();
    if axis < rank {
        Ok(())
    } else {
        Err(rule.error(inputs, format!("there is no axis {axis} among {rank}")))
    }
}
