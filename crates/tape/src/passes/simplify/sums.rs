//! Zeros around the terms of a sum: terms that are padded to lie side by side are one concat, which is
//! padded where it does not fill the axis.
//!
//! The gradient of `split` is such a sum, with a term as wide as the whole for each part; that of a
//! sequence in segments has one for each segment.

use std::collections::HashMap;

use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, Concat, Op, Pad};
use crate::passes::append;
use crate::program::Program;

/// A term of a sum, by places in the program before the rewrite.
pub(super) enum Term {
    /// Anything.
    Is(NodeId),
    /// Operands of pads that lie side by side, with the zeros that are left around them all.
    Joined { axis: u8, before: u32, after: u32, parts: Vec<NodeId> },
}

/// The sums in which something can be joined, by the node that has the whole sum.
pub(super) fn find(program: &Program) -> HashMap<NodeId, Vec<Term>> {
    let inner = inner_sums(program);
    let is_sum = |(id, node): &(NodeId, &Node)| is_sum(node) && !inner[id.index()];
    let graph = &program.graph;
    graph.iter().filter(is_sum).filter_map(|(id, _)| Some((id, joined(graph, id, &inner)?))).collect()
}

/// Whether a node adds two operands of its own shape.
pub(super) fn is_sum(node: &Node) -> bool {
    node.op == Op::Binary(Binary::Add)
}

/// Which nodes are sums that one sum of the same shape uses, and nothing else.
pub(in crate::passes) fn inner_sums(program: &Program) -> Vec<bool> {
    let (graph, uses) = (&program.graph, program.uses());
    let mut inner = vec![false; graph.nodes.len()];
    for node in &graph.nodes {
        for input in &node.inputs {
            inner[input.index()] = is_sum(node) && graph.node(*input).shape == node.shape;
        }
    }
    graph.iter().map(|(id, node)| is_sum(node) && inner[id.index()] && uses[id.index()] == 1).collect()
}

/// The terms of a sum in the order in which they were written.
pub(in crate::passes) fn terms(graph: &Graph, sum: NodeId, inner: &[bool]) -> Vec<NodeId> {
    let (mut terms, mut open) = (Vec::new(), graph.node(sum).inputs.to_vec());
    while let Some(term) = open.pop() {
        if inner[term.index()] {
            open.extend(&graph.node(term).inputs);
        } else {
            terms.push(term);
        }
    }
    terms.reverse();
    terms
}

/// The terms with those joined that lie side by side; nothing where none do.
fn joined(graph: &Graph, sum: NodeId, inner: &[bool]) -> Option<Vec<Term>> {
    let terms = terms(graph, sum, inner);
    let whole = &graph.node(sum).shape;
    let mut pads: Vec<(Pad, NodeId)> = terms
        .iter()
        .filter_map(|term| match graph.node(*term).op {
            Op::Pad(pad) if graph.node(*term).shape == *whole => Some((pad, *term)),
            _ => None,
        })
        .collect();
    pads.sort_by_key(|(pad, _)| (pad.axis, pad.before));
    // Never the rows of a step, which cannot grow.
    let end = |(pad, term): &(Pad, NodeId)| {
        let part = graph.node(graph.node(*term).inputs[0]).shape.dim(usize::from(pad.axis));
        pad.before + part.at(0) as u32
    };
    let runs = pads.chunk_by(|a, b| a.0.axis == b.0.axis && end(a) == b.0.before && a.0.before < b.0.before);
    let mut first_of: HashMap<NodeId, Option<Term>> = HashMap::new();
    for run in runs.filter(|run| run.len() > 1) {
        let parts = run.iter().map(|(_, term)| graph.node(*term).inputs[0]).collect();
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        run.iter().for_each(|(_, term)| _ = first_of.insert(*term, None));
        let all = Term::Joined { axis: first.axis, before: first.before, after: last.after, parts };
        first_of.insert(run[0].1, Some(all));
    }
    if first_of.is_empty() {
        return None;
    }
    let kept = |term: &NodeId| first_of.remove(term).unwrap_or(Some(Term::Is(*term)));
    Some(terms.iter().filter_map(kept).collect())
}

/// Records a sum of terms; `moved` has the new places of their nodes.
pub(super) fn join(graph: &mut Graph, node: &Node, terms: &[Term], moved: &[NodeId]) -> NodeId {
    let mut place = |term: &Term| match term {
        Term::Is(id) => moved[id.index()],
        Term::Joined { axis, before, after, parts } => {
            let parts: Vec<NodeId> = parts.iter().map(|part| moved[part.index()]).collect();
            let all = append(graph, node, Concat { axis: *axis }, &parts);
            match (*before, *after) {
                (0, 0) => all,
                (before, after) => append(graph, node, Pad { axis: *axis, before, after }, &[all]),
            }
        }
    };
    let places: Vec<NodeId> = terms.iter().map(&mut place).collect();
    places[1..].iter().fold(places[0], |sum, term| append(graph, node, Binary::Add, &[sum, *term]))
}
