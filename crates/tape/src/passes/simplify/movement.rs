//! Elements that are moved to and fro:
//!
//! - a slice of everything, a concat of one operand, a pad by nothing and an expand to the same shape are
//!   the operand; a slice of a slice, a pad of a pad, an expand of an expand are one;
//! - a slice within a part of a concat is a slice of that part, or the part; within what was padded, of that;
//! - a concat of slices that lie side by side is the slice of them all;
//! - a reshape of a reshape is one, and none where the shape is the first one's;
//! - `dot` of a transposed operand takes the operand as it is and the transposition into its flag, and
//!   what is transposed twice is as it was;
//! - elements placed among zeros and summed along the same axis, or picked by the same index, are themselves.

use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Dot, Expand, Op, Pad, Reshape, Slice, Sum};

pub(super) fn known(graph: &Graph, node: &mut Node) -> Option<NodeId> {
    let source = node.inputs.first().map(|source| graph.node(*source));
    match (&node.op, source) {
        (Op::Slice(slice), Some(_)) => sliced(graph, *slice, node),
        (Op::Concat(concat), Some(first)) => {
            let axis = concat.axis;
            if node.inputs.len() == 1 {
                return Some(node.inputs[0]);
            }
            let Op::Slice(Slice { start, .. }) = first.op else { return None };
            let mut end = start;
            for part in &node.inputs {
                let part = graph.node(*part);
                match part.op {
                    Op::Slice(slice)
                        if (slice.axis, slice.start) == (axis, end) && part.inputs == first.inputs =>
                    {
                        end += slice.len;
                    }
                    _ => return None,
                }
            }
            node.inputs = first.inputs.clone();
            sliced(graph, Slice { axis, start, len: end - start }, node)
        }
        (Op::Pad(pad), Some(inner)) => match inner.op {
            _ if (pad.before, pad.after) == (0, 0) => Some(node.inputs[0]),
            Op::Pad(first) if first.axis == pad.axis => {
                let (before, after) = (pad.before + first.before, pad.after + first.after);
                node.op = Pad { axis: pad.axis, before, after }.into();
                node.inputs = inner.inputs.clone();
                None
            }
            _ => None,
        },
        (Op::Expand(_), Some(inner)) => {
            if inner.shape == node.shape {
                return Some(node.inputs[0]);
            }
            if let Op::Expand(_) = inner.op {
                node.op = Expand::new(node.shape.clone()).into();
                node.inputs = inner.inputs.clone();
            }
            None
        }
        (Op::Reshape(_), Some(inner)) => {
            // What a reshape is of was simplified before it, and is no reshape any more.
            let source = if let Op::Reshape(_) = inner.op { inner.inputs[0] } else { node.inputs[0] };
            if graph.node(source).shape == node.shape {
                return Some(source);
            }
            node.op = Reshape::new(node.shape.clone()).into();
            node.inputs = [source].as_slice().into();
            None
        }
        (Op::Transpose(transpose), _) if transpose.exchanges_last_two() => transposed(graph, node.inputs[0]),
        (Op::Dot(dot), _) => {
            let mut flags = *dot;
            if let Some(source) = transposed(graph, node.inputs[0]) {
                flags = Dot { transpose_left: !flags.transpose_left, ..flags };
                node.inputs[0] = source;
            }
            if let Some(source) = transposed(graph, node.inputs[1]) {
                flags = Dot { transpose_right: !flags.transpose_right, ..flags };
                node.inputs[1] = source;
            }
            node.op = Op::Dot(flags);
            None
        }
        (Op::Sum(sum), Some(placed)) if matches!(placed.op, Op::Place(_)) => {
            let axis = placed.shape.rank() - 1;
            if sum.axes.contains(axis) {
                let rest = sum.axes.without(axis);
                let elements = placed.inputs[0];
                if rest.is_empty() {
                    return Some(elements);
                }
                node.op = Sum { axes: rest }.into();
                node.inputs = [elements].as_slice().into();
            }
            None
        }
        (Op::Pick(_), Some(placed)) if matches!(placed.op, Op::Place(_)) => {
            (placed.inputs[1] == node.inputs[1]).then(|| placed.inputs[0])
        }
        _ => None,
    }
}

/// A slice of the operand of a node, looking one step into the operand.
fn sliced(graph: &Graph, slice: Slice, node: &mut Node) -> Option<NodeId> {
    let inner = graph.node(node.inputs[0]);
    let axis = usize::from(slice.axis);
    let end = slice.start + slice.len;
    let (source, start) = match inner.op {
        Op::Slice(first) if first.axis == slice.axis => (inner.inputs[0], first.start + slice.start),
        Op::Concat(concat) if concat.axis == slice.axis => {
            let mut before = 0;
            let part = inner.inputs.iter().find_map(|part| {
                let extent = extent(graph, *part, axis);
                let start = before;
                before += extent;
                (start <= slice.start && end <= start + extent).then(|| (*part, slice.start - start))
            });
            part.unwrap_or((node.inputs[0], slice.start))
        }
        Op::Pad(pad)
            if pad.axis == slice.axis
                && pad.before <= slice.start
                && end <= pad.before + extent(graph, inner.inputs[0], axis) =>
        {
            (inner.inputs[0], slice.start - pad.before)
        }
        _ => (node.inputs[0], slice.start),
    };
    if (start, slice.len) == (0, extent(graph, source, axis)) {
        return Some(source);
    }
    node.op = Slice { start, ..slice }.into();
    node.inputs = [source].as_slice().into();
    None
}

/// The extent of an axis that is not the rows of a step.
fn extent(graph: &Graph, id: NodeId, axis: usize) -> u32 {
    let extent = graph.node(id).shape.dim(axis).known().expect("slices, pads and concats leave rows alone");
    u32::try_from(extent).expect("an extent below 2^31")
}

/// What a node is the transposition of, if it exchanges the last two axes and no others.
fn transposed(graph: &Graph, id: NodeId) -> Option<NodeId> {
    match &graph.node(id).op {
        Op::Transpose(transpose) if transpose.exchanges_last_two() => Some(graph.node(id).inputs[0]),
        _ => None,
    }
}
