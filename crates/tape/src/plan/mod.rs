//! A program placed in memory: which instruction runs when, and at which byte each value lies.
//!
//! [`Plan::new`] runs the passes and then `place`: a walk over the nodes that gives every value a place
//! from the instruction that computes it to the last one that reads it. A reshape shares the place of
//! its operand. The body of a scan is a block of its own, which lies in the block around it while the
//! loop runs; inside it, sizes are those of the step with the most rows.

mod allocator;
mod dump;
mod place;
mod share;

use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::kernels::fused::Kernel;
use crate::ops::{Dot, Kind, Op, ProductSize, Rule};
use crate::passes::{PIPELINE, Pass, hasten, run};
use crate::program::Program;
use crate::scan::Scan;
use crate::shape::{Dim, Elements, Shape};

/// A program ready to be run.
#[derive(Debug)]
pub struct Plan {
    /// As it was recorded, to recognise it when it is recorded again.
    pub(crate) source: Program,
    pub(crate) block: Block,
    work: u64,
}

/// Instructions that run one after another in a part of the arena.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub instructions: Vec<Instruction>,
    /// The bytes of the arena that the block takes.
    pub bytes: usize,
    /// Where the wanted values are when the instructions have run.
    pub results: Vec<Operand>,
}

/// Where a value lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    /// In what is given to the block from outside by a number, from a byte on: an input of the program, or
    /// in the body of a loop its [`Feed`].
    Given(u32, usize),
    /// At a byte of the block's part of the arena.
    Arena(usize),
}

impl Home {
    /// The place `bytes` further on.
    pub fn plus(self, bytes: usize) -> Home {
        match self {
            Home::Given(slot, start) => Home::Given(slot, start + bytes),
            Home::Arena(start) => Home::Arena(start + bytes),
        }
    }
}

/// A value that an instruction reads or writes.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub home: Home,
    pub shape: Shape,
    pub dtype: DType,
    /// How many elements there are, and how many in one row: asked in each step of a loop, so known before.
    elements: Elements,
    row: Elements,
}

impl Operand {
    fn new(home: Home, shape: Shape, dtype: DType) -> Operand {
        let (elements, row) = (shape.elements(), shape.rows_elements());
        Operand { home, shape, dtype, elements, row }
    }

    /// The elements in a step of `rows` rows.
    pub fn len(&self, rows: usize) -> usize {
        self.elements.at(rows)
    }

    /// The bytes in a step of `rows` rows.
    pub fn bytes(&self, rows: usize) -> usize {
        self.len(rows) * self.dtype.bytes()
    }

    /// The bytes of one row, of a value that leads with the rows of a step of `rows` rows.
    pub fn row_bytes(&self, rows: usize) -> usize {
        self.row.at(rows) * self.dtype.bytes()
    }
}

/// One step of a block.
#[derive(Debug)]
pub(crate) struct Instruction {
    /// The line of the user's program that recorded it.
    pub location: &'static Location<'static>,
    /// Its place among all instructions of the plan, those of loops after the loop.
    pub number: usize,
    pub operands: SmallVec<[Operand; 4]>,
    /// Where what it computes goes; a loop says so itself.
    pub results: SmallVec<[Operand; 1]>,
    pub work: Work,
}

impl Instruction {
    /// What it does, as dumps and profiles call it.
    pub fn name(&self) -> String {
        match &self.work {
            Work::Apply(op) => format!("{} {}", op.name(), op.attributes()).trim_end().to_string(),
            Work::Product(product) => {
                let name = format!("{} {}", product.dot.name(), product.dot.attributes());
                format!("{}{}", name.trim_end(), if product.packed { " packed" } else { "" })
            }
            Work::Pack(product) => format!("pack {}", product.dot.attributes()).trim_end().to_string(),
            Work::Copy => "copy".into(),
            Work::Loop(inner) => format!("scan {}", inner.scan.attributes()),
            Work::Fused(_, members) => format!("fused {members}"),
        }
    }

    /// The multiplications of its matrix products, in a step of one row.
    fn work(&self) -> u64 {
        match &self.work {
            Work::Product(product) => {
                let size = product.size(1);
                [size.batch, size.m, size.k, size.n].map(|extent| extent as u64).iter().product()
            }
            Work::Loop(inner) => inner.work,
            _ => 0,
        }
    }

    /// The floating-point operations in a step of `rows` rows.
    pub fn flops(&self, rows: usize) -> f64 {
        let elements = |operand: &Operand| operand.len(rows) as f64;
        match &self.work {
            Work::Product(product) => {
                let size = product.size(rows);
                2.0 * [size.batch, size.m, size.k, size.n].map(|extent| extent as f64).iter().product::<f64>()
            }
            Work::Apply(op) => match op.kind() {
                Kind::Pointwise | Kind::RowFunction => elements(&self.results[0]),
                Kind::Reduction => elements(&self.operands[0]),
                _ => 0.0,
            },
            Work::Fused(kernel, _) => kernel.operations(rows) as f64,
            Work::Pack(_) | Work::Copy | Work::Loop(_) => 0.0,
        }
    }

    /// The bytes of operands and results in a step of `rows` rows.
    pub fn bytes(&self, rows: usize) -> f64 {
        let bytes = |operand: &Operand| operand.bytes(rows) as f64;
        self.operands.iter().chain(&self.results).map(bytes).sum()
    }
}

#[derive(Debug)]
pub(crate) enum Work {
    /// An operation with one result.
    Apply(Op),
    /// A matrix product.
    Product(Product),
    /// A right operand laid out once for the products of a loop.
    Pack(Product),
    /// The operand as it is, for a result that must not lie where something else will be written.
    Copy,
    Loop(Box<Loop>),
    /// Fused elementwise work, and what its members are.
    Fused(Box<Kernel>, String),
}

/// A matrix product with its extents taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub dot: Dot,
    pub batch: Elements,
    pub m: Dim,
    pub k: Dim,
    pub n: Dim,
    /// Whether the right operand was packed before.
    pub packed: bool,
}

impl Product {
    fn new(dot: Dot, left: &Shape, out: &Shape) -> Product {
        let rank = out.rank();
        let k = left.dim(if dot.transpose_left { rank - 2 } else { rank - 1 });
        let batch = Elements::of(&out.dims()[..rank - 2]);
        Product { dot, batch, m: out.dim(rank - 2), k, n: out.dim(rank - 1), packed: false }
    }

    /// The sizes in a step of `rows` rows.
    pub fn size(&self, rows: usize) -> ProductSize {
        let (m, k, n) = (self.m.at(rows), self.k.at(rows), self.n.at(rows));
        ProductSize { batch: self.batch.at(rows), m, k, n }
    }
}

/// A scan with the places of what it carries and yields. Its body sees what its feeds say as given.
#[derive(Debug)]
pub(crate) struct Loop {
    pub scan: Arc<Scan>,
    pub body: Block,
    /// Where the body's part of the arena begins.
    pub base: usize,
    /// Whether no row of a step depends on another, so that threads may share them out.
    pub shareable: bool,
    /// The multiplications of all steps' products.
    pub work: u64,
    /// What the body is given, by number: first what the scan's roles say, then whole arrays that it writes into.
    pub feeds: Vec<Feed>,
    pub states: Vec<Carried>,
    pub yields: Vec<Yield>,
}

/// How a step of a loop finds its share of a value around it.
#[derive(Debug)]
pub(crate) struct Feed {
    pub from: Operand,
    pub share: Share,
}

/// Which part of a value is for a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Share {
    /// All of it.
    Whole,
    /// The rows of the sequences that are still running.
    Running,
    /// The rows of the step.
    Step,
}

/// A state of a loop.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The operand with the first value.
    pub initial: usize,
    /// Where the present value lies.
    pub present: Operand,
    /// The next value in the body; nothing if it is written where the present one lies.
    pub next: Option<Operand>,
}

/// What a loop collects from its steps beyond what the body writes where it belongs.
#[derive(Debug)]
pub(crate) struct Yield {
    /// The value in the body.
    pub value: Operand,
    /// Where it is collected.
    pub total: Operand,
    pub how: Collect,
}

impl Yield {
    /// Which part of the total a step's value goes to.
    pub fn share(&self) -> Share {
        match self.how {
            Collect::StackedBefore | Collect::Stacked => Share::Step,
            Collect::Summed if self.value.shape.leads_with_rows() => Share::Running,
            Collect::Summed => Share::Whole,
        }
    }
}

/// How the steps' values are collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Collect {
    /// The present value of a state goes to the step's rows before the step.
    StackedBefore,
    /// Each step's rows have a place of their own.
    Stacked,
    /// The steps are added up.
    Summed,
}

impl Plan {
    /// Optimises a program by all passes and places it.
    pub fn new(source: Program) -> Plan {
        Plan::with_passes(source, PIPELINE)
    }

    /// Optimises a program by some passes only and places it: what the tests of passes use.
    pub fn with_passes(source: Program, passes: &[Pass]) -> Plan {
        let optimised = hasten(run(source.clone(), passes));
        let mut block = place::place(&optimised);
        number(&mut block, 0);
        let work = block.instructions.iter().map(Instruction::work).sum();
        Plan { source, block, work }
    }

    /// The multiplications of all matrix products of a run.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// The bytes of the arena that a run needs: the peak of all values at once.
    pub fn bytes(&self) -> usize {
        self.block.bytes
    }

    /// The instructions, those of loops included, each counted once however often it runs.
    pub fn instructions(&self) -> usize {
        self.listing().len()
    }

    /// All instructions by their numbers, each with the number of loops around it.
    pub(crate) fn listing(&self) -> Vec<(usize, &Instruction)> {
        fn list<'a>(block: &'a Block, depth: usize, all: &mut Vec<(usize, &'a Instruction)>) {
            for instruction in &block.instructions {
                all.push((depth, instruction));
                if let Work::Loop(inner) = &instruction.work {
                    list(&inner.body, depth + 1, all);
                }
            }
        }
        let mut all = Vec::new();
        list(&self.block, 0, &mut all);
        all
    }

    /// For each loop, outer ones first, the matrix products that it repeats in every step.
    pub fn products_in_loops(&self) -> Vec<usize> {
        fn visit(block: &Block, counts: &mut Vec<usize>) {
            for instruction in &block.instructions {
                if let Work::Loop(inner) = &instruction.work {
                    let is_product = |one: &&Instruction| matches!(one.work, Work::Product(_));
                    counts.push(inner.body.instructions.iter().filter(is_product).count());
                    visit(&inner.body, counts);
                }
            }
        }
        let mut counts = Vec::new();
        visit(&self.block, &mut counts);
        counts
    }
}

/// Numbers the instructions of a block from `next` on; the number after the last.
fn number(block: &mut Block, mut next: usize) -> usize {
    for instruction in &mut block.instructions {
        instruction.number = next;
        next += 1;
        if let Work::Loop(inner) = &mut instruction.work {
            next = number(&mut inner.body, next);
        }
    }
    next
}
