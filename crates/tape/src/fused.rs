//! Elementwise work as one node: its body is a small program that one kernel runs tile by tile, so that
//! nothing between its inputs and its results reaches memory.
//!
//! [`fuse`](crate::passes::fuse) makes it, as the last pass. It is never differentiated: gradients are
//! recorded before passes run.
//!
//! The values of a body are seen as tables of one size, its domain: the rows are all axes but the last,
//! the width is the last. A value is a whole table, one row or one column that is repeated, or a number.
//! Members of the body compute:
//!
//! - functions of each element and of each pair of elements, where operands broadcast as rows, columns or
//!   numbers;
//! - at the end, sums over everything or over the rows, tables joined along the last axis, and the cross
//!   entropy of each row; nothing in the body uses their results;
//! - the gradient of cross entropy, a table like any other.
//!
//! Between inputs and members stand views, which cost nothing: numbers, repetition, another shape for the
//! same table, and ranges of the last axis of an input.

use std::hash::Hash;

use crate::dtype::DType;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::Op;
use crate::shape::{Dim, Elements, Shape};

/// Elementwise work with the program that says what is computed. Results are taken out of it by
/// [`Part::Result`](crate::ops::Part::Result).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fused {
    /// What is computed. Its inputs are the node's inputs, one to one and with the same shapes; inside a
    /// scan they lead with the rows `n` of the step as everything there does.
    pub body: Graph,
}

impl Fused {
    /// The shape and type of a result, if there is such a node.
    pub(crate) fn result(&self, id: NodeId) -> Option<(Shape, DType)> {
        let node = self.body.nodes.get(id.index())?;
        Domain::of_member(&self.body, node).map(|_| (node.shape.clone(), node.dtype))
    }

    /// The domain of all members.
    pub(crate) fn domain(&self) -> Option<Domain> {
        self.body.nodes.iter().find_map(|node| Domain::of_member(&self.body, node))
    }

    /// Whether the kernel can run the body; if not, what it cannot do.
    pub(crate) fn check(&self) -> Result<(), String> {
        let graph = &self.body;
        let Some(domain) = self.domain() else { return Err("fused work without a member".into()) };
        for (id, node) in graph.iter() {
            let fail = |what: &str| Err(format!("fused %{} = {}: {what}", id.index(), node.op.name()));
            match Domain::of_member(graph, node) {
                None if matches!(node.op, Op::Input(_)) || is_view(graph, node) => continue,
                None => return fail("the kernel does not know it"),
                Some(own) if own != domain => return fail("it is of another size than the members before"),
                Some(_) => {}
            }
            for place in 0..node.inputs.len() {
                let view = View::of(graph, node, place, domain);
                let Some(view) = view else { return fail("an operand is no table, row, column or number") };
                let View::Part { source, .. } = view else { continue };
                let source_node = graph.node(source);
                if !matches!(source_node.op, Op::Input(_)) && !view.joins(graph, domain) {
                    return fail("an operand is none that the kernel reads there");
                }
            }
        }
        Ok(())
    }
}

/// The table that members compute: `rows` times `width` elements of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Domain {
    pub rows: Elements,
    pub width: Dim,
    pub dtype: DType,
}

/// How a value lies in its domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Rows times width.
    Table,
    /// One row, the same for all.
    Row,
    /// One element for each row.
    Column,
    /// One element for all.
    Number,
}

impl Domain {
    fn of_shape(shape: &Shape, dtype: DType) -> Domain {
        let (rows, width) = shape.rows_and_width();
        Domain { rows, width, dtype }
    }

    /// The domain in which a node can be a member, if it can be one at all. Its operands must also be
    /// [views](View::of) of that domain.
    pub fn of_member(graph: &Graph, node: &Node) -> Option<Domain> {
        let operand = || graph.node(node.inputs[0]);
        let of_operand = || Domain::of_shape(&operand().shape, node.dtype);
        match &node.op {
            Op::Unary(_) | Op::Binary(_) => Some(Domain::of_shape(&node.shape, node.dtype)),
            Op::Sum(sum) => {
                let rank = operand().shape.rank();
                let count = sum.axes.iter().count();
                let sums_rows = count + 1 == rank && !sum.axes.contains(rank - 1);
                (count == rank || sums_rows).then(of_operand)
            }
            Op::Concat(concat) => {
                let last = |id: &NodeId| graph.node(*id).shape.last();
                let is_last = usize::from(concat.axis) + 1 == node.shape.rank();
                let equal = node.inputs.iter().all(|input| last(input) == last(&node.inputs[0]));
                (is_last && equal).then(of_operand)
            }
            Op::CrossEntropy(_) | Op::CrossEntropyGradient(_) => Some(of_operand()),
            _ => None,
        }
    }

    /// How a value of a shape lies in the domain. That it has the elements of one of the four is enough:
    /// if it also broadcasts to the shape of the domain, its axes can only be aligned in that one way.
    pub fn class(self, shape: &Shape) -> Option<Class> {
        let one = Shape::scalar().elements();
        let (rows, width) = shape.rows_and_width();
        match (rows == self.rows, width == self.width) {
            (true, true) => Some(Class::Table),
            _ if rows == one && width == 1 => Some(Class::Number),
            (_, true) if rows == one => Some(Class::Row),
            (true, _) if width == 1 => Some(Class::Column),
            _ => None,
        }
    }
}

/// Whether the results of a member are whole only when all tiles have run, so that no other member of the
/// same body can use them.
pub(crate) fn is_last(node: &Node) -> bool {
    matches!(node.op, Op::Sum(_) | Op::Concat(_) | Op::CrossEntropy(_))
}

/// Whether a node can stand between inputs and members as a view.
pub(crate) fn is_view(graph: &Graph, node: &Node) -> bool {
    match &node.op {
        Op::Scalar(_) | Op::Expand(_) | Op::Reshape(_) => node.dtype.is_real(),
        Op::Slice(slice) => {
            let shape = &graph.node(node.inputs[0]).shape;
            usize::from(slice.axis) + 1 == shape.rank() && node.dtype.is_real()
        }
        _ => false,
    }
}

/// What a member reads as an operand.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum View {
    /// A number written in the program.
    Number(f64),
    /// Elements of another node: from `start` on, rows `stride` apart.
    Part { source: NodeId, class: Class, start: usize, stride: Stride },
    /// The indices of cross entropy, one for each row.
    Indices { source: NodeId },
}

/// The distance between the rows of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stride {
    /// One after another.
    Dense,
    /// So many elements apart.
    Apart(usize),
}

impl View {
    /// What a member reads as its operand number `place`, if that is a view of the domain.
    pub fn of(graph: &Graph, node: &Node, place: usize, domain: Domain) -> Option<View> {
        let id = node.inputs[place];
        match (&node.op, place) {
            (Op::CrossEntropy(_) | Op::CrossEntropyGradient(_), 1) => Some(View::Indices { source: id }),
            (Op::CrossEntropyGradient(_), 2) => Some(View::column(graph, id)),
            _ if graph.node(id).dtype != domain.dtype => None,
            _ => View::of_value(graph, id, domain),
        }
    }

    /// Where the nodes begin that lie between it and a member.
    pub fn source(self) -> Option<NodeId> {
        match self {
            View::Number(_) => None,
            View::Part { source, .. } | View::Indices { source } => Some(source),
        }
    }

    /// Whether the source can be a member of the same body.
    pub fn joins(self, graph: &Graph, domain: Domain) -> bool {
        let View::Part { source, class: Class::Table, start: 0, stride: Stride::Dense } = self else {
            return false;
        };
        let node = graph.node(source);
        !is_last(node)
            && Domain::of_member(graph, node) == Some(domain)
            && domain.class(&node.shape) == Some(Class::Table)
    }

    fn of_value(graph: &Graph, id: NodeId, domain: Domain) -> Option<View> {
        let node = graph.node(id);
        let class = domain.class(&node.shape)?;
        let all_of = |source| View::Part { source, class, start: 0, stride: Stride::Dense };
        Some(match &node.op {
            Op::Scalar(scalar) => View::Number(scalar.number()),
            // What is repeated is read once, so the narrower class is the true one.
            Op::Expand(_) => View::of_value(graph, node.inputs[0], domain).unwrap_or(all_of(id)),
            Op::Reshape(_) => {
                let source = node.inputs[0];
                match domain.class(&graph.node(source).shape) {
                    Some(same) if same == class => View::of_value(graph, source, domain)?,
                    // The same elements in the same order, whatever the shape.
                    _ => all_of(source),
                }
            }
            Op::Slice(slice) if is_view(graph, node) => {
                let source = node.inputs[0];
                let stride = Stride::Apart(graph.node(source).shape.last().known()?);
                View::Part { source, class, start: slice.start as usize, stride }
            }
            _ => all_of(id),
        })
    }

    /// A value with one element for each row whose shape lacks the last axis, or a number repeated to that.
    fn column(graph: &Graph, id: NodeId) -> View {
        let part = |source, class| View::Part { source, class, start: 0, stride: Stride::Dense };
        let mut source = id;
        loop {
            let node = graph.node(source);
            match &node.op {
                Op::Scalar(scalar) => return View::Number(scalar.number()),
                Op::Expand(_) | Op::Reshape(_) if is_view(graph, node) => source = node.inputs[0],
                _ if node.shape.elements() == Shape::scalar().elements() => {
                    return part(source, Class::Number);
                }
                _ => return part(id, Class::Column),
            }
        }
    }
}
