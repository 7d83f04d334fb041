//! The program that a tape records: nodes in the order of their evaluation.

use std::panic::Location;

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::ops::Op;
use crate::shape::Shape;

/// The place of a node in its graph. A node's inputs have smaller numbers than the node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The place as a number that counts from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn at(index: usize) -> NodeId {
        NodeId(u32::try_from(index).expect("fewer than 2^32 nodes"))
    }
}

/// The inputs of a node, in the order that its operation defines.
pub type Inputs = SmallVec<[NodeId; 4]>;

/// One operation of a program with the shape and type of its result.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From what.
    pub inputs: Inputs,
    /// The extents of the result.
    pub shape: Shape,
    /// The element type of the result.
    pub dtype: DType,
    /// The scope that was open when the node was recorded.
    pub scope: ScopeId,
    /// The line of the user's program that recorded the node.
    pub location: &'static Location<'static>,
}

/// A scope: an entry of [`Scopes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ScopeId(u16);

/// The names of nested scopes, such as `captioner/rnn`; the first is the empty name outside all of them.
#[derive(Clone, Debug)]
pub struct Scopes(Vec<String>);

impl Default for Scopes {
    fn default() -> Scopes {
        Scopes(vec![String::new()])
    }
}

impl Scopes {
    /// The name of a scope, outer names first.
    pub fn name(&self, scope: ScopeId) -> &str {
        &self.0[usize::from(scope.0)]
    }

    pub(crate) fn enter(&mut self, outer: ScopeId, name: &str) -> ScopeId {
        let path = match self.name(outer) {
            "" => name.to_string(),
            outer => format!("{outer}/{name}"),
        };
        let known = self.0.iter().position(|scope| *scope == path);
        let index = known.unwrap_or_else(|| {
            self.0.push(path);
            self.0.len() - 1
        });
        ScopeId(u16::try_from(index).expect("fewer than 2^16 scopes"))
    }
}

/// A straight-line program. The body of a scan is a graph too.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All nodes, inputs before users.
    pub nodes: Vec<Node>,
    /// The nodes that are given from outside, in order.
    pub inputs: Vec<NodeId>,
}

impl Graph {
    /// The node at a place.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// All places with their nodes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId::at(index), node))
    }

    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId::at(self.nodes.len());
        debug_assert!(node.inputs.iter().all(|input| *input < id), "inputs come before their users");
        if let Op::Input(_) = node.op {
            self.inputs.push(id);
        }
        self.nodes.push(node);
        id
    }

    /// Which nodes the given ones are computed from, themselves included.
    pub fn ancestors(&self, of: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        of.into_iter().for_each(|id| needed[id.index()] = true);
        for (id, node) in self.iter().rev() {
            if needed[id.index()] {
                node.inputs.iter().for_each(|input| needed[input.index()] = true);
            }
        }
        needed
    }
}

/// Two graphs are equal when they compute the same, wherever they were recorded.
impl PartialEq for Graph {
    fn eq(&self, other: &Graph) -> bool {
        self.inputs == other.inputs && self.nodes == other.nodes
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        (&self.op, &self.inputs, &self.shape, self.dtype)
            == (&other.op, &other.inputs, &other.shape, other.dtype)
    }
}

impl Eq for Node {}
impl Eq for Graph {}

impl std::hash::Hash for Node {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.op, &self.inputs, &self.shape, self.dtype).hash(state);
    }
}

impl std::hash::Hash for Graph {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.nodes.hash(state);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_node_with_its_location_takes_at_most_96_bytes() {
        assert!(size_of::<super::Node>() <= 96, "{}", size_of::<super::Node>());
    }
}
