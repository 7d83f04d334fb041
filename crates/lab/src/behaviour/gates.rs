//! Which gates have closed: how often each sigmoid and tanh of a step is near an end of its range.
//!
//! There a gate is open or closed whatever is shown, its slope is close to 0, and what it has learned is hard to unlearn
//! (Karpathy, Johnson and Fei-Fei, "Visualizing and understanding recurrent networks", 2015,
//! <https://arxiv.org/abs/1506.02078>, who draw these shares, with 0.1 and 0.9 as bounds).
//!
//! Nobody marks the gates: they are the nodes of the recorded step that are a sigmoid or a tanh. Functions within a loop
//! that is itself within a step are not seen.

use std::collections::HashSet;

use nn::Cell;
use tape::graph::{Graph, NodeId};
use tape::ops::{Kind, Op, Unary};
use tape::plan::Plan;
use tape::program::Program;
use tape::{RunError, Tape};

use super::Gate;
use super::trajectory::Trajectory;

/// How near to an end, as a share of the range.
const NEAR: f64 = 0.05;

/// Rows that are looked at together, which bounds the memory.
const ROWS: usize = 1024;

/// How often each sigmoid and tanh of a step is within a twentieth of its range's ends, over all units, steps and sequences
/// of a trajectory; in the order in which the step computes them.
///
/// ```
/// use lab::behaviour::{Trajectory, gates};
/// use nn::{Layout, Lstm, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let cell = Lstm::with_forget_bias(params.scope("lstm"), 1, 4, 100.0);
/// let mut trajectory = Trajectory::follow(&cell, &params, 4, |tape| {
///     Sequence::new(tape.input_numbers([10, 1], [0.5; 10]), &Layout::full(1, 10))
/// })?;
/// let forget = &gates(&mut trajectory)?[0];
/// assert_eq!((forget.function.as_str(), forget.name.as_str()), ("sigmoid", "part 2 of 4 of wx, wh, b"));
/// assert_eq!((forget.low, forget.high), (0.0, 1.0));
/// # Ok::<(), tape::RunError>(())
/// ```
///
/// # Errors
/// If an operation meets a value that it cannot take.
pub fn gates<C: Cell>(trajectory: &mut Trajectory<'_, C>) -> Result<Vec<Gate>, RunError> {
    let rows: Vec<usize> = (0..trajectory.rows()).collect();
    let mut found: Vec<(Gate, Counts)> = Vec::new();
    for rows in rows.chunks(ROWS) {
        let tape = trajectory.params.tape();
        let step = trajectory.record(&tape, rows);
        let results: Vec<NodeId> = step.after.iter().chain([&step.output]).map(|var| var.id()).collect();
        let program = tape.graph().clone();
        let needed = program.ancestors(results.iter().copied());
        let gates: Vec<(NodeId, Squash)> = program
            .iter()
            .filter(|(id, _)| needed[id.index()])
            .filter_map(|(id, node)| Some((id, Squash::of(&node.op)?)))
            .collect();
        if found.is_empty() {
            found = name(&tape, &program, &results, &gates)
                .into_iter()
                .map(|gate| (gate, Counts::default()))
                .collect();
        }
        let outputs = gates.iter().map(|(id, _)| *id).collect();
        let run = trajectory.engine.run_plan(&tape, Plan::new(Program { graph: program, outputs }))?;
        for (index, ((_, counts), (_, squash))) in found.iter_mut().zip(&gates).enumerate() {
            counts.add(*squash, &run.tensor(index).to_f64());
        }
    }
    Ok(found.into_iter().map(|(gate, counts)| counts.shares(gate)).collect())
}

/// A function with a range that has two ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Squash {
    Sigmoid,
    Tanh,
}

impl Squash {
    fn of(op: &Op) -> Option<Squash> {
        match op {
            Op::Unary(Unary::Sigmoid) => Some(Squash::Sigmoid),
            Op::Unary(Unary::Tanh) => Some(Squash::Tanh),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Squash::Sigmoid => "sigmoid",
            Squash::Tanh => "tanh",
        }
    }

    /// The ends of the range.
    fn ends(self) -> [f64; 2] {
        match self {
            Squash::Sigmoid => [0.0, 1.0],
            Squash::Tanh => [-1.0, 1.0],
        }
    }
}

/// How many values of a gate were seen, and how many of them near an end.
#[derive(Default)]
struct Counts {
    all: f64,
    low: f64,
    high: f64,
}

impl Counts {
    fn add(&mut self, squash: Squash, values: &[f64]) {
        let [low, high] = squash.ends();
        let near = NEAR * (high - low);
        for value in values {
            self.all += 1.0;
            self.low += f64::from(u8::from(*value <= low + near));
            self.high += f64::from(u8::from(*value >= high - near));
        }
    }

    fn shares(self, gate: Gate) -> Gate {
        let all = self.all.max(1.0);
        Gate { low: self.low / all, high: self.high / all, ..gate }
    }
}

/// The gates without numbers: what each is called.
fn name(tape: &Tape, program: &Graph, results: &[NodeId], gates: &[(NodeId, Squash)]) -> Vec<Gate> {
    let sources: Vec<Source> = gates
        .iter()
        .map(|(id, _)| {
            let mut source = Source::default();
            source.follow(tape, program, results, program.node(*id).inputs[0], true);
            source
        })
        .collect();
    let common = common_scope(sources.iter().flat_map(|source| &source.params));
    let gate = |((id, squash), source): (&(NodeId, Squash), &Source)| {
        let node = program.node(*id);
        let scope = tape.scopes().name(node.scope).to_string();
        Gate {
            function: squash.name().into(),
            line: line(node.location.file(), node.location.line()),
            name: if scope.is_empty() { source.describe(common) } else { scope },
            low: 0.0,
            high: 0.0,
        }
    };
    gates.iter().zip(&sources).map(gate).collect()
}

/// What the argument of a gate is made of.
#[derive(Default)]
struct Source {
    /// The names of parameters, in the order of the formula.
    params: Vec<String>,
    /// Which of how many equal parts of a wider value it is, both counted from 1.
    part: Option<(usize, usize)>,
    /// What was followed already.
    seen: HashSet<NodeId>,
}

impl Source {
    /// Follows a value back to parameters, but not past what has a name of its own: other gates, and states and outputs.
    /// Before a product (`direct`) a slice says which part of a block of gates this is; behind one it says nothing.
    fn follow(&mut self, tape: &Tape, program: &Graph, results: &[NodeId], id: NodeId, direct: bool) {
        let node = program.node(id);
        if !self.seen.insert(id) {
            return;
        }
        if let Op::Input(slot) = node.op {
            self.params.extend(tape.input_name(slot as usize));
            return;
        }
        if Squash::of(&node.op).is_some() || results.contains(&id) {
            return;
        }
        if let (Op::Slice(slice), true, None) = (&node.op, direct, self.part) {
            let whole = &program.node(node.inputs[0]).shape;
            let (start, len) = (slice.start as usize, slice.len as usize);
            let extent = whole.dim(usize::from(slice.axis)).known().unwrap_or(len);
            let is_of_block = usize::from(slice.axis) + 1 == whole.rank() && len > 0 && extent > len;
            if is_of_block && start.is_multiple_of(len) && extent.is_multiple_of(len) {
                self.part = Some((start / len + 1, extent / len));
            }
        }
        let direct = direct && node.op.kind() != Kind::Product;
        for input in &node.inputs {
            self.follow(tape, program, results, *input, direct);
        }
    }

    fn describe(&self, common: usize) -> String {
        let params: Vec<&str> = self.params.iter().map(|name| &name[common..]).collect();
        match (self.part, params.join(", ")) {
            (Some((part, parts)), params) if params.is_empty() => format!("part {part} of {parts}"),
            (Some((part, parts)), params) => format!("part {part} of {parts} of {params}"),
            (None, params) => params,
        }
    }
}

/// How long the scope is that all names share, with its last `/`.
fn common_scope<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    let scope = |name: &'a str| &name[..name.rfind('/').map_or(0, |end| end + 1)];
    let shared = |a: &'a str, b: &'a str| {
        let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        a.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or("", |end| &a[..=end])
    };
    names.map(|name| scope(name)).reduce(shared).map_or(0, str::len)
}

/// The end of a path with the line: `cells/lstm.rs:80`.
fn line(path: &str, line: u32) -> String {
    let start = path.rmatch_indices(['/', '\\']).nth(1).map_or(0, |(index, _)| index + 1);
    format!("{}:{line}", &path[start..])
}
