//! Which loops several threads can run together, each on its own rows through all steps.
//!
//! Rows are those of the sequences, and a body whose values each depend on the same row of others (and on
//! what is the same for all) computes each row as if there were no other. So the threads need not wait
//! for one another at any step, and every element is computed in the same way by whichever has its row.

use crate::graph::Graph;
use crate::ops::{Op, Part};
use crate::scan::Scan;
use crate::shape::Dim;

/// Whether no row of a loop's steps depends on another.
pub(super) fn is_shareable(scan: &Scan, parts: &[Part]) -> bool {
    let by_rows = |part: &Part| match part {
        Part::Final(_) | Part::Stacked(_) | Part::Result(_) => true,
        Part::Summed(node) => scan.body.node(*node).shape.leads_with_rows(),
    };
    let needed = scan.body.ancestors(scan.wanted(parts.iter().copied()));
    scan.rows == Dim::ROWS && parts.iter().all(by_rows) && maps_rows(&scan.body, &needed)
}

/// Whether some nodes of a body treat each row by itself. What does not depend on rows at all is computed by
/// each thread.
fn maps_rows(body: &Graph, needed: &[bool]) -> bool {
    let mut nodes = body.nodes.iter().zip(needed).filter(|(_, needed)| **needed).map(|(node, _)| node);
    nodes.all(|node| match &node.op {
        Op::Input(_) | Op::Part(Part::Result(_)) => true,
        Op::Scan(_) | Op::Part(_) => false,
        Op::Fused(fused) => maps_rows(&fused.body, &vec![true; fused.body.nodes.len()]),
        _ => body.is_constant(node) || body.maps_rows(node),
    })
}
