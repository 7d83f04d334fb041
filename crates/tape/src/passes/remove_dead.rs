//! Removes nodes that no wanted value is computed from. A gradient leaves many: what a rule offered
//! and nobody asked for. Inputs stay, since their numbers are how values are given.

use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::program::Program;

/// Keeps what the outputs need.
pub fn remove_dead(program: Program) -> Program {
    // Around first: a part that is not wanted makes nodes of its scan's body unwanted too.
    sweep(program).map_bodies(&mut sweep)
}

fn sweep(program: Program) -> Program {
    let needed = program.graph.ancestors(program.outputs.iter().copied());
    program.rebuild(|graph: &mut Graph, id, node| {
        if needed[id.index()] || matches!(node.op, Op::Input(_)) {
            graph.push(node)
        } else {
            // Nothing that is kept refers to it.
            NodeId::at(0)
        }
    })
}
