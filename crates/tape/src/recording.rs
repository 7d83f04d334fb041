//! The inside of a tape: frames, scopes, and the trails that are followed.
//!
//! The first frame is the program. While the step of a scan is being recorded, its body is a frame of its
//! own on top. Nodes of the first frame that lie beyond its length are those of the trail that is being
//! followed, which has been there before. A body follows the body of the scan that comes next on the
//! trail; if it never differs, that scan is taken as it is.

use std::panic::Location;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::dtype::DType;
use crate::error::ShapeError;
use crate::graph::{Graph, Inputs, Node, NodeId, ScopeId, Scopes};
use crate::ops::{Op, Part};
use crate::packing::Packing;
use crate::scan::{Role, Scan};
use crate::shape::{Dim, Shape};
use crate::tensor::Tensor;
use crate::trail::{Taken, Trail};

/// Trails that are kept beside the one being followed: as many programs can take turns.
const TRAILS: usize = 7;

/// The most nodes of all kept trails together.
const NODES: usize = 1 << 17;

/// With more scopes than this, names are made of numbers that grow, and are not kept for the next tape.
const SCOPES: usize = 1 << 12;

/// The line of a node, and the scope it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub location: &'static Location<'static>,
    pub scope: ScopeId,
}

impl Origin {
    pub fn of(node: &Node) -> Origin {
        Origin { location: node.location, scope: node.scope }
    }

    fn is_of(self, node: &Node) -> bool {
        let same_line = std::ptr::eq(node.location, self.location) || node.location == self.location;
        same_line && node.scope == self.scope
    }
}

/// Where an input of the program has its value from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Nowhere: the tape that had it is gone.
    Nothing,
    /// From a tensor that was given.
    Given(Tensor),
    /// From a tensor that is the tape's own, whose memory the next tape uses again.
    Filled(Tensor),
    /// From the leaf of this number.
    Leaf(usize),
}

/// All that a tape has recorded so far, and what it may follow.
#[derive(Default)]
pub(crate) struct Recording {
    pub frames: Vec<Frame>,
    /// Frames that are not in use, for their memory.
    spare: Vec<Frame>,
    /// Trails that are not being followed.
    kept: Vec<Trail>,
    /// Counts recordings.
    clock: u64,
    /// Counts the frames of a recording.
    opened: u32,
    pub scopes: Scopes,
    pub scope: ScopeId,
    /// In a backward sweep, the line and the scope of what is recorded.
    pub origin: Option<Origin>,
    /// In a backward sweep, the first gradient that a rule was to give and did not.
    pub fault: Option<ShapeError>,
    /// Whether nodes that were taken from a trail have been given another line or scope.
    relocated: bool,
    leaf_nodes: Vec<Option<NodeId>>,
    sources: Vec<Source>,
    /// How many inputs there are; further sources are those of the last recording.
    inputs: usize,
}

/// A program that is being recorded: that of the tape, or the body of a scan.
#[derive(Default)]
pub(crate) struct Frame {
    pub id: u32,
    trail: Trail,
    /// For a body, the scan whose body has so far been the same.
    followed: Option<Arc<Scan>>,
    /// How many nodes there are.
    len: usize,
    /// For a body, what feeds each of its inputs, and how.
    feeds: Vec<NodeId>,
    roles: Vec<Role>,
    captured: FxHashMap<(NodeId, Role), NodeId>,
    looping: Option<Looping>,
}

/// How the scan whose body a frame is will run.
struct Looping {
    packing: Packing,
    rows: Dim,
    reverse: bool,
    recompute: bool,
}

impl Frame {
    /// The nodes, and those that the trail has beyond them.
    fn with_trail(&self) -> &[Node] {
        match &self.followed {
            Some(scan) => &scan.body.nodes,
            None => &self.trail.graph.nodes,
        }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.with_trail()[..self.len]
    }

    /// The node at a place.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes()[id.index()]
    }

    /// The node that comes next on the trail.
    fn next(&self) -> Option<&Node> {
        self.with_trail().get(self.len)
    }

    /// The scan that comes next on the trail: the one whose body is about to be recorded, if it is the
    /// same again. Before it come only inputs and parts that the body itself asks for.
    fn next_scan(&self) -> Option<Arc<Scan>> {
        let rest = &self.with_trail()[self.len..];
        match &rest.iter().find(|node| !matches!(node.op, Op::Input(_) | Op::Part(_)))?.op {
            Op::Scan(scan) => Some(Arc::clone(scan)),
            _ => None,
        }
    }

    /// For a body that differs from the one it followed: its nodes become its own.
    fn leave_scan(&mut self) {
        if let Some(scan) = self.followed.take() {
            self.trail.graph.copy_start_of(&scan.body, self.len);
        }
    }

    fn clear(&mut self) {
        self.trail.clear();
        self.followed = None;
        self.len = 0;
        self.feeds.clear();
        self.roles.clear();
        self.captured.clear();
        self.looping = None;
    }
}

impl Recording {
    /// Begins to record with nothing but what can be followed.
    pub fn begin(&mut self, leaves: usize) {
        if self.scopes.len() > SCOPES {
            *self = Recording::default();
        }
        while self.frames.len() > 1 {
            self.drop_frame();
        }
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        self.clock += 1;
        self.frames[0].len = 0;
        self.frames[0].trail.used = self.clock;
        self.kept.iter_mut().for_each(|trail| trail.parted = false);
        (self.opened, self.inputs) = (0, 0);
        (self.scope, self.origin, self.relocated) = (ScopeId::default(), None, false);
        self.leaf_nodes.clear();
        self.leaf_nodes.resize(leaves, None);
    }

    /// Lets go of what belongs to the tape that recorded.
    pub fn end(&mut self) {
        for source in &mut self.sources[..self.inputs] {
            if let Source::Given(_) = source {
                *source = Source::Nothing;
            }
        }
    }

    fn drop_frame(&mut self) {
        if let Some(mut frame) = self.frames.pop() {
            frame.clear();
            self.spare.push(frame);
        }
    }

    /// Says which program a list of nodes of the first frame belongs to.
    pub fn stamp(&self) -> u64 {
        self.frames[0].trail.stamp
    }

    /// The program, and beyond it what else the trail has.
    pub fn graph_with_trail(&self) -> &Graph {
        &self.frames[0].trail.graph
    }

    /// Makes the first frame hold no more than what was recorded.
    pub fn leave_trail(&mut self) {
        if self.frames[0].next().is_some() {
            self.fork();
        }
    }

    /// The number of the frame on top.
    pub fn top(&self) -> usize {
        self.frames.len() - 1
    }

    // Nodes.

    /// Records an operation in a frame, or takes the node that the trail has there. `infer` gives shape and
    /// type of a result that the trail does not have.
    pub fn push(
        &mut self,
        index: usize,
        op: Op,
        inputs: &[NodeId],
        origin: Origin,
        infer: impl FnOnce(&Op, &[Node]) -> Result<(Shape, DType), ShapeError>,
    ) -> Result<NodeId, ShapeError> {
        let origin = self.origin.unwrap_or(origin);
        let is_next = |next: &Node| next.inputs[..] == *inputs && next.op == op;
        if self.frames[index].next().is_some_and(is_next)
            && let Some(id) = self.follow(index, origin)
        {
            return Ok(id);
        }
        let (shape, dtype) = infer(&op, self.frames[index].nodes())?;
        let Origin { location, scope } = origin;
        Ok(self.append(index, Node { op, inputs: Inputs::from_slice(inputs), shape, dtype, scope, location }))
    }

    /// Records an input of a frame.
    fn push_input(
        &mut self,
        index: usize,
        slot: usize,
        (shape, dtype): (Shape, DType),
        origin: Origin,
    ) -> NodeId {
        let op = Op::Input(u32::try_from(slot).expect("fewer than 2^32 inputs"));
        let is_next = |next: &Node| next.op == op && next.dtype == dtype && next.shape == shape;
        if self.frames[index].next().is_some_and(is_next)
            && let Some(id) = self.follow(index, origin)
        {
            return id;
        }
        let Origin { location, scope } = origin;
        self.append(index, Node { op, inputs: Inputs::new(), shape, dtype, scope, location })
    }

    /// Takes the next node of the trail, which is known to be the same but for its line and its scope.
    fn follow(&mut self, index: usize, origin: Origin) -> Option<NodeId> {
        let frame = &mut self.frames[index];
        match &frame.followed {
            // The body belongs to a scan that others hold too, so that its lines stay as they are.
            Some(scan) if !origin.is_of(&scan.body.nodes[frame.len]) => return None,
            Some(_) => {}
            None => {
                let node = &mut frame.trail.graph.nodes[frame.len];
                if !origin.is_of(node) {
                    (node.location, node.scope) = (origin.location, origin.scope);
                    self.relocated = true;
                }
            }
        }
        frame.len += 1;
        Some(NodeId::at(frame.len - 1))
    }

    /// Adds a node that is not the next one of the trail.
    fn append(&mut self, index: usize, node: Node) -> NodeId {
        if index > 0 {
            self.frames[index].leave_scan();
        } else if self.turn(&node)
            && let Some(id) = self.follow(0, Origin::of(&node))
        {
            return id;
        } else {
            self.leave_trail();
        }
        let frame = &mut self.frames[index];
        frame.len += 1;
        frame.trail.graph.push(node)
    }

    /// Turns to a kept trail that is the same so far and goes on with the node, if there is one.
    fn turn(&mut self, node: &Node) -> bool {
        let frame = &mut self.frames[0];
        for trail in self.kept.iter_mut().filter(|trail| !trail.parted) {
            // What parts once has parted for good: no trail is compared twice.
            let nodes = &mut trail.graph.nodes;
            trail.parted = nodes.get(frame.len) != Some(node) || nodes[..frame.len] != *frame.nodes();
            if trail.parted {
                continue;
            }
            for (to, from) in nodes.iter_mut().zip(frame.nodes()) {
                let same_body = match (&to.op, &from.op) {
                    (Op::Scan(to), Op::Scan(from)) => Arc::ptr_eq(to, from),
                    _ => true,
                };
                if !(same_body && Origin::of(from).is_of(to)) {
                    to.clone_from(from);
                    self.relocated = true;
                }
            }
            std::mem::swap(trail, &mut frame.trail);
            trail.parted = true;
            frame.trail.used = self.clock;
            return true;
        }
        false
    }

    /// Leaves the trail for a new one that is the same so far; the old one is kept.
    fn fork(&mut self) {
        let mut new = Trail::default();
        let count = |trail: &Trail| trail.graph.nodes.len();
        let mut total = count(&self.frames[0].trail) + self.kept.iter().map(count).sum::<usize>();
        while self.kept.len() >= TRAILS || total > NODES {
            let oldest = self.kept.iter().enumerate().min_by_key(|(_, trail)| trail.used);
            let Some(oldest) = oldest.map(|(index, _)| index) else { break };
            new = self.kept.swap_remove(oldest);
            total -= count(&new);
        }
        let frame = &mut self.frames[0];
        new.become_start_of(&frame.trail, frame.len);
        new.used = self.clock;
        let mut old = std::mem::replace(&mut frame.trail, new);
        old.parted = true;
        self.kept.push(old);
    }

    // Inputs and captures.

    /// Adds an input of the program with its value.
    pub fn add_input(&mut self, source: Source, meta: (Shape, DType), origin: Origin) -> NodeId {
        let slot = self.inputs;
        self.inputs += 1;
        match self.sources.get_mut(slot) {
            Some(place) => *place = source,
            None => self.sources.push(source),
        }
        self.push_input(0, slot, meta, self.origin.unwrap_or(origin))
    }

    /// A tensor of the last recording whose memory the next input may use.
    pub fn spare_tensor(&mut self) -> Option<Tensor> {
        let source = self.sources.get_mut(self.inputs)?;
        match std::mem::replace(source, Source::Nothing) {
            Source::Filled(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// How many inputs the program has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Where an input of the program has its value from.
    pub fn source(&self, slot: usize) -> Option<&Source> {
        self.sources[..self.inputs].get(slot)
    }

    /// Gives an input of the program another value.
    pub fn set_source(&mut self, slot: usize, source: Source) {
        self.sources[..self.inputs][slot] = source;
    }

    /// The node of a leaf, if the leaf is on the tape.
    pub fn leaf_node(&self, leaf: usize) -> Option<NodeId> {
        self.leaf_nodes[leaf]
    }

    /// Adds a leaf with the shape and type of its value.
    pub fn add_leaf(&mut self, leaf: usize, meta: (Shape, DType), origin: Origin) -> NodeId {
        let node = self.add_input(Source::Leaf(leaf), meta, origin);
        self.leaf_nodes[leaf] = Some(node);
        node
    }

    /// The place of a value of frame `from` in frame `target`, captured from frame to frame in between.
    #[track_caller]
    pub fn bring(&mut self, node: NodeId, from: usize, target: usize) -> NodeId {
        assert!(from <= target, "a value of a scan's step cannot be used around the scan");
        (from + 1..=target).fold(node, |node, frame| {
            self.capture(node, Role::Constant, frame).expect("a constant of any shape can be taken in")
        })
    }

    /// The input of the body in frame `index` that stands for a node of the frame below it.
    pub fn capture(&mut self, outer: NodeId, role: Role, index: usize) -> Result<NodeId, ShapeError> {
        // Only what is the same in every step is one input however often it is used.
        if role != Role::State
            && let Some(known) = self.frames[index].captured.get(&(outer, role))
        {
            return Ok(*known);
        }
        let (source, frame) = (self.frames[index - 1].node(outer), &self.frames[index]);
        let looping = frame.looping.as_ref().expect("frames above the first are bodies");
        let shape = role.inside(&source.shape, &looping.packing, looping.rows)?;
        let (slot, dtype, origin) = (frame.feeds.len(), source.dtype, Origin::of(source));
        let node = self.push_input(index, slot, (shape, dtype), origin);
        let frame = &mut self.frames[index];
        frame.feeds.push(outer);
        frame.roles.push(role);
        frame.captured.insert((outer, role), node);
        Ok(node)
    }

    // Scans.

    /// Opens a frame for the body of a scan.
    pub fn open_body(&mut self, packing: &Packing, reverse: bool, recompute: bool) {
        self.opened += 1;
        // Within another body the rows are its rows, or a number that the user's program gives.
        let rows = if self.frames.len() == 1 { Dim::ROWS } else { packing.sequences() };
        let mut frame = self.spare.pop().unwrap_or_default();
        frame.id = self.opened;
        frame.looping = Some(Looping { packing: packing.clone(), rows, reverse, recompute });
        frame.followed = self.frames[self.top()].next_scan();
        self.frames.push(frame);
    }

    /// Closes the frame of a body and records its scan, of values of type `dtype`, in the frame around it.
    pub fn close_body(&mut self, next: &[NodeId], dtype: DType, origin: Origin) -> NodeId {
        let (scan, frame) = self.finish_body(next);
        let node = self.push_scan(scan, &frame.feeds, dtype, origin);
        self.reuse(frame);
        node
    }

    /// Closes the frame of a body: its scan, which is not recorded yet, and what feeds it.
    pub fn take_body(&mut self, next: &[NodeId]) -> (Arc<Scan>, Vec<NodeId>) {
        let (scan, mut frame) = self.finish_body(next);
        let feeds = std::mem::take(&mut frame.feeds);
        self.reuse(frame);
        (scan, feeds)
    }

    fn finish_body(&mut self, next: &[NodeId]) -> (Arc<Scan>, Frame) {
        let mut frame = self.frames.pop().expect("the frame of the body");
        let Looping { packing, rows, reverse, recompute } =
            frame.looping.take().expect("a body belongs to a scan");
        let is_same = |scan: &Arc<Scan>| {
            scan.body.nodes.len() == frame.len
                && (&scan.roles, &*scan.next) == (&frame.roles, next)
                && (&scan.packing, scan.rows) == (&packing, rows)
                && (scan.reverse, scan.recompute) == (reverse, recompute)
        };
        let scan = match frame.followed.take_if(|scan| is_same(scan)) {
            Some(scan) => scan,
            None => {
                frame.leave_scan();
                let body = std::mem::take(&mut frame.trail.graph);
                let (roles, next) = (frame.roles.clone(), next.to_vec());
                Arc::new(Scan { body, roles, next, packing, rows, reverse, recompute })
            }
        };
        (scan, frame)
    }

    fn reuse(&mut self, mut frame: Frame) {
        frame.clear();
        self.spare.push(frame);
    }

    /// Records a scan in the present frame.
    pub fn push_scan(&mut self, scan: Arc<Scan>, feeds: &[NodeId], dtype: DType, origin: Origin) -> NodeId {
        let (index, op) = (self.top(), Op::Scan(Arc::clone(&scan)));
        let node = self.push(index, op, feeds, origin, |_, _| Ok((Shape::scalar(), dtype)));
        let node = node.expect("a scan has no shape of its own");
        self.relocate_body(index, node, scan);
        node
    }

    /// The steps of the scan whose body is being recorded.
    pub fn packing(&self) -> Option<&Packing> {
        Some(&self.frames.last()?.looping.as_ref()?.packing)
    }

    /// Makes a state of the body that is being recorded, by its place among the inputs, the rows of a value
    /// that stays the same.
    pub fn hold_state(&mut self, slot: usize) {
        let top = self.top();
        self.frames[top].roles[slot] = Role::Rows;
    }

    /// Sees to it that a scan taken from a trail has the lines of the body that was just recorded.
    fn relocate_body(&mut self, index: usize, node: NodeId, scan: Arc<Scan>) {
        let is_same = |node: &Node| matches!(&node.op, Op::Scan(taken) if Arc::ptr_eq(taken, &scan));
        if !is_same(self.frames[index].node(node)) {
            self.frames[index].leave_scan();
            self.frames[index].trail.graph.nodes[node.index()].op = Op::Scan(scan);
            self.relocated = true;
        }
    }

    /// A value taken out of a scan; the same node however often it is asked for.
    pub fn part(&mut self, index: usize, scan: NodeId, part: Part) -> Result<NodeId, ShapeError> {
        let frame = &self.frames[index];
        if let Some(known) = frame.trail.parts.get(&(scan, part)).filter(|known| known.index() < frame.len) {
            return Ok(*known);
        }
        // A part stands for a value of the user's loop, and has the line of that.
        let origin = Origin { location: frame.node(scan).location, scope: self.scope };
        let infer = |_: &Op, nodes: &[Node]| {
            let node = &nodes[scan.index()];
            let Op::Scan(inner) = &node.op else { unreachable!("only scans have parts") };
            inner.part(part, |slot| nodes[node.inputs[slot].index()].shape.clone())
        };
        let node = self.push(index, part.into(), &[scan], origin, infer)?;
        self.frames[index].trail.parts.insert((scan, part), node);
        Ok(node)
    }

    // Gradients.

    /// Takes over the gradient that the trail has at this place, if it is that of the same values.
    pub fn take_gradient(
        &mut self,
        of: NodeId,
        wrt: &[NodeId],
        location: &'static Location<'static>,
    ) -> Option<&[Option<NodeId>]> {
        if self.frames.len() > 1 || self.relocated {
            return None;
        }
        let frame = &mut self.frames[0];
        let taken = &frame.trail.gradients[frame.trail.find_gradient(frame.len).ok()?];
        if taken.of != of || taken.wrt[..] != *wrt || taken.location != location {
            return None;
        }
        frame.len = taken.nodes.1;
        Some(&taken.results)
    }

    /// Where a gradient that is about to be recorded begins, as nodes and inputs.
    pub fn gradient_begins(&self) -> (usize, usize) {
        (self.frames[0].len, self.inputs)
    }

    /// Remembers a gradient for the next tape that comes along.
    pub fn remember_gradient(&mut self, (start, inputs): (usize, usize), mut taken: Taken) {
        // Inputs would have to be given again.
        if self.frames.len() > 1 || self.inputs != inputs {
            return;
        }
        let frame = &mut self.frames[0];
        taken.nodes = (start, frame.len);
        match frame.trail.find_gradient(start) {
            Ok(known) => frame.trail.gradients[known] = taken,
            Err(place) => frame.trail.gradients.insert(place, taken),
        }
    }
}
