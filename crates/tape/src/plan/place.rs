//! Gives every value of a program its place in the arena.

use std::collections::HashMap;
use std::sync::Arc;

use super::allocator::Allocator;
use super::{Block, Carried, Home, Instruction, Loop, Operand, Work, Yield};
use crate::graph::{Node, NodeId};
use crate::kernels::fused::Kernel;
use crate::ops::{Kind, Op, Part};
use crate::program::Program;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};

/// Places a program; `step` says of the body of which scan it is and how many rows its largest step has.
pub(super) fn place(program: &Program, step: Option<(&Scan, usize)>) -> Block {
    let owners = owners(program);
    let mut placer = Placer {
        program,
        rows: step.map_or(0, |(_, rows)| rows),
        last_use: last_uses(program, &owners),
        owners,
        homes: vec![None; program.graph.nodes.len()],
        inherited: vec![false; program.graph.nodes.len()],
        allocator: Allocator::default(),
        instructions: Vec::new(),
    };
    placer.run();
    let results = match step {
        None => placer.owned_results(|_, home| matches!(home, Home::Input(_))),
        // The next value of one state may be the present value of another, which is overwritten first.
        Some((scan, _)) => {
            let is_next = |index: usize| scan.next.contains(&program.outputs[index]);
            let is_state =
                |home| matches!(home, Home::Input(slot) if scan.roles[slot as usize] == Role::State);
            placer.owned_results(|index, home| is_next(index) && is_state(home))
        }
    };
    Block { instructions: placer.instructions, bytes: placer.allocator.peak(), results }
}

struct Placer<'a> {
    program: &'a Program,
    rows: usize,
    owners: Vec<NodeId>,
    last_use: Vec<usize>,
    homes: Vec<Option<Home>>,
    /// Which values have left their place to a result.
    inherited: Vec<bool>,
    allocator: Allocator,
    instructions: Vec<Instruction>,
}

/// For each node the one whose place it shares: a view its operand's, a part that of the first node for
/// the same part.
fn owners(program: &Program) -> Vec<NodeId> {
    let mut first_parts: HashMap<(NodeId, Part), NodeId> = HashMap::new();
    let mut owners: Vec<NodeId> = Vec::with_capacity(program.graph.nodes.len());
    for (id, node) in program.graph.iter() {
        owners.push(match &node.op {
            Op::Part(part) => *first_parts.entry((node.inputs[0], *part)).or_insert(id),
            op if op.kind() == Kind::View => owners[node.inputs[0].index()],
            _ => id,
        });
    }
    owners
}

/// For each node that owns a place, the last node that reads it.
fn last_uses(program: &Program, owners: &[NodeId]) -> Vec<usize> {
    let mut last: Vec<usize> = (0..program.graph.nodes.len()).collect();
    for (id, node) in program.graph.iter() {
        // A value lives at least until the last node that shares its place.
        for shared in node.inputs.iter().chain([&id]) {
            last[owners[shared.index()].index()] = id.index();
        }
    }
    for output in &program.outputs {
        last[owners[output.index()].index()] = usize::MAX;
    }
    last
}

impl Placer<'_> {
    fn run(&mut self) {
        let parts = self.program.parts();
        let is_part = |(id, node): (NodeId, &Node)| match node.op {
            Op::Part(part) => Some(((node.inputs[0], part), self.owners[id.index()])),
            _ => None,
        };
        // Parts lie where their scan has put them, and live as long as their own users say.
        let part_nodes: HashMap<(NodeId, Part), NodeId> =
            self.program.graph.iter().filter_map(is_part).collect();
        for (id, node) in self.program.graph.iter() {
            match &node.op {
                Op::Input(slot) => self.homes[id.index()] = Some(Home::Input(*slot)),
                Op::Scan(scan) => {
                    let parts = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
                    self.place_loop(node, scan, parts, |part| part_nodes.get(&(id, part)).copied());
                }
                Op::Fused(fused) => {
                    let parts = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
                    let wanted: Vec<NodeId> = parts
                        .iter()
                        .filter_map(|part| if let Part::Result(node) = part { Some(*node) } else { None })
                        .collect();
                    let results = parts.iter().map(|part| part_nodes[&(id, *part)]).collect::<Vec<_>>();
                    for result in &results {
                        let home = self.inherit(id, node, *result).unwrap_or_else(|| {
                            let value = self.program.graph.node(*result);
                            Home::Arena(self.allocator.take(self.bytes(&value.shape, value)))
                        });
                        self.homes[result.index()] = Some(home);
                    }
                    let results = results.into_iter().map(|result| self.operand(result)).collect();
                    self.push(node, Work::Fused(Box::new(Kernel::new(fused, &wanted)), results));
                }
                op if matches!(op, Op::Part(_)) || op.kind() == Kind::View => {
                    self.homes[id.index()] = self.homes[self.owners[id.index()].index()];
                }
                op => {
                    let home = Home::Arena(self.allocator.take(self.bytes(&node.shape, node)));
                    self.homes[id.index()] = Some(home);
                    let result = self.operand(id);
                    self.push(node, Work::Apply(op.clone(), result));
                }
            }
            self.release(id, node);
        }
    }

    fn place_loop(
        &mut self,
        node: &Node,
        scan: &Arc<Scan>,
        parts: &[Part],
        node_of: impl Fn(Part) -> Option<NodeId>,
    ) {
        let wanted = scan.wanted(parts.iter().copied());
        let result_of = |node: NodeId| wanted.iter().position(|id| *id == node).expect("a wanted node");
        let mut temporary = Vec::new();
        let states: Vec<Carried> = scan
            .states()
            .enumerate()
            .map(|(number, initial)| {
                let outer = self.program.graph.node(node.inputs[initial]);
                let bytes = self.bytes(&outer.shape, outer);
                let offset = self.allocator.take(bytes);
                match node_of(Part::Final(number as u32)) {
                    Some(part) => self.homes[part.index()] = Some(Home::Arena(offset)),
                    None => temporary.push((offset, bytes)),
                }
                let home = Home::Arena(offset);
                let present = Operand { home, shape: outer.shape.clone(), dtype: outer.dtype };
                Carried { initial, present, next: result_of(scan.next[number]) }
            })
            .collect();
        let mut yields = Vec::new();
        for part in parts {
            let (Part::Stacked(body_node) | Part::Summed(body_node)) = part else { continue };
            let part_node = node_of(*part).expect("the part was found at its node");
            let outer = self.program.graph.node(part_node);
            let home = Home::Arena(self.allocator.take(self.bytes(&outer.shape, outer)));
            self.homes[part_node.index()] = Some(home);
            let total = Operand { home, shape: outer.shape.clone(), dtype: outer.dtype };
            let summed = matches!(part, Part::Summed(_));
            yields.push(Yield { result: result_of(*body_node), total, summed });
        }
        let rows = if scan.rows == Dim::ROWS {
            (0..scan.packing.steps()).map(|t| scan.packing.running(t, self.rows)).max().unwrap_or(0)
        } else {
            self.rows
        };
        let body = Program { graph: scan.body.clone(), outputs: wanted };
        let body = place(&body, Some((scan, rows)));
        let base = self.allocator.take(body.bytes);
        temporary.push((base, body.bytes));
        let inner = Loop { scan: Arc::clone(scan), body, base, states, yields };
        self.push(node, Work::Loop(Box::new(inner)));
        temporary.into_iter().for_each(|(start, bytes)| self.allocator.give_back(start, bytes));
    }

    /// The place of an operand of the same shape that fused work is the last to read: a kernel reads a tile
    /// before it writes it.
    fn inherit(&mut self, id: NodeId, node: &Node, result: NodeId) -> Option<Home> {
        let graph = &self.program.graph;
        let dies = |owner: &NodeId| {
            self.last_use[owner.index()] == id.index()
                && !self.inherited[owner.index()]
                && matches!(self.homes[owner.index()], Some(Home::Arena(_)))
                && graph.node(*owner).meta() == graph.node(result).meta()
        };
        let owner = node.inputs.iter().map(|input| self.owners[input.index()]).find(dies)?;
        self.inherited[owner.index()] = true;
        self.homes[owner.index()]
    }

    /// Gives back what is needed for the last time by a node.
    fn release(&mut self, id: NodeId, node: &Node) {
        let owner = |id: &NodeId| self.owners[id.index()];
        let mut dead: Vec<NodeId> = node.inputs.iter().chain([&id]).map(owner).collect();
        dead.sort_unstable();
        dead.dedup();
        dead.retain(|owner| self.last_use[owner.index()] == id.index() && !self.inherited[owner.index()]);
        for owner in dead {
            if let Some(Home::Arena(offset)) = self.homes[owner.index()] {
                let value = self.program.graph.node(owner);
                self.allocator.give_back(offset, self.bytes(&value.shape, value));
            }
        }
    }

    /// The places of the wanted values, those copied first that must not stay where they are.
    fn owned_results(&mut self, must_move: impl Fn(usize, Home) -> bool) -> Vec<Operand> {
        let outputs = self.program.outputs.clone();
        let owned = |(index, id): (usize, NodeId)| {
            let operand = self.operand(id);
            if !must_move(index, operand.home) {
                return operand;
            }
            let node = self.program.graph.node(id);
            let home = Home::Arena(self.allocator.take(self.bytes(&node.shape, node)));
            let result = Operand { home, ..operand.clone() };
            self.instructions.push(Instruction {
                location: node.location,
                operands: [operand].into_iter().collect(),
                work: Work::Copy(result.clone()),
            });
            result
        };
        outputs.into_iter().enumerate().map(owned).collect()
    }

    fn push(&mut self, node: &Node, work: Work) {
        let operands = node.inputs.iter().map(|input| self.operand(*input)).collect();
        self.instructions.push(Instruction { location: node.location, operands, work });
    }

    fn operand(&self, id: NodeId) -> Operand {
        let node = self.program.graph.node(id);
        let home = self.homes[id.index()].expect("operands are placed before their users");
        Operand { home, shape: node.shape.clone(), dtype: node.dtype }
    }

    fn bytes(&self, shape: &Shape, node: &Node) -> usize {
        shape.elements().at(self.rows) * node.dtype.bytes()
    }
}
