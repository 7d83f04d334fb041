//! Reverse-mode differentiation: a backward sweep that records the gradients on the same tape.
//!
//! The sweep walks the nodes from the differentiated value to the first, and asks the rule of each for
//! the gradients with respect to its operands, which are recorded as further nodes. So a gradient can
//! be differentiated again.
//!
//! **Through a scan.** Let the body compute `s' = f(s, x, c)` from the state, the step's rows of the
//! sequences, and constants. With `a'` the gradient that reaches `s'` from later steps and `u` what
//! reaches the step's outputs, the backward body is the sweep over the body's own nodes:
//! `a = a' ∂f/∂s + u ∂y/∂s` is the state of a scan run the other way, the gradients of the sequences are
//! stacked, and those of the constants are summed over time. What the backward body needs of the forward
//! one becomes a further part of the forward scan; only what is the same in every step, and loops
//! within the step, are recorded again. A scan that is marked so is recorded again as a whole, and the
//! backward body takes what it needs from the second run.

use std::cell::RefCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::error::ShapeError;
use crate::graph::{Node, NodeId, ScopeId, dependents};
use crate::ops::{Gradients, Op, Part, Rule};
use crate::record::Tape;
use crate::recording::Origin;
use crate::scan::{Role, Scan};
use crate::severed::why_severed;
use crate::shape::Shape;
use crate::trail::Taken;
use crate::var::{Var, Vars};

/// The gradients of a single number with respect to values that it was computed from.
///
/// # Panics
/// If `of` is not a single number, or does not depend on one of `wrt`: a path that is cut by mistake
/// should be heard of. [`try_grad`] leaves that to the caller.
#[track_caller]
pub fn grad<'t>(of: Var<'t>, wrt: &[Var<'t>]) -> Vars<'t> {
    let gradients = try_grad(of, wrt).unwrap_or_else(|error| panic!("{error}"));
    let connected = |(index, gradient): (usize, Option<Var<'t>>)| {
        gradient.unwrap_or_else(|| {
            let (name, why) = (of.tape().describe(wrt[index]), why_severed(of, wrt[index]));
            panic!("grad: the value does not depend on {name} (number {index} of those asked for): {why}")
        })
    };
    gradients.into_iter().enumerate().map(connected).collect()
}

/// Gradients with respect to some values; nothing for one that does not matter ([`why_severed`] says why).
pub type MaybeVars<'t> = SmallVec<[Option<Var<'t>>; 16]>;

/// The gradients of a single number with respect to some values; nothing for one that it does not
/// depend on. The error says that `of` is not a single floating-point number, or names an operation that
/// gives no gradient for an operand on the way.
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

/// Records the scan that runs backward, and returns the gradients of the forward scan's inputs.
fn scan_adjoint<'t>(
    around: &dyn Forward<'t>,
    id: NodeId,
    node: &Node,
    scan: &Arc<Scan>,
    wanted_around: &[bool],
    upstream: &[(Part, Var<'t>)],
) -> Gradients<'t> {
    let forward_scan = if scan.recompute { run_again(around, node, scan) } else { around.value(id) };
    let tape = forward_scan.tape();
    let body = &scan.body;
    let states: Vec<usize> = scan.states().collect();
    let wanted_inputs = wanted_inputs(scan, |slot| wanted_around[node.inputs[slot].index()]);
    let wanted = dependents(&body.nodes, &wanted_inputs);
    let wanted_states: Vec<usize> =
        (0..states.len()).filter(|state| wanted[body.inputs[states[*state]].index()]).collect();

    let reached =
        |wanted_part: Part| upstream.iter().find(|(part, _)| *part == wanted_part).map(|(_, var)| *var);
    let initial: Vec<Var<'t>> = wanted_states
        .iter()
        .map(|state| {
            reached(Part::Final(*state as u32)).unwrap_or_else(|| {
                let shape = around.node(node.inputs[states[*state]]).shape;
                tape.number(0.0).expand(shape)
            })
        })
        .collect();

    // What the backward body may need from around it is asked for before its frame is opened.
    let around_it: Vec<Option<Var<'t>>> = scan
        .roles
        .iter()
        .zip(&node.inputs)
        .map(|(role, input)| (*role != Role::State).then(|| around.value(*input)))
        .collect();

    tape.open_body(&scan.packing, !scan.reverse, false);
    let feed = |var, role| tape.feed(var, role).unwrap_or_else(|error| panic!("{error}"));
    let carried: Vec<Var<'t>> = initial.iter().map(|var| feed(*var, Role::State)).collect();
    let from_states = wanted_states.iter().zip(&carried).map(|(state, var)| (scan.next[*state], *var));
    let from_parts = upstream.iter().filter_map(|(part, var)| match part {
        Part::Final(_) | Part::Result(_) => None,
        Part::Stacked(node) => Some((*node, feed(*var, Role::Sequence))),
        Part::Summed(node) => {
            let leads = body.node(*node).shape.dims().first() == Some(&scan.rows);
            Some((*node, feed(*var, if leads { Role::Rows } else { Role::Constant })))
        }
    });
    let seeds: Vec<(NodeId, Var<'t>)> = from_states.chain(from_parts).collect();
    let saved = Saved::new(scan, forward_scan, &around_it);
    let adjoints = sweep(&saved, &wanted, seeds);

    let of_input =
        |slot: usize| adjoints[body.inputs[slot].index()].filter(|_| wanted[body.inputs[slot].index()]);
    let next: Vec<Var<'t>> = wanted_states
        .iter()
        .zip(&carried)
        .map(|(state, var)| of_input(states[*state]).unwrap_or_else(|| var.zeros_like()))
        .collect();
    let places: Vec<Option<NodeId>> =
        (0..scan.roles.len()).map(|slot| of_input(slot).map(|var| tape.place(var))).collect();
    let backward = tape.close_body(&next);
    let take = |part| tape.part(backward, part).unwrap_or_else(|error| panic!("{error}"));
    let gradient = |slot: usize| match scan.roles[slot] {
        Role::State => {
            let position = wanted_states.iter().position(|state| states[*state] == slot)?;
            Some(take(Part::Final(position as u32)))
        }
        Role::Sequence => places[slot].map(|place| take(Part::Stacked(place))),
        Role::Rows | Role::Constant => places[slot].map(|place| take(Part::Summed(place))),
    };
    (0..scan.roles.len()).map(gradient).collect()
}

/// Records a scan again, for a gradient that is to take what it needs from there. The barriers keep the
/// second run, and what leaves its loop, apart from the first: else all would be kept from then till now.
fn run_again<'t>(around: &dyn Forward<'t>, node: &Node, scan: &Scan) -> Var<'t> {
    let inputs: Vec<Var<'t>> = node.inputs.iter().map(|input| around.value(*input)).collect();
    let tape = inputs[0].tape();
    let apart = |(role, input): (&Role, &Var<'t>)| match role {
        Role::Constant => *input,
        Role::State | Role::Sequence | Role::Rows => input.barrier(),
    };
    let inputs: Vec<Var<'t>> = scan.roles.iter().zip(&inputs).map(apart).collect();
    let again = Scan { recompute: false, ..scan.clone() };
    tape.replay(&Node { op: Op::Scan(Arc::new(again)), ..node.clone() }, &inputs)
}

/// The inputs of a body that gradients flow to: the wanted ones, and the states that depend on them.
pub(crate) fn wanted_inputs(scan: &Scan, wanted: impl Fn(usize) -> bool) -> Vec<NodeId> {
    let body = &scan.body;
    let real = |slot: &usize| body.node(body.inputs[*slot]).dtype.is_real();
    let mut inputs: Vec<NodeId> = (0..scan.roles.len())
        .filter(|slot| wanted(*slot))
        .filter(real)
        .map(|slot| body.inputs[slot])
        .collect();
    loop {
        let depends = dependents(&body.nodes, &inputs);
        let added: Vec<NodeId> = scan
            .states()
            .zip(&scan.next)
            .filter(|(slot, next)| depends[next.index()] && !depends[body.inputs[*slot].index()])
            .map(|(slot, _)| body.inputs[slot])
            .collect();
        if added.is_empty() {
            return inputs;
        }
        inputs.extend(added);
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

/// The body of a scan as its backward body sees it: what is asked for is saved by the forward scan.
struct Saved<'a, 't> {
    scan: &'a Arc<Scan>,
    forward_scan: Var<'t>,
    /// What feeds the inputs of the body that are not states.
    around_it: &'a [Option<Var<'t>>],
    /// Which nodes differ from step to step; the others are cheaper to compute again.
    varies: Vec<bool>,
    known: RefCell<FxHashMap<NodeId, Var<'t>>>,
}

impl<'a, 't> Saved<'a, 't> {
    fn new(scan: &'a Arc<Scan>, forward_scan: Var<'t>, around_it: &'a [Option<Var<'t>>]) -> Self {
        let varying: Vec<NodeId> = (0..scan.roles.len())
            .filter(|slot| scan.roles[*slot] != Role::Constant)
            .map(|slot| scan.body.inputs[slot])
            .collect();
        let varies = dependents(&scan.body.nodes, &varying);
        Saved { scan, forward_scan, around_it, varies, known: RefCell::default() }
    }

    fn find(&self, id: NodeId) -> Var<'t> {
        let node = self.scan.body.node(id);
        let tape = self.forward_scan.tape();
        let feed = |var, role| tape.feed(var, role).unwrap_or_else(|error| panic!("{error}"));
        let stacked = || {
            let part = tape.part(self.forward_scan, Part::Stacked(id));
            feed(part.unwrap_or_else(|error| panic!("{error}")), Role::Sequence)
        };
        let stacks = self.scan.stacks(&node.shape);
        match node.op {
            Op::Input(slot) => match self.around_it[slot as usize] {
                Some(outer) => feed(outer, self.scan.roles[slot as usize]),
                None => stacked(),
            },
            Op::Scan(_) => self.again(node),
            _ if stacks && self.varies[id.index()] => stacked(),
            _ => self.again(node),
        }
    }

    fn again(&self, node: &Node) -> Var<'t> {
        let inputs: Vec<Var<'t>> = node.inputs.iter().map(|input| self.value(*input)).collect();
        self.forward_scan.tape().replay(node, &inputs)
    }
}

impl<'t> Forward<'t> for Saved<'_, 't> {
    fn tape(&self) -> &'t Tape {
        self.forward_scan.tape()
    }

    fn shape(&self, id: NodeId) -> Shape {
        self.scan.body.node(id).shape.clone()
    }

    fn node(&self, id: NodeId) -> Node {
        self.scan.body.node(id).clone()
    }

    fn value(&self, id: NodeId) -> Var<'t> {
        let known = self.known.borrow().get(&id).copied();
        known.unwrap_or_else(|| {
            let var = self.find(id);
            self.known.borrow_mut().insert(id, var);
            var
        })
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
