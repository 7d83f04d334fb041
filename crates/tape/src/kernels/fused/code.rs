//! From the body of fused work to the steps of the register machine.
//!
//! A value is a slot: a number, or a register that holds one tile. Registers are given out by when a slot
//! is read last, so that few of them, and those in the first-level cache, serve a long body.

use crate::fused::{Class, Domain, Fused, Stride, View, is_last};
use crate::graph::{Graph, Node, NodeId};
use crate::ops::{Binary, Op, Unary};

/// A value while the machine runs, by its number.
pub(super) type Slot = u16;

/// Where the machine keeps a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    /// Among the numbers.
    Number(u16),
    /// In a register of the size of a tile.
    Register(u16),
}

/// Where a number comes from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Initial {
    /// It stands in the program.
    Constant(f64),
    /// An element of an input.
    Input { input: u16, start: usize },
    /// A step computes it.
    Computed,
}

/// Where the elements of an input begin, and how far its rows are apart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Place {
    pub input: u16,
    pub start: usize,
    pub stride: Stride,
}

/// How a function finds the pairs of its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Pairs,
    NumberLeft,
    NumberRight,
}

/// One loop of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// The tile of an input: its place where the tile's rows lie one after another, else a copy.
    Load {
        place: Place,
        to: Slot,
    },
    /// A copy of the tile of an input, which stays when a result is written over it.
    Copy {
        place: Place,
        to: Slot,
    },
    /// One row in each row of a tile.
    Row {
        place: Place,
        to: Slot,
    },
    /// One element of a column along each row of a tile.
    Column {
        place: Place,
        to: Slot,
    },
    /// The part of a column that belongs to a tile, one element for each row.
    Short {
        place: Place,
        to: Slot,
    },
    /// A number in every element of a tile.
    Fill {
        from: Slot,
        to: Slot,
    },
    Unary {
        op: Unary,
        from: Slot,
        to: Slot,
    },
    Binary {
        op: Binary,
        form: Form,
        left: Slot,
        right: Slot,
        to: Slot,
    },
    CrossEntropy(Entropy),
    /// Adds a tile to the sum over everything that has this number.
    SumAll {
        from: Slot,
        sum: u16,
    },
    /// Adds the rows of a tile to the sum over rows that has this number.
    SumRows {
        from: Slot,
        sum: u16,
    },
    /// Writes a tile into a result, as part number `part` of `parts` tables side by side.
    Store {
        from: Slot,
        result: u16,
        part: u16,
        parts: u16,
    },
    /// Writes one element for each row.
    StoreColumn {
        from: Slot,
        result: u16,
    },
}

/// Cross entropy and its gradient in one pass over each row of scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entropy {
    pub scores: Slot,
    /// The input with the indices.
    pub indices: u16,
    /// Where the value goes, one element for each row.
    pub value: Option<Slot>,
    pub gradient: Option<EntropyGradient>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct EntropyGradient {
    /// One element for each row, or a number.
    pub upstream: Slot,
    pub to: Slot,
}

/// A sum that is complete when all tiles have run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sum {
    pub result: u16,
    /// Whether the sum is over rows, and has the width of the domain, or over everything.
    pub over_rows: bool,
}

/// When a value is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    /// Before all tiles; only numbers.
    Once,
    /// Once for each range of columns; the same for all rows.
    Columns,
    /// For each tile.
    Tile,
}

/// The steps of a kernel.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub once: Vec<Step>,
    pub columns: Vec<Step>,
    pub tile: Vec<Step>,
    pub homes: Vec<Home>,
    pub numbers: Vec<Initial>,
    pub registers: usize,
    pub sums: Vec<Sum>,
    /// Whether rows and columns do not matter, so that the domain is one row of all elements.
    pub flat: bool,
    /// Whether a tile must have whole rows.
    pub whole_rows: bool,
}

struct Compiler<'a> {
    graph: &'a Graph,
    domain: Domain,
    code: Code,
    phases: Vec<Phase>,
    /// The slots of members.
    members: Vec<Option<Slot>>,
    /// The slots of views, short columns apart from those along a tile, and of filled tiles.
    views: Vec<(View, bool, Slot)>,
    filled: Vec<(Slot, Slot)>,
}

/// Compiles a body of which the given nodes are wanted.
pub(super) fn compile(fused: &Fused, domain: Domain, wanted: &[NodeId]) -> Code {
    let graph = &fused.body;
    let mut compiler = Compiler {
        graph,
        domain,
        code: Code { flat: is_flat(graph, domain), ..Code::default() },
        phases: Vec::new(),
        members: vec![None; graph.nodes.len()],
        views: Vec::new(),
        filled: Vec::new(),
    };
    compiler.code.whole_rows = mixes_columns(graph, domain);
    for (id, node) in graph.iter() {
        if Domain::of_member(graph, node).is_some() && compiler.members[id.index()].is_none() {
            compiler.member(id, node, wanted);
        }
    }
    // All inputs of a tile are read before a result is written.
    let mut stores = Vec::new();
    for (result, id) in wanted.iter().enumerate() {
        compiler.store(*id, result as u16, &mut stores);
    }
    let Compiler { mut code, phases, .. } = compiler;
    code.tile.append(&mut stores);
    assign_registers(&mut code, &phases);
    code
}

/// Whether every value is a dense table or a number, and nothing depends on where a row ends.
fn is_flat(graph: &Graph, domain: Domain) -> bool {
    let flat_view = |view: View| match view {
        View::Number(_) | View::Part { class: Class::Number, .. } => true,
        View::Part { class: Class::Table, stride: Stride::Dense, .. } => true,
        View::Part { .. } | View::Indices { .. } => false,
    };
    let flat = |node: &Node| match &node.op {
        Op::Sum(sum) if sum.axes.iter().count() < graph.node(node.inputs[0]).shape.rank() => false,
        Op::Concat(_) => node.inputs.len() == 1,
        _ => true,
    };
    graph.nodes.iter().filter(|node| Domain::of_member(graph, node).is_some()).all(|node| {
        let view = |place| View::of(graph, node, place, domain);
        flat(node) && (0..node.inputs.len()).all(|place| view(place).is_some_and(flat_view))
    })
}

/// Whether a tile needs elements of other columns than its own: those of whole rows, or of the place where
/// a result is written over an input.
fn mixes_columns(graph: &Graph, domain: Domain) -> bool {
    let apart = |view| matches!(view, Some(View::Part { class: Class::Table, stride: Stride::Apart(_), .. }));
    graph.nodes.iter().filter(|node| Domain::of_member(graph, node).is_some()).any(|node| {
        let reads_apart = (0..node.inputs.len()).any(|place| apart(View::of(graph, node, place, domain)));
        reads_apart || is_entropy(node) || matches!(node.op, Op::Concat(_))
    })
}

impl Compiler<'_> {
    fn view(&self, node: &Node, place: usize) -> View {
        View::of(self.graph, node, place, self.domain).expect("fused work was checked")
    }

    fn input(&self, id: NodeId) -> u16 {
        match self.graph.node(id).op {
            Op::Input(slot) => slot as u16,
            _ => unreachable!("fused work was checked"),
        }
    }

    fn slot(&mut self, phase: Phase) -> Slot {
        let home = match phase {
            Phase::Once => self.number(Initial::Computed),
            _ => Home::Register(0),
        };
        self.code.homes.push(home);
        self.phases.push(phase);
        (self.phases.len() - 1) as Slot
    }

    fn number(&mut self, initial: Initial) -> Home {
        self.code.numbers.push(initial);
        Home::Number((self.code.numbers.len() - 1) as u16)
    }

    fn push(&mut self, phase: Phase, step: Step) {
        match phase {
            Phase::Once => self.code.once.push(step),
            Phase::Columns => self.code.columns.push(step),
            Phase::Tile => self.code.tile.push(step),
        }
    }

    fn is_number(&self, slot: Slot) -> bool {
        self.phases[usize::from(slot)] == Phase::Once
    }

    /// The slot of an operand.
    fn operand(&mut self, node: &Node, place: usize) -> Slot {
        let view = self.view(node, place);
        if let Some(slot) = view.source().and_then(|source| self.members[source.index()]) {
            return slot;
        }
        // Equal bits make equal numbers.
        let is_short = is_entropy(node) && matches!(view, View::Part { class: Class::Column, .. });
        let same = |(known, short, _): &&(View, bool, Slot)| match (known, &view) {
            (View::Number(a), View::Number(b)) => a.to_bits() == b.to_bits(),
            (known, view) => known == view && *short == is_short,
        };
        if let Some((_, _, slot)) = self.views.iter().find(same) {
            return *slot;
        }
        let slot = match view {
            View::Number(number) => self.initial(Initial::Constant(number)),
            View::Part { source, class: Class::Number, start, .. } => {
                let input = self.input(source);
                self.initial(Initial::Input { input, start })
            }
            View::Part { source, class, start, stride } => {
                let place = Place { input: self.input(source), start, stride };
                let phase = if class == Class::Row { Phase::Columns } else { Phase::Tile };
                let to = self.slot(phase);
                let step = match class {
                    Class::Row => Step::Row { place, to },
                    Class::Column if is_short => Step::Short { place, to },
                    Class::Column => Step::Column { place, to },
                    _ => Step::Load { place, to },
                };
                self.push(phase, step);
                to
            }
            View::Indices { .. } => unreachable!("indices are no operand of a loop"),
        };
        self.views.push((view, is_short, slot));
        slot
    }

    fn initial(&mut self, initial: Initial) -> Slot {
        let home = self.number(initial);
        self.code.homes.push(home);
        self.phases.push(Phase::Once);
        (self.phases.len() - 1) as Slot
    }

    /// The same value as a tile.
    fn tile(&mut self, slot: Slot) -> Slot {
        if !self.is_number(slot) {
            return slot;
        }
        if let Some((_, filled)) = self.filled.iter().find(|(number, _)| *number == slot) {
            return *filled;
        }
        let to = self.slot(Phase::Columns);
        self.code.once.push(Step::Fill { from: slot, to });
        self.filled.push((slot, to));
        to
    }

    fn member(&mut self, id: NodeId, node: &Node, wanted: &[NodeId]) {
        let slot = match &node.op {
            Op::Unary(op) => {
                let from = self.operand(node, 0);
                let phase = self.phases[usize::from(from)];
                let to = self.slot(phase);
                self.push(phase, Step::Unary { op: *op, from, to });
                to
            }
            Op::Binary(op) => {
                let (left, right) = (self.operand(node, 0), self.operand(node, 1));
                let form = match (self.is_number(left), self.is_number(right)) {
                    (true, false) => Form::NumberLeft,
                    (false, true) => Form::NumberRight,
                    _ => Form::Pairs,
                };
                let phase = self.phases[usize::from(left)].max(self.phases[usize::from(right)]);
                let to = self.slot(phase);
                self.push(phase, Step::Binary { op: *op, form, left, right, to });
                to
            }
            Op::CrossEntropy(_) | Op::CrossEntropyGradient(_) => return self.entropy(id, node, wanted),
            // Sums and joined tables are made when they are stored.
            _ => return,
        };
        self.members[id.index()] = Some(slot);
    }

    /// Cross entropy, together with its gradient or value if the body has both.
    fn entropy(&mut self, id: NodeId, node: &Node, wanted: &[NodeId]) {
        let (graph, domain) = (self.graph, self.domain);
        let scores = self.operand(node, 0);
        let scores = self.tile(scores);
        let operands = |node: &Node| [0, 1].map(|place| View::of(graph, node, place, domain));
        let other = graph.iter().find(|(_, other)| {
            let differ = std::mem::discriminant(&other.op) != std::mem::discriminant(&node.op);
            is_entropy(other) && differ && operands(other) == operands(node)
        });
        let mut entropy =
            Entropy { scores, indices: self.input(node.inputs[1]), value: None, gradient: None };
        for (id, node) in [(id, node)].into_iter().chain(other) {
            let is_known = self.members[id.index()].is_some();
            if let Op::CrossEntropy(_) = node.op {
                if wanted.contains(&id) && !is_known {
                    entropy.value = Some(self.slot(Phase::Tile));
                    self.members[id.index()] = entropy.value;
                }
            } else if !is_known {
                let upstream = self.operand(node, 2);
                let to = self.slot(Phase::Tile);
                entropy.gradient = Some(EntropyGradient { upstream, to });
                self.members[id.index()] = Some(to);
            }
        }
        self.code.tile.push(Step::CrossEntropy(entropy));
    }

    fn store(&mut self, id: NodeId, result: u16, stores: &mut Vec<Step>) {
        let node = self.graph.node(id);
        match &node.op {
            Op::Sum(sum) => {
                let from = self.operand(node, 0);
                let from = self.tile(from);
                let over_rows = sum.axes.iter().count() < self.graph.node(node.inputs[0]).shape.rank();
                let number = self.code.sums.len() as u16;
                self.code.sums.push(Sum { result, over_rows });
                self.code.tile.push(match over_rows {
                    true => Step::SumRows { from, sum: number },
                    false => Step::SumAll { from, sum: number },
                });
            }
            Op::Concat(_) => {
                let parts = node.inputs.len() as u16;
                for part in 0..parts {
                    let from = match self.view(node, usize::from(part)) {
                        View::Part { source, class: Class::Table, start, stride }
                            if self.members[source.index()].is_none() =>
                        {
                            let place = Place { input: self.input(source), start, stride };
                            let to = self.slot(Phase::Tile);
                            self.code.tile.push(Step::Copy { place, to });
                            to
                        }
                        _ => {
                            let from = self.operand(node, usize::from(part));
                            self.tile(from)
                        }
                    };
                    stores.push(Step::Store { from, result, part, parts });
                }
            }
            _ => {
                let from = self.members[id.index()].expect("a wanted node is a member");
                stores.push(match is_last(node) {
                    true => Step::StoreColumn { from, result },
                    false => {
                        let from = self.tile(from);
                        Step::Store { from, result, part: 0, parts: 1 }
                    }
                });
            }
        }
    }
}

fn is_entropy(node: &Node) -> bool {
    matches!(node.op, Op::CrossEntropy(_) | Op::CrossEntropyGradient(_))
}

impl Step {
    /// What the step reads, then what it writes.
    fn slots(&self) -> ([Option<Slot>; 2], [Option<Slot>; 2]) {
        match *self {
            Step::Load { to, .. }
            | Step::Copy { to, .. }
            | Step::Row { to, .. }
            | Step::Column { to, .. }
            | Step::Short { to, .. } => ([None; 2], [Some(to), None]),
            Step::Fill { from, to } | Step::Unary { from, to, .. } => ([Some(from), None], [Some(to), None]),
            Step::Binary { left, right, to, .. } => ([Some(left), Some(right)], [Some(to), None]),
            Step::CrossEntropy(Entropy { scores, value, gradient, .. }) => (
                [Some(scores), gradient.map(|gradient| gradient.upstream)],
                [value, gradient.map(|gradient| gradient.to)],
            ),
            Step::SumAll { from, .. }
            | Step::SumRows { from, .. }
            | Step::Store { from, .. }
            | Step::StoreColumn { from, .. } => ([Some(from), None], [None; 2]),
        }
    }
}

/// Gives registers to tiles: for good to those that stay from tile to tile, and until the last reader to the
/// others. A step never writes a register that it reads.
fn assign_registers(code: &mut Code, phases: &[Phase]) {
    let mut last_use = vec![0; phases.len()];
    for (index, step) in code.tile.iter().enumerate() {
        let (reads, writes) = step.slots();
        reads.into_iter().chain(writes).flatten().for_each(|slot| last_use[usize::from(slot)] = index);
    }
    for (slot, phase) in phases.iter().enumerate() {
        if *phase == Phase::Columns {
            code.homes[slot] = Home::Register(code.registers as u16);
            code.registers += 1;
        }
    }
    let mut free: Vec<u16> = Vec::new();
    for (index, step) in code.tile.iter().enumerate() {
        let (reads, writes) = step.slots();
        for slot in writes.into_iter().flatten() {
            let register = free.pop().unwrap_or_else(|| {
                code.registers += 1;
                (code.registers - 1) as u16
            });
            code.homes[usize::from(slot)] = Home::Register(register);
        }
        let mut ended: Vec<Slot> = reads.into_iter().chain(writes).flatten().collect();
        ended.dedup();
        for slot in ended {
            if phases[usize::from(slot)] == Phase::Tile
                && last_use[usize::from(slot)] == index
                && let Home::Register(register) = code.homes[usize::from(slot)]
            {
                free.push(register);
            }
        }
    }
}
