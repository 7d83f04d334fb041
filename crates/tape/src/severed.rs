//! Why no gradient reaches a value: where the ways from it end.
//!
//! A gradient flows along floating-point operands only, and not through what is flat on purpose
//! ([`Rule::flat`](crate::ops::Rule::flat)): comparisons, signs, [`Var::detach`]. A value all of whose ways end there has no
//! gradient, which is mostly a mistake.

use std::fmt::Write;
use std::panic::Location;

use rustc_hash::FxHashSet;

use crate::grad::wanted_inputs;
use crate::graph::{Graph, NodeId, dependents};
use crate::ops::Op;
use crate::var::Var;

/// Where a way ends: the operation and its line.
type End = (&'static str, &'static Location<'static>);

/// Why `of` has no gradient with respect to `from`, in words, for a message: that it does not use it, or where the ways end.
///
/// ```
/// use tape::{DType, Tape, why_severed};
///
/// let tape = Tape::new(DType::F32);
/// let (w, unused) = (tape.input_number(2.0), tape.input_number(1.0));
/// let loss = w.sign() * 3.0;
/// assert!(why_severed(loss, w).starts_with("every way from it ends: in sign recorded at "));
/// assert_eq!(why_severed(loss, unused), "nothing that it is computed from uses it");
/// ```
///
/// # Panics
/// If the values are of different tapes, or a scan is being recorded.
#[track_caller]
pub fn why_severed<'t>(of: Var<'t>, from: Var<'t>) -> String {
    let tape = of.tape();
    assert!(std::ptr::eq(tape, from.tape()), "the values are of different tapes");
    let (of, from) = (tape.place(of), tape.place(from));
    let graph = tape.graph_with_trail();
    let needed = graph.ancestors([of]);
    if !needed[from.index()] {
        return "nothing that it is computed from uses it".into();
    }
    let mut ends = Vec::new();
    find_ends(&graph, &[from], &needed, &mut ends);
    let mut seen = FxHashSet::default();
    ends.retain(|end| seen.insert(*end));
    if ends.is_empty() {
        return "what it is used for does not reach the value".into();
    }
    let mut text = "every way from it ends:".to_string();
    for (number, (op, location)) in ends.iter().enumerate() {
        let and = if number == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{and} in {op} recorded at {location}");
    }
    text
}

/// The operations at which ways from some nodes of a graph end, among those that are needed.
fn find_ends(graph: &Graph, from: &[NodeId], needed: &[bool], ends: &mut Vec<End>) {
    let depends = dependents(&graph.nodes, from);
    for (_, node) in graph.iter().filter(|(id, _)| needed[id.index()]) {
        let reached = |input: &NodeId| depends[input.index()];
        if !node.inputs.iter().any(reached) {
            continue;
        }
        if let Op::Scan(scan) = &node.op {
            let inputs = wanted_inputs(scan, |slot| reached(&node.inputs[slot]));
            find_ends(&scan.body, &inputs, &vec![true; scan.body.nodes.len()], ends);
        }
        let is_flat = |operand: usize| node.op.rule().is_some_and(|rule| rule.flat(operand));
        let flat = node.inputs.iter().enumerate().any(|(operand, input)| reached(input) && is_flat(operand));
        if flat || !node.dtype.is_real() {
            ends.push((node.op.name(), node.location));
        }
    }
}
