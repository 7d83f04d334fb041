//! A value of a program: the handle that mathematics is written with.

use std::fmt;

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::graph::NodeId;
use crate::interpret::interpret;
use crate::ops::Op;
use crate::record::Tape;
use crate::scan::Role;
use crate::shape::{Dim, Shape};
use crate::tensor::Tensor;

/// A value of a program: a small handle that is copied freely.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    pub(crate) tape: &'t Tape,
    /// The frame of the recording that it is in.
    pub(crate) frame: u32,
    pub(crate) node: NodeId,
}

/// Some values of a program.
pub type Vars<'t> = SmallVec<[Var<'t>; 16]>;

/// What can stand as an operand beside a [`Var`]: another one, a number, or a handle that knows its
/// place on the tape.
pub trait Operand<'t> {
    /// The operand as a value of the tape.
    #[track_caller]
    fn on(self, tape: &'t Tape) -> Var<'t>;
}

impl<'t> Operand<'t> for Var<'t> {
    fn on(self, tape: &'t Tape) -> Var<'t> {
        assert!(std::ptr::eq(self.tape, tape), "the operands are on different tapes");
        self
    }
}

impl<'t> Operand<'t> for f64 {
    #[track_caller]
    fn on(self, tape: &'t Tape) -> Var<'t> {
        tape.number(self)
    }
}

impl<'t> Var<'t> {
    /// The tape that the value is on.
    pub fn tape(self) -> &'t Tape {
        self.tape
    }

    /// The extents. Inside a scan, the rows of the step show as `n`.
    pub fn shape(self) -> Shape {
        self.tape.with(self, |node| node.shape.clone())
    }

    /// The extent of one axis.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn dim(self, axis: usize) -> Dim {
        let shape = self.shape();
        assert!(axis < shape.rank(), "there is no axis {axis} in {shape}");
        shape.dim(axis)
    }

    /// The element type.
    pub fn dtype(self) -> DType {
        self.tape.with(self, |node| node.dtype)
    }

    /// The place of the value in its program.
    pub fn id(self) -> NodeId {
        self.node
    }

    /// The rows and their indices where this is a table of zeros to which rows are added, as the gradient of a table is from
    /// which rows were taken: see [`Rule::adds_rows`](crate::ops::Rule::adds_rows).
    pub fn added_rows(self) -> Option<(Var<'t>, Var<'t>)> {
        let node = self.tape.node(self);
        let adds = node.op.rule().is_some_and(|rule| rule.adds_rows());
        adds.then(|| (Var { node: node.inputs[0], ..self }, Var { node: node.inputs[1], ..self }))
    }

    /// The value, computed now by the interpreter.
    ///
    /// # Panics
    /// Inside a scan, where nothing has a value yet; and if the program cannot be evaluated, as with
    /// an index outside a table.
    #[track_caller]
    pub fn value(self) -> Tensor {
        match interpret(&[self]) {
            Ok(mut values) => values.remove(0),
            Err(error) => panic!("{error}"),
        }
    }

    /// Inside a scan, the rows of a value (N, …) that belong to the sequences still running: what
    /// gives every step of a sequence the same row to look at, such as a memory to attend to.
    ///
    /// # Panics
    /// Outside a scan, or if the leading axis is not the sequences of the scan.
    #[track_caller]
    pub fn rows(self) -> Var<'t> {
        assert!(self.tape.in_scan(), "rows() is for the step of a scan");
        self.tape.feed(self, Role::Rows)
    }

    /// Inside a scan, the rows of the present step of a packed value (R, …) from around the scan: what gives
    /// each step rows of its own to look at, beside its inputs.
    ///
    /// ```
    /// use tape::{DType, Packing, Tape, Tensor, scan};
    ///
    /// let tape = Tape::new(DType::F64);
    /// let zero = tape.input(Tensor::new([1, 1], vec![0.0]));
    /// let x = tape.input(Tensor::new([3, 1], vec![1.0, 2.0, 3.0]));
    /// let (sum, ()) = scan(&Packing::uniform(3, 1), zero, (), |sum, ()| (sum + x.at_step(), ()));
    /// assert_eq!(sum.value().as_slice::<f64>(), [6.0]);
    /// ```
    ///
    /// # Panics
    /// Outside a scan, or if the leading axis is not the rows of all steps of the scan.
    #[track_caller]
    pub fn at_step(self) -> Var<'t> {
        assert!(self.tape.in_scan(), "at_step() is for the step of a scan");
        self.tape.feed(self, Role::Sequence)
    }

    #[track_caller]
    pub(crate) fn apply(self, op: impl Into<Op>) -> Var<'t> {
        self.tape.push(op, &[self])
    }
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.tape.node(*self);
        write!(f, "%{}: {}{} = {}", self.node.0, node.dtype.name(), node.shape, node.op.name())
    }
}
