//! Recording: a [`Tape`] grows by one node for each operation on its [`Var`]s and evaluates nothing.
//!
//! A tape holds a stack of frames. The first is the program; while the step of a scan is being
//! recorded, its body is a frame of its own on top. An operand from a frame below is taken into the
//! body as an input, so that a step may use any value around it.

use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::error::ShapeError;
use crate::graph::{Graph, Inputs, Node, NodeId, ScopeId, Scopes};
use crate::interpret::interpret;
use crate::ops::{Meta, Op, Part, Scalar};
use crate::packing::Packing;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};
use crate::tensor::Tensor;

/// A named value that programs share, such as a parameter of a model.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The name in dumps and messages.
    pub name: String,
    /// The present value.
    pub value: Tensor,
}

/// A program being recorded.
pub struct Tape {
    dtype: DType,
    state: RefCell<State>,
}

/// A value of a program: a small handle that is copied freely.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape,
    frame: FrameId,
    node: NodeId,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct FrameId(u32);

struct State {
    frames: Vec<Frame>,
    opened: u32,
    scopes: Scopes,
    scope: ScopeId,
    leaves: Arc<Vec<Leaf>>,
    leaf_nodes: Vec<Option<NodeId>>,
    /// Where each input of the program has its value from.
    sources: Vec<Source>,
}

enum Source {
    Given(Tensor),
    Leaf(usize),
}

#[derive(Default)]
struct Frame {
    id: u32,
    graph: Graph,
    /// For the body of a scan, what feeds each of its inputs.
    feeds: Vec<(NodeId, Role)>,
    captured: HashMap<(NodeId, Role), NodeId>,
    parts: HashMap<(NodeId, Part), NodeId>,
    looping: Option<Looping>,
}

/// How the scan whose body a frame is will run.
struct Looping {
    packing: Packing,
    rows: Dim,
    reverse: bool,
    recompute: bool,
}

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

impl Tape {
    /// An empty tape whose floating-point values are of type `dtype`.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn new(dtype: DType) -> Tape {
        Tape::with_leaves(dtype, Arc::default())
    }

    /// An empty tape on which the given values can be used by their numbers.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn with_leaves(dtype: DType, leaves: Arc<Vec<Leaf>>) -> Tape {
        assert!(dtype.is_real(), "a tape computes with f32 or f64, not {}", dtype.name());
        let state = State {
            frames: vec![Frame::default()],
            opened: 0,
            scopes: Scopes::default(),
            scope: ScopeId::default(),
            leaf_nodes: vec![None; leaves.len()],
            leaves,
            sources: Vec::new(),
        };
        Tape { dtype, state: RefCell::new(state) }
    }

    /// The type of the floating-point values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// A value given from outside. A later run may give another of the same shape.
    ///
    /// # Panics
    /// If it is floating point but not of the tape's type.
    #[track_caller]
    pub fn input(&self, value: Tensor) -> Var<'_> {
        let dtype = value.dtype();
        assert!(
            dtype == self.dtype || !dtype.is_real(),
            "an input of {} on a tape of {}: cast it first",
            dtype.name(),
            self.dtype.name()
        );
        self.state.borrow_mut().add_input(self, Source::Given(value), Location::caller())
    }

    /// The leaf with the given number; the same node however often it is asked for.
    ///
    /// # Panics
    /// If there is no such leaf, or it is not of the tape's type.
    #[track_caller]
    pub fn leaf(&self, number: usize) -> Var<'_> {
        let mut state = self.state.borrow_mut();
        let Some(leaf) = state.leaves.get(number) else {
            panic!("leaf {number} was asked of a tape that was made with {} leaves", state.leaves.len());
        };
        let dtype = leaf.value.dtype();
        assert!(
            dtype == self.dtype || !dtype.is_real(),
            "`{}` is {} but the tape computes with {}",
            leaf.name,
            dtype.name(),
            self.dtype.name()
        );
        match state.leaf_nodes[number] {
            Some(node) => Var { tape: self, frame: state.frame_id(0), node },
            None => {
                let var = state.add_input(self, Source::Leaf(number), Location::caller());
                state.leaf_nodes[number] = Some(var.node);
                var
            }
        }
    }

    /// A number of the tape's type.
    #[track_caller]
    pub fn number(&self, number: f64) -> Var<'_> {
        self.push(Scalar::new(number, self.dtype), &[])
    }

    /// Runs `record` with `name` added to the scope of the nodes that it records.
    pub fn scope<R>(&self, name: &str, record: impl FnOnce() -> R) -> R {
        let outer = {
            let mut state = self.state.borrow_mut();
            let outer = state.scope;
            state.scope = state.scopes.enter(outer, name);
            outer
        };
        let result = record();
        self.state.borrow_mut().scope = outer;
        result
    }

    /// Records an operation.
    ///
    /// # Panics
    /// If the operands do not fit; the message names the operation and their shapes.
    #[track_caller]
    pub fn push<'t>(&'t self, op: impl Into<Op>, operands: &[Var<'t>]) -> Var<'t> {
        match self.try_push(op, operands) {
            Ok(var) => var,
            Err(error) => panic!("{error}"),
        }
    }

    /// Records an operation, or says why the operands do not fit.
    #[track_caller]
    pub fn try_push<'t>(&'t self, op: impl Into<Op>, operands: &[Var<'t>]) -> Result<Var<'t>, ShapeError> {
        let op = op.into();
        let location = Location::caller();
        let mut state = self.state.borrow_mut();
        let top = state.frames.len() - 1;
        let inputs: Inputs = operands.iter().map(|operand| state.bring(*operand, top)).collect();
        let rule = op.rule().expect("inputs and scans are recorded by their own methods");
        let (shape, dtype) = {
            let graph = &state.frames[top].graph;
            let metas: SmallVec<[Meta<'_>; 4]> =
                inputs.iter().map(|input| graph.node(*input).meta()).collect();
            rule.infer(&metas)?
        };
        let scope = state.scope;
        let node = state.frames[top].graph.push(Node { op, inputs, shape, dtype, scope, location });
        Ok(Var { tape: self, frame: state.frame_id(top), node })
    }

    /// Records a node of a body again in the present frame, with other inputs.
    pub(crate) fn replay<'t>(&'t self, node: &Node, operands: &[Var<'t>]) -> Var<'t> {
        let mut state = self.state.borrow_mut();
        let top = state.frames.len() - 1;
        let inputs = operands.iter().map(|operand| state.bring(*operand, top)).collect();
        let node = state.frames[top].graph.push(Node { inputs, ..node.clone() });
        Var { tape: self, frame: state.frame_id(top), node }
    }

    /// The node behind a value.
    pub(crate) fn node(&self, var: Var<'_>) -> Node {
        self.with(var, Node::clone)
    }

    fn with<R>(&self, var: Var<'_>, read: impl FnOnce(&Node) -> R) -> R {
        let state = self.state.borrow();
        let frame = state.frame_index(var.frame);
        read(state.frames[frame].graph.node(var.node))
    }

    /// The recorded program.
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub fn graph(&self) -> Ref<'_, Graph> {
        Ref::map(self.state.borrow(), |state| {
            assert!(state.frames.len() == 1, "{IN_SCAN}");
            &state.frames[0].graph
        })
    }

    /// The names of the scopes.
    pub fn scopes(&self) -> Ref<'_, Scopes> {
        Ref::map(self.state.borrow(), |state| &state.scopes)
    }

    /// The name of an input of the program, where it is a leaf.
    pub fn input_name(&self, slot: usize) -> Option<String> {
        let state = self.state.borrow();
        match state.sources.get(slot)? {
            Source::Given(_) => None,
            Source::Leaf(leaf) => Some(state.leaves[*leaf].name.clone()),
        }
    }

    /// Reads the value of an input of the program.
    pub(crate) fn with_input<R>(&self, slot: usize, read: impl FnOnce(&Tensor) -> R) -> R {
        let state = self.state.borrow();
        match &state.sources[slot] {
            Source::Given(value) => read(value),
            Source::Leaf(leaf) => read(&state.leaves[*leaf].value),
        }
    }

    /// Gives an input another value of the same shape and type.
    ///
    /// # Panics
    /// If `input` is not an input that was given to this tape, or shape or type differ.
    #[track_caller]
    pub fn set(&self, input: Var<'_>, value: Tensor) {
        let node = self.node(input);
        let Op::Input(slot) = node.op else {
            panic!("only inputs can be set, this is the result of {}", node.op.name())
        };
        assert!(
            node.shape == *value.shape() && node.dtype == value.dtype(),
            "an input of {}{} cannot take a value of {}{}",
            node.dtype.name(),
            node.shape,
            value.dtype().name(),
            value.shape()
        );
        self.state.borrow_mut().sources[slot as usize] = Source::Given(value);
    }

    // The body of a scan is recorded between `open_body` and `close_body`.

    /// Opens a frame for the body of a scan.
    pub(crate) fn open_body(&self, packing: &Packing, reverse: bool, recompute: bool) {
        let mut state = self.state.borrow_mut();
        state.opened += 1;
        // Within another body the rows are its rows, or a number that the user's program gives.
        let rows = if state.frames.len() == 1 { Dim::ROWS } else { packing.sequences() };
        let looping = Looping { packing: packing.clone(), rows, reverse, recompute };
        let id = state.opened;
        state.frames.push(Frame { id, looping: Some(looping), ..Frame::default() });
    }

    /// Takes a value from around the innermost scan into its body.
    #[track_caller]
    pub(crate) fn feed<'t>(&'t self, outer: Var<'t>, role: Role) -> Result<Var<'t>, ShapeError> {
        let mut state = self.state.borrow_mut();
        let top = state.frames.len() - 1;
        let outer = state.bring(outer, top - 1);
        let node = state.capture(outer, role, top)?;
        Ok(Var { tape: self, frame: state.frame_id(top), node })
    }

    /// Closes the frame of a body and records its scan in the frame around it.
    #[track_caller]
    pub(crate) fn close_body<'t>(&'t self, next: &[Var<'t>]) -> Var<'t> {
        let location = Location::caller();
        let mut state = self.state.borrow_mut();
        let top = state.frames.len() - 1;
        let next = next.iter().map(|var| state.bring(*var, top)).collect();
        let frame = state.frames.pop().expect("the frame of the body");
        let Looping { packing, rows, reverse, recompute } = frame.looping.expect("a body belongs to a scan");
        let (inputs, roles) = frame.feeds.into_iter().unzip();
        let scan = Scan { body: frame.graph, roles, next, packing, rows, reverse, recompute };
        let node = Node {
            op: Op::Scan(Arc::new(scan)),
            inputs,
            shape: Shape::scalar(),
            dtype: self.dtype,
            scope: state.scope,
            location,
        };
        let node = state.frames[top - 1].graph.push(node);
        Var { tape: self, frame: state.frame_id(top - 1), node }
    }

    /// A value taken out of a scan; the same node however often it is asked for.
    #[track_caller]
    pub(crate) fn part<'t>(&'t self, scan: Var<'t>, part: Part) -> Result<Var<'t>, ShapeError> {
        let location = Location::caller();
        let mut state = self.state.borrow_mut();
        let index = state.frame_index(scan.frame);
        let scope = state.scope;
        let frame = &mut state.frames[index];
        if let Some(known) = frame.parts.get(&(scan.node, part)) {
            return Ok(Var { node: *known, ..scan });
        }
        let node = frame.graph.node(scan.node);
        let Op::Scan(inner) = &node.op else { unreachable!("only scans have parts") };
        let (shape, dtype) = inner.part(part, |slot| frame.graph.node(node.inputs[slot]).shape.clone())?;
        let inputs = Inputs::from_slice(&[scan.node]);
        let node = frame.graph.push(Node { op: part.into(), inputs, shape, dtype, scope, location });
        frame.parts.insert((scan.node, part), node);
        Ok(Var { node, ..scan })
    }

    /// The place of a value in the frame that is being recorded, taking it in if need be.
    pub(crate) fn place(&self, var: Var<'_>) -> NodeId {
        let mut state = self.state.borrow_mut();
        let top = state.frames.len() - 1;
        state.bring(var, top)
    }

    /// The value at a place of the frame that is being recorded.
    pub(crate) fn at(&self, node: NodeId) -> Var<'_> {
        let state = self.state.borrow();
        Var { tape: self, frame: state.frame_id(state.frames.len() - 1), node }
    }

    /// Which nodes of the frame that is being recorded depend on the given ones.
    pub(crate) fn dependents(&self, of: &[NodeId]) -> Vec<bool> {
        let state = self.state.borrow();
        let frame = state.frames.last().expect("there is always a frame");
        frame.graph.dependents(of)
    }
}

const IN_SCAN: &str = "inside a scan nothing has a value yet: the step is recorded once and runs later. \
    Return the value as an output of the step, or write the loop in Rust instead of a scan";

impl State {
    fn frame_id(&self, index: usize) -> FrameId {
        FrameId(self.frames[index].id)
    }

    #[track_caller]
    fn frame_index(&self, id: FrameId) -> usize {
        self.frames.iter().position(|frame| frame.id == id.0).expect(
            "a value of a scan's step was used after the scan: return it as an output or a state of the step",
        )
    }

    fn add_input<'t>(
        &mut self,
        tape: &'t Tape,
        source: Source,
        location: &'static Location<'static>,
    ) -> Var<'t> {
        let value = match &source {
            Source::Given(value) => value,
            Source::Leaf(leaf) => &self.leaves[*leaf].value,
        };
        let (shape, dtype) = (value.shape().clone(), value.dtype());
        let slot = u32::try_from(self.sources.len()).expect("fewer than 2^32 inputs");
        self.sources.push(source);
        let (op, inputs, scope) = (Op::Input(slot), Inputs::new(), self.scope);
        let node = self.frames[0].graph.push(Node { op, inputs, shape, dtype, scope, location });
        Var { tape, frame: self.frame_id(0), node }
    }

    /// The place of a value in a frame, captured from frame to frame if it comes from below.
    #[track_caller]
    fn bring(&mut self, var: Var<'_>, target: usize) -> NodeId {
        let from = self.frame_index(var.frame);
        assert!(from <= target, "a value of a scan's step cannot be used around the scan");
        (from + 1..=target).fold(var.node, |node, frame| {
            self.capture(node, Role::Constant, frame).unwrap_or_else(|error| panic!("{error}"))
        })
    }

    /// The input of the body in frame `index` that stands for a node of the frame below it.
    fn capture(&mut self, outer: NodeId, role: Role, index: usize) -> Result<NodeId, ShapeError> {
        // Only what is the same in every step is one input however often it is used.
        if role != Role::State
            && let Some(known) = self.frames[index].captured.get(&(outer, role))
        {
            return Ok(*known);
        }
        let (below, frame) = self.frames.split_at_mut(index);
        let (source, frame) = (below[index - 1].graph.node(outer), &mut frame[0]);
        let looping = frame.looping.as_ref().expect("frames above the first are bodies");
        let shape = role.inside(&source.shape, &looping.packing, looping.rows)?;
        let slot = u32::try_from(frame.feeds.len()).expect("fewer than 2^32 inputs");
        let node = Node { op: Op::Input(slot), inputs: Inputs::new(), shape, ..source.clone() };
        let node = frame.graph.push(node);
        frame.feeds.push((outer, role));
        frame.captured.insert((outer, role), node);
        Ok(node)
    }
}

impl Node {
    /// The shape and type of the result.
    pub fn meta(&self) -> Meta<'_> {
        Meta { shape: &self.shape, dtype: self.dtype }
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
        let inside = self.tape.state.borrow().frames.len() > 1;
        assert!(inside, "rows() is for the step of a scan");
        self.tape.feed(self, Role::Rows).unwrap_or_else(|error| panic!("{error}"))
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

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.state.borrow().frames[0].graph.nodes.len();
        write!(f, "Tape({}, {nodes} nodes)", self.dtype.name())
    }
}
