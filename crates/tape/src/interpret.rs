//! The naive interpreter: evaluates node after node with the plain loops of the operations.
//!
//! It is the reference that the engine is held to, and what [`Var::value`] uses. It plans nothing,
//! shares nothing and keeps everything it computed until the end. What looks for the first value that
//! is not finite may see each as it is computed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use smallvec::SmallVec;

use crate::error::RunError;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Io, Op, Part, Value};
use crate::scan::{Role, Scan};
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::var::Var;

/// Computes values of one tape.
///
/// # Errors
/// If an operation meets a value that it cannot take, such as an index outside a table.
///
/// # Panics
/// If there are values of different tapes, or a scan is being recorded.
#[track_caller]
pub fn interpret(outputs: &[Var<'_>]) -> Result<Vec<Tensor>, RunError> {
    interpret_watched(outputs, &mut Nobody).map_err(|halt| match halt {
        Halt::Error(error) => error,
        Halt::Watch => unreachable!("nobody looks on"),
    })
}

/// The same while `watch` looks on.
#[track_caller]
pub(crate) fn interpret_watched(outputs: &[Var<'_>], watch: &mut dyn Watch) -> Result<Vec<Tensor>, Halt> {
    let Some(first) = outputs.first() else { return Ok(Vec::new()) };
    let tape = first.tape();
    assert!(outputs.iter().all(|var| std::ptr::eq(var.tape(), tape)), "the values are of different tapes");
    let graph = tape.graph_with_trail();
    let inputs: Vec<Tensor> = (0..tape.inputs()).map(|slot| tape.with_input(slot, Tensor::clone)).collect();
    let wanted: Vec<NodeId> = outputs.iter().map(|var| var.id()).collect();
    evaluate(&graph, &inputs, &wanted, 0, watch)
}

/// The values that nodes have; a loop has none of its own, only its parts do.
pub(crate) type Values = HashMap<NodeId, Tensor>;

/// What looks on while a program is evaluated.
pub(crate) trait Watch {
    /// A node of a graph has a value, which was computed from `values`: those that nodes before it have.
    fn see(&mut self, graph: &Graph, id: NodeId, values: &Values, value: &Tensor) -> ControlFlow<()>;

    /// The loop that a node of a graph is begins.
    fn enter(&mut self, graph: &Graph, node: &Node);

    /// The innermost loop comes to a step.
    fn step(&mut self, t: usize);

    /// The innermost loop has ended.
    fn leave(&mut self);
}

/// Nobody looks on.
pub(crate) struct Nobody;

impl Watch for Nobody {
    fn see(&mut self, _: &Graph, _: NodeId, _: &Values, _: &Tensor) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn enter(&mut self, _: &Graph, _: &Node) {}

    fn step(&mut self, _: usize) {}

    fn leave(&mut self) {}
}

/// Why an evaluation has no results.
#[derive(Debug)]
pub(crate) enum Halt {
    /// An operation met a value that it cannot take.
    Error(RunError),
    /// The watch has seen enough.
    Watch,
}

/// Computes the wanted nodes of a graph, in a step of `rows` rows if it is the body of a scan.
pub(crate) fn evaluate(
    graph: &Graph,
    inputs: &[Tensor],
    wanted: &[NodeId],
    rows: usize,
    watch: &mut dyn Watch,
) -> Result<Vec<Tensor>, Halt> {
    let needed = graph.ancestors(wanted.iter().copied());
    let needed = || graph.iter().filter(|(id, _)| needed[id.index()]);
    let mut parts_of: HashMap<NodeId, Vec<Part>> = HashMap::new();
    for (_, node) in needed() {
        if let Op::Part(part) = node.op {
            parts_of.entry(node.inputs[0]).or_default().push(part);
        }
    }
    let mut values = Values::new();
    let mut parts: HashMap<(NodeId, Part), Tensor> = HashMap::new();
    for (id, node) in needed() {
        let operands = || node.inputs.iter().map(|input| &values[input]);
        let value = match &node.op {
            Op::Input(slot) => inputs[*slot as usize].clone(),
            Op::Scan(scan) => {
                let wanted = parts_of.remove(&id).unwrap_or_default();
                let operands: Vec<Tensor> = operands().cloned().collect();
                watch.enter(graph, node);
                let results = run_scan(scan, &operands, &wanted, rows, watch)?;
                watch.leave();
                parts.extend(wanted.into_iter().zip(results).map(|(part, value)| ((id, part), value)));
                continue;
            }
            Op::Fused(fused) => {
                let wanted = parts_of.remove(&id).unwrap_or_default();
                let operands: Vec<Tensor> = operands().cloned().collect();
                let nodes = |part: &Part| if let Part::Result(node) = part { Some(*node) } else { None };
                let nodes: Vec<NodeId> = wanted.iter().filter_map(nodes).collect();
                let results = evaluate(&fused.body, &operands, &nodes, rows, watch)?;
                parts.extend(wanted.into_iter().zip(results).map(|(part, value)| ((id, part), value)));
                continue;
            }
            Op::Part(part) => parts[&(node.inputs[0], *part)].clone(),
            _ => apply(node, operands(), node.shape.at(rows)).map_err(Halt::Error)?,
        };
        if watch.see(graph, id, &values, &value).is_break() {
            return Err(Halt::Watch);
        }
        values.insert(id, value);
    }
    Ok(wanted.iter().map(|id| values[id].clone()).collect())
}

/// Applies the operation of a node.
fn apply<'a>(
    node: &Node,
    operands: impl Iterator<Item = &'a Tensor>,
    shape: Shape,
) -> Result<Tensor, RunError> {
    let mut result = Tensor::zeros(node.dtype, &shape);
    let value = |tensor: &'a Tensor| Value { shape: tensor.shape(), data: tensor.slice() };
    let inputs: SmallVec<[Value<'_>; 4]> = operands.map(value).collect();
    let io = Io { inputs: &inputs, shape: &shape, out: result.slice_mut() };
    let rule = node.op.rule().expect("inputs and what has a body are evaluated by their own rules");
    let located = |reason| RunError { op: node.op.name().into(), location: node.location, reason };
    rule.eval(io).map_err(located)?;
    Ok(result)
}

/// Runs a loop and returns the wanted parts.
fn run_scan(
    scan: &Scan,
    operands: &[Tensor],
    parts: &[Part],
    rows: usize,
    watch: &mut dyn Watch,
) -> Result<Vec<Tensor>, Halt> {
    let outer = |slot: usize| operands[slot].shape().clone();
    let mut results: Vec<Tensor> = parts
        .iter()
        .map(|part| {
            let (shape, dtype) = scan.part(*part, outer).expect("the tape has checked the parts");
            Tensor::zeros(dtype, shape.at(scan.packing.sequences().at(rows)))
        })
        .collect();
    let mut states: Vec<Tensor> = scan.states().map(|slot| operands[slot].clone()).collect();
    let wanted = scan.wanted(parts.iter().copied());
    for t in scan.order() {
        watch.step(t);
        let (running, offset) = (scan.packing.running(t, rows), scan.packing.offset(t, rows));
        let mut present = states.iter();
        let feed = |(role, operand): (&Role, &Tensor)| match role {
            Role::State => rows_of(present.next().unwrap_or(operand), 0, running),
            Role::Sequence => rows_of(operand, offset, running),
            Role::Rows => rows_of(operand, 0, running),
            Role::Constant => operand.clone(),
        };
        let feeds: Vec<Tensor> = scan.roles.iter().zip(operands).map(feed).collect();
        // In a nested scan `n` is that of the step around it, as its shapes say.
        let n = if scan.rows == crate::Dim::ROWS { running } else { rows };
        let computed = evaluate(&scan.body, &feeds, &wanted, n, watch)?;
        let of = |node: &NodeId| &computed[wanted.iter().position(|id| id == node).expect("a wanted node")];
        for (state, next) in states.iter_mut().zip(&scan.next) {
            let next = of(next);
            state.slice_mut().part(0, next.slice().len()).copy_from(next.slice());
        }
        for (result, part) in results.iter_mut().zip(parts) {
            match part {
                Part::Final(_) | Part::Result(_) => {}
                Part::Stacked(node) => {
                    let rows = of(node);
                    let width = result.shape().without_leading().len();
                    result.slice_mut().part(offset * width, rows.slice().len()).copy_from(rows.slice());
                }
                Part::Summed(node) => {
                    let term = of(node);
                    result.slice_mut().part(0, term.slice().len()).add_from(term.slice());
                }
            }
        }
    }
    for (result, part) in results.iter_mut().zip(parts) {
        if let Part::Final(state) = part {
            *result = states[*state as usize].clone();
        }
    }
    Ok(results)
}

/// Some rows of a tensor as a tensor of their own.
fn rows_of(tensor: &Tensor, start: usize, count: usize) -> Tensor {
    let width = tensor.shape().without_leading().len();
    let mut rows = Tensor::zeros(tensor.dtype(), tensor.shape().with_leading(count.into()));
    rows.slice_mut().copy_from(tensor.slice().part(start * width, count * width));
    rows
}
