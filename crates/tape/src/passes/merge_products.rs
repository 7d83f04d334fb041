//! Merges matrix products that share a side, or a sum, into one larger product. In the step of a loop
//!
//! - products with the same left side, `x·A` and `x·B`, become `x·[A|B]`, of which they are slices, where
//!   the right sides are the same in every step: [`lift`](super::lift()) then joins them once;
//! - a sum of products, `p·Aᵀ + q·Bᵀ`, becomes `[p|q]·[A|B]ᵀ`: the gradient of what several products share;
//! - where `[p|q]` is there for that, `xᵀ·p` and `xᵀ·q` become slices of `xᵀ·[p|q]`, and sums over the rows of
//!   `p` and of `q` slices of the sum of `[p|q]`: the gradients of the weights and biases, for which the
//!   loop then keeps one value for all of them.
//!
//! So an LSTM that is written with eight weights runs as one with two.
//!
//! **Only what every step repeats** is merged: products that the next state needs and that need the state.
//! What can leave the loop becomes a product of all rows, which is large by itself, while slices and joined
//! operands of all rows are copies of all rows. Products are merged only with those that stay in the same
//! place, so that none is held in the loop by another. Outside of loops nothing is merged, since there
//! each product runs once. `docs/notes/merge-products.md` has the figures.

use std::collections::{BTreeMap, HashMap};

use super::append;
use super::simplify::{inner_sums, terms};
use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, Concat, Dot, Op, Slice};
use crate::program::{Program, Step};
use crate::scan::Role;

/// Merges products in the bodies of all scans.
pub fn merge_products(program: Program) -> Program {
    program.map_steps(&mut |body, step| merge(body, &step))
}

fn merge(body: Program, step: &Step<'_>) -> Program {
    let facts = Facts::new(&body, step);
    let merges = Merges::find(&facts);
    if merges.is_empty() { body } else { Rewrite::new(&facts, merges).run() }
}

/// What has to be known of the nodes of a body.
struct Facts<'a> {
    body: &'a Program,
    /// Whether a node differs from step to step, or from row to row.
    varies: Vec<bool>,
    /// Whether it depends on the state.
    from_state: Vec<bool>,
    /// Whether the next state depends on it.
    carried: Vec<bool>,
    /// How many products stand one behind another before it at most.
    level: Vec<u32>,
    /// Where a constant has its value from: an order that is the same in the bodies of other loops.
    origin: HashMap<NodeId, NodeId>,
}

impl<'a> Facts<'a> {
    fn new(body: &'a Program, step: &Step<'_>) -> Facts<'a> {
        let graph = &body.graph;
        let count = graph.nodes.len();
        let [mut varies, mut from_state] = [vec![false; count], vec![false; count]];
        let (mut level, mut origin) = (vec![0; count], HashMap::new());
        for (id, node) in graph.iter() {
            let index = id.index();
            if let Op::Input(slot) = node.op {
                let slot = slot as usize;
                varies[index] = step.scan.roles[slot] != Role::Constant;
                from_state[index] = step.scan.roles[slot] == Role::State;
                origin.insert(id, step.inputs[slot]);
                continue;
            }
            varies[index] = node.inputs.iter().any(|input| varies[input.index()]);
            from_state[index] = node.inputs.iter().any(|input| from_state[input.index()]);
            let behind = |input: &NodeId| level[input.index()] + u32::from(is_product(graph.node(*input)));
            level[index] = node.inputs.iter().map(behind).max().unwrap_or(0);
        }
        let carried = graph.ancestors(step.next(body));
        Facts { body, varies, from_state, carried, level, origin }
    }

    fn node(&self, id: NodeId) -> &Node {
        self.body.graph.node(id)
    }

    /// The product at a place, if every step repeats it whatever is lifted, with a right side that does not.
    fn repeated(&self, id: NodeId) -> Option<(Dot, [NodeId; 2])> {
        let node = self.node(id);
        let Op::Dot(dot) = node.op else { return None };
        let [left, right] = [node.inputs[0], node.inputs[1]];
        let stays = node.shape.rank() == 2 && self.carried[id.index()] && self.from_state[left.index()];
        (stays && !dot.transpose_left && !self.varies[right.index()]).then_some((dot, [left, right]))
    }

    /// Puts operands into the order of what feeds them, and others after them in the order of the body.
    fn sort(&self, operands: &mut [NodeId], of: impl Fn(NodeId) -> NodeId) {
        let key = |id: NodeId| match self.origin.get(&id) {
            Some(outer) => (0, *outer),
            None => (1, id),
        };
        operands.sort_by_key(|id| key(of(*id)));
    }
}

fn is_product(node: &Node) -> bool {
    matches!(node.op, Op::Dot(_))
}

/// The nodes that will be had otherwise, and how.
#[derive(Default)]
struct Merges {
    /// For a node that becomes a slice: of which merged value, and which of its parts.
    slices: HashMap<NodeId, (Merged, usize)>,
    /// For the last node of a sum: its products, and its other terms.
    sums: HashMap<NodeId, (Vec<NodeId>, Vec<NodeId>)>,
}

/// What several nodes are slices of.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Merged {
    /// The product of one left side with several right sides.
    Product { dot: Dot, left: NodeId, rights: Vec<NodeId> },
    /// The sum over rows of several values.
    Sum { parts: Vec<NodeId> },
}

impl Merges {
    fn is_empty(&self) -> bool {
        self.slices.is_empty() && self.sums.is_empty()
    }

    fn find(facts: &Facts<'_>) -> Merges {
        let mut merges = Merges::default();
        merges.find_shared_left_sides(facts);
        let joined = merges.find_sums(facts);
        merges.find_over_rows(facts, &joined);
        merges
    }

    /// `x·A` and `x·B`, neither of which waits for the other.
    fn find_shared_left_sides(&mut self, facts: &Facts<'_>) {
        let mut groups: BTreeMap<(NodeId, bool, u32), Vec<NodeId>> = BTreeMap::new();
        for (id, _) in facts.body.graph.iter() {
            if let Some((dot, [left, _])) = facts.repeated(id) {
                groups.entry((left, dot.transpose_right, facts.level[id.index()])).or_default().push(id);
            }
        }
        for ((left, transpose_right, _), mut products) in groups {
            let right = |id: NodeId| facts.node(id).inputs[1];
            facts.sort(&mut products, right);
            products.dedup_by_key(|id| right(*id));
            if products.len() > 1 {
                let dot = Dot { transpose_left: false, transpose_right };
                let rights = products.iter().map(|id| right(*id)).collect();
                self.note(&products, &Merged::Product { dot, left, rights });
            }
        }
    }

    fn note(&mut self, nodes: &[NodeId], merged: &Merged) {
        for (number, node) in nodes.iter().enumerate() {
            self.slices.insert(*node, (merged.clone(), number));
        }
    }

    /// `p·Aᵀ + q·Bᵀ`; returns the lists of left sides that will be joined.
    fn find_sums(&mut self, facts: &Facts<'_>) -> Vec<Vec<NodeId>> {
        let (body, graph) = (facts.body, &facts.body.graph);
        let inner = inner_sums(body);
        let uses = uses(body);
        let mut roots: Vec<(bool, (NodeId, Vec<NodeId>, Vec<NodeId>))> = Vec::new();
        for (id, node) in graph.iter() {
            if node.op != Op::Binary(Binary::Add) || inner[id.index()] {
                continue;
            }
            let fits = |term: &NodeId| {
                let whole = facts.node(*term).shape == node.shape;
                let free = uses[term.index()] == 1 && !self.slices.contains_key(term);
                whole && free && is_product(facts.node(*term))
            };
            let (products, others): (Vec<NodeId>, Vec<NodeId>) =
                terms(graph, id, &inner).into_iter().partition(fits);
            for flag in [false, true] {
                let alike = |term: &NodeId| match facts.node(*term).op {
                    Op::Dot(dot) => !dot.transpose_left && dot.transpose_right == flag,
                    _ => false,
                };
                let alike: Vec<NodeId> = products.iter().copied().filter(alike).collect();
                let repeated = |id: &NodeId| facts.repeated(*id).is_some();
                let repeated: Vec<NodeId> = alike.iter().copied().filter(repeated).collect();
                let now = repeated.len() > 1 && pays(facts, &repeated);
                let mut some = if now { repeated } else { alike };
                if some.len() < 2 {
                    continue;
                }
                facts.sort(&mut some, |term| facts.node(term).inputs[1]);
                let rest = products.iter().filter(|term| !some.contains(term)).copied();
                let rest: Vec<NodeId> = others.iter().copied().chain(rest).collect();
                roots.push((now, (id, some, rest)));
                break;
            }
        }
        let lefts = |products: &[NodeId]| -> Vec<NodeId> {
            products.iter().map(|id| facts.node(*id).inputs[0]).collect()
        };
        // First the sums that every step repeats; then those for which their operands are joined already.
        let mut joined: Vec<Vec<NodeId>> = Vec::new();
        let (now, later): (Vec<_>, Vec<_>) = roots.into_iter().partition(|(now, _)| *now);
        for (_, (id, products, others)) in now {
            joined.push(lefts(&products));
            self.sums.insert(id, (products, others));
        }
        for (_, (id, mut products, others)) in later {
            let constant = |id: &NodeId| !facts.varies[facts.node(*id).inputs[1].index()];
            if products.iter().all(constant) && reorder(&mut products, &joined, |id| facts.node(id).inputs[0])
            {
                self.sums.insert(id, (products, others));
            }
        }
        joined
    }

    /// `xᵀ·p` and `xᵀ·q`, and the sums of `p` and of `q` over rows, where `[p|q]` is there.
    fn find_over_rows(&mut self, facts: &Facts<'_>, joined: &[Vec<NodeId>]) {
        let graph = &facts.body.graph;
        let mut products: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        let mut sums: Vec<NodeId> = Vec::new();
        for (id, node) in graph.iter().filter(|(id, _)| !facts.carried[id.index()]) {
            match node.op {
                Op::Dot(Dot { transpose_left: true, transpose_right: false }) if node.shape.rank() == 2 => {
                    products.entry(node.inputs[0]).or_default().push(id);
                }
                Op::Sum(sum) if sum.axes.contains(0) && node.shape.rank() == 1 => sums.push(id),
                _ => {}
            }
        }
        let followed = followed_by_products(facts);
        for parts in joined {
            // Each part of the list must be there; further ones are left alone.
            let matching = |nodes: &[NodeId], side: usize| -> Option<Vec<NodeId>> {
                let of = |part: &NodeId| {
                    let is = |id: &&NodeId| facts.node(**id).inputs[side] == *part && !followed[id.index()];
                    nodes.iter().find(is).copied()
                };
                parts.iter().map(of).collect()
            };
            let dot = Dot { transpose_left: true, transpose_right: false };
            for (left, nodes) in &products {
                if let Some(nodes) = matching(nodes, 1) {
                    self.note(&nodes, &Merged::Product { dot, left: *left, rights: parts.clone() });
                }
            }
            if let Some(nodes) = matching(&sums, 0) {
                self.note(&nodes, &Merged::Sum { parts: parts.clone() });
            }
        }
    }
}

/// Whether the sum of so many products is cheaper as one product of joined left sides: to join them moves
/// each element of theirs, not to join them moves three elements of the result for each further product.
fn pays(facts: &Facts<'_>, products: &[NodeId]) -> bool {
    let width = |id: NodeId| facts.node(id).shape.last().known().unwrap_or(0);
    let joined: usize = products.iter().map(|id| width(facts.node(*id).inputs[0])).sum();
    joined <= 3 * width(products[0]) * (products.len() - 1)
}

/// Puts products into the order of a list that has exactly their operands; whether there is one.
fn reorder(products: &mut Vec<NodeId>, lists: &[Vec<NodeId>], operand: impl Fn(NodeId) -> NodeId) -> bool {
    let order = |list: &Vec<NodeId>| -> Option<Vec<NodeId>> {
        let of = |part: &NodeId| products.iter().find(|id| operand(**id) == *part).copied();
        (list.len() == products.len()).then(|| list.iter().map(of).collect())?
    };
    match lists.iter().find_map(order) {
        Some(ordered) => {
            *products = ordered;
            true
        }
        None => false,
    }
}

/// How many nodes and outputs use each node.
fn uses(program: &Program) -> Vec<u32> {
    let mut uses = vec![0; program.graph.nodes.len()];
    let inputs = program.graph.nodes.iter().flat_map(|node| &node.inputs);
    inputs.chain(&program.outputs).for_each(|id| uses[id.index()] += 1);
    uses
}

/// Whether a product needs the value of a node: such a node cannot wait for others.
fn followed_by_products(facts: &Facts<'_>) -> Vec<bool> {
    let graph = &facts.body.graph;
    let mut followed = vec![false; graph.nodes.len()];
    for (id, node) in graph.iter().rev() {
        if followed[id.index()] || is_product(node) || matches!(node.op, Op::Scan(_) | Op::Sum(_)) {
            node.inputs.iter().for_each(|input| followed[input.index()] = true);
        }
    }
    followed
}

/// A body being written again with the merged values in it, each node after what it needs.
struct Rewrite<'a> {
    body: &'a Program,
    merges: Merges,
    graph: Graph,
    moved: Vec<Option<NodeId>>,
    merged: HashMap<Merged, NodeId>,
    joined: HashMap<(Vec<NodeId>, u8), NodeId>,
}

impl<'a> Rewrite<'a> {
    fn new(facts: &Facts<'a>, merges: Merges) -> Rewrite<'a> {
        let body = facts.body;
        let moved = vec![None; body.graph.nodes.len()];
        Rewrite {
            body,
            merges,
            graph: Graph::default(),
            moved,
            merged: HashMap::new(),
            joined: HashMap::new(),
        }
    }

    fn run(mut self) -> Program {
        // Inputs keep their numbers.
        for input in &self.body.graph.inputs {
            self.moved[input.index()] = Some(self.graph.push(self.body.graph.node(*input).clone()));
        }
        for (id, _) in self.body.graph.iter() {
            let mut open = vec![id];
            while let Some(id) = open.last().copied() {
                let missing: Vec<NodeId> =
                    self.needs(id).into_iter().filter(|need| self.moved[need.index()].is_none()).collect();
                if self.moved[id.index()].is_none() && missing.is_empty() {
                    self.moved[id.index()] = Some(self.write(id));
                }
                open.extend(&missing);
                if missing.is_empty() {
                    open.pop();
                }
            }
        }
        let outputs = self.body.outputs.iter().map(|output| self.at(*output)).collect();
        Program { graph: self.graph, outputs }
    }

    fn at(&self, id: NodeId) -> NodeId {
        self.moved[id.index()].expect("what a node needs is written before it")
    }

    /// The nodes that must be written before one.
    fn needs(&self, id: NodeId) -> Vec<NodeId> {
        if let Some((merged, _)) = self.merges.slices.get(&id) {
            return match merged {
                Merged::Product { left, rights, .. } => [*left].into_iter().chain(rights.clone()).collect(),
                Merged::Sum { parts } => parts.clone(),
            };
        }
        match self.merges.sums.get(&id) {
            Some((products, others)) => {
                let operands = products.iter().flat_map(|id| &self.body.graph.node(*id).inputs);
                operands.chain(others).copied().collect()
            }
            None => self.body.graph.node(id).inputs.to_vec(),
        }
    }

    fn write(&mut self, id: NodeId) -> NodeId {
        let node = self.body.graph.node(id);
        if let Some((merged, number)) = self.merges.slices.get(&id).cloned() {
            return self.slice(node, &merged, number);
        }
        if let Some((products, others)) = self.merges.sums.get(&id).cloned() {
            let sides = |side: usize| -> Vec<NodeId> {
                products.iter().map(|id| self.body.graph.node(*id).inputs[side]).collect()
            };
            let first = self.body.graph.node(products[0]);
            let Op::Dot(dot) = first.op else { unreachable!("the products of a sum are products") };
            let (lefts, rights) = (sides(0), sides(1));
            let left = self.join(first, &lefts, 1);
            let right = self.join(first, &rights, u8::from(dot.transpose_right));
            let product = append(&mut self.graph, first, dot, &[left, right]);
            return others.into_iter().fold(product, |sum, other| {
                let other = self.at(other);
                append(&mut self.graph, node, Binary::Add, &[sum, other])
            });
        }
        let inputs = node.inputs.iter().map(|input| self.at(*input)).collect();
        self.graph.push(Node { inputs, ..node.clone() })
    }

    /// Values one after another along an axis.
    fn join(&mut self, node: &Node, parts: &[NodeId], axis: u8) -> NodeId {
        if let Some(known) = self.joined.get(&(parts.to_vec(), axis)) {
            return *known;
        }
        let places: Vec<NodeId> = parts.iter().map(|part| self.at(*part)).collect();
        let joined = append(&mut self.graph, node, Concat { axis }, &places);
        self.joined.insert((parts.to_vec(), axis), joined);
        joined
    }

    /// One of the parts of a merged value, which is written when the first of them is.
    fn slice(&mut self, node: &Node, merged: &Merged, number: usize) -> NodeId {
        let whole = match self.merged.get(merged) {
            Some(known) => *known,
            None => {
                let whole = match merged {
                    Merged::Product { dot, left, rights } => {
                        let right = self.join(node, rights, u8::from(!dot.transpose_right));
                        let left = self.at(*left);
                        append(&mut self.graph, node, *dot, &[left, right])
                    }
                    Merged::Sum { parts } => {
                        let whole = self.join(node, parts, 1);
                        append(&mut self.graph, node, node.op.clone(), &[whole])
                    }
                };
                self.merged.insert(merged.clone(), whole);
                whole
            }
        };
        let axis = node.shape.rank() - 1;
        let width = |part: &NodeId| self.width(merged, *part);
        let parts = match merged {
            Merged::Product { rights, .. } => rights,
            Merged::Sum { parts } => parts,
        };
        let (start, len) = (parts[..number].iter().map(width).sum(), width(&parts[number]));
        append(&mut self.graph, node, Slice { axis: axis as u8, start, len }, &[whole])
    }

    /// How much of the last axis of a merged value comes from one of its parts.
    fn width(&self, merged: &Merged, part: NodeId) -> u32 {
        let shape = &self.body.graph.node(part).shape;
        let axis = match merged {
            Merged::Product { dot, .. } if dot.transpose_right => 0,
            _ => 1,
        };
        shape.dim(axis).at(0) as u32
    }
}
