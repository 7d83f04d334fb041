//! The first value of a program that is not finite: which operation computed it, of what, where and when.
//!
//! The program is evaluated by the plain loops of [`interpret`](mod@crate::interpret), and each value is looked at as it is
//! computed: in the order of recording, so that everything before the one that is found was finite. An infinity that a
//! later operation would have hidden is found too. It takes many times as long as a run of the engine.

use std::fmt;
use std::ops::ControlFlow;
use std::panic::Location;

use crate::error::RunError;
use crate::graph::{Graph, Node, NodeId};
use crate::interpret::{Halt, Values, Watch, interpret_watched};
use crate::ops::Op;
use crate::record::Tape;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::var::Var;

/// A value that is not finite, the first of its program.
#[derive(Clone, PartialEq, Debug)]
pub struct NotFinite {
    /// The element: NaN or an infinity.
    pub value: f64,
    /// Its place along each axis. Within a loop the first is the row of the step: the place of a sequence among those sorted
    /// from long to short.
    pub index: Vec<usize>,
    /// The extents of the value that it is in.
    pub shape: Shape,
    /// The operation that computed it; `input` for what was given from outside.
    pub op: String,
    /// The name, where it is a parameter.
    pub name: Option<String>,
    /// The scopes that were open, outer names first: `grad/…` for the gradients of what was recorded there.
    pub scope: String,
    /// The line of the user's program that recorded it; for a gradient, the line that it is the gradient of.
    pub location: &'static Location<'static>,
    /// The time step in each loop around it, the outermost first. None outside of loops.
    pub steps: Vec<usize>,
    /// What it was computed from.
    pub operands: Vec<Operand>,
}

/// What a value was computed from.
#[derive(Clone, PartialEq, Debug)]
pub struct Operand {
    /// A parameter's name, or the operation and the line that recorded it.
    pub what: String,
    /// The least and the greatest element; none where there are no elements.
    pub range: Option<(f64, f64)>,
}

/// The first value that is not finite among all that some values of one tape are computed from, these included.
///
/// ```
/// use tape::{DType, Tape, Tensor, first_not_finite};
///
/// let tape = Tape::new(DType::F32);
/// let x = tape.input(Tensor::new([3], vec![1.0f32, 0.0, 2.0]));
/// let hidden = 1.0 / x.ln().recip().recip();
/// let found = first_not_finite(&[hidden])?.expect("the logarithm of 0");
/// assert_eq!((found.op.as_str(), found.value, found.index), ("ln", f64::NEG_INFINITY, vec![1]));
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
///
/// # Panics
/// If there are values of different tapes, or a scan is being recorded.
#[track_caller]
pub fn first_not_finite(of: &[Var<'_>]) -> Result<Option<NotFinite>, RunError> {
    let Some(first) = of.first() else { return Ok(None) };
    let tape = first.tape();
    let names = (0..tape.inputs()).map(|slot| tape.input_name(slot)).collect();
    let mut search = Search { tape, names: vec![names], steps: Vec::new(), found: None };
    match interpret_watched(of, &mut search) {
        Err(Halt::Error(error)) => Err(error),
        Err(Halt::Watch) | Ok(_) => Ok(search.found),
    }
}

/// Looks at every value.
struct Search<'t> {
    tape: &'t Tape,
    /// The names of the inputs of the program, then of each body that is being run.
    names: Vec<Vec<Option<String>>>,
    steps: Vec<usize>,
    found: Option<NotFinite>,
}

impl Search<'_> {
    /// The name of a node that is an input with one.
    fn name(&self, node: &Node) -> Option<&String> {
        match node.op {
            Op::Input(slot) => self.names.last()?.get(slot as usize)?.as_ref(),
            _ => None,
        }
    }

    fn operand(&self, node: &Node, value: &Tensor) -> Operand {
        let what = match (self.name(node), &node.op) {
            (Some(name), _) => format!("`{name}`"),
            (None, Op::Input(_)) if !self.steps.is_empty() => "what comes from around the step".into(),
            (None, op) => format!("{} recorded at {}", op.name(), node.location),
        };
        let range = value.to_f64().into_iter().fold(None, |range: Option<(f64, f64)>, x| {
            Some(range.map_or((x, x), |(least, greatest)| (least.min(x), greatest.max(x))))
        });
        Operand { what, range }
    }
}

impl Watch for Search<'_> {
    fn see(&mut self, graph: &Graph, id: NodeId, values: &Values, value: &Tensor) -> ControlFlow<()> {
        let node = graph.node(id);
        // What comes into a body was looked at where it was computed.
        if matches!(node.op, Op::Input(_)) && !self.steps.is_empty() {
            return ControlFlow::Continue(());
        }
        let Some(place) = value.slice().first_not_finite() else { return ControlFlow::Continue(()) };
        let operand = |input: &NodeId| Some(self.operand(graph.node(*input), values.get(input)?));
        self.found = Some(NotFinite {
            value: value.to_f64()[place],
            index: index_of(place, value.shape()),
            shape: value.shape().clone(),
            op: node.op.name().to_string(),
            name: self.name(node).cloned(),
            scope: self.tape.scopes().name(node.scope).to_string(),
            location: node.location,
            steps: self.steps.clone(),
            operands: node.inputs.iter().filter_map(operand).collect(),
        });
        ControlFlow::Break(())
    }

    fn enter(&mut self, graph: &Graph, node: &Node) {
        let names = node.inputs.iter().map(|input| self.name(graph.node(*input)).cloned()).collect();
        self.names.push(names);
        self.steps.push(0);
    }

    fn step(&mut self, t: usize) {
        if let Some(step) = self.steps.last_mut() {
            *step = t;
        }
    }

    fn leave(&mut self) {
        self.names.pop();
        self.steps.pop();
    }
}

/// The place along each axis of an element in row-major order.
fn index_of(place: usize, shape: &Shape) -> Vec<usize> {
    let mut rest = place;
    let mut index: Vec<usize> = shape
        .sizes()
        .iter()
        .rev()
        .map(|size| {
            let along = rest % size;
            rest /= size;
            along
        })
        .collect();
    index.reverse();
    index
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite { value, index, shape, op, name, scope, location, steps, operands } = self;
        write!(f, "the first value that is not finite is {value}, element {index:?} of ")?;
        match name {
            Some(name) => write!(f, "the parameter `{name}` {shape}")?,
            None => write!(f, "{op} {shape} recorded at {location}")?,
        }
        if name.is_none() && !scope.is_empty() {
            write!(f, " in `{scope}`")?;
        }
        for (depth, t) in steps.iter().enumerate() {
            write!(f, "{} time step {t}", if depth == 0 { ", at" } else { " and, within it," })?;
        }
        for (number, Operand { what, range }) in operands.iter().enumerate() {
            write!(f, "{} {what}", if number == 0 { "; computed from" } else { " and" })?;
            match range {
                Some((least, greatest)) if least == greatest => write!(f, " ({least})")?,
                Some((least, greatest)) => write!(f, " ({least} to {greatest})")?,
                None => write!(f, " (no elements)")?,
            }
        }
        Ok(())
    }
}
