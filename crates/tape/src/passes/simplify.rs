//! Local identities, each of which removes work:
//!
//! - `x · 1`, `x + 0`, `x - 0`, `x / 1` and `detach x` are `x` (nothing is differentiated any more);
//! - `-1 · x` is `-x`, and `a + -b` is `a - b`;
//! - a reshape of a reshape is one reshape, and none where the shape is the first one's;
//! - `dot` of a transposed operand takes the operand as it is and the transposition into its flag.
//!
//! A number is only dropped where the result keeps its shape: `x · 1` that broadcasts stays.

use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, Dot, Op, Reshape, Unary};
use crate::program::Program;

/// Applies the identities to every node once, operands first.
pub fn simplify(program: Program) -> Program {
    rewrite(program.map_bodies(&mut rewrite))
}

fn rewrite(program: Program) -> Program {
    program.rebuild(|graph, _, mut node| match replacement(graph, &mut node) {
        Some(known) => known,
        None => graph.push(node),
    })
}

/// A node that has the value already; or nothing, where `node` was changed or is as good as it is.
fn replacement(graph: &Graph, node: &mut Node) -> Option<NodeId> {
    let same_shape = |id: NodeId| graph.node(id).shape == node.shape;
    let operand = |index: usize| node.inputs[index];
    match &node.op {
        Op::Unary(Unary::Detach) => return Some(operand(0)),
        Op::Binary(op) => {
            let (left, right) = (number(graph, operand(0)), number(graph, operand(1)));
            let kept = match (op, left, right) {
                (Binary::Mul, Some(1.0), _) | (Binary::Add, Some(0.0), _) => Some(operand(1)),
                (Binary::Mul | Binary::Div, _, Some(1.0)) | (Binary::Add | Binary::Sub, _, Some(0.0)) => {
                    Some(operand(0))
                }
                _ => None,
            };
            if let Some(kept) = kept.filter(|kept| same_shape(*kept)) {
                return Some(kept);
            }
            let negated = match (op, left, right) {
                (Binary::Mul, Some(-1.0), _) => Some(operand(1)),
                (Binary::Mul, _, Some(-1.0)) => Some(operand(0)),
                _ => None,
            };
            if let Some(negated) = negated.filter(|negated| same_shape(*negated)) {
                node.op = Op::Unary(Unary::Negate);
                node.inputs = [negated].as_slice().into();
            } else if *op == Binary::Add
                && let Op::Unary(Unary::Negate) = graph.node(operand(1)).op
            {
                let subtracted = graph.node(operand(1)).inputs[0];
                node.op = Op::Binary(Binary::Sub);
                node.inputs[1] = subtracted;
            }
        }
        Op::Reshape(_) => {
            let mut source = operand(0);
            while let Op::Reshape(_) = graph.node(source).op {
                source = graph.node(source).inputs[0];
            }
            if same_shape(source) {
                return Some(source);
            }
            node.op = Op::Reshape(Reshape::new(node.shape.clone()));
            node.inputs = [source].as_slice().into();
        }
        Op::Dot(dot) => {
            let mut flags = *dot;
            if let Some(source) = transposed(graph, operand(0)) {
                flags = Dot { transpose_left: !flags.transpose_left, ..flags };
                node.inputs[0] = source;
            }
            if let Some(source) = transposed(graph, node.inputs[1]) {
                flags = Dot { transpose_right: !flags.transpose_right, ..flags };
                node.inputs[1] = source;
            }
            node.op = Op::Dot(flags);
        }
        _ => {}
    }
    None
}

/// The number that a node stands for everywhere, looking through repetition and reshaping.
fn number(graph: &Graph, mut id: NodeId) -> Option<f64> {
    loop {
        match &graph.node(id).op {
            Op::Scalar(scalar) => return Some(scalar.number()),
            Op::Expand(_) | Op::Reshape(_) => id = graph.node(id).inputs[0],
            _ => return None,
        }
    }
}

/// What a node is the transposition of, if it exchanges the last two axes and no others.
fn transposed(graph: &Graph, id: NodeId) -> Option<NodeId> {
    match &graph.node(id).op {
        Op::Transpose(transpose) if transpose.exchanges_last_two() => Some(graph.node(id).inputs[0]),
        _ => None,
    }
}
