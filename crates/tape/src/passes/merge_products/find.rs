//! Which products of a body are merged.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Facts, is_product};
use crate::graph::NodeId;
use crate::ops::{Binary, Dot, Op};
use crate::passes::simplify::{inner_sums, terms};

/// The nodes that will be had otherwise, and how.
#[derive(Default)]
pub(super) struct Merges {
    /// For a node that becomes a slice: of which merged value, and which of its parts.
    pub slices: HashMap<NodeId, (Merged, usize)>,
    /// For the last node of a sum: its terms.
    pub sums: HashMap<NodeId, SumOf>,
}

/// A sum in which products become one.
#[derive(Clone)]
pub(super) struct SumOf {
    pub products: Vec<NodeId>,
    pub others: Vec<NodeId>,
}

/// What several nodes are slices of.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Merged {
    /// The product of one left side with several right sides.
    Product { dot: Dot, left: NodeId, rights: Vec<NodeId> },
    /// The sum over rows of several values.
    Sum { parts: Vec<NodeId> },
}

impl Merges {
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty() && self.sums.is_empty()
    }

    pub fn find(facts: &Facts<'_>) -> Merges {
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
        let uses = body.uses();
        let [mut now, mut later]: [Vec<(NodeId, SumOf)>; 2] = Default::default();
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
                let at_once = repeated.len() > 1 && pays(facts, &repeated);
                let mut some = if at_once { repeated } else { alike };
                if some.len() < 2 {
                    continue;
                }
                facts.sort(&mut some, |term| facts.node(term).inputs[1]);
                let merged: HashSet<NodeId> = some.iter().copied().collect();
                let rest = products.iter().filter(|term| !merged.contains(term)).copied();
                let others = others.iter().copied().chain(rest).collect();
                let list = if at_once { &mut now } else { &mut later };
                list.push((id, SumOf { products: some, others }));
                break;
            }
        }
        let left = |id: NodeId| facts.node(id).inputs[0];
        // First the sums that every step repeats; then those for which their operands are joined already.
        let mut joined: Vec<Vec<NodeId>> = Vec::new();
        for (id, sum) in now {
            joined.push(sum.products.iter().map(|id| left(*id)).collect());
            self.sums.insert(id, sum);
        }
        for (id, mut sum) in later {
            let constant = |id: &NodeId| !facts.varies[facts.node(*id).inputs[1].index()];
            if sum.products.iter().all(constant) && reorder(&mut sum.products, &joined, left) {
                self.sums.insert(id, sum);
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
