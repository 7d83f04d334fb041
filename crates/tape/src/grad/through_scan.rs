//! The gradient through a scan. Let the body compute `s' = f(s, x, c)` from the state, the step's rows of the
//! sequences, and constants. With `a'` the gradient that reaches `s'` from later steps and `u` what
//! reaches the step's outputs, the backward body is the sweep over the body's own nodes:
//! `a = a' ∂f/∂s + u ∂y/∂s` is the state of a scan run the other way, the gradients of the sequences are
//! stacked, and those of the constants are summed over time. What the backward body needs of the forward
//! one becomes a further part of the forward scan; only what is the same in every step, and loops
//! within the step, are recorded again. A scan that is marked so is recorded again as a whole, and the
//! backward body takes what it needs from the second run.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Forward, sweep};
use crate::graph::{Node, NodeId, dependents};
use crate::ops::{Gradients, Op, Part};
use crate::record::Tape;
use crate::scan::{Role, Scan};
use crate::shape::Shape;
use crate::var::Var;

/// Records the scan that runs backward, and returns the gradients of the forward scan's inputs.
pub(super) fn scan_adjoint<'t>(
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
    let carried: Vec<Var<'t>> = initial.iter().map(|var| tape.feed(*var, Role::State)).collect();
    let from_states = wanted_states.iter().zip(&carried).map(|(state, var)| (scan.next[*state], *var));
    let from_parts = upstream.iter().filter_map(|(part, var)| match part {
        Part::Final(_) | Part::Result(_) => None,
        Part::Stacked(node) => Some((*node, tape.feed(*var, Role::Sequence))),
        Part::Summed(node) => {
            let leads = body.node(*node).shape.dims().first() == Some(&scan.rows);
            Some((*node, tape.feed(*var, if leads { Role::Rows } else { Role::Constant })))
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
    let take = |part| tape.part(backward, part);
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
        let stacked = || tape.feed(tape.part(self.forward_scan, Part::Stacked(id)), Role::Sequence);
        let stacks = self.scan.stacks(&node.shape);
        match node.op {
            Op::Input(slot) => match self.around_it[slot as usize] {
                Some(outer) => tape.feed(outer, self.scan.roles[slot as usize]),
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
