//! What must hold of every program, checked after every pass in debug builds:
//!
//! 1. inputs of a node come before it;
//! 2. input nodes stand in the list of inputs at their number;
//! 3. the shape and type of a node are what its operation's rule infers from its operands;
//! 4. a part names a scan or fused work, and has the shape that it gives it;
//! 5. a scan has one input, one role and one input of its body for each other, of fitting shapes;
//! 6. a scan has a next value of the same shape for each state;
//! 7. fused work has one input of its body for each of its own, of the same shapes, and does nothing that
//!    the kernel for it cannot do;
//! 8. all of this holds of bodies.

use crate::fused::Fused;
use crate::graph::{Graph, Node};
use crate::ops::{Op, Part};
use crate::program::Program;
use crate::scan::Scan;

/// Checks that all of this holds of a program.
///
/// # Errors
/// With the first thing that does not hold, in words.
pub fn verify(program: &Program) -> Result<(), String> {
    if let Some(output) = program.outputs.iter().find(|output| output.index() >= program.graph.nodes.len()) {
        return Err(format!("there is no output %{}", output.index()));
    }
    verify_graph(&program.graph)
}

fn verify_graph(graph: &Graph) -> Result<(), String> {
    for (id, node) in graph.iter() {
        let fail = |what: String| Err(format!("%{} = {}: {what}", id.index(), node.op.name()));
        if node.inputs.iter().any(|input| *input >= id) {
            return fail("an operand comes after it".into());
        }
        match &node.op {
            Op::Input(slot) if graph.inputs.get(*slot as usize) != Some(&id) => {
                return fail(format!("the graph's input {slot} is another node"));
            }
            Op::Input(_) => {}
            Op::Scan(scan) => verify_scan(graph, node, scan)?,
            Op::Fused(fused) => verify_fused(graph, node, fused)?,
            Op::Part(part) => {
                let source = graph.node(node.inputs[0]);
                let given = match (&source.op, part) {
                    (Op::Fused(fused), Part::Result(id)) => fused.result(*id),
                    (Op::Scan(scan), _) if !scan.has(*part) => None,
                    (Op::Scan(scan), _) => {
                        scan.part(*part, |slot| graph.node(source.inputs[slot]).shape.clone()).ok()
                    }
                    _ => return fail("its operand has no such part".into()),
                };
                if given != Some((node.shape.clone(), node.dtype)) {
                    return fail(format!("it is given {given:?}, it has {}", node.shape));
                }
            }
            op => {
                let inferred = op.rule().map(|rule| rule.infer(&graph.metas(&node.inputs)));
                if inferred != Some(Ok((node.shape.clone(), node.dtype))) {
                    return fail(format!("its rule infers {inferred:?}, it has {}", node.shape));
                }
            }
        }
    }
    Ok(())
}

fn verify_scan(graph: &Graph, node: &Node, scan: &Scan) -> Result<(), String> {
    let counts = [node.inputs.len(), scan.roles.len(), scan.body.inputs.len()];
    if counts[0] != counts[1] || counts[0] != counts[2] {
        return Err(format!("a scan's inputs, roles and body inputs number {counts:?}"));
    }
    for (slot, role) in scan.roles.iter().enumerate() {
        let outer = &graph.node(node.inputs[slot]).shape;
        let inside = role.inside(outer, &scan.packing, scan.rows).map_err(|error| error.to_string())?;
        if inside != scan.body.node(scan.body.inputs[slot]).shape {
            return Err(format!("input {slot} of a scan's body does not have the shape {inside}"));
        }
    }
    if scan.states().count() != scan.next.len() {
        return Err("a scan needs as many next values as states".into());
    }
    for (slot, next) in scan.states().zip(&scan.next) {
        if scan.body.node(scan.body.inputs[slot]).shape != scan.body.node(*next).shape {
            return Err(format!("the state at input {slot} of a scan changes its shape"));
        }
    }
    verify_graph(&scan.body)
}

fn verify_fused(graph: &Graph, node: &Node, fused: &Fused) -> Result<(), String> {
    if graph.metas(&node.inputs) != fused.body.metas(&fused.body.inputs) {
        return Err("the inputs of fused work are not those of its body".into());
    }
    fused.check()?;
    verify_graph(&fused.body)
}
