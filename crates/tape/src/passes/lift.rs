//! Takes out of loops what need not be in them: time batching.
//!
//! Of the nodes of a scan's body
//!
//! - those that depend only on constants are computed **once**, before the loop;
//! - those that depend only on the step's rows of the sequences (or on the rows of a sequence that are
//!   the same in every step) and treat each row by itself are computed **before** the loop for all rows
//!   at once: every `x_t · Wx` becomes one product;
//! - those that feed only outputs and treat each row by itself are computed **after** it: every
//!   `dz_t · Wxᵀ` becomes one product;
//! - sums over time of what sums over rows become one such sum over all rows: `Σ_t h_{t-1}ᵀ · dz_t`
//!   is one product whose inner extent is all rows, `Σ_t Σ_n dz` one reduction.
//!
//! The laws are `stack_t f(x_t) = f(stack_t x_t)` for an `f` that maps rows,
//! `Σ_t f(x_t) = f(stack_t x_t)` for an `f` that sums over rows, and `Σ_t f(x_t) = f(Σ_t x_t)` for a linear
//! one, where what `f` takes besides is the same in every step. Each operation says by [`Rule::row_wise`](crate::ops::Rule::row_wise),
//! [`Rule::sums_rows`](crate::ops::Rule::sums_rows) and [`Rule::linear`](crate::ops::Rule::linear) whether
//! they hold of it, so this pass knows no cell and no operation. What stays is what truly carries from step to step.
//! A value with several rows for each row of the step, `[kn, …]`, is handed in and yielded as `[n, k, …]`.
//!
//! Left alone: scans inside a step whose number of rows is not that of the step.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::graph::{Graph, Inputs, Node, NodeId};
use crate::ops::{Kind, Op, Part, Reshape};
use crate::program::Program;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};

/// Lifts what can be lifted out of every scan, inner ones first.
pub fn lift(program: Program) -> Program {
    lift_graph(program.map_bodies(&mut lift_graph))
}

pub(crate) fn lift_graph(program: Program) -> Program {
    let parts = program.parts();
    let mut found: HashMap<(NodeId, Part), NodeId> = HashMap::new();
    program.rebuild(|graph, id, node| match &node.op {
        Op::Scan(scan) if scan.rows == Dim::ROWS => {
            let scan = Arc::clone(scan);
            let wanted = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
            let (new_scan, places) = Lift::new(graph, &node, &scan).run(wanted);
            found.extend(places.into_iter().map(|(part, place)| ((new_scan, part), place)));
            new_scan
        }
        Op::Part(part) => match found.get(&(node.inputs[0], *part)) {
            Some(place) => *place,
            None => graph.push(node),
        },
        _ => graph.push(node),
    })
}

/// Where a node of a body is computed after lifting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fate {
    /// Once, since every step has the same.
    Once,
    /// Before the loop, for all rows at once.
    Before,
    /// In every step.
    Stays,
    /// After the loop, for all rows at once.
    After,
    /// After the loop, where its sum over time is computed at once.
    Summed,
}

/// What will become of the nodes of a body, inner loops being lifted already. `graph` is what stands around
/// the loop, and is left with further nodes.
pub(crate) fn fates(graph: &mut Graph, node: &Node, scan: &Scan, wanted: &[Part]) -> Vec<Option<Fate>> {
    let mut lift = Lift::new(graph, node, scan);
    let (yields, seen) = lift.decide(wanted);
    let needed = lift.needed(&yields);
    let live = scan.body.ancestors(scan.wanted(wanted.iter().copied()));
    let fate = |(id, _): (NodeId, &Node)| match lift.before.get(&id) {
        _ if !live[id.index()] => None,
        Some((_, Class::Constant)) => Some(Fate::Once),
        Some(_) => Some(Fate::Before),
        None if needed[id.index()] => Some(Fate::Stays),
        None if seen.contains(&Part::Stacked(id)) => Some(Fate::After),
        None => Some(Fate::Summed),
    };
    scan.body.iter().map(fate).collect()
}

/// What a value that left the loop depends on, and so how a step finds its share of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// The same in every step.
    Constant,
    /// The same in every step of a sequence.
    Rows,
    /// Each step has its rows.
    Sequence,
}

impl Class {
    /// The class of what is computed from both, if it can be computed outside.
    fn and(self, other: Class) -> Option<Class> {
        match (self, other) {
            (Class::Constant, class) | (class, Class::Constant) => Some(class),
            (a, b) if a == b => Some(a),
            _ => None,
        }
    }

    fn role(self) -> Role {
        match self {
            Class::Constant => Role::Constant,
            Class::Rows => Role::Rows,
            Class::Sequence => Role::Sequence,
        }
    }
}

struct Lift<'a> {
    /// The graph around the loop, as far as it has been rebuilt.
    graph: &'a mut Graph,
    node: &'a Node,
    scan: &'a Scan,
    /// The values of nodes of the body that are computed before the loop.
    before: HashMap<NodeId, (NodeId, Class)>,
    /// Whether the next states depend on a node that stays in the loop.
    carried: Vec<bool>,
}

/// How the value of a part is found without the loop computing it.
enum Route {
    /// It cannot: the loop yields it.
    Loop,
    /// Apply the operation to all rows of its operands, or to sums over time of them.
    Apply(Vec<Source>),
}

#[derive(Clone, Copy)]
enum Source {
    /// A value from before the loop.
    Before(NodeId),
    /// The rows of all steps of a node of the body.
    Stacked(NodeId),
    /// The sum over time of a node of the body.
    Summed(NodeId),
}

impl<'a> Lift<'a> {
    fn new(graph: &'a mut Graph, node: &'a Node, scan: &'a Scan) -> Lift<'a> {
        Lift { graph, node, scan, before: HashMap::new(), carried: Vec::new() }
    }

    /// Rebuilds the loop; its new place, and where each wanted part is.
    fn run(mut self, wanted: &[Part]) -> (NodeId, HashMap<Part, NodeId>) {
        let (yields, _) = self.decide(wanted);
        let (scan_place, new_ids) = self.rebuild_loop(&yields);
        let mut places: HashMap<Part, NodeId> = HashMap::new();
        for part in &yields {
            let moved = part.moved(|node| new_ids[&node]);
            places.insert(*part, self.push_part(scan_place, *part, moved));
        }
        for part in wanted {
            self.compute_after(*part, &mut places);
        }
        (scan_place, places)
    }

    /// Which nodes the loop still has to yield, and in which form; and all parts that are needed for the
    /// wanted ones.
    fn decide(&mut self, wanted: &[Part]) -> (Vec<Part>, HashSet<Part>) {
        self.compute_before();
        self.carried = self.scan.body.ancestors(self.scan.next.iter().copied());
        let (mut yields, mut seen) = (Vec::new(), HashSet::new());
        wanted.iter().for_each(|part| self.collect(*part, &mut seen, &mut yields));
        (yields, seen)
    }

    /// Computes outside what depends only on constants, sequences or rows.
    fn compute_before(&mut self) {
        let body = &self.scan.body;
        for (id, node) in body.iter() {
            if let Op::Input(slot) = node.op {
                let class = match self.scan.roles[slot as usize] {
                    Role::State => continue,
                    Role::Constant if !node.shape.has_rows() => Class::Constant,
                    // A value of the step around the loop: the same in every step of each of its rows.
                    Role::Constant if node.shape.has_only_leading_rows() => Class::Rows,
                    Role::Constant => continue,
                    Role::Rows => Class::Rows,
                    Role::Sequence => Class::Sequence,
                };
                self.before.insert(id, (self.node.inputs[slot as usize], class));
                continue;
            }
            let operands: Option<Vec<(NodeId, Class)>> =
                node.inputs.iter().map(|input| self.before.get(input).copied()).collect();
            let Some(operands) = operands else { continue };
            let class = operands.iter().try_fold(Class::Constant, |class, (_, other)| class.and(*other));
            let Some(class) = class else { continue };
            let rows = match class {
                Class::Constant if node.shape.has_rows() => continue,
                Class::Constant => None,
                _ if !self.scan.body.maps_rows(node) => continue,
                Class::Rows => Some(self.scan.packing.sequences()),
                Class::Sequence => Some(self.scan.packing.total()),
            };
            // Loops and their parts stay together, in the body.
            if matches!(node.op, Op::Scan(_) | Op::Part(_)) {
                continue;
            }
            let inputs = operands.iter().map(|(place, _)| *place).collect();
            if let Some(place) = self.push_outside(node, inputs, rows) {
                self.before.insert(id, (place, class));
            }
        }
    }

    /// How a wanted part can be had after the loop.
    fn route(&self, part: Part) -> Route {
        let (Part::Stacked(id) | Part::Summed(id)) = part else { return Route::Loop };
        let node = self.scan.body.node(id);
        let Some(rule) = node.op.rule().filter(|_| !matches!(node.op, Op::Part(_))) else {
            return Route::Loop;
        };
        let operands = self.scan.body.metas(&node.inputs);
        let rows_of = |input: &NodeId| self.all_rows(*input);
        let constant = |input: &NodeId| match self.before.get(input) {
            Some((place, Class::Constant)) => Some(Source::Before(*place)),
            _ => None,
        };
        let sources: Option<Vec<Source>> = match part {
            Part::Stacked(_) => {
                let all_constant = node.inputs.iter().all(|input| constant(input).is_some());
                // What the loop computes anyway is not computed again, unless that is no work.
                let again = all_constant || node.op.kind() == Kind::View;
                let free = !self.carried[id.index()] || again;
                let source = |input: &NodeId| constant(input).or_else(|| rows_of(input));
                (self.scan.body.maps_rows(node) && free)
                    .then(|| node.inputs.iter().map(source).collect())
                    .flatten()
            }
            Part::Summed(_) => {
                let summed = rule.sums_rows(&operands);
                let all_rows = summed.then(|| node.inputs.iter().map(rows_of).collect()).flatten();
                all_rows.or_else(|| self.sums_over_time(node))
            }
            Part::Final(_) | Part::Result(_) => None,
        };
        sources.map_or(Route::Loop, Route::Apply)
    }

    /// The operands of a sum over time of a node that is linear in those that vary: their sums over time.
    fn sums_over_time(&self, node: &Node) -> Option<Vec<Source>> {
        let body = &self.scan.body;
        let rule = node.op.rule()?;
        let source = |input: &NodeId| match self.before.get(input) {
            Some((place, Class::Constant | Class::Rows)) => Source::Before(*place),
            _ => Source::Summed(*input),
        };
        let sources: Vec<Source> = node.inputs.iter().map(source).collect();
        let varies: SmallVec<[bool; 4]> =
            sources.iter().map(|source| matches!(source, Source::Summed(_))).collect();
        let operands = body.metas(&node.inputs);
        let mut varying = operands.iter().zip(&varies).filter(|(_, varies)| **varies).map(|(meta, _)| meta);
        let fits = if node.shape.has_rows() {
            // A sequence that has ended adds nothing, as long as all that varies has a row for it.
            self.scan.body.maps_rows(node)
                && varying.clone().all(|operand| operand.shape.has_only_leading_rows())
        } else {
            rule.sums_rows(&operands) || operands.iter().all(|operand| !operand.shape.has_rows())
        };
        (fits && varying.next().is_some() && rule.linear(&varies)).then_some(sources)
    }

    /// Where the rows of all steps of a node of the body come from, if it has rows.
    fn all_rows(&self, id: NodeId) -> Option<Source> {
        let shape = &self.scan.body.node(id).shape;
        match self.before.get(&id) {
            Some((place, Class::Sequence)) => Some(Source::Before(*place)),
            // The rows of sequences would have to be repeated for each step.
            Some((_, Class::Rows)) => None,
            _ if shape.leads_with_rows() && shape.has_only_leading_rows() => Some(Source::Stacked(id)),
            // The loop yields one row for each row of the step; what has more is computed from such.
            _ => matches!(self.route(Part::Stacked(id)), Route::Apply(_)).then_some(Source::Stacked(id)),
        }
    }

    /// A value that is known before the loop in the form that a part asks for.
    fn known(&self, part: Part) -> Option<NodeId> {
        match (part, self.before.get(&part.node()?)?) {
            (Part::Stacked(_), (place, Class::Sequence)) => Some(*place),
            _ => None,
        }
    }

    /// Collects what the loop has to yield so that a part can be had.
    fn collect(&self, part: Part, seen: &mut HashSet<Part>, yields: &mut Vec<Part>) {
        if !seen.insert(part) || self.known(part).is_some() {
            return;
        }
        match self.route(part) {
            Route::Loop => yields.push(part),
            Route::Apply(sources) => {
                for source in sources {
                    match source {
                        Source::Before(_) => {}
                        Source::Stacked(node) => self.collect(Part::Stacked(node), seen, yields),
                        Source::Summed(node) => self.collect(Part::Summed(node), seen, yields),
                    }
                }
            }
        }
    }

    /// Computes a part after the loop, operands first, and notes where it is.
    fn compute_after(&mut self, part: Part, places: &mut HashMap<Part, NodeId>) -> NodeId {
        if let Some(place) = places.get(&part).copied().or_else(|| self.known(part)) {
            places.insert(part, place);
            return place;
        }
        let Route::Apply(sources) = self.route(part) else { unreachable!("the loop yields what it must") };
        let inputs: Inputs = sources
            .into_iter()
            .map(|source| match source {
                Source::Before(place) => place,
                Source::Stacked(node) => self.compute_after(Part::Stacked(node), places),
                Source::Summed(node) => self.compute_after(Part::Summed(node), places),
            })
            .collect();
        let scan = self.scan;
        let node = scan.body.node(part.node().expect("final states come from the loop"));
        let rows = match part {
            Part::Stacked(_) => Some(scan.packing.total()),
            _ => node.shape.has_rows().then(|| scan.packing.sequences()),
        };
        let place = self.push_outside(node, inputs, rows).expect("`route` has seen that the extents fit");
        places.insert(part, place);
        place
    }

    /// Records a node of the body around the loop, with `rows` in place of the rows of a step.
    fn push_outside(&mut self, node: &Node, inputs: Inputs, rows: Option<Dim>) -> Option<NodeId> {
        let (shape, op) = match rows {
            Some(rows) => {
                let changed = node.op.rule().and_then(|rule| rule.with_rows(rows));
                (node.shape.with_rows(rows)?, changed.unwrap_or_else(|| node.op.clone()))
            }
            None => (node.shape.clone(), node.op.clone()),
        };
        Some(self.graph.push(Node { op, inputs, shape, ..node.clone() }))
    }

    fn push_part(&mut self, scan_place: NodeId, part: Part, moved: Part) -> NodeId {
        let outer = |slot: usize| self.graph.node(self.node.inputs[slot]).shape.clone();
        let (shape, dtype) = self.scan.part(part, outer).expect("the part was there before");
        let inputs = Inputs::from_slice(&[scan_place]);
        self.graph.push(Node { op: moved.into(), inputs, shape, dtype, ..self.node.clone() })
    }

    /// Records the loop with what is left of its body; the new places of the nodes that are left.
    fn rebuild_loop(&mut self, yields: &[Part]) -> (NodeId, HashMap<NodeId, NodeId>) {
        let scan = self.scan;
        let needed = self.needed(yields);
        let mut body = Graph::default();
        let mut new_ids: HashMap<NodeId, NodeId> = HashMap::new();
        let (mut inputs, mut roles) = (Inputs::new(), Vec::new());
        let mut feed = |body: &mut Graph, inputs: &mut Inputs, source: &Node, outer: NodeId, role: Role| {
            let op = Op::Input(u32::try_from(roles.len()).expect("fewer than 2^32 inputs"));
            inputs.push(outer);
            roles.push(role);
            body.push(Node { op, inputs: Inputs::new(), ..source.clone() })
        };
        for (id, node) in scan.body.iter() {
            let state = matches!(node.op, Op::Input(slot) if scan.roles[slot as usize] == Role::State);
            if !needed[id.index()] && !state {
                continue;
            }
            let place = match (&node.op, self.before.get(&id)) {
                (Op::Input(slot), None) => {
                    let slot = *slot as usize;
                    feed(&mut body, &mut inputs, node, self.node.inputs[slot], scan.roles[slot])
                }
                // A number costs nothing inside, and kernels see that it is one.
                (_, Some((outer, class))) if node.op.rule().is_none_or(|_| !node.inputs.is_empty()) => {
                    let (outer, role) = (*outer, class.role());
                    match rows_apart(&node.shape) {
                        None => feed(&mut body, &mut inputs, node, outer, role),
                        // A step finds its share by its rows: what has several for each is given as rows of several.
                        Some(apart) => {
                            let rows = match role {
                                Role::Sequence => scan.packing.total(),
                                _ => scan.packing.sequences(),
                            };
                            let whole = reshaped(node, apart.with_leading(rows), outer);
                            let given = Node { shape: apart, ..node.clone() };
                            let given = feed(&mut body, &mut inputs, &given, self.graph.push(whole), role);
                            body.push(reshaped(node, node.shape.clone(), given))
                        }
                    }
                }
                _ => {
                    let inputs = node.inputs.iter().map(|input| new_ids[input]).collect();
                    body.push(Node { inputs, ..node.clone() })
                }
            };
            new_ids.insert(id, place);
        }
        let next = scan.next.iter().map(|next| new_ids[next]).collect();
        let (packing, rows, reverse) = (scan.packing.clone(), scan.rows, scan.reverse);
        let scan = Scan { body, roles, next, packing, rows, reverse, recompute: scan.recompute };
        let place = self.graph.push(Node { op: Op::Scan(Arc::new(scan)), inputs, ..self.node.clone() });
        (place, new_ids)
    }

    /// Which nodes the loop needs: what it yields and carries, down to what comes from before it.
    fn needed(&self, yields: &[Part]) -> Vec<bool> {
        let body = &self.scan.body;
        let mut needed = vec![false; body.nodes.len()];
        let roots = self.scan.next.iter().copied().chain(yields.iter().filter_map(|part| part.node()));
        roots.for_each(|id| needed[id.index()] = true);
        for (id, node) in body.iter().rev() {
            if needed[id.index()] && !self.before.contains_key(&id) {
                node.inputs.iter().for_each(|input| needed[input.index()] = true);
            }
        }
        needed
    }
}

/// The shape of several rows for each row of a step, `[kn, …]`, with those apart, `[n, k, …]`.
fn rows_apart(shape: &Shape) -> Option<Shape> {
    let (leading, rest) = shape.dims().split_first()?;
    let several = leading.is_per_row() && *leading != Dim::ROWS;
    let dims = [Dim::ROWS, Dim::new(leading.at(1))].into_iter().chain(rest.iter().copied());
    several.then(|| dims.collect())
}

/// The same value as that of a node in another shape, from where it is.
fn reshaped(node: &Node, shape: Shape, from: NodeId) -> Node {
    let (op, inputs) = (Reshape::new(shape.clone()).into(), Inputs::from_slice(&[from]));
    Node { op, inputs, shape, ..node.clone() }
}
