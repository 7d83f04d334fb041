//! Arithmetic with numbers and signs:
//!
//! - `x · 1`, `x + 0`, `x - 0`, `x / 1` and `detach x` are `x` (nothing is differentiated any more);
//! - `-1 · x` is `-x`, `--x` is `x`, `a + -b` and `-b + a` are `a - b`, `a - -b` is `a + b`, and
//!   `-a · -b` is `a · b`;
//! - `x / c` is `x · (1 / c)` where `c` is a power of two, so that not a bit differs;
//! - what is computed from two numbers is a number, and repeated numbers are a number repeated.
//!
//! A number is only dropped where the result keeps its shape: `x · 1` that broadcasts stays.

use crate::dtype::{DType, Real, with_real};
use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, BinaryUser, Expand, Op, Scalar, Unary};
use crate::passes::append;

pub(super) fn known(graph: &mut Graph, node: &mut Node) -> Option<NodeId> {
    match node.op {
        Op::Unary(Unary::Detach) => Some(node.inputs[0]),
        Op::Unary(Unary::Negate) => negated(graph, node.inputs[0])
            .or_else(|| number(graph, node.inputs[0]).map(|number| repeated(graph, node, -number))),
        Op::Binary(op) => {
            let [left, right] = [node.inputs[0], node.inputs[1]];
            let numbers = [number(graph, left), number(graph, right)];
            if let [Some(left), Some(right)] = numbers
                && let Some(result) = fold(op, left, right, node.dtype)
            {
                return Some(repeated(graph, node, result));
            }
            let same_shape = |id: &NodeId| graph.node(*id).shape == node.shape;
            neutral(op, numbers, [left, right]).filter(same_shape).or_else(|| {
                change(graph, node, op, numbers);
                None
            })
        }
        _ => None,
    }
}

/// The operand that the other one leaves as it is.
fn neutral(op: Binary, numbers: [Option<f64>; 2], [left, right]: [NodeId; 2]) -> Option<NodeId> {
    match (op, numbers) {
        (Binary::Mul, [Some(1.0), _]) | (Binary::Add, [Some(0.0), _]) => Some(right),
        (Binary::Mul | Binary::Div, [_, Some(1.0)]) | (Binary::Add | Binary::Sub, [_, Some(0.0)]) => {
            Some(left)
        }
        _ => None,
    }
}

/// Writes a node in a form that takes less work.
fn change(graph: &mut Graph, node: &mut Node, op: Binary, numbers: [Option<f64>; 2]) {
    let [left, right] = [node.inputs[0], node.inputs[1]];
    let signs = [negated(graph, left), negated(graph, right)];
    let same_shape = |id: NodeId| graph.node(id).shape == node.shape;
    let (op, inputs): (Op, &[NodeId]) = match (op, numbers, signs) {
        (Binary::Mul, [Some(-1.0), _], _) if same_shape(right) => (Unary::Negate.into(), &[right]),
        (Binary::Mul, [_, Some(-1.0)], _) if same_shape(left) => (Unary::Negate.into(), &[left]),
        (Binary::Mul | Binary::Div, _, [Some(a), Some(b)]) => (op.into(), &[a, b]),
        (Binary::Add, _, [_, Some(b)]) => (Binary::Sub.into(), &[left, b]),
        (Binary::Add, _, [Some(a), _]) => (Binary::Sub.into(), &[right, a]),
        (Binary::Sub, _, [_, Some(b)]) => (Binary::Add.into(), &[left, b]),
        (Binary::Div, [_, Some(divisor)], _) if same_shape(left) => match reciprocal(divisor, node.dtype) {
            Some(factor) => {
                let factor = append(graph, node, Scalar::new(factor, node.dtype), &[]);
                (Binary::Mul.into(), &[left, factor])
            }
            None => return,
        },
        _ => return,
    };
    node.inputs = inputs.into();
    node.op = op;
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

/// What a node is the negative of.
fn negated(graph: &Graph, id: NodeId) -> Option<NodeId> {
    matches!(graph.node(id).op, Op::Unary(Unary::Negate)).then(|| graph.node(id).inputs[0])
}

/// A number in the shape of a node.
fn repeated(graph: &mut Graph, node: &Node, number: f64) -> NodeId {
    let scalar = append(graph, node, Scalar::new(number, node.dtype), &[]);
    match node.shape.rank() {
        0 => scalar,
        _ => append(graph, node, Expand::new(node.shape.clone()), &[scalar]),
    }
}

/// What a function that is exact to the last bit everywhere makes of two numbers.
fn fold(op: Binary, left: f64, right: f64, dtype: DType) -> Option<f64> {
    struct Fold(f64, f64, f64);
    impl<T: Real> BinaryUser<T> for &mut Fold {
        fn run(self, f: impl Fn(T, T) -> T) {
            self.2 = f(T::from_f64(self.0), T::from_f64(self.1)).to_f64();
        }
    }
    if op == Binary::Pow {
        return None;
    }
    let mut fold = Fold(left, right, 0.0);
    with_real!(dtype, T => op.with::<T, _>(&mut fold));
    Some(fold.2)
}

/// One over a number, where the product with it has the bits of the quotient.
fn reciprocal(number: f64, dtype: DType) -> Option<f64> {
    let fraction = number.to_bits() & ((1 << 52) - 1);
    let smallest = if dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    let exact = fraction == 0 && number.abs() >= smallest && number.recip().abs() >= smallest;
    exact.then(|| number.recip())
}
