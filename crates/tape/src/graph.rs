//! The program that a tape records: nodes in the order of their evaluation.

use std::hash::BuildHasher;
use std::panic::Location;

use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::SmallVec;

use crate::dtype::DType;
use crate::ops::{Meta, Op};
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
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    outermost: Entry,
    /// Those within it.
    inner: Vec<Entry>,
    /// The scopes by the hash of their names.
    by_hash: FxHashMap<u64, SmallVec<[ScopeId; 1]>>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    name: String,
    outer: ScopeId,
    /// The scope of its gradients, once there are any.
    gradients: Option<ScopeId>,
}

/// The outermost scope of gradients.
const GRADIENTS: &str = "grad";

impl Scopes {
    /// The name of a scope, outer names first.
    pub fn name(&self, scope: ScopeId) -> &str {
        &self.entry(scope).name
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.inner.len()
    }

    fn entry(&self, scope: ScopeId) -> &Entry {
        usize::from(scope.0).checked_sub(1).map_or(&self.outermost, |index| &self.inner[index])
    }

    /// The scope of this name within another.
    pub(crate) fn enter(&mut self, outer: ScopeId, name: &str) -> ScopeId {
        let hash = FxBuildHasher.hash_one((outer, name));
        let is_it = |scope: &ScopeId| {
            let entry = self.entry(*scope);
            entry.outer == outer && last_names(self.name(outer), &entry.name) == name
        };
        if let Some(known) = self.by_hash.get(&hash).and_then(|scopes| scopes.iter().find(|one| is_it(one))) {
            return *known;
        }
        let name = match self.name(outer) {
            "" => name.to_string(),
            outer => format!("{outer}/{name}"),
        };
        let scope = ScopeId(u16::try_from(self.len()).expect("fewer than 2^16 scopes"));
        self.inner.push(Entry { name, outer, gradients: None });
        self.by_hash.entry(hash).or_default().push(scope);
        scope
    }

    /// The scope of the gradients of what a scope holds: `grad/rnn` for `rnn`.
    pub(crate) fn gradients_of(&mut self, scope: ScopeId) -> ScopeId {
        if let Some(known) = self.entry(scope).gradients {
            return known;
        }
        let all = self.enter(ScopeId::default(), GRADIENTS);
        let own = match self.name(scope).to_string() {
            name if name.is_empty() => all,
            name => self.enter(all, &name),
        };
        let entry = match usize::from(scope.0).checked_sub(1) {
            Some(index) => &mut self.inner[index],
            None => &mut self.outermost,
        };
        entry.gradients = Some(own);
        own
    }
}

/// What follows the name of the outer scope in the name of an inner one.
fn last_names<'a>(outer: &str, inner: &'a str) -> &'a str {
    if outer.is_empty() { inner } else { inner.get(outer.len() + 1..).unwrap_or_default() }
}

/// A straight-line program. The body of a scan is a graph too.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All nodes, inputs before users.
    pub nodes: Vec<Node>,
    /// The nodes that are given from outside, in order.
    pub inputs: Vec<NodeId>,
}

impl Node {
    /// The shape and type of the result.
    pub fn meta(&self) -> Meta<'_> {
        Meta { shape: &self.shape, dtype: self.dtype }
    }
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

    /// Appends a node whose inputs are there already, as a pass does; its place. A [`Tape`](crate::Tape) infers shape and type,
    /// here the caller knows them.
    pub fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId::at(self.nodes.len());
        debug_assert!(node.inputs.iter().all(|input| *input < id), "inputs come before their users");
        if let Op::Input(_) = node.op {
            self.inputs.push(id);
        }
        self.nodes.push(node);
        id
    }

    /// The shapes and types of some nodes, as the rule of an operation on them asks for them.
    pub(crate) fn metas(&self, ids: &[NodeId]) -> SmallVec<[Meta<'_>; 4]> {
        ids.iter().map(|id| self.node(*id).meta()).collect()
    }

    /// For each node those that have it as an operand, once for each time.
    pub(crate) fn users(&self) -> Vec<SmallVec<[NodeId; 4]>> {
        let mut users = vec![SmallVec::new(); self.nodes.len()];
        for (id, node) in self.iter() {
            node.inputs.iter().for_each(|input| users[input.index()].push(id));
        }
        users
    }

    /// Takes over the first `len` nodes of another graph; this one has none yet.
    pub(crate) fn copy_start_of(&mut self, other: &Graph, len: usize) {
        self.nodes.extend_from_slice(&other.nodes[..len]);
        self.inputs.extend(other.inputs.iter().filter(|input| input.index() < len));
    }

    /// Whether a node of the body of a scan treats each row of the step by itself, rows being its leading axis.
    pub(crate) fn maps_rows(&self, node: &Node) -> bool {
        let operands = self.metas(&node.inputs);
        node.shape.has_only_leading_rows()
            && operands
                .iter()
                .all(|operand| !operand.shape.has_rows() || operand.shape.has_only_leading_rows())
            && node.op.rule().is_some_and(|rule| rule.row_wise(&operands))
    }

    /// Whether neither a node nor its operands have rows.
    pub(crate) fn is_constant(&self, node: &Node) -> bool {
        let mut operands = node.inputs.iter().map(|input| self.node(*input));
        !node.shape.has_rows() && operands.all(|operand| !operand.shape.has_rows())
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

/// Which nodes depend on the given ones, themselves included, by floating-point values.
pub(crate) fn dependents(nodes: &[Node], of: &[NodeId]) -> Vec<bool> {
    let mut depends = vec![false; nodes.len()];
    of.iter().for_each(|id| depends[id.index()] = true);
    for (index, node) in nodes.iter().enumerate() {
        depends[index] |= node.dtype.is_real() && node.inputs.iter().any(|input| depends[input.index()]);
    }
    depends
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
