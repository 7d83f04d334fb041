//! A loop over time as one node: its body is recorded once and runs for each step.
//!
//! [`scan`] takes a state and sequences through a step `(state, input) -> (state, output)`. The rows of
//! a sequence that has ended keep their last state. The gradient of a scan is a scan run the other way
//! (see [`grad`](mod@crate::grad)), so gradients of gradients go through scans as through anything else.
//! [`segments`](mod@crate::segments) records scans, also in segments.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};

use crate::dtype::DType;
use crate::error::ShapeError;
use crate::graph::{Graph, NodeId};
use crate::ops::Part;
use crate::packing::Packing;
use crate::segments::{ScanOptions, scan_with};
use crate::shape::{Dim, Shape};
use crate::var::{Var, Vars};

/// A recorded loop.
#[derive(Clone, Debug)]
pub struct Scan {
    /// One step.
    pub body: Graph,
    /// What feeds each input of the body from the node's input at the same place.
    pub roles: Vec<Role>,
    /// For each state, in the order of its inputs, the node of the body that is its next value.
    pub next: Vec<NodeId>,
    /// Which rows belong to which step.
    pub packing: Packing,
    /// The leading extent of states and sequences inside the body.
    pub rows: Dim,
    /// Whether the last step comes first.
    pub reverse: bool,
    /// Whether a gradient runs the loop again rather than have it keep what the gradient needs.
    pub recompute: bool,
}

/// How an input of a body gets its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Given for the first step, then the step's own result. Leading axis: the sequences.
    State,
    /// Each step has its rows of a packed sequence.
    Sequence,
    /// Each step has the rows of the sequences still running of a value (N, …).
    Rows,
    /// Every step has the same value.
    Constant,
}

impl Role {
    /// All roles.
    pub(crate) const ALL: [Role; 4] = [Role::State, Role::Sequence, Role::Rows, Role::Constant];

    /// The name in dumps.
    pub fn name(self) -> &'static str {
        match self {
            Role::State => "state",
            Role::Sequence => "sequence",
            Role::Rows => "rows",
            Role::Constant => "constant",
        }
    }

    /// The shape inside the body of a value with shape `outer` around it.
    pub(crate) fn inside(self, outer: &Shape, packing: &Packing, rows: Dim) -> Result<Shape, ShapeError> {
        let leading = match self {
            Role::Constant => return Ok(outer.clone()),
            Role::State | Role::Rows => packing.sequences(),
            Role::Sequence => packing.total(),
        };
        if outer.dims().first() != Some(&leading) {
            let reason = format!(
                "the leading axis of a {} must be {leading}, as the packing {packing} says",
                self.name()
            );
            return Err(ShapeError::new("scan", [outer], reason));
        }
        Ok(outer.with_leading(rows))
    }
}

impl Scan {
    /// The settings as they stand in dumps.
    pub fn attributes(&self) -> String {
        let reverse = if self.reverse { " reverse" } else { "" };
        let recompute = if self.recompute { " recompute" } else { "" };
        format!("steps={}{reverse}{recompute}", self.packing)
    }

    /// The shape and type of a part, where `outer` gives the shape of each of the node's inputs.
    pub(crate) fn part(
        &self,
        part: Part,
        outer: impl Fn(usize) -> Shape,
    ) -> Result<(Shape, DType), ShapeError> {
        let node = match part {
            Part::Final(state) => {
                let slot = self.states().nth(state as usize).expect("a part names an existing state");
                return Ok((outer(slot), self.body.node(self.body.inputs[slot]).dtype));
            }
            Part::Stacked(node) | Part::Summed(node) | Part::Result(node) => self.body.node(node),
        };
        let leads = node.shape.dims().first() == Some(&self.rows);
        let shape = match part {
            Part::Stacked(_) if self.stacks(&node.shape) => node.shape.with_leading(self.packing.total()),
            Part::Summed(_) if self.stacks(&node.shape) => node.shape.with_leading(self.packing.sequences()),
            Part::Summed(_) if !leads => node.shape.clone(),
            _ => {
                let twice = if leads { ", and along no other: their number changes" } else { "" };
                let reason =
                    format!("an output of a step needs the rows of the step as its leading axis{twice}");
                return Err(ShapeError::new("scan", [&node.shape], reason));
            }
        };
        Ok((shape, node.dtype))
    }

    /// Whether the values of a shape at all steps can lie one after another: the rows of the step are the leading axis,
    /// and no other, since they are fewer or more in another step.
    pub(crate) fn stacks(&self, shape: &Shape) -> bool {
        let of_step = |dim: &Dim| self.rows.is_per_row() && dim.is_per_row();
        shape.dims().first() == Some(&self.rows) && !shape.dims()[1..].iter().any(of_step)
    }

    /// Whether there is such a part.
    pub(crate) fn has(&self, part: Part) -> bool {
        match part {
            Part::Final(state) => (state as usize) < self.next.len(),
            Part::Stacked(node) | Part::Summed(node) => {
                self.body.nodes.get(node.index()).is_some_and(|node| node.op.has_value())
            }
            Part::Result(_) => false,
        }
    }

    /// The inputs that are states.
    pub(crate) fn states(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.roles.len()).filter(|slot| self.roles[*slot] == Role::State)
    }

    /// The steps in the order in which they run.
    pub(crate) fn order(&self) -> impl Iterator<Item = usize> {
        let (steps, reverse) = (self.packing.steps(), self.reverse);
        (0..steps).map(move |t| if reverse { steps - 1 - t } else { t })
    }

    /// The nodes of the body that a run needs for the given parts.
    pub(crate) fn wanted(&self, parts: impl IntoIterator<Item = Part>) -> Vec<NodeId> {
        let nodes = parts.into_iter().filter_map(Part::node);
        let mut seen = HashSet::new();
        self.next.iter().copied().chain(nodes).filter(|node| seen.insert(*node)).collect()
    }
}

impl PartialEq for Scan {
    fn eq(&self, other: &Scan) -> bool {
        self.body == other.body
            && (&self.roles, &self.next, &self.packing, self.rows)
                == (&other.roles, &other.next, &other.packing, other.rows)
            && (self.reverse, self.recompute) == (other.reverse, other.recompute)
    }
}

impl Eq for Scan {}

impl Hash for Scan {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.body, &self.roles, &self.next, &self.packing, self.reverse, self.recompute).hash(state);
    }
}

/// A value or a structure of values, such as the state of a cell with named parts.
///
/// [`bundle!`](crate::bundle) implements it for a struct of [`Var`]s.
pub trait Bundle<'t>: Clone {
    /// Appends all values in a fixed order.
    fn flatten(&self, to: &mut Vars<'t>);

    /// All values in that order.
    fn parts(&self) -> Vars<'t> {
        let mut parts = Vars::new();
        self.flatten(&mut parts);
        parts
    }

    /// The same structure around other values, taken in the same order.
    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self;

    /// The structure whose first value is `first` and whose others are zeros of its shape; of a structure of
    /// any length, one element.
    fn starting(first: Var<'t>) -> Self;
}

impl<'t> Bundle<'t> for Var<'t> {
    fn flatten(&self, to: &mut Vars<'t>) {
        to.push(*self);
    }

    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
        from.next().expect("as many values as were flattened")
    }

    fn starting(first: Var<'t>) -> Self {
        first
    }
}

impl<'t> Bundle<'t> for Vars<'t> {
    fn flatten(&self, to: &mut Vars<'t>) {
        to.extend_from_slice(self);
    }

    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
        from.take(self.len()).collect()
    }

    fn starting(first: Var<'t>) -> Self {
        std::iter::once(first).collect()
    }
}

impl<'t, B: Bundle<'t>> Bundle<'t> for Vec<B> {
    fn flatten(&self, to: &mut Vars<'t>) {
        self.iter().for_each(|part| part.flatten(to));
    }

    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
        self.iter().map(|part| part.rebuild(from)).collect()
    }

    fn starting(first: Var<'t>) -> Self {
        vec![B::starting(first)]
    }
}

impl<'t, B: Bundle<'t>, const N: usize> Bundle<'t> for [B; N] {
    fn flatten(&self, to: &mut Vars<'t>) {
        self.iter().for_each(|part| part.flatten(to));
    }

    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
        std::array::from_fn(|index| self[index].rebuild(from))
    }

    fn starting(first: Var<'t>) -> Self {
        std::array::from_fn(|index| B::starting(if index == 0 { first } else { first.zeros_like() }))
    }
}

/// No values at all, for a step without inputs or without outputs.
impl<'t> Bundle<'t> for () {
    fn flatten(&self, _: &mut Vars<'t>) {}

    fn rebuild(&self, _: &mut impl Iterator<Item = Var<'t>>) -> Self {}

    fn starting(_: Var<'t>) -> Self {}
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<'t, $($name: Bundle<'t>),*> Bundle<'t> for ($($name,)*) {
            fn flatten(&self, to: &mut Vars<'t>) {
                $(self.$index.flatten(to);)*
            }

            fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
                ($(self.$index.rebuild(from),)*)
            }

            fn starting(first: Var<'t>) -> Self {
                ($($name::starting(if $index == 0 { first } else { first.zeros_like() }),)*)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

/// Implements [`Bundle`] for a struct with one lifetime whose fields are values or bundles.
///
/// ```
/// use tape::{Var, bundle};
///
/// #[derive(Clone, Copy)]
/// struct LstmState<'t> {
///     h: Var<'t>,
///     c: Var<'t>,
/// }
/// bundle!(LstmState { h, c });
/// ```
#[macro_export]
macro_rules! bundle {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl<'t> $crate::Bundle<'t> for $name<'t> {
            fn flatten(&self, to: &mut $crate::Vars<'t>) {
                $($crate::Bundle::flatten(&self.$field, to);)+
            }

            fn rebuild(&self, from: &mut impl Iterator<Item = $crate::Var<'t>>) -> Self {
                $name { $($field: $crate::Bundle::rebuild(&self.$field, from)),+ }
            }

            fn starting(first: $crate::Var<'t>) -> Self {
                let mut value = Some(first);
                $name {
                    $($field: $crate::Bundle::starting(value.take().unwrap_or_else(|| first.zeros_like()))),+
                }
            }
        }
    };
}

/// Runs `step` over time: from a state (N, …) and sequences packed as `packing` says, the state after
/// the last step of each sequence and the outputs of all steps, packed.
///
/// Inside `step` the leading axis is `n`, the sequences that are still running. Values from outside can
/// be used in it: they are the same in every step, or with [`Var::rows`] the same in every step of a
/// sequence.
///
/// ```
/// use tape::{DType, Packing, Tape, Tensor, scan};
///
/// let tape = Tape::new(DType::F64);
/// // Two sequences, of three steps and of one: the running sum of each.
/// let x = tape.input(Tensor::new([4, 1], vec![1.0, 10.0, 2.0, 3.0]));
/// let zero = tape.input(Tensor::new([2, 1], vec![0.0, 0.0]));
/// let (last, sums) = scan(&Packing::ragged(&[3, 1]), zero, x, |sum, x| (sum + x, sum + x));
/// assert_eq!(last.value().as_slice::<f64>(), [6.0, 10.0]);
/// assert_eq!(sums.value().as_slice::<f64>(), [1.0, 10.0, 3.0, 6.0]);
/// ```
///
/// # Panics
/// If a leading axis is not as the packing says, the next state has another shape than the state, or
/// an output does not lead with the rows of the step.
#[track_caller]
pub fn scan<'t, S: Bundle<'t>, X: Bundle<'t>, Y: Bundle<'t>>(
    packing: &Packing,
    state: S,
    inputs: X,
    step: impl FnOnce(S, X) -> (S, Y),
) -> (S, Y) {
    scan_with(packing, ScanOptions::default(), state, inputs, step)
}

/// Like [`scan`], but from the last step to the first.
#[track_caller]
pub fn scan_reverse<'t, S: Bundle<'t>, X: Bundle<'t>, Y: Bundle<'t>>(
    packing: &Packing,
    state: S,
    inputs: X,
    step: impl FnOnce(S, X) -> (S, Y),
) -> (S, Y) {
    scan_with(packing, ScanOptions { reverse: true, ..ScanOptions::default() }, state, inputs, step)
}
