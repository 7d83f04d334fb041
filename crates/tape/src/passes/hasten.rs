//! Moves what begins something to where its operands are there. Gradients are recorded before anything is done with them, so
//! that their exchange with other processes would begin when all are computed; moved, each begins while the backward sweep goes
//! on. Which operations these are says [`Rule::begins`](crate::ops::Rule::begins).
//!
//! It comes after all other passes, so that where something begins does not decide what is computed together. What waits for an end stays
//! where it was recorded: behind all beginnings. Left alone: the bodies of loops.

use crate::graph::{Graph, Node, NodeId};
use crate::program::Program;

/// Moves each node that begins something to right behind the last of its operands.
pub fn hasten(program: Program) -> Program {
    let begins = |node: &Node| node.op.rule().is_some_and(|rule| rule.begins());
    let old = &program.graph;
    if !old.nodes.iter().any(begins) {
        return program;
    }
    // Behind its last operand; those of the same last operand stay in their order, as do all others.
    let place = |id: &NodeId| {
        let node = old.node(*id);
        match node.inputs.iter().max().filter(|_| begins(node)) {
            Some(last) => (*last, true),
            None => (*id, false),
        }
    };
    let mut order: Vec<NodeId> = (0..old.nodes.len()).map(NodeId::at).collect();
    order.sort_by_key(place);
    let mut graph = Graph::default();
    let mut moved = vec![NodeId::at(0); order.len()];
    for id in order {
        let node = old.node(id);
        let inputs = node.inputs.iter().map(|input| moved[input.index()]).collect();
        moved[id.index()] = graph.push(Node { inputs, ..node.clone() });
    }
    Program { graph, outputs: program.outputs.iter().map(|output| moved[output.index()]).collect() }
}
