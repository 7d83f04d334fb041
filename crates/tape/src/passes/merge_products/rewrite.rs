//! Writing a body with its products merged.

use std::collections::HashMap;

use super::Facts;
use super::find::{Merged, Merges, SumOf};
use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, Concat, Op, Slice};
use crate::passes::append;
use crate::program::Program;

/// A body being written again with the merged values in it, each node after what it needs.
pub(super) struct Rewrite<'a> {
    body: &'a Program,
    merges: Merges,
    graph: Graph,
    moved: Vec<Option<NodeId>>,
    merged: HashMap<Merged, NodeId>,
    joined: HashMap<(Vec<NodeId>, u8), NodeId>,
}

impl<'a> Rewrite<'a> {
    pub fn new(facts: &Facts<'a>, merges: Merges) -> Rewrite<'a> {
        let body = facts.body;
        let moved = vec![None; body.graph.nodes.len()];
        Rewrite {
            body,
            merges,
            graph: Graph::default(),
            moved,
            merged: HashMap::new(),
            joined: HashMap::new(),
        }
    }

    pub fn run(mut self) -> Program {
        // Inputs keep their numbers.
        for input in &self.body.graph.inputs {
            self.moved[input.index()] = Some(self.graph.push(self.body.graph.node(*input).clone()));
        }
        for (id, _) in self.body.graph.iter() {
            let mut open = vec![id];
            while let Some(id) = open.last().copied() {
                let missing: Vec<NodeId> =
                    self.needs(id).into_iter().filter(|need| self.moved[need.index()].is_none()).collect();
                if self.moved[id.index()].is_none() && missing.is_empty() {
                    self.moved[id.index()] = Some(self.write(id));
                }
                open.extend(&missing);
                if missing.is_empty() {
                    open.pop();
                }
            }
        }
        let outputs = self.body.outputs.iter().map(|output| self.at(*output)).collect();
        Program { graph: self.graph, outputs }
    }

    fn at(&self, id: NodeId) -> NodeId {
        self.moved[id.index()].expect("what a node needs is written before it")
    }

    /// The nodes that must be written before one.
    fn needs(&self, id: NodeId) -> Vec<NodeId> {
        if let Some((merged, _)) = self.merges.slices.get(&id) {
            return match merged {
                Merged::Product { left, rights, .. } => [*left].into_iter().chain(rights.clone()).collect(),
                Merged::Sum { parts } => parts.clone(),
            };
        }
        match self.merges.sums.get(&id) {
            Some(SumOf { products, others }) => {
                let operands = products.iter().flat_map(|id| &self.body.graph.node(*id).inputs);
                operands.chain(others).copied().collect()
            }
            None => self.body.graph.node(id).inputs.to_vec(),
        }
    }

    fn write(&mut self, id: NodeId) -> NodeId {
        let node = self.body.graph.node(id);
        if let Some((merged, number)) = self.merges.slices.get(&id).cloned() {
            return self.slice(node, &merged, number);
        }
        if let Some(SumOf { products, others }) = self.merges.sums.get(&id).cloned() {
            let sides = |side: usize| -> Vec<NodeId> {
                products.iter().map(|id| self.body.graph.node(*id).inputs[side]).collect()
            };
            let first = self.body.graph.node(products[0]);
            let Op::Dot(dot) = first.op else { unreachable!("the products of a sum are products") };
            let (lefts, rights) = (sides(0), sides(1));
            let left = self.join(first, &lefts, 1);
            let right = self.join(first, &rights, u8::from(dot.transpose_right));
            let product = append(&mut self.graph, first, dot, &[left, right]);
            return others.into_iter().fold(product, |sum, other| {
                let other = self.at(other);
                append(&mut self.graph, node, Binary::Add, &[sum, other])
            });
        }
        let inputs = node.inputs.iter().map(|input| self.at(*input)).collect();
        self.graph.push(Node { inputs, ..node.clone() })
    }

    /// Values one after another along an axis.
    fn join(&mut self, node: &Node, parts: &[NodeId], axis: u8) -> NodeId {
        if let Some(known) = self.joined.get(&(parts.to_vec(), axis)) {
            return *known;
        }
        let places: Vec<NodeId> = parts.iter().map(|part| self.at(*part)).collect();
        let joined = append(&mut self.graph, node, Concat { axis }, &places);
        self.joined.insert((parts.to_vec(), axis), joined);
        joined
    }

    /// One of the parts of a merged value, which is written when the first of them is.
    fn slice(&mut self, node: &Node, merged: &Merged, number: usize) -> NodeId {
        let whole = match self.merged.get(merged) {
            Some(known) => *known,
            None => {
                let whole = match merged {
                    Merged::Product { dot, left, rights } => {
                        let right = self.join(node, rights, u8::from(!dot.transpose_right));
                        let left = self.at(*left);
                        append(&mut self.graph, node, *dot, &[left, right])
                    }
                    Merged::Sum { parts } => {
                        let whole = self.join(node, parts, 1);
                        append(&mut self.graph, node, node.op.clone(), &[whole])
                    }
                };
                self.merged.insert(merged.clone(), whole);
                whole
            }
        };
        let axis = node.shape.rank() - 1;
        let width = |part: &NodeId| self.width(merged, *part);
        let parts = match merged {
            Merged::Product { rights, .. } => rights,
            Merged::Sum { parts } => parts,
        };
        let (start, len) = (parts[..number].iter().map(width).sum(), width(&parts[number]));
        append(&mut self.graph, node, Slice { axis: axis as u8, start, len }, &[whole])
    }

    /// How much of the last axis of a merged value comes from one of its parts.
    fn width(&self, merged: &Merged, part: NodeId) -> u32 {
        let shape = &self.body.graph.node(part).shape;
        let axis = match merged {
            Merged::Product { dot, .. } if dot.transpose_right => 0,
            _ => 1,
        };
        shape.dim(axis).at(0) as u32
    }
}
