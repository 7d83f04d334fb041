//! Which loops several threads can run together, each on its own rows through all steps.
//!
//! Rows are those of the sequences, and a body whose values each depend on the same row of others (and on
//! what is the same for all) computes each row as if there were no other. So the threads need not wait
//! for one another at any step, and every element is computed in the same way by whichever has its row.

use crate::ops::{Op, Part};
use crate::scan::Scan;
use crate::shape::Dim;

/// Whether no row of a loop's steps depends on another.
pub(super) fn is_shareable(scan: &Scan, parts: &[Part]) -> bool {
    let by_rows = |part: &Part| match part {
        Part::Final(_) | Part::Stacked(_) => true,
        Part::Summed(node) => scan.body.node(*node).shape.leads_with_rows(),
    };
    let needed = scan.body.ancestors(scan.wanted(parts.iter().copied()));
    let mut nodes = scan.body.iter().filter(|(id, _)| needed[id.index()]).map(|(_, node)| node);
    scan.rows == Dim::ROWS
        && parts.iter().all(by_rows)
        && nodes.all(|node| match &node.op {
            Op::Input(_) => true,
            // What does not depend on rows at all is computed by each.
            op => !matches!(op, Op::Scan(_) | Op::Part(_)) && (scan.is_constant(node) || scan.maps_rows(node)),
        })
}
