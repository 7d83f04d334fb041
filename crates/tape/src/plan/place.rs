//! Gives every value of a program its place in the arena.
//!
//! A value lies from the instruction that computes it to the last one that reads it. Besides:
//!
//! - a view (a reshape, a range of the outermost axis) lies in its operand;
//! - what a loop stacks is written by the step into the rows where it belongs, without a copy;
//! - the next value of a state is written over the present one where nothing reads that any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::allocator::Allocator;
use super::share::is_shareable;
use super::{Block, Carried, Collect, Feed, Home, Instruction, Loop, Operand, Product, Share, Work, Yield};
use crate::fused::Fused;
use crate::graph::{Node, NodeId};
use crate::kernels::{self, arena::ALIGNMENT, fused::Kernel};
use crate::ops::{Kind, Meta, Op, Part};
use crate::program::Program;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};

/// Places a program.
pub(super) fn place(program: &Program) -> Block {
    let views = views(program);
    let last_use = last_uses(program, &views, &program.outputs);
    let mut placer = Placer::new(program, 0, views, last_use);
    placer.run();
    let result = |output: &NodeId| match placer.operand(*output) {
        value if matches!(value.home, Home::Given(..)) => placer.moved(*output),
        value => value,
    };
    let results = program.outputs.iter().map(result).collect();
    Block { instructions: placer.instructions, bytes: placer.allocator.peak(), results }
}

struct Placer<'a> {
    program: &'a Program,
    /// The rows of the largest step.
    rows: usize,
    views: Vec<View>,
    last_use: Vec<usize>,
    homes: Vec<Option<Home>>,
    /// For products whose right operand is packed, where that is given.
    packed: HashMap<NodeId, Operand>,
    /// Values whose place is not of the block's own part of the arena.
    pinned: HashMap<NodeId, Home>,
    /// Values in whose places others have been written.
    given_away: HashSet<NodeId>,
    allocator: Allocator,
    instructions: Vec<Instruction>,
}

/// The node in whose place another lies, and from which byte on.
#[derive(Clone, Copy)]
struct View {
    owner: NodeId,
    bytes: usize,
}

/// For each node the one whose place it shares: a view its operand's, a part that of the first node for
/// the same part, all others their own.
fn views(program: &Program) -> Vec<View> {
    let mut first_parts: HashMap<(NodeId, Part), NodeId> = HashMap::new();
    let mut views: Vec<View> = Vec::with_capacity(program.graph.nodes.len());
    for (id, node) in program.graph.iter() {
        let own = View { owner: id, bytes: 0 };
        views.push(match &node.op {
            Op::Part(part) => {
                let owner = *first_parts.entry((node.inputs[0], *part)).or_insert(id);
                View { owner, bytes: 0 }
            }
            op => match starts_at(program, op, node) {
                Some(elements) => {
                    let source = views[node.inputs[0].index()];
                    View { bytes: source.bytes + elements * node.dtype.bytes(), ..source }
                }
                None => own,
            },
        });
    }
    views
}

/// Where in its operand a view begins, in elements. What says that it is a view without being one, as a user's
/// operation may, is computed like any other.
fn starts_at(program: &Program, op: &Op, node: &Node) -> Option<usize> {
    let operands = program.graph.metas(&node.inputs);
    let start = op.rule()?.view(&operands)?;
    let Meta { shape, dtype } = *operands.first()?;
    let is_whole = start == 0 && shape.elements() == node.shape.elements();
    let is_part = || !shape.has_rows() && !node.shape.has_rows() && start + node.shape.len() <= shape.len();
    (dtype == node.dtype && (is_whole || is_part())).then_some(start)
}

impl<'a> Placer<'a> {
    fn new(program: &'a Program, rows: usize, views: Vec<View>, last_use: Vec<usize>) -> Self {
        let homes = vec![None; program.graph.nodes.len()];
        let (packed, pinned, given_away) = (HashMap::new(), HashMap::new(), HashSet::new());
        let (allocator, instructions) = (Allocator::default(), Vec::new());
        Placer { program, rows, views, last_use, homes, packed, pinned, given_away, allocator, instructions }
    }

    fn run(&mut self) {
        let parts = self.program.parts();
        let is_part = |(id, node): (NodeId, &Node)| match node.op {
            Op::Part(part) => Some(((node.inputs[0], part), self.views[id.index()].owner)),
            _ => None,
        };
        // Parts lie where their scan has put them, and live as long as their own users say.
        let part_nodes: HashMap<(NodeId, Part), NodeId> =
            self.program.graph.iter().filter_map(is_part).collect();
        for (id, node) in self.program.graph.iter() {
            let view = self.views[id.index()];
            match &node.op {
                Op::Input(slot) => self.homes[id.index()] = Some(Home::Given(*slot, 0)),
                Op::Scan(scan) => {
                    let parts = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
                    self.place_loop(node, scan, parts, |part| part_nodes.get(&(id, part)).copied());
                }
                Op::Fused(fused) => {
                    let parts = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
                    self.place_fused(id, fused, parts, |part| part_nodes[&(id, part)]);
                }
                op if view.owner != id || matches!(op, Op::Part(_)) => {
                    let owner =
                        self.homes[view.owner.index()].expect("operands are placed before their users");
                    self.homes[id.index()] = Some(owner.plus(view.bytes));
                }
                op => {
                    let home = match self.pinned.get(&id) {
                        Some(home) => *home,
                        None => Home::Arena(self.allocator.take(self.bytes(node))),
                    };
                    self.homes[id.index()] = Some(home);
                    let result = self.operand(id);
                    let work = self.work(id, op, &result);
                    self.push(node, [result].into_iter().collect(), work);
                    if let Some(packed) = self.packed.get(&id) {
                        let instruction = self.instructions.last_mut().expect("it was just pushed");
                        instruction.operands[1] = packed.clone();
                    }
                }
            }
            self.release(id, node);
        }
    }

    fn work(&self, id: NodeId, op: &Op, result: &Operand) -> Work {
        let node = self.program.graph.node(id);
        match op {
            Op::Dot(dot) => {
                let left = &self.program.graph.node(node.inputs[0]).shape;
                let packed = self.packed.contains_key(&id);
                Work::Product(Product { packed, ..Product::new(*dot, left, &result.shape) })
            }
            op => Work::Apply(op.clone()),
        }
    }

    fn place_loop(
        &mut self,
        node: &Node,
        scan: &Arc<Scan>,
        parts: &[Part],
        node_of: impl Fn(Part) -> Option<NodeId>,
    ) {
        let mut temporary = Vec::new();
        let states: Vec<(usize, Operand)> = scan
            .states()
            .enumerate()
            .map(|(number, initial)| {
                let outer = self.program.graph.node(node.inputs[initial]);
                let bytes = self.bytes(outer);
                let offset = self.allocator.take(bytes);
                match node_of(Part::Final(number as u32)) {
                    Some(part) => self.homes[part.index()] = Some(Home::Arena(offset)),
                    None => temporary.push((offset, bytes)),
                }
                let present = Operand::new(Home::Arena(offset), outer.shape.clone(), outer.dtype);
                (initial, present)
            })
            .collect();
        let mut totals = Vec::new();
        for part in parts {
            let (Part::Stacked(value) | Part::Summed(value)) = part else { continue };
            let part_node = node_of(*part).expect("the part was found at its node");
            let outer = self.program.graph.node(part_node);
            let home = Home::Arena(self.allocator.take(self.bytes(outer)));
            self.homes[part_node.index()] = Some(home);
            let total = Operand::new(home, outer.shape.clone(), outer.dtype);
            totals.push(Total { value: *value, total, summed: matches!(part, Part::Summed(_)) });
        }
        let rows = if scan.rows == Dim::ROWS {
            (0..scan.packing.steps()).map(|t| scan.packing.running(t, self.rows)).max().unwrap_or(0)
        } else {
            self.rows
        };
        let program = Program::of_body(scan, parts.iter().copied());
        let operands: Vec<Operand> = node.inputs.iter().map(|input| self.operand(*input)).collect();
        let body = LoopPlacer { scan, program: &program, rows, views: views(&program) };
        let mut packs = body.packs();
        for pack in &mut packs {
            let (bytes, source) = (pack.reserved(), &operands[pack.slot]);
            let start = self.allocator.take(bytes);
            temporary.push((start, bytes));
            pack.place.home = Home::Arena(start);
            let source = Operand { home: source.home.plus(pack.bytes), ..source.clone() };
            self.instructions.push(Instruction {
                location: node.location,
                number: 0,
                operands: [source].into_iter().collect(),
                results: [pack.place.clone()].into_iter().collect(),
                work: Work::Pack(pack.product),
            });
        }
        let mut inner = body.place(operands, packs, states, totals);
        inner.shareable = is_shareable(scan, parts);
        inner.work = work(&inner);
        inner.base = self.allocator.take(inner.body.bytes);
        temporary.push((inner.base, inner.body.bytes));
        self.push(node, SmallVec::new(), Work::Loop(Box::new(inner)));
        temporary.into_iter().for_each(|(start, bytes)| self.allocator.give_back(start, bytes));
    }

    fn place_fused(&mut self, id: NodeId, fused: &Fused, parts: &[Part], node_of: impl Fn(Part) -> NodeId) {
        let graph = &self.program.graph;
        let node = graph.node(id);
        let (mut wanted, mut results) = (Vec::new(), SmallVec::new());
        for part in parts {
            let Part::Result(member) = part else { continue };
            wanted.push(*member);
            let result = node_of(*part);
            let home = self.pinned.get(&result).copied().or_else(|| self.taken_over(id, result));
            let value = graph.node(result);
            let home = home.unwrap_or_else(|| Home::Arena(self.allocator.take(self.bytes(value))));
            self.homes[result.index()] = Some(home);
            results.push(self.operand(result));
        }
        let members =
            fused.body.nodes.iter().filter(|node| !matches!(node.op.kind(), Kind::Leaf | Kind::View));
        let names: Vec<&str> = members.map(|node| node.op.name()).collect();
        self.push(node, results, Work::Fused(Box::new(Kernel::new(fused, &wanted)), names.join(" ")));
    }

    /// The place of an operand of fused work that nothing needs any more, for a result of the same size.
    fn taken_over(&mut self, fused: NodeId, result: NodeId) -> Option<Home> {
        let graph = &self.program.graph;
        let of = |id: NodeId| (graph.node(id).shape.elements(), graph.node(id).dtype);
        let free = |operand: &&NodeId| {
            let View { owner, .. } = self.views[operand.index()];
            let own = !self.pinned.contains_key(&owner) && !self.given_away.contains(&owner);
            let ends = own && self.last_use[owner.index()] == fused.index() && of(owner) == of(**operand);
            ends && graph.node(**operand).shape == graph.node(result).shape && of(**operand) == of(result)
        };
        let owner =
            graph.node(fused).inputs.iter().find(free).map(|operand| self.views[operand.index()].owner)?;
        let home = self.homes[owner.index()].filter(|home| matches!(home, Home::Arena(_)))?;
        self.given_away.insert(owner);
        Some(home)
    }

    /// Gives back what is needed for the last time by a node.
    fn release(&mut self, id: NodeId, node: &Node) {
        let owner = |id: &NodeId| self.views[id.index()].owner;
        let mut dead: SmallVec<[NodeId; 8]> = node.inputs.iter().chain([&id]).map(owner).collect();
        dead.sort_unstable();
        dead.dedup();
        dead.retain(|owner| self.last_use[owner.index()] == id.index());
        for owner in dead {
            let own = !self.pinned.contains_key(&owner) && !self.given_away.contains(&owner);
            if let Some(Home::Arena(offset)) = self.homes[owner.index()].filter(|_| own) {
                let value = self.program.graph.node(owner);
                self.allocator.give_back(offset, self.bytes(value));
            }
        }
    }

    /// The place of a value that must not lie in what is given: it is copied out of it.
    fn moved(&mut self, id: NodeId) -> Operand {
        let node = self.program.graph.node(id);
        let home = Home::Arena(self.allocator.take(self.bytes(node)));
        let value = self.operand(id);
        let result = Operand { home, ..value.clone() };
        self.instructions.push(Instruction {
            location: node.location,
            number: 0,
            operands: [value].into_iter().collect(),
            results: [result.clone()].into_iter().collect(),
            work: Work::Copy,
        });
        result
    }

    fn push(&mut self, node: &Node, results: SmallVec<[Operand; 1]>, work: Work) {
        let operands = node.inputs.iter().map(|input| self.operand(*input)).collect();
        self.instructions.push(Instruction { location: node.location, number: 0, operands, results, work });
    }

    fn operand(&self, id: NodeId) -> Operand {
        let node = self.program.graph.node(id);
        let home = self.homes[id.index()].expect("operands are placed before their users");
        Operand::new(home, node.shape.clone(), node.dtype)
    }

    fn bytes(&self, node: &Node) -> usize {
        node.shape.elements().at(self.rows) * node.dtype.bytes()
    }
}

/// The multiplications of the products of all steps together.
fn work(inner: &Loop) -> u64 {
    let packing = &inner.scan.packing;
    let rows: usize = (0..packing.steps()).map(|t| packing.running(t, 1)).sum();
    inner.body.instructions.iter().map(Instruction::work).sum::<u64>() * rows as u64
}

/// For each node that owns a place, the last node that reads it; those of `kept` are read after the end.
fn last_uses(program: &Program, views: &[View], kept: &[NodeId]) -> Vec<usize> {
    let mut last: Vec<usize> = (0..program.graph.nodes.len()).collect();
    for (id, node) in program.graph.iter() {
        // A value lives at least until the last node that shares its place.
        for shared in node.inputs.iter().chain([&id]) {
            last[views[shared.index()].owner.index()] = id.index();
        }
    }
    for id in kept {
        last[views[id.index()].owner.index()] = usize::MAX;
    }
    last
}

/// What is collected from a value of the body.
struct Total {
    value: NodeId,
    total: Operand,
    summed: bool,
}

/// A right operand that is the same in every step, and is packed once for all of them.
struct Pack {
    /// The input of the loop that it lies in, from a byte on.
    slot: usize,
    bytes: usize,
    product: Product,
    /// The products of the body that use it.
    users: Vec<NodeId>,
    place: Operand,
}

impl Pack {
    /// The bytes that its place takes: those of the widest vectors there are, so that a plan is as large on
    /// every machine.
    fn reserved(&self) -> usize {
        let size = self.product.size(0);
        size.k * (size.n * self.place.dtype.bytes()).next_multiple_of(ALIGNMENT)
    }
}

/// Places the body of a loop and says how it is fed and what becomes of its values.
struct LoopPlacer<'a> {
    scan: &'a Arc<Scan>,
    /// The body with the values that are wanted of it.
    program: &'a Program,
    rows: usize,
    views: Vec<View>,
}

impl LoopPlacer<'_> {
    /// What is to be packed before the loop.
    fn packs(&self) -> Vec<Pack> {
        let (graph, mut packs): (_, Vec<Pack>) = (&self.program.graph, Vec::new());
        for (id, node) in graph.iter() {
            let Op::Dot(dot) = node.op else { continue };
            let (left, right) = (graph.node(node.inputs[0]), node.inputs[1]);
            let View { owner, bytes } = self.views[right.index()];
            let Op::Input(slot) = graph.node(owner).op else { continue };
            let same = self.scan.roles[slot as usize] == Role::Constant && node.shape.rank() == 2;
            if !same || self.scan.packing.steps() < 2 {
                continue;
            }
            let product = Product::new(dot, &left.shape, &node.shape);
            let same = |pack: &&mut Pack| {
                let layout = |product: Product| (product.k, product.n, product.dot.transpose_right);
                (pack.slot, pack.bytes) == (slot as usize, bytes) && layout(pack.product) == layout(product)
            };
            match packs.iter_mut().find(same) {
                Some(pack) => pack.users.push(id),
                None => {
                    let size = product.size(0);
                    let elements = kernels::packed_len(node.dtype, size.k, size.n);
                    let place = Operand::new(Home::Arena(0), Shape::from([elements]), node.dtype);
                    packs.push(Pack { slot: slot as usize, bytes, product, users: vec![id], place });
                }
            }
        }
        packs
    }

    fn place(
        &self,
        operands: Vec<Operand>,
        packs: Vec<Pack>,
        states: Vec<(usize, Operand)>,
        totals: Vec<Total>,
    ) -> Loop {
        let (scan, program) = (self.scan, self.program);
        let views = &self.views;
        let owner = |id: NodeId| views[id.index()].owner;
        // The present value of a state is stacked before the step, and so is not read after it.
        let stacked_before = |one: &Total| !one.summed && self.is_state(owner(one.value));
        let after = totals.iter().filter(|one| !stacked_before(one)).map(|one| one.value);
        let kept: Vec<NodeId> = scan.next.iter().copied().chain(after).collect();
        let last_use = last_uses(program, views, &kept);

        let mut feeds: Vec<Feed> = Vec::new();
        let mut present = states.iter();
        for (role, operand) in scan.roles.iter().zip(operands) {
            let (from, share) = match role {
                Role::State => (present.next().map_or(operand, |(_, state)| state.clone()), Share::Running),
                Role::Rows => (operand, Share::Running),
                Role::Sequence => (operand, Share::Step),
                Role::Constant => (operand, Share::Whole),
            };
            feeds.push(Feed { from, share });
        }
        let mut pinned: HashMap<NodeId, Home> = HashMap::new();
        // Of what is carried on, nothing may be overwritten before all of it has moved.
        let carried_on: HashSet<NodeId> = scan.next.iter().map(|next| owner(*next)).collect();
        for (slot, next) in scan.states().zip(&scan.next) {
            let input = scan.body.inputs[slot];
            // Fused work reads all of a tile before it writes there.
            let read_no_more = |at: NodeId| {
                let fused = matches!(program.graph.node(at).op, Op::Fused(_));
                last_use[input.index()] < at.index() + usize::from(fused) && !carried_on.contains(&input)
            };
            if self.computed_at(*next).is_some_and(read_no_more) && !pinned.contains_key(next) {
                pinned.insert(*next, Home::Given(slot as u32, 0));
            }
        }
        let mut yields = Vec::new();
        for one in totals {
            let how = match one.summed {
                true => Collect::Summed,
                false if stacked_before(&one) => Collect::StackedBefore,
                false if self.computed_at(one.value).is_some() && !pinned.contains_key(&one.value) => {
                    pinned.insert(one.value, Home::Given(feeds.len() as u32, 0));
                    feeds.push(Feed { from: one.total, share: Share::Step });
                    continue;
                }
                false => Collect::Stacked,
            };
            yields.push((one.value, one.total, how));
        }

        let mut placer = Placer::new(program, self.rows, views.clone(), last_use);
        placer.pinned = pinned;
        for pack in packs {
            let given = Operand { home: Home::Given(feeds.len() as u32, 0), ..pack.place.clone() };
            placer.packed.extend(pack.users.into_iter().map(|user| (user, given.clone())));
            feeds.push(Feed { from: pack.place, share: Share::Whole });
        }
        placer.run();
        let next = |(slot, next): (usize, &NodeId)| match placer.operand(*next) {
            value if value.home == Home::Given(slot as u32, 0) => None,
            // The next value of one state may be the present value of another, which is overwritten first.
            _ if self.is_state(owner(*next)) => Some(placer.moved(*next)),
            value => Some(value),
        };
        let next: Vec<Option<Operand>> = scan.states().zip(&scan.next).map(next).collect();
        let states = states
            .into_iter()
            .zip(next)
            .map(|((initial, present), next)| Carried { initial, present, next })
            .collect();
        let yields = yields
            .into_iter()
            .map(|(value, total, how)| Yield { value: placer.operand(value), total, how })
            .collect();
        let body =
            Block { instructions: placer.instructions, bytes: placer.allocator.peak(), results: Vec::new() };
        Loop { scan: Arc::clone(scan), body, base: 0, shareable: false, work: 0, feeds, states, yields }
    }

    /// The instruction of the body that writes a value, and so may write it elsewhere: its node, or for a
    /// result of fused work that of the work.
    fn computed_at(&self, id: NodeId) -> Option<NodeId> {
        let node = self.program.graph.node(id);
        match node.op {
            _ if self.views[id.index()].owner != id => None,
            Op::Input(_) | Op::Scan(_) => None,
            Op::Part(Part::Result(_)) => Some(node.inputs[0]),
            Op::Part(_) => None,
            _ => Some(id),
        }
    }

    fn is_state(&self, id: NodeId) -> bool {
        matches!(self.program.graph.node(id).op, Op::Input(slot) if self.scan.roles[slot as usize] == Role::State)
    }
}
