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

mod find;
mod rewrite;

use std::collections::{BTreeMap, HashMap};

use find::{Merged, Merges};
use rewrite::Rewrite;

use crate::graph::{Node, NodeId};
use crate::ops::{Dot, Op};
use crate::program::{Program, Step};
use crate::scan::Role;

/// Merges products in the bodies of all scans.
pub fn merge_products(program: Program) -> Program {
    program.map_steps(&mut |body, step| merge(body, &step))
}

/// For each merged value the nodes that become one by it.
pub(crate) fn merges(body: &Program, step: &Step<'_>) -> Vec<Vec<NodeId>> {
    let found = Merges::find(&Facts::new(body, step));
    let mut slices: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    let mut first: HashMap<&Merged, NodeId> = HashMap::new();
    let mut nodes: Vec<NodeId> = found.slices.keys().copied().collect();
    nodes.sort_unstable();
    for node in nodes {
        slices.entry(*first.entry(&found.slices[&node].0).or_insert(node)).or_default().push(node);
    }
    let mut sums: Vec<Vec<NodeId>> = found.sums.values().map(|sum| sum.products.clone()).collect();
    sums.sort_unstable();
    slices.into_values().chain(sums).collect()
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
