//! A slice of pointwise work is pointwise work on slices: `(a + b)[i..j] = a[i..j] + b[i..j]`.

use std::collections::HashMap;

use crate::fused::is_view;
use crate::graph::{Graph, Inputs, Node, NodeId};
use crate::ops::{Op, Slice};
use crate::program::Program;
use crate::shape::Dim;

/// So many nodes one after another sink at most.
const DEEPEST: usize = 64;

/// Cuts operands instead of results, where nothing but slices of the last axis uses the result and no
/// element is in two of them.
pub(super) fn sink_slices(program: Program) -> Program {
    let sinks = sinks(&program);
    if !sinks.contains(&true) {
        return program;
    }
    let old = &program.graph;
    let mut moved: Vec<Option<NodeId>> = vec![None; old.nodes.len()];
    let mut graph = Graph::default();
    let mut known: HashMap<(NodeId, u32, u32), NodeId> = HashMap::new();
    for (id, node) in old.iter() {
        if sinks[id.index()] {
            continue;
        }
        let place = match &node.op {
            Op::Slice(slice) if sinks[node.inputs[0].index()] => {
                let mut sinking = Sinking { old, sinks: &sinks, moved: &moved, graph: &mut graph };
                sinking.slice(node.inputs[0], slice.start, slice.len, &mut known)
            }
            _ => {
                let place = |input: &NodeId| moved[input.index()].expect("what sinks is only used by slices");
                let inputs: Inputs = node.inputs.iter().map(place).collect();
                graph.push(Node { inputs, ..node.clone() })
            }
        };
        moved[id.index()] = Some(place);
    }
    let place = |output: &NodeId| moved[output.index()].expect("an output does not sink");
    let outputs = program.outputs.iter().map(place).collect();
    Program { graph, outputs }
}

/// Which nodes are replaced by work on slices.
fn sinks(program: &Program) -> Vec<bool> {
    let graph = &program.graph;
    let count = graph.nodes.len();
    let users = graph.users();
    let mut kept = vec![false; count];
    program.outputs.iter().for_each(|output| kept[output.index()] = true);
    let mut sinks = vec![false; count];
    let mut depths = vec![0; count];
    // The ranges that are cut from a node, from those of its users.
    let mut ranges: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
    for (id, node) in graph.iter().rev() {
        if !matches!(node.op, Op::Unary(_) | Op::Binary(_))
            || kept[id.index()]
            || users[id.index()].is_empty()
        {
            continue;
        }
        let mut cut: Vec<(u32, u32)> = Vec::new();
        let all = users[id.index()].iter().all(|user| {
            let user_node = graph.node(*user);
            match &user_node.op {
                Op::Slice(slice) if is_view(graph, user_node) => cut.push((slice.start, slice.len)),
                _ if sinks[user.index()] && user_node.shape == node.shape => {
                    cut.extend(&ranges[user.index()]);
                }
                _ => return false,
            }
            true
        });
        cut.sort_unstable();
        cut.dedup();
        // Work that has sunk is written by descending, so not too deep.
        let depth = |user: &NodeId| depths[user.index()] + 1;
        depths[id.index()] = users[id.index()].iter().map(depth).max().unwrap_or(0);
        let apart = cut.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0);
        if all && apart && depths[id.index()] < DEEPEST {
            sinks[id.index()] = true;
            ranges[id.index()] = cut;
        }
    }
    sinks
}

struct Sinking<'a> {
    old: &'a Graph,
    sinks: &'a [bool],
    moved: &'a [Option<NodeId>],
    graph: &'a mut Graph,
}

impl Sinking<'_> {
    /// A range of the last axis of a node's value.
    fn slice(
        &mut self,
        id: NodeId,
        start: u32,
        len: u32,
        known: &mut HashMap<(NodeId, u32, u32), NodeId>,
    ) -> NodeId {
        if let Some(place) = known.get(&(id, start, len)) {
            return *place;
        }
        let node = self.old.node(id);
        let last = node.shape.rank().saturating_sub(1);
        let shape = node.shape.with_dim(last, Dim::new(len as usize));
        let place = if self.sinks[id.index()] {
            let inputs = node.inputs.iter().map(|input| {
                let shape = &self.old.node(*input).shape;
                // What is repeated along the last axis is repeated along a part of it.
                let has_last = shape.rank() > 0 && shape.last() == node.shape.last() && shape.last() != 1;
                match has_last || self.sinks[input.index()] {
                    true => self.slice(*input, start, len, known),
                    false => self.moved[input.index()].expect("what sinks has the width of its users"),
                }
            });
            let inputs: Inputs = inputs.collect();
            self.graph.push(Node { inputs, shape, ..node.clone() })
        } else {
            let source = self.moved[id.index()].expect("it stands before its users");
            let (op, inputs) = (Slice { axis: last as u8, start, len }.into(), Inputs::from_slice(&[source]));
            self.graph.push(Node { op, inputs, shape, ..node.clone() })
        };
        known.insert((id, start, len), place);
        place
    }
}
