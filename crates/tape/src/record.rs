//! Recording: a [`Tape`] grows by one node for each operation on its [`Var`]s and evaluates nothing.
//!
//! While the step of a scan is being recorded, operands from around the scan are taken into its body as
//! inputs, so that a step may use any value around it. How nodes are kept stands in `recording`.

use std::cell::{Cell, Ref, RefCell};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::dtype::{DType, Element, Real, with_real};
use crate::error::{ShapeError, or_panic};
use crate::graph::{Graph, Node, NodeId, Scopes, dependents};
use crate::ops::{Meta, Op, Part, Scalar};
use crate::packing::Packing;
use crate::recording::{Origin, Recording, Source};
use crate::scan::{Role, Scan};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::trail::Shelf;
use crate::var::Var;

/// A named value that programs share, such as a parameter of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Leaf {
    /// The name in dumps and messages.
    pub name: String,
    /// The present value.
    pub value: Tensor,
}

/// A program being recorded.
pub struct Tape {
    dtype: DType,
    leaves: Option<Arc<Vec<Leaf>>>,
    recording: RefCell<Recording>,
    /// Where what was recorded is kept when the tape is dropped.
    shelf: Option<Arc<Shelf>>,
    noise: Option<u64>,
    /// How often noise was asked for.
    draws: Cell<u64>,
}

impl Tape {
    /// An empty tape whose floating-point values are of type `dtype`. A [`Recorder`](crate::Recorder) makes
    /// tapes that need not record again what a former one has recorded.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn new(dtype: DType) -> Tape {
        Tape::begin(dtype, None, None)
    }

    /// An empty tape on which the given values can be used by their numbers.
    ///
    /// # Panics
    /// If `dtype` is not floating point.
    #[track_caller]
    pub fn with_leaves(dtype: DType, leaves: Arc<Vec<Leaf>>) -> Tape {
        Tape::begin(dtype, Some(leaves), None)
    }

    /// An empty tape that follows what lies on a shelf, and is put there in the end.
    pub(crate) fn following(dtype: DType, leaves: Option<Arc<Vec<Leaf>>>, shelf: &Arc<Shelf>) -> Tape {
        Tape::begin(dtype, leaves, Some(Arc::clone(shelf)))
    }

    #[track_caller]
    fn begin(dtype: DType, leaves: Option<Arc<Vec<Leaf>>>, shelf: Option<Arc<Shelf>>) -> Tape {
        assert!(dtype.is_real(), "a tape computes with f32 or f64, not {}", dtype.name());
        let mut recording = shelf.as_ref().map_or_else(Recording::default, |shelf| shelf.take());
        recording.begin(leaves.as_ref().map_or(0, |leaves| leaves.len()));
        Tape { dtype, leaves, recording: RefCell::new(recording), shelf, noise: None, draws: Cell::new(0) }
    }

    /// The type of the floating-point values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The same tape, with noise from a seed for what is random only in training, such as dropout.
    pub fn with_noise(mut self, seed: u64) -> Tape {
        self.noise = Some(seed);
        self
    }

    /// The seed of the noise, and the number of this draw from it: 0, 1, … as they are asked for. Nothing on a
    /// tape without noise, which is for evaluation.
    pub fn noise(&self) -> Option<(u64, u64)> {
        let seed = self.noise?;
        Some((seed, self.draws.replace(self.draws.get() + 1)))
    }

    /// The leaf of a number that is known to exist.
    fn leaf_of(&self, number: usize) -> &Leaf {
        let leaf = self.leaves.as_ref().and_then(|leaves| leaves.get(number));
        leaf.expect("only leaves that exist are on the tape")
    }

    /// The line that called, and the present scope.
    #[track_caller]
    fn here(recording: &Recording) -> Origin {
        Origin { location: Location::caller(), scope: recording.scope }
    }

    #[track_caller]
    fn check_input(&self, dtype: DType) {
        assert!(
            dtype == self.dtype || !dtype.is_real(),
            "an input of {} on a tape of {}: cast it first",
            dtype.name(),
            self.dtype.name()
        );
    }

    #[track_caller]
    fn add_input(&self, source: Source, meta: (Shape, DType)) -> Var<'_> {
        let mut recording = self.recording.borrow_mut();
        let origin = Tape::here(&recording);
        let node = recording.add_input(source, meta, origin);
        Var { tape: self, frame: 0, node }
    }

    /// A value given from outside. A later run may give another of the same shape.
    ///
    /// # Panics
    /// If it is floating point but not of the tape's type.
    #[track_caller]
    pub fn input(&self, value: Tensor) -> Var<'_> {
        self.check_input(value.dtype());
        let meta = (value.shape().clone(), value.dtype());
        self.add_input(Source::Given(value), meta)
    }

    /// A value given from outside whose elements `write` puts into memory that the tape has; what this
    /// memory held before means nothing. The next tape of the same [`Recorder`](crate::Recorder) uses the
    /// memory again, so that a batch costs no allocation.
    ///
    /// ```
    /// use tape::{DType, Tape};
    ///
    /// let tape = Tape::new(DType::F32);
    /// let words = tape.input_with([3], |words: &mut [i32]| words.copy_from_slice(&[4, 2, 0]));
    /// assert_eq!(words.value().as_slice::<i32>(), [4, 2, 0]);
    /// ```
    ///
    /// # Panics
    /// If the elements are floating point but not of the tape's type.
    #[track_caller]
    pub fn input_with<T: Element>(&self, shape: impl Into<Shape>, write: impl FnOnce(&mut [T])) -> Var<'_> {
        self.check_input(T::DTYPE);
        let shape = shape.into();
        let spare = self.recording.borrow_mut().spare_tensor();
        let mut value = Tensor::from_spare(spare, T::DTYPE, &shape);
        write(value.as_mut_slice());
        self.add_input(Source::Filled(value), (shape, T::DTYPE))
    }

    /// Floating-point numbers given from outside, in row-major order and rounded to the tape's type, in
    /// memory that the next tape of the same [`Recorder`](crate::Recorder) uses again.
    ///
    /// # Panics
    /// If there are fewer or more of them than the shape says.
    #[track_caller]
    pub fn input_numbers(&self, shape: impl Into<Shape>, numbers: impl IntoIterator<Item = f64>) -> Var<'_> {
        let shape = shape.into();
        let mut numbers = numbers.into_iter();
        let mut missing = 0;
        let var = with_real!(self.dtype, T => self.input_with(shape.clone(), |elements: &mut [T]| {
            for element in elements {
                match numbers.next() {
                    Some(number) => *element = T::from_f64(number),
                    None => missing += 1,
                }
            }
        }));
        let excess = numbers.count();
        assert!(
            missing + excess == 0,
            "{missing} numbers too few or {excess} too many for a shape of {shape}"
        );
        var
    }

    /// A number given from outside: a setting that is another from run to run of the same program, as
    /// [`number`](Tape::number) is a number of the program itself.
    #[track_caller]
    pub fn input_number(&self, number: f64) -> Var<'_> {
        self.input_numbers(Shape::scalar(), [number])
    }

    /// The leaf with the given number; the same node however often it is asked for.
    ///
    /// # Panics
    /// If there is no such leaf, or it is not of the tape's type.
    #[track_caller]
    pub fn leaf(&self, number: usize) -> Var<'_> {
        let leaves = self.leaves.as_ref().map_or(&[][..], |leaves| leaves);
        let Some(leaf) = leaves.get(number) else {
            panic!("leaf {number} was asked of a tape that was made with {} leaves", leaves.len());
        };
        let mut recording = self.recording.borrow_mut();
        if let Some(node) = recording.leaf_node(number) {
            return Var { tape: self, frame: 0, node };
        }
        let dtype = leaf.value.dtype();
        assert!(
            dtype == self.dtype || !dtype.is_real(),
            "`{}` is {} but the tape computes with {}",
            leaf.name,
            dtype.name(),
            self.dtype.name()
        );
        let origin = Tape::here(&recording);
        let node = recording.add_leaf(number, (leaf.value.shape().clone(), dtype), origin);
        Var { tape: self, frame: 0, node }
    }

    /// A number of the tape's type.
    #[track_caller]
    pub fn number(&self, number: f64) -> Var<'_> {
        self.push(Scalar::new(number, self.dtype), &[])
    }

    /// Runs `record` with `name` added to the scope of the nodes that it records.
    pub fn scope<R>(&self, name: &str, record: impl FnOnce() -> R) -> R {
        let outer = {
            let mut recording = self.recording.borrow_mut();
            let outer = recording.scope;
            recording.scope = recording.scopes.enter(outer, name);
            outer
        };
        let result = record();
        self.recording.borrow_mut().scope = outer;
        result
    }

    /// Records an operation.
    ///
    /// # Panics
    /// If the operands do not fit; the message names the operation and their shapes.
    #[track_caller]
    pub fn push<'t>(&'t self, op: impl Into<Op>, operands: &[Var<'t>]) -> Var<'t> {
        or_panic(self.try_push(op, operands))
    }

    /// Records an operation, or says why the operands do not fit.
    ///
    /// # Errors
    /// If the operands do not fit; nothing is recorded then.
    #[track_caller]
    pub fn try_push<'t>(&'t self, op: impl Into<Op>, operands: &[Var<'t>]) -> Result<Var<'t>, ShapeError> {
        let op = op.into();
        let mut recording = self.recording.borrow_mut();
        let origin = Tape::here(&recording);
        let inputs = bring_all(&mut recording, operands);
        let top = recording.top();
        let node = recording.push(top, op, &inputs, origin, |op, nodes| {
            let rule = op.rule().expect("inputs and scans are recorded by their own methods");
            let meta = |input: &NodeId| nodes[input.index()].meta();
            let metas: SmallVec<[Meta<'_>; 4]> = inputs.iter().map(meta).collect();
            rule.infer(&metas)
        })?;
        Ok(self.on_top(&recording, node))
    }

    fn on_top<'t>(&'t self, recording: &Recording, node: NodeId) -> Var<'t> {
        Var { tape: self, frame: recording.frames[recording.top()].id, node }
    }

    /// Records a node of a body again in the present frame, with other inputs.
    pub(crate) fn replay<'t>(&'t self, node: &Node, operands: &[Var<'t>]) -> Var<'t> {
        let mut recording = self.recording.borrow_mut();
        let inputs = bring_all(&mut recording, operands);
        let origin = Origin::of(node);
        let known = |_: &Op, _: &[Node]| Ok((node.shape.clone(), node.dtype));
        let top = recording.top();
        let node = recording.push(top, node.op.clone(), &inputs, origin, known);
        let node = node.expect("it has fitted before");
        self.on_top(&recording, node)
    }

    /// Whether the step of a scan is being recorded.
    pub(crate) fn in_scan(&self) -> bool {
        self.recording.borrow().top() > 0
    }

    /// The node behind a value.
    pub(crate) fn node(&self, var: Var<'_>) -> Node {
        self.with(var, Node::clone)
    }

    pub(crate) fn with<R>(&self, var: Var<'_>, read: impl FnOnce(&Node) -> R) -> R {
        let recording = self.recording.borrow();
        read(recording.frames[frame_of(&recording, var)].node(var.node))
    }

    /// The recorded program.
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub fn graph(&self) -> Ref<'_, Graph> {
        self.recording.borrow_mut().leave_trail();
        self.graph_with_trail()
    }

    /// The recorded program, and behind it nodes that the trail has further: they say nothing of this
    /// tape, but are in no one's way either.
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub(crate) fn graph_with_trail(&self) -> Ref<'_, Graph> {
        assert!(!self.in_scan(), "{IN_SCAN}");
        Ref::map(self.recording.borrow(), Recording::graph_with_trail)
    }

    /// Runs `read` with the nodes of the program and with a number: while it stays the same, so do nodes
    /// at the same places, whatever comes after them, and on other tapes of the same recorder too.
    ///
    /// # Panics
    /// While a scan is being recorded.
    #[track_caller]
    pub(crate) fn with_program<R>(&self, read: impl FnOnce(&[Node], u64) -> R) -> R {
        assert!(!self.in_scan(), "{IN_SCAN}");
        let recording = self.recording.borrow();
        read(recording.frames[0].nodes(), recording.stamp())
    }

    /// The names of the scopes.
    pub fn scopes(&self) -> Ref<'_, Scopes> {
        Ref::map(self.recording.borrow(), |recording| &recording.scopes)
    }

    /// How many inputs the program has.
    pub(crate) fn inputs(&self) -> usize {
        self.recording.borrow().inputs()
    }

    /// The steps of the innermost scan whose step is being recorded; nothing outside of scans.
    ///
    /// A step can so make an input of its own that has a row for each row of each step, such as noise, and
    /// take its part of it by [`Var::at_step`].
    pub fn packing(&self) -> Option<Packing> {
        self.recording.borrow().packing().cloned()
    }

    /// The name of an input of the program, where it is a leaf.
    pub fn input_name(&self, slot: usize) -> Option<String> {
        match self.recording.borrow().source(slot)? {
            Source::Leaf(leaf) => Some(self.leaf_of(*leaf).name.clone()),
            _ => None,
        }
    }

    /// Reads the value of an input of the program.
    pub(crate) fn with_input<R>(&self, slot: usize, read: impl FnOnce(&Tensor) -> R) -> R {
        match self.recording.borrow().source(slot) {
            Some(Source::Given(value) | Source::Filled(value)) => read(value),
            Some(Source::Leaf(leaf)) => read(&self.leaf_of(*leaf).value),
            Some(Source::Nothing) | None => unreachable!("every input has a value"),
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
        self.recording.borrow_mut().set_source(slot as usize, Source::Given(value));
    }

    // The body of a scan is recorded between `open_body` and `close_body`.

    /// Opens a frame for the body of a scan.
    pub(crate) fn open_body(&self, packing: &Packing, reverse: bool, recompute: bool) {
        self.recording.borrow_mut().open_body(packing, reverse, recompute);
    }

    /// Takes a value from around the innermost scan into its body.
    ///
    /// # Panics
    /// If its leading axis is not what the role asks for.
    #[track_caller]
    pub(crate) fn feed<'t>(&'t self, outer: Var<'t>, role: Role) -> Var<'t> {
        let mut recording = self.recording.borrow_mut();
        let top = recording.top();
        let from = frame_of(&recording, outer);
        let outer = recording.bring(outer.node, from, top - 1);
        let node = or_panic(recording.capture(outer, role, top));
        self.on_top(&recording, node)
    }

    /// Closes the frame of a body and records its scan in the frame around it.
    #[track_caller]
    pub(crate) fn close_body<'t>(&'t self, next: &[Var<'t>]) -> Var<'t> {
        let mut recording = self.recording.borrow_mut();
        let origin = Tape::here(&recording);
        let next = bring_all(&mut recording, next);
        let node = recording.close_body(&next, self.dtype, origin);
        self.on_top(&recording, node)
    }

    /// Closes the frame of a body without recording its scan: see [`push_scan`](Tape::push_scan).
    pub(crate) fn take_body(&self, next: &[Var<'_>]) -> (Arc<Scan>, Vec<NodeId>) {
        let mut recording = self.recording.borrow_mut();
        let next = bring_all(&mut recording, next);
        recording.take_body(&next)
    }

    /// Records a scan in the frame that is being recorded.
    #[track_caller]
    pub(crate) fn push_scan<'t>(&'t self, scan: Arc<Scan>, feeds: &[Var<'t>]) -> Var<'t> {
        let mut recording = self.recording.borrow_mut();
        let origin = Tape::here(&recording);
        let feeds = bring_all(&mut recording, feeds);
        let node = recording.push_scan(scan, &feeds, self.dtype, origin);
        self.on_top(&recording, node)
    }

    /// Makes a state of the body that is being recorded, by its place among the inputs, the rows of a value
    /// that stays the same.
    pub(crate) fn hold_state(&self, slot: usize) {
        self.recording.borrow_mut().hold_state(slot);
    }

    /// A value taken out of a scan; the same node however often it is asked for.
    ///
    /// # Panics
    /// If its values in different steps cannot lie in one array.
    #[track_caller]
    pub(crate) fn part<'t>(&'t self, scan: Var<'t>, part: Part) -> Var<'t> {
        let mut recording = self.recording.borrow_mut();
        let index = frame_of(&recording, scan);
        let node = or_panic(recording.part(index, scan.node, part));
        Var { node, ..scan }
    }

    /// The place of a value in the frame that is being recorded, taking it in if need be.
    pub(crate) fn place(&self, var: Var<'_>) -> NodeId {
        let mut recording = self.recording.borrow_mut();
        let (from, top) = (frame_of(&recording, var), recording.top());
        recording.bring(var.node, from, top)
    }

    /// The value at a place of the frame that is being recorded.
    pub(crate) fn at(&self, node: NodeId) -> Var<'_> {
        self.on_top(&self.recording.borrow(), node)
    }

    /// Which nodes of the frame that is being recorded depend on the given ones.
    pub(crate) fn dependents(&self, of: &[NodeId]) -> Vec<bool> {
        let recording = self.recording.borrow();
        dependents(recording.frames[recording.top()].nodes(), of)
    }

    /// Runs `read` with what is being recorded.
    pub(crate) fn recording<R>(&self, read: impl FnOnce(&mut Recording) -> R) -> R {
        read(&mut self.recording.borrow_mut())
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        // What a panic has left half done is not followed.
        let Some(shelf) = self.shelf.take().filter(|_| !std::thread::panicking()) else { return };
        let mut recording = std::mem::take(self.recording.get_mut());
        recording.end();
        shelf.give_back(recording);
    }
}

/// The places of operands in the frame that is being recorded.
#[track_caller]
fn bring_all(recording: &mut Recording, operands: &[Var<'_>]) -> SmallVec<[NodeId; 8]> {
    let top = recording.top();
    let mut places = SmallVec::new();
    // A closure would hide the user's line.
    for var in operands {
        let from = frame_of(recording, *var);
        places.push(recording.bring(var.node, from, top));
    }
    places
}

/// Which of the frames a value is in.
#[track_caller]
fn frame_of(recording: &Recording, var: Var<'_>) -> usize {
    recording.frames.iter().rposition(|frame| frame.id == var.frame).expect(
        "a value of a scan's step was used after the scan: return it as an output or a state of the step",
    )
}

const IN_SCAN: &str = "inside a scan nothing has a value yet: the step is recorded once and runs later. \
    Return the value as an output of the step, or write the loop in Rust instead of a scan";

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.recording.borrow().frames[0].nodes().len();
        write!(f, "Tape({}, {nodes} nodes)", self.dtype.name())
    }
}
