//! Reverse-mode differentiation: a backward sweep that records the gradients on the same tape.
//!
//! The sweep walks the nodes from the differentiated value to the first, and asks the rule of each for
//! the gradients with respect to its operands, which are recorded as further nodes. So a gradient can
//! be differentiated again.
//!
//! The gradient through a scan, which is another scan, stands in `through_scan`.

mod through_scan;

use std::fmt;
use std::panic::Location;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::error::{ShapeError, or_panic};
use crate::graph::{Node, NodeId, ScopeId};
use crate::ops::{Gradients, Op, Part, Rule};
use crate::record::Tape;
use crate::recording::Origin;
use crate::severed::why_severed;
use crate::shape::Shape;
use crate::trail::Taken;
use crate::var::{Var, Vars};
use through_scan::scan_adjoint;
pub(crate) use through_scan::wanted_inputs;

/// The gradients of a single number with respect to values that it was computed from.
///
/// # Panics
/// If `of` is not a single number, or does not depend on one of `wrt`: a path that is cut by mistake
/// should be heard of. [`try_grad`] leaves that to the caller.
#[track_caller]
pub fn grad<'t>(of: Var<'t>, wrt: &[Var<'t>]) -> Vars<'t> {
    let mut connected = Vars::new();
    for (index, gradient) in or_panic(try_grad(of, wrt)).into_iter().enumerate() {
        let Some(gradient) = gradient else {
            let (name, why) = (of.tape().describe(wrt[index]), why_severed(of, wrt[index]));
            panic!("grad: the value does not depend on {name} (number {index} of those asked for): {why}")
        };
        connected.push(gradient);
    }
    connected
}

/// Gradients with respect to some values; nothing for one that does not matter ([`why_severed`] says why).
pub type MaybeVars<'t> = SmallVec<[Option<Var<'t>>; 16]>;

/// The gradients of a single number with respect to some values; nothing for one that it does not
/// depend on.
///
/// # Errors
/// If `of` is not a single floating-point number, or an operation on the way, which is named, gives no gradient for an
/// operand.
#[track_caller]
pub fn try_grad<'t>(of: Var<'t>, wrt: &[Var<'t>]) -> Result<MaybeVars<'t>, ShapeError> {
    let tape = of.tape();
    if of.shape().rank() != 0 || !of.dtype().is_real() {
        let reason = "only a single floating-point number has a gradient; take a sum first";
        return Err(ShapeError::new("grad", [&of.shape()], reason));
    }
    let location = Location::caller();
    let places: SmallVec<[NodeId; 16]> = wrt.iter().map(|var| tape.place(*var)).collect();
    let of = tape.place(of);
    let known = tape.recording(|recording| {
        let results = recording.take_gradient(of, &places, location)?;
        Some(results.iter().copied().collect::<SmallVec<[_; 16]>>())
    });
    if let Some(results) = known {
        return Ok(results.into_iter().map(|place| place.map(|place| tape.at(place))).collect());
    }
    let begin = tape.recording(|recording| recording.gradient_begins());
    let wanted = tape.dependents(&places);
    let outer = tape.recording(|recording| recording.origin);
    // What no node of the program stands for has the line of this call.
    tape.recording(|recording| {
        let scope = recording.scopes.gradients_of(ScopeId::default());
        recording.origin = Some(Origin { location, scope });
    });
    let adjoints = sweep(&Recorded { tape }, &wanted, [(of, tape.number(1.0))]);
    if let Some(fault) = tape.recording(|recording| recording.fault.take()) {
        tape.recording(|recording| recording.origin = outer);
        return Err(fault);
    }
    let found = |place: &NodeId| adjoints.get(place.index()).copied().flatten();
    let results: MaybeVars<'t> =
        places.iter().map(|place| found(place).filter(|_| place.index() <= of.index())).collect();
    tape.recording(|recording| {
        recording.origin = outer;
        let results = results.iter().map(|result| result.map(|var| var.id())).collect();
        recording.remember_gradient(begin, Taken { of, wrt: places, location, nodes: (0, 0), results });
    });
    Ok(results)
}

/// Where a backward sweep finds the program that it walks over.
trait Forward<'t> {
    fn tape(&self) -> &'t Tape;
    fn node(&self, id: NodeId) -> Node;
    fn shape(&self, id: NodeId) -> Shape;
    /// The value of a node, as an operand for what is being recorded.
    fn value(&self, id: NodeId) -> Var<'t>;
}

/// What a gradient rule sees: the operation's operands and result, and the gradient that reaches it.
pub struct Adjoint<'a, 't> {
    forward: &'a dyn Forward<'t>,
    wanted: &'a [bool],
    id: NodeId,
    node: &'a Node,
    upstream: Var<'t>,
}

impl fmt::Debug for Adjoint<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Adjoint { wanted, node, upstream, .. } = self;
        let mut debug = f.debug_struct("Adjoint");
        debug
            .field("op", &node.op)
            .field("wanted", wanted)
            .field("upstream", upstream)
            .finish_non_exhaustive()
    }
}

impl<'t> Adjoint<'_, 't> {
    /// The gradient with respect to the result.
    pub fn upstream(&self) -> Var<'t> {
        self.upstream
    }

    /// How many operands there are.
    pub fn inputs(&self) -> usize {
        self.node.inputs.len()
    }

    /// An operand. Inside a scan, asking for it saves it for the backward loop.
    pub fn input(&self, index: usize) -> Var<'t> {
        self.forward.value(self.node.inputs[index])
    }

    /// The result. Inside a scan, asking for it saves it for the backward loop.
    pub fn output(&self) -> Var<'t> {
        self.forward.value(self.id)
    }

    /// The shape of an operand, which costs nothing to ask for.
    pub fn input_shape(&self, index: usize) -> Shape {
        self.forward.shape(self.node.inputs[index])
    }

    /// Whether the gradient with respect to an operand is used.
    pub fn wants(&self, index: usize) -> bool {
        self.wanted[self.node.inputs[index].index()]
    }

    /// A number of the tape's type.
    pub fn number(&self, number: f64) -> Var<'t> {
        self.upstream.tape().number(number)
    }
}

/// Walks from the seeds to the first node. For each node the gradient that reached it, if it is wanted.
fn sweep<'t>(
    forward: &dyn Forward<'t>,
    wanted: &[bool],
    seeds: impl IntoIterator<Item = (NodeId, Var<'t>)>,
) -> Vec<Option<Var<'t>>> {
    let mut adjoints: Vec<Option<Var<'t>>> = vec![None; wanted.len()];
    let mut parts: FxHashMap<NodeId, Vec<(Part, Var<'t>)>> = FxHashMap::default();
    let reach = |adjoints: &mut Vec<Option<Var<'t>>>, id: NodeId, gradient: Var<'t>| {
        let gradient = gradient.sum_to(&forward.shape(id));
        let sum = match adjoints[id.index()] {
            Some(before) => before + gradient,
            None => gradient,
        };
        adjoints[id.index()] = Some(sum);
    };
    for (id, gradient) in seeds {
        if wanted[id.index()] {
            reach(&mut adjoints, id, gradient);
        }
    }
    let outer = forward.tape().recording(|recording| recording.origin);
    for index in (0..wanted.len()).rev() {
        let id = NodeId::at(index);
        if adjoints[index].is_none() && !parts.contains_key(&id) {
            continue;
        }
        let node = forward.node(id);
        // What is recorded for the gradient of a node has the line of that node.
        forward.tape().recording(|recording| {
            let scope = recording.scopes.gradients_of(node.scope);
            recording.origin = Some(Origin { location: node.location, scope });
        });
        let gradients: Gradients<'t> = match (&node.op, adjoints[index]) {
            (Op::Scan(scan), _) => match parts.remove(&id) {
                Some(upstream) => scan_adjoint(forward, id, &node, scan, wanted, &upstream),
                None => continue,
            },
            (Op::Part(part), Some(upstream)) => {
                parts.entry(node.inputs[0]).or_default().push((*part, upstream));
                continue;
            }
            (op, Some(upstream)) => match op.rule() {
                Some(rule) => {
                    let gradients = rule.grad(&Adjoint { forward, wanted, id, node: &node, upstream });
                    check_complete(forward, &node, rule, wanted, &gradients);
                    gradients
                }
                None => continue,
            },
            (_, None) => continue,
        };
        for (input, gradient) in node.inputs.iter().zip(gradients) {
            if let Some(gradient) = gradient.filter(|_| wanted[input.index()]) {
                reach(&mut adjoints, *input, gradient);
            }
        }
    }
    forward.tape().recording(|recording| recording.origin = outer);
    adjoints
}

/// Notes a gradient that a rule was to give and did not: left out in silence, it would be taken for zero.
fn check_complete(
    forward: &dyn Forward<'_>,
    node: &Node,
    rule: &dyn Rule,
    wanted: &[bool],
    gradients: &[Option<Var<'_>>],
) {
    let is_missing = |(operand, input): &(usize, &NodeId)| {
        wanted[input.index()] && gradients.get(*operand).is_none_or(Option::is_none) && !rule.flat(*operand)
    };
    if let Some((operand, input)) = node.inputs.iter().enumerate().find(is_missing) {
        let reason = format!(
            "`{}` recorded at {} has no gradient with respect to its operand {operand}; give one in `Rule::grad`, \
             or say in `Rule::flat` that none flows",
            rule.name(),
            node.location
        );
        let fault = ShapeError::new("grad", [&forward.shape(*input)], reason);
        forward.tape().recording(|recording| _ = recording.fault.get_or_insert(fault));
    }
}

/// A program in the frame that is being recorded: its values are at hand.
struct Recorded<'t> {
    tape: &'t Tape,
}

impl<'t> Forward<'t> for Recorded<'t> {
    fn tape(&self) -> &'t Tape {
        self.tape
    }

    fn shape(&self, id: NodeId) -> Shape {
        self.tape.at(id).shape()
    }

    fn node(&self, id: NodeId) -> Node {
        self.tape.node(self.tape.at(id))
    }

    fn value(&self, id: NodeId) -> Var<'t> {
        self.tape.at(id)
    }
}

impl Tape {
    /// A value in words: its name where it has one, else its shape and the line that recorded it.
    pub(crate) fn describe(&self, var: Var<'_>) -> String {
        let node = self.node(var);
        match node.op {
            Op::Input(slot) => self.input_name(slot as usize),
            _ => None,
        }
        .map_or_else(
            || format!("the {} of {} recorded at {}", node.op.name(), node.shape, node.location),
            |name| format!("`{name}`"),
        )
    }
}
