//! Fuses elementwise work: functions of elements, with what broadcasts into them and what sums them up at
//! the end, become one [`Fused`] node, which a kernel runs tile by tile. It comes last: nothing after it
//! needs to look into a body.
//!
//! **Groups.** The walk takes the nodes in their order. What cannot be fused runs as soon as it is reached.
//! A member waits in an open group of the nodes that it shares values with and that are of its size; the
//! group runs when something outside needs it, or when nothing more of its size uses its values. Open
//! groups never depend on each other, since whatever joins one has everything else it needs run first; so
//! any two that meet can be merged, and each stands anywhere in the order. Before a group runs it takes in
//! users that would come later and need nothing more, if their results have to be kept anyway: the gradient
//! of cross entropy joins its value.
//!
//! **What is kept.** Only the values that are used outside of a group leave it. Views (numbers, repetition,
//! ranges of the last axis) are cheap to repeat and go into each group that uses them.
//!
//! **Slices.** A slice of pointwise work is pointwise work on slices ([`slices`]): so the gates of a cell, cut
//! from one table, are of the size of the state and fuse with it.
//!
//! Left alone: operations of the user's, work whose operands broadcast otherwise than as rows, columns or
//! numbers, and sums along other axes than all or all but the last.

mod slices;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::fused::{Domain, Fused, View, is_last, is_view};
use crate::graph::{Graph, Inputs, Node, NodeId};
use crate::ops::{Op, Part};
use crate::program::Program;
use crate::shape::Shape;

/// More members than this are not fused into one group: registers would leave the first-level cache.
const MOST: usize = 64;

/// Inputs of a group at most.
const MOST_INPUTS: usize = 64;

/// How many nodes may run earlier for the sake of one that is taken in.
const EARLIER: usize = 16;

/// Fuses elementwise work, in the bodies of scans too.
pub fn fuse(program: Program) -> Program {
    fuse_graph(program.map_bodies(&mut fuse_graph))
}

fn fuse_graph(program: Program) -> Program {
    let program = slices::sink_slices(program);
    let mut walk = Walk::new(&program);
    // Inputs first: they are there from the start, whatever needs them.
    program.graph.inputs.iter().for_each(|input| walk.run(*input));
    for id in (0..program.graph.nodes.len()).map(NodeId::at) {
        walk.reach(id);
    }
    walk.finish()
}

/// What has become of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    /// A member of an open group.
    Open(usize),
    /// It has a value in the new graph.
    Done,
}

#[derive(Default)]
struct Group {
    members: Vec<NodeId>,
    /// Uses of its values by nodes that could join it and have not been reached.
    pending: usize,
    /// Values from outside.
    inputs: SmallVec<[NodeId; 8]>,
    /// It runs at this moment, and nothing joins it any more.
    is_closing: bool,
}

struct Walk<'a> {
    program: &'a Program,
    /// For each node that can be a member, its domain.
    domains: Vec<Option<Domain>>,
    views: Vec<bool>,
    users: Vec<SmallVec<[NodeId; 4]>>,
    /// For each node the members of its domain that use its value, once for each use.
    takers: Vec<SmallVec<[NodeId; 2]>>,
    is_output: Vec<bool>,
    states: Vec<State>,
    groups: Vec<Group>,
    /// For each node the open group that reads it from outside.
    readers: Vec<Option<usize>>,
    graph: Graph,
    moved: Vec<NodeId>,
}

impl<'a> Walk<'a> {
    fn new(program: &'a Program) -> Walk<'a> {
        let graph = &program.graph;
        let count = graph.nodes.len();
        let mut walk = Walk {
            program,
            domains: graph.nodes.iter().map(|node| member_domain(graph, node)).collect(),
            views: graph.nodes.iter().map(|node| is_view(graph, node)).collect(),
            users: graph.users(),
            takers: vec![SmallVec::new(); count],
            is_output: vec![false; count],
            states: vec![State::Waiting; count],
            groups: Vec::new(),
            readers: vec![None; count],
            graph: Graph::default(),
            moved: vec![NodeId::at(0); count],
        };
        for id in (0..count).map(NodeId::at) {
            if walk.domains[id.index()].is_some() {
                for source in walk.joining_operands(id) {
                    walk.takers[source.index()].push(id);
                }
            }
        }
        program.outputs.iter().for_each(|output| walk.is_output[output.index()] = true);
        walk
    }

    fn node(&self, id: NodeId) -> &'a Node {
        self.program.graph.node(id)
    }

    /// What a member reads, operand by operand.
    fn operands(&self, id: NodeId) -> SmallVec<[View; 4]> {
        let domain = self.domains[id.index()].expect("a member has a domain");
        let (graph, node) = (&self.program.graph, self.node(id));
        let view = |place| View::of(graph, node, place, domain).expect("the operands of a member are views");
        (0..node.inputs.len()).map(view).collect()
    }

    /// The operands of a member that can be members of the same group.
    fn joining_operands(&self, id: NodeId) -> SmallVec<[NodeId; 4]> {
        let domain = self.domains[id.index()].expect("a member has a domain");
        let joins = |view: &View| view.joins(&self.program.graph, domain);
        let operands = self.operands(id);
        let sources = operands.iter().filter(|view| joins(view)).filter_map(|view| view.source());
        // One that is also read in another way, as by a slice, has to be there before.
        let only_joins =
            |source: &NodeId| operands.iter().all(|view| view.source() != Some(*source) || joins(view));
        sources.filter(|source| self.domains[source.index()].is_some() && only_joins(source)).collect()
    }

    /// Comes to a node in the order of the program.
    fn reach(&mut self, id: NodeId) {
        if self.states[id.index()] != State::Waiting || self.views[id.index()] {
            return;
        }
        if self.domains[id.index()].is_some() {
            self.join(id);
        } else {
            self.run(id);
        }
    }

    /// Puts a node into the new graph as it is.
    fn run(&mut self, id: NodeId) {
        let node = self.node(id);
        node.inputs.iter().for_each(|input| self.need(*input));
        let inputs: Inputs = node.inputs.iter().map(|input| self.moved[input.index()]).collect();
        self.moved[id.index()] = self.graph.push(Node { inputs, ..node.clone() });
        self.states[id.index()] = State::Done;
    }

    /// Sees to it that a node has a value in the new graph.
    fn need(&mut self, id: NodeId) {
        match self.states[id.index()] {
            State::Done => {}
            State::Open(group) => self.flush(group),
            State::Waiting if self.views[id.index()] => self.run(id),
            State::Waiting => {
                self.reach(id);
                self.need(id);
            }
        }
    }

    /// Puts a member into the open group of what it uses, or opens one.
    fn join(&mut self, id: NodeId) {
        let joining = self.joining_operands(id);
        let sources: SmallVec<[NodeId; 4]> =
            self.operands(id).iter().filter_map(|view| view.source()).collect();
        for source in &sources {
            let open = match self.states[source.index()] {
                State::Open(group) => joining.contains(source) && !self.groups[group].is_closing,
                _ => false,
            };
            if !open {
                self.need(*source);
            }
        }
        // A group that has just run may have taken this node in.
        if self.states[id.index()] != State::Waiting {
            return;
        }
        let mut group = None;
        for source in &sources {
            let found = match self.states[source.index()] {
                State::Open(found) => Some(found),
                // Groups that read the same table are worth one walk over it, numbers are not.
                _ => self.readers[source.index()].filter(|found| {
                    let other = self.groups[*found].members.first();
                    let large = self.node(*source).shape.elements() != Shape::scalar().elements();
                    large
                        && other.is_some_and(|other| self.domains[other.index()] == self.domains[id.index()])
                }),
            };
            let Some(found) = found.filter(|found| !self.groups[*found].is_closing) else { continue };
            group = match group {
                None => Some(found),
                Some(group) => self.merge(group, found),
            };
        }
        // A source whose group could not be merged runs before; a full group as well.
        for source in &sources {
            if let State::Open(open) = self.states[source.index()]
                && Some(open) != group
            {
                self.flush(open);
            }
        }
        if self.states[id.index()] != State::Waiting {
            return;
        }
        let has_room = |group: &usize| {
            let group = &self.groups[*group];
            group.members.len() < MOST && group.inputs.len() + sources.len() <= MOST_INPUTS
        };
        let group = match group.filter(|group| !self.groups[*group].members.is_empty()) {
            Some(group) if has_room(&group) => group,
            _ => {
                sources.iter().for_each(|source| self.need(*source));
                if self.states[id.index()] != State::Waiting {
                    return;
                }
                self.groups.push(Group::default());
                self.groups.len() - 1
            }
        };
        self.add(id, group, &sources, &joining);
        if self.groups[group].pending == 0 {
            self.flush(group);
        }
    }

    /// Makes a node a member.
    fn add(&mut self, id: NodeId, group: usize, sources: &[NodeId], joining: &[NodeId]) {
        self.states[id.index()] = State::Open(group);
        debug_assert!(sources.iter().all(|source| {
            let state = self.states[source.index()];
            state == State::Done || state == State::Open(group)
        }));
        let inside =
            joining.iter().filter(|source| self.states[source.index()] == State::Open(group)).count();
        for source in sources {
            if self.states[source.index()] == State::Done {
                let inputs = &mut self.groups[group].inputs;
                if !inputs.contains(source) {
                    inputs.push(*source);
                }
                self.readers[source.index()] = Some(group);
            }
        }
        let to_come = self.takers[id.index()].len();
        let group = &mut self.groups[group];
        group.members.push(id);
        group.pending = group.pending + to_come - inside;
    }

    /// Makes one group of two, if it does not become too large; the one that holds both.
    fn merge(&mut self, a: usize, b: usize) -> Option<usize> {
        let size = |group: usize| (self.groups[group].members.len(), self.groups[group].inputs.len());
        let ((in_a, inputs_a), (in_b, inputs_b)) = (size(a), size(b));
        if a == b || in_a + in_b >= MOST || inputs_a + inputs_b >= MOST_INPUTS {
            return Some(a);
        }
        let (large, small) = if in_a >= in_b { (a, b) } else { (b, a) };
        let taken = std::mem::take(&mut self.groups[small]);
        taken.members.iter().for_each(|member| self.states[member.index()] = State::Open(large));
        taken.inputs.iter().for_each(|input| self.readers[input.index()] = Some(large));
        let group = &mut self.groups[large];
        group.members.extend(taken.members);
        group.pending += taken.pending;
        for input in taken.inputs {
            if !group.inputs.contains(&input) {
                group.inputs.push(input);
            }
        }
        Some(large)
    }

    /// Runs a group: puts it into the new graph with the parts that are used outside.
    fn flush(&mut self, group: usize) {
        if self.groups[group].members.is_empty() || self.groups[group].is_closing {
            return;
        }
        self.groups[group].is_closing = true;
        self.take_in_users(group);
        let mut members = std::mem::take(&mut self.groups[group].members);
        members.sort_unstable();
        let wanted: Vec<NodeId> =
            members.iter().copied().filter(|member| self.is_used_outside(*member, group)).collect();
        let body = self.body(&members);
        let last = self.node(members[members.len() - 1]);
        // What can fail is named where it was recorded.
        let named = members.iter().map(|member| self.node(*member));
        let named = named.clone().find(|node| matches!(node.op, Op::CrossEntropy(_))).unwrap_or(last);
        let fused = self.graph.push(Node {
            op: Op::Fused(Arc::new(Fused { body: body.graph })),
            inputs: body.sources.iter().map(|source| self.moved[source.index()]).collect(),
            shape: Shape::scalar(),
            ..named.clone()
        });
        for member in wanted {
            let part = Part::Result(body.places[members.partition_point(|other| *other < member)]);
            let inputs = [fused].into_iter().collect();
            self.moved[member.index()] =
                self.graph.push(Node { op: part.into(), inputs, ..self.node(member).clone() });
        }
        members.iter().for_each(|member| self.states[member.index()] = State::Done);
    }

    /// Takes users of a closing group's values into it that need nothing which comes later, if their values
    /// are used outside of groups of this size: these have to be kept wherever they are computed.
    fn take_in_users(&mut self, group: usize) {
        let mut taken: Vec<NodeId> = Vec::new();
        let mut next = 0;
        loop {
            let from = self.groups[group].members.iter().chain(&taken);
            let Some(from) = from.clone().nth(next).copied() else { break };
            next += 1;
            for user in self.takers[from.index()].clone() {
                let is_new = self.states[user.index()] == State::Waiting && !taken.contains(&user);
                let has_room = self.groups[group].members.len() + taken.len() < MOST;
                if is_new && has_room && self.can_be_taken(user, group, &taken) {
                    taken.push(user);
                }
            }
        }
        // One that is used by members which do not come along would only be kept for them.
        let all = taken.clone();
        loop {
            let before = taken.len();
            let stays = |user: &NodeId| {
                self.takers[user.index()]
                    .iter()
                    .all(|taker| taken.contains(taker) || self.states[taker.index()] != State::Waiting)
            };
            let kept: Vec<NodeId> = taken.iter().copied().filter(stays).collect();
            // Nor can one come along that uses another which stays behind.
            let uses = |user: &NodeId| {
                self.joining_operands(*user)
                    .iter()
                    .all(|source| kept.contains(source) || !all.contains(source))
            };
            taken = kept.iter().copied().filter(uses).collect();
            if taken.len() == before {
                break;
            }
        }
        taken.sort_unstable();
        for user in taken {
            let joining = self.joining_operands(user);
            let sources: SmallVec<[NodeId; 4]> =
                self.operands(user).iter().filter_map(|view| view.source()).collect();
            for source in &sources {
                if self.states[source.index()] != State::Open(group) {
                    self.need(*source);
                }
            }
            self.add(user, group, &sources, &joining);
        }
    }

    /// Whether everything that a user of a group needs is there, or can run before the group.
    fn can_be_taken(&self, user: NodeId, group: usize, taken: &[NodeId]) -> bool {
        let joining = self.joining_operands(user);
        let mut budget = EARLIER;
        self.operands(user).iter().filter_map(|view| view.source()).all(|source| {
            let is_inside = self.states[source.index()] == State::Open(group) || taken.contains(&source);
            if is_inside { joining.contains(&source) } else { self.can_run_now(source, &mut budget) }
        })
    }

    /// Whether a value needs no more than a few cheap nodes, and no group that is closing.
    fn can_run_now(&self, id: NodeId, budget: &mut usize) -> bool {
        match self.states[id.index()] {
            State::Done => true,
            State::Open(group) => !self.groups[group].is_closing,
            State::Waiting => {
                let is_cheap = self.views[id.index()] || self.domains[id.index()].is_some();
                if !is_cheap || *budget == 0 {
                    return false;
                }
                *budget -= 1;
                self.node(id).inputs.iter().all(|input| self.can_run_now(*input, budget))
            }
        }
    }

    fn is_used_outside(&self, id: NodeId, group: usize) -> bool {
        let outside = |user: &NodeId| match self.views[user.index()] {
            true => self.is_used_outside(*user, group),
            false => self.states[user.index()] != State::Open(group),
        };
        self.is_output[id.index()] || self.users[id.index()].iter().any(outside)
    }

    /// The body of some members.
    fn body(&self, members: &[NodeId]) -> Body {
        let mut body = Body::default();
        let is_member = |id: NodeId| members.binary_search(&id).is_ok();
        // Inputs first, as in any program.
        for member in members {
            for view in self.operands(*member) {
                if let Some(source) = view.source().filter(|source| !is_member(*source)) {
                    body.input(source, self.node(source));
                }
            }
        }
        for member in members {
            let node = self.node(*member);
            let views = self.operands(*member);
            let inputs = node.inputs.iter().zip(&views);
            let inputs = inputs.map(|(input, view)| body.copy(&self.program.graph, *input, view.source()));
            let inputs: Inputs = inputs.collect();
            let place = body.graph.push(Node { inputs, ..node.clone() });
            body.known.push((*member, place));
            body.places.push(place);
        }
        body
    }

    fn finish(mut self) -> Program {
        for group in 0..self.groups.len() {
            self.flush(group);
        }
        let outputs = &self.program.outputs;
        outputs.iter().for_each(|output| self.need(*output));
        let outputs = outputs.iter().map(|output| self.moved[output.index()]).collect();
        Program { graph: self.graph, outputs }
    }
}

/// The domain of a node that can be a member with all its operands.
fn member_domain(graph: &Graph, node: &Node) -> Option<Domain> {
    let domain = Domain::of_member(graph, node)?;
    let is_table = is_last(node) || domain.class(&node.shape) == Some(crate::fused::Class::Table);
    let fits = (0..node.inputs.len()).all(|place| View::of(graph, node, place, domain).is_some());
    (is_table && fits).then_some(domain)
}

/// A body that is being built.
#[derive(Default)]
struct Body {
    graph: Graph,
    /// What feeds its inputs.
    sources: Vec<NodeId>,
    /// Nodes of the program and where they are in the body.
    known: Vec<(NodeId, NodeId)>,
    /// Where the members are.
    places: Vec<NodeId>,
}

impl Body {
    fn find(&self, id: NodeId) -> Option<NodeId> {
        self.known.iter().find(|(known, _)| *known == id).map(|(_, place)| *place)
    }

    fn input(&mut self, source: NodeId, node: &Node) {
        if self.find(source).is_none() {
            let op = Op::Input(self.sources.len() as u32);
            let place = self.graph.push(Node { op, inputs: Inputs::new(), ..node.clone() });
            self.sources.push(source);
            self.known.push((source, place));
        }
    }

    /// The place of an operand: that of its source, or a copy of the views between.
    fn copy(&mut self, from: &Graph, id: NodeId, source: Option<NodeId>) -> NodeId {
        if let Some(place) = self.find(id) {
            return place;
        }
        debug_assert!(Some(id) != source, "sources are inputs or members before");
        let node = from.node(id);
        let inputs = node.inputs.iter().map(|input| self.copy(from, *input, source)).collect();
        let place = self.graph.push(Node { inputs, ..node.clone() });
        self.known.push((id, place));
        place
    }
}
