//! A value taken out of a scan, or out of fused work. The scan itself says how its parts are computed and
//! differentiated, and what their shapes are; fused work likewise.

use super::{Gradients, Io, Kind, Meta, Parse, Rule};
use crate::dtype::DType;
use crate::error::ShapeError;
use crate::grad::Adjoint;
use crate::graph::NodeId;
use crate::shape::Shape;
use crate::text::{Line, Parsed};

/// What is taken out of a scan, or out of fused work. Any node of the body can be, so that a gradient finds what it needs
/// without the scan being recorded again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The value of a state after the last step of each row, by the state's number.
    Final(u32),
    /// The values of a node of the body at all steps, packed.
    Stacked(NodeId),
    /// The values of a node of the body summed over all steps.
    Summed(NodeId),
    /// The value of a node in the body of a [`Fused`](crate::fused::Fused).
    Result(NodeId),
}

impl Part {
    /// The node of the body whose values it has; a final state has the one that carries it on, by a number.
    pub fn node(self) -> Option<NodeId> {
        match self {
            Part::Final(_) => None,
            Part::Stacked(node) | Part::Summed(node) | Part::Result(node) => Some(node),
        }
    }

    /// The same part of a body whose nodes are elsewhere.
    pub(crate) fn moved(self, place: impl FnOnce(NodeId) -> NodeId) -> Part {
        match self {
            Part::Final(state) => Part::Final(state),
            Part::Stacked(node) => Part::Stacked(place(node)),
            Part::Summed(node) => Part::Summed(place(node)),
            Part::Result(node) => Part::Result(place(node)),
        }
    }
}

impl Rule for Part {
    fn name(&self) -> &'static str {
        match self {
            Part::Final(_) => "final",
            Part::Stacked(_) => "stacked",
            Part::Summed(_) => "summed",
            Part::Result(_) => "result",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Other
    }

    fn attributes(&self) -> String {
        match self {
            Part::Final(state) => format!("state={state}"),
            Part::Stacked(node) | Part::Summed(node) | Part::Result(node) => format!("node=%{}", node.0),
        }
    }

    fn infer(&self, _: &[Meta<'_>]) -> Result<(Shape, DType), ShapeError> {
        unreachable!("the shape of a part is that which its scan gives it")
    }

    fn eval(&self, _: Io<'_>) -> Result<(), String> {
        unreachable!("a part is computed with its scan")
    }

    fn grad<'t>(&self, _: &Adjoint<'_, 't>) -> Gradients<'t> {
        unreachable!("a part is differentiated with its scan")
    }
}

impl Parse for Part {
    fn parse(line: &Line<'_>) -> Parsed<Part> {
        match line.name {
            "stacked" => line.read("stacked", 1, |line| Ok(Part::Stacked(NodeId(line.node("node")?)))),
            "summed" => line.read("summed", 1, |line| Ok(Part::Summed(NodeId(line.node("node")?)))),
            "result" => line.read("result", 1, |line| Ok(Part::Result(NodeId(line.node("node")?)))),
            _ => line.read("final", 1, |line| Ok(Part::Final(line.number("state")?))),
        }
    }
}
