//! A recorded graph with the values that are wanted of it: what passes rewrite and plans run.

use std::collections::HashMap;
use std::sync::Arc;

use crate::graph::{Graph, Inputs, Node, NodeId};
use crate::ops::{Op, Part};
use crate::scan::Scan;

/// A graph and the nodes whose values are wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Program {
    /// The nodes.
    pub graph: Graph,
    /// The wanted ones, in the order in which the caller asked for them.
    pub outputs: Vec<NodeId>,
}

impl Program {
    /// Builds a program by handing over the nodes one after another, inputs already renumbered.
    /// `place` returns where in the new graph the node's value is: a new node or one that is there.
    /// Inputs have to be placed too, each in its turn: their numbers are how values are given.
    pub fn rebuild(&self, mut place: impl FnMut(&mut Graph, NodeId, Node) -> NodeId) -> Program {
        let mut graph = Graph::default();
        let mut moved: Vec<NodeId> = Vec::with_capacity(self.graph.nodes.len());
        for (id, node) in self.graph.iter() {
            let inputs: Inputs = node.inputs.iter().map(|input| moved[input.index()]).collect();
            moved.push(place(&mut graph, id, Node { inputs, ..node.clone() }));
        }
        Program { graph, outputs: self.outputs.iter().map(|output| moved[output.index()]).collect() }
    }

    /// The body of a scan, of which what a run needs for the given parts is wanted.
    pub(crate) fn of_body(scan: &Scan, parts: impl IntoIterator<Item = Part>) -> Program {
        Program { graph: scan.body.clone(), outputs: scan.wanted(parts) }
    }

    /// How often each node is an operand or wanted.
    pub(crate) fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.graph.nodes.len()];
        let operands = self.graph.nodes.iter().flat_map(|node| &node.inputs);
        operands.chain(&self.outputs).for_each(|id| uses[id.index()] += 1);
        uses
    }

    /// The parts that are taken out of each scan and each fused work.
    pub(crate) fn parts(&self) -> HashMap<NodeId, Vec<Part>> {
        let mut parts: HashMap<NodeId, Vec<Part>> = HashMap::new();
        for node in &self.graph.nodes {
            if let Op::Part(part) = node.op {
                let parts = parts.entry(node.inputs[0]).or_default();
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        parts
    }

    /// Applies a pass to the bodies of all scans, and to bodies within bodies. What is wanted of a body are its outputs, and
    /// the pass must keep their number and their shapes.
    pub fn map_bodies(self, pass: &mut impl FnMut(Program) -> Program) -> Program {
        self.map_steps(&mut |body, _| pass(body))
    }

    /// Like [`map_bodies`](Program::map_bodies) for a pass that also looks at the scan of a body.
    pub(crate) fn map_steps(self, pass: &mut impl FnMut(Program, Step<'_>) -> Program) -> Program {
        let parts = self.parts();
        let mut moved: HashMap<(NodeId, NodeId), NodeId> = HashMap::new();
        self.rebuild(|graph, id, mut node| {
            match &mut node.op {
                Op::Scan(scan) => {
                    let body = Program::of_body(scan, parts.get(&id).into_iter().flatten().copied());
                    let wanted = body.outputs.clone();
                    let body = body.map_steps(pass);
                    let body = pass(body, Step { scan, inputs: &node.inputs, wanted: &wanted });
                    let new_id = NodeId::at(graph.nodes.len());
                    moved.extend(
                        wanted.into_iter().zip(&body.outputs).map(|(old, new)| ((new_id, old), *new)),
                    );
                    let next = scan.next.iter().map(|next| moved[&(new_id, *next)]).collect();
                    node.op = Op::Scan(Arc::new(Scan { body: body.graph, next, ..Scan::clone(scan) }));
                }
                Op::Part(Part::Stacked(old) | Part::Summed(old)) => *old = moved[&(node.inputs[0], *old)],
                _ => {}
            }
            graph.push(node)
        })
    }
}

/// The loop around a body that a pass rewrites.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    /// The scan before the pass.
    pub scan: &'a Scan,
    /// What feeds it, in the graph around it.
    pub inputs: &'a [NodeId],
    /// The outputs of the body before the pass.
    pub wanted: &'a [NodeId],
}

impl Step<'_> {
    /// The outputs of a body that are next states.
    pub fn next(&self, body: &Program) -> Vec<NodeId> {
        let outputs = self.wanted.iter().zip(&body.outputs);
        outputs.filter(|(wanted, _)| self.scan.next.contains(wanted)).map(|(_, output)| *output).collect()
    }
}
