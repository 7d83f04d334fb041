//! Local identities, each of which removes work and changes no more than the order of a sum's terms:
//!
//! - [`numbers`]: arithmetic with numbers and signs, such as `x · 1`, `a + -b` and `2 · 3`;
//! - [`movement`]: elements that are moved to and fro, such as a slice of a concat, a reshape of a reshape,
//!   a transposition before a product;
//! - [`sums`]: zeros around the terms of a sum, as the gradient of `split` has them.
//!
//! Looks at the operands of a node once and no further, so that it takes time linear in the program.

mod movement;
mod numbers;
mod sums;

pub(super) use sums::{inner_sums, terms};

use crate::graph::{Graph, Node, NodeId};
use crate::ops::Op;
use crate::program::Program;

/// Applies the identities to every node once, operands first.
pub fn simplify(program: Program) -> Program {
    rewrite(program.map_bodies(&mut rewrite))
}

fn rewrite(program: Program) -> Program {
    let joined = sums::find(&program);
    let mut moved: Vec<NodeId> = Vec::with_capacity(program.graph.nodes.len());
    program.rebuild(|graph, id, mut node| {
        let place = match joined.get(&id) {
            Some(terms) => sums::join(graph, &node, terms, &moved),
            None => known(graph, &mut node).unwrap_or_else(|| graph.push(node)),
        };
        moved.push(place);
        place
    })
}

/// A node that has the value already; or nothing, where `node` was changed or is as good as it is.
fn known(graph: &mut Graph, node: &mut Node) -> Option<NodeId> {
    match node.op {
        Op::Unary(_) | Op::Binary(_) => numbers::known(graph, node),
        _ => movement::known(graph, node),
    }
}
