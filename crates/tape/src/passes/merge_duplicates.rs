//! Merges nodes that compute the same from the same operands. Gradient rules ask again for what the
//! forward pass has computed, and for the same expressions from several sides.

use std::collections::HashMap;

use crate::graph::{Node, NodeId};
use crate::ops::Op;
use crate::program::Program;

/// Keeps the first of equal nodes.
pub fn merge_duplicates(program: Program) -> Program {
    merge(program.map_bodies(&mut merge))
}

fn merge(program: Program) -> Program {
    let mut known: HashMap<Node, NodeId> = HashMap::new();
    program.rebuild(|graph, _, node| {
        if matches!(node.op, Op::Input(_)) {
            return graph.push(node);
        }
        *known.entry(node).or_insert_with_key(|node| graph.push(node.clone()))
    })
}
