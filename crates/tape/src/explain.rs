//! What became of a cell's step, for its author: what left the loop, what was merged, what stays in it, and
//! which dependence on the state holds it there.
//!
//! An explanation is made from the program as it was recorded, by asking the passes
//! [`merge_products`] and [`lift`](crate::passes::lift()) what they would do.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::Location;

use crate::graph::{Graph, Node, NodeId, ScopeId, Scopes};
use crate::ops::{Kind, Op};
use crate::passes::lift::{Fate, fates, lift_graph};
use crate::passes::merge_products::merges;
use crate::passes::{PIPELINE, merge_products, remove_dead, run};
use crate::plan::Plan;
use crate::program::{Program, Step};
use crate::scan::{Role, Scan};

/// What became of the loops of a program; shown by [`Display`](fmt::Display).
#[derive(Clone, Debug)]
pub struct Explanation {
    loops: Vec<Loop>,
    scopes: Option<Scopes>,
}

/// What became of one loop.
#[derive(Clone, Debug)]
struct Loop {
    scope: ScopeId,
    location: &'static Location<'static>,
    steps: String,
    depth: usize,
    merged: Vec<String>,
    /// What the passes made of its nodes, as lines for products and numbers of others.
    fates: BTreeMap<Fate, (Vec<String>, usize)>,
}

impl Plan {
    /// Says of each loop what left it, what was merged, and why the rest stays. With the scopes of the tape
    /// it also says by their names which loops these are.
    ///
    /// ```
    /// use tape::{DType, Engine, Packing, Tape, Tensor, scan};
    ///
    /// let tape = Tape::new(DType::F32);
    /// let zeros = |shape: [usize; 2]| tape.input(Tensor::zeros(DType::F32, shape));
    /// let (h0, x, wx, wh) = (zeros([2, 4]), zeros([6, 3]), zeros([3, 4]), zeros([4, 4]));
    /// let (last, _) = tape.scope("rnn", || {
    ///     scan(&Packing::uniform(3, 2), h0, x, |h, x| {
    ///         let h = (x.dot(wx) + h.dot(wh)).tanh();
    ///         (h, h)
    ///     })
    /// });
    /// let mut engine = Engine::new();
    /// let run = engine.run(&[last])?;
    /// let text = run.plan().explain().with_scopes(tape.scopes().clone()).to_string();
    /// let mut lines = text.lines().map(str::trim);
    /// assert!(lines.next().unwrap().starts_with("loop of 3x2 steps, in rnn, at "));
    /// assert!(lines.next().unwrap().starts_with("before it, for all rows at once: dot at "));
    /// let stays = lines.next().unwrap();
    /// assert!(stays.starts_with("in every step: dot at "));
    /// assert!(stays.contains("it needs state 0 of the step before, and the next state 0 needs it through add"));
    /// # Ok::<(), tape::RunError>(())
    /// ```
    pub fn explain(&self) -> Explanation {
        let before = PIPELINE.iter().take_while(|(name, _)| *name != "merge_products");
        let program = run(self.source.clone(), &before.copied().collect::<Vec<_>>());
        // Both have the same loops, in the same order.
        let (mut merged, mut loops) = (Vec::new(), Vec::new());
        note_merges(&program, &mut merged);
        note_loops(&remove_dead(merge_products(program)), 0, &mut loops);
        for (one, merged) in loops.iter_mut().zip(merged) {
            one.merged = merged;
        }
        Explanation { loops, scopes: None }
    }
}

impl Explanation {
    /// The explanation with the names of scopes.
    pub fn with_scopes(mut self, scopes: Scopes) -> Explanation {
        self.scopes = Some(scopes);
        self
    }
}

/// For each loop, outer ones first, which products are merged.
fn note_merges(program: &Program, merged: &mut Vec<Vec<String>>) {
    let parts = program.parts();
    for (id, node) in program.graph.iter() {
        let Op::Scan(scan) = &node.op else { continue };
        let body = Program::of_body(scan, parts.get(&id).into_iter().flatten().copied());
        let step = Step { scan, inputs: &node.inputs, wanted: &body.outputs };
        let line = |nodes: Vec<NodeId>| {
            let places: Vec<String> = nodes.iter().map(|id| place(body.graph.node(*id))).collect();
            format!("{} become one", places.join(", "))
        };
        merged.push(merges(&body, &step).into_iter().map(line).collect());
        note_merges(&body, merged);
    }
}

/// For each loop, outer ones first, what becomes of its nodes.
fn note_loops(program: &Program, depth: usize, loops: &mut Vec<Loop>) {
    // An outer loop is lifted after those in its step.
    let lifted = program.clone().map_bodies(&mut lift_graph);
    let (parts, recorded_parts) = (lifted.parts(), program.parts());
    let mut around = lifted.graph.clone();
    for ((id, node), (_, recorded)) in lifted.graph.iter().zip(program.graph.iter()) {
        let (Op::Scan(scan), Op::Scan(inner)) = (&node.op, &recorded.op) else { continue };
        let wanted = parts.get(&id).map(Vec::as_slice).unwrap_or_default();
        let fates = fates(&mut around, node, scan, wanted);
        let backward = if scan.reverse { " from the last to the first" } else { "" };
        loops.push(Loop {
            scope: node.scope,
            location: node.location,
            steps: format!("{} steps{backward}", scan.packing),
            depth,
            merged: Vec::new(),
            fates: sorted(scan, &fates),
        });
        let body = Program::of_body(inner, recorded_parts.get(&id).into_iter().flatten().copied());
        note_loops(&body, depth + 1, loops);
    }
}

/// The nodes of a body by what becomes of them.
fn sorted(scan: &Scan, fates: &[Option<Fate>]) -> BTreeMap<Fate, (Vec<String>, usize)> {
    let mut sorted: BTreeMap<Fate, (Vec<String>, usize)> = BTreeMap::new();
    for ((id, node), fate) in scan.body.iter().zip(fates) {
        let Some(fate) = fate else { continue };
        let (lines, others) = sorted.entry(*fate).or_default();
        match node.op.kind() {
            Kind::Leaf | Kind::View => {}
            Kind::Product | Kind::Loop if *fate == Fate::Stays => {
                lines.push(format!("{}: {}", place(node), reason(scan, id)));
            }
            Kind::Product | Kind::Loop => lines.push(place(node)),
            _ if matches!(node.op, Op::Part(_)) => {}
            _ => *others += 1,
        }
    }
    sorted
}

/// A node by its operation and source line.
fn place(node: &Node) -> String {
    format!("{} at {}:{}", node.op.name(), node.location.file(), node.location.line())
}

/// Why a node is computed in every step.
fn reason(scan: &Scan, id: NodeId) -> String {
    let body = &scan.body;
    let state = |id: NodeId| {
        let Op::Input(slot) = body.node(id).op else { return None };
        (scan.roles[slot as usize] == Role::State).then(|| {
            scan.states().position(|state| state == slot as usize).expect("a state is among the states")
        })
    };
    let inputs = |id: NodeId| body.node(id).inputs.to_vec();
    let Some((needed, above)) = path(body, id, inputs, state) else {
        return "its operands differ from step to step and from sequence to sequence".into();
    };
    let users = |id: NodeId| -> Vec<NodeId> {
        body.iter().filter(|(_, node)| node.inputs.contains(&id)).map(|(user, _)| user).collect()
    };
    let next = |id: NodeId| scan.next.iter().position(|next| *next == id);
    let needs = format!("it needs state {needed} of the step before{}", through(body, &above));
    match path(body, id, users, next) {
        Some((next, below)) => {
            format!("{needs}, and the next state {next} needs it{}", through(body, &below))
        }
        None => format!("{needs}, and what needs it mixes the rows of a step"),
    }
}

/// The shortest way from a node to one that is an end, with the nodes in between.
fn path(
    body: &Graph,
    from: NodeId,
    neighbours: impl Fn(NodeId) -> Vec<NodeId>,
    end: impl Fn(NodeId) -> Option<usize>,
) -> Option<(usize, Vec<NodeId>)> {
    let mut before: Vec<Option<NodeId>> = vec![None; body.nodes.len()];
    let mut open = VecDeque::from([from]);
    while let Some(id) = open.pop_front() {
        if let Some(end) = end(id) {
            let ways = std::iter::successors(Some(id), |id| before[id.index()].filter(|id| *id != from));
            let mut nodes: Vec<NodeId> = ways.filter(|id| *id != from).collect();
            nodes.reverse();
            return Some((end, nodes));
        }
        for next in neighbours(id) {
            if before[next.index()].is_none() && next != from {
                before[next.index()] = Some(id);
                open.push_back(next);
            }
        }
    }
    None
}

/// The operations of a way in words.
fn through(body: &Graph, nodes: &[NodeId]) -> String {
    let operations: Vec<String> = nodes
        .iter()
        .map(|id| body.node(*id))
        .filter(|node| !matches!(node.op.kind(), Kind::Leaf | Kind::View))
        .map(place)
        .collect();
    if operations.is_empty() { String::new() } else { format!(" through {}", operations.join(", ")) }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.loops {
            let indent = "    ".repeat(one.depth);
            let scope = match self.scopes.as_ref().map_or("", |scopes| scopes.name(one.scope)) {
                "" => String::new(),
                name => format!(", in {name}"),
            };
            let (file, line) = (one.location.file(), one.location.line());
            writeln!(f, "{indent}loop of {}{scope}, at {file}:{line}", one.steps)?;
            for line in &one.merged {
                writeln!(f, "{indent}    merged: {line}")?;
            }
            for (fate, (lines, others)) in &one.fates {
                let where_to = match fate {
                    Fate::Once => "once, since every step has the same",
                    Fate::Before => "before it, for all rows at once",
                    Fate::Stays => "in every step",
                    Fate::After => "after it, for all rows at once",
                    Fate::Summed => "after it, as one sum over all steps",
                };
                for line in lines {
                    writeln!(f, "{indent}    {where_to}: {line}")?;
                }
                match others {
                    0 => {}
                    1 => writeln!(f, "{indent}    {where_to}: 1 operation that is no product")?,
                    _ => writeln!(f, "{indent}    {where_to}: {others} operations that are no products")?,
                }
            }
        }
        Ok(())
    }
}
