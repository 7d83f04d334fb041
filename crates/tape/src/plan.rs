//! A program placed in memory: which instruction runs when, and at which byte each value lies.
//!
//! [`Plan::new`] runs the passes and then `place`: a walk over the nodes that gives every value a place
//! from the instruction that computes it to the last one that reads it. A reshape shares the place of
//! its operand. The body of a scan is a block of its own, which lies in the block around it while the
//! loop runs; inside it, sizes are those of the step with the most rows.

mod allocator;
mod place;

use std::fmt::Write;
use std::panic::Location;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::kernels::fused::Kernel;
use crate::ops::{Kind, Op};
use crate::passes::{PIPELINE, Pass, run};
use crate::program::Program;
use crate::scan::Scan;
use crate::shape::Shape;

/// A program ready to be run.
#[derive(Debug)]
pub struct Plan {
    /// As it was recorded, to recognise it when it is recorded again.
    pub(crate) source: Program,
    pub(crate) block: Block,
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
    /// Given to the block from outside, by its number.
    Input(u32),
    /// At a byte of the block's part of the arena.
    Arena(usize),
}

/// A value that an instruction reads or writes.
#[derive(Clone, Debug)]
pub(crate) struct Operand {
    pub home: Home,
    pub shape: Shape,
    pub dtype: DType,
}

/// One step of a block.
#[derive(Debug)]
pub(crate) struct Instruction {
    /// The line of the user's program that recorded it.
    pub location: &'static Location<'static>,
    pub operands: SmallVec<[Operand; 4]>,
    pub work: Work,
}

#[derive(Debug)]
pub(crate) enum Work {
    /// An operation whose result goes to the given place.
    Apply(Op, Operand),
    /// The operand as it is, for a result that must not lie where something else will be written.
    Copy(Operand),
    Loop(Box<Loop>),
    /// Fused work with the places of its results.
    Fused(Box<Kernel>, SmallVec<[Operand; 4]>),
}

/// A scan with the places of what it carries and yields.
#[derive(Debug)]
pub(crate) struct Loop {
    pub scan: Arc<Scan>,
    pub body: Block,
    /// Where the body's part of the arena begins.
    pub base: usize,
    pub states: Vec<Carried>,
    pub yields: Vec<Yield>,
}

/// A state of a loop.
#[derive(Debug)]
pub(crate) struct Carried {
    /// The operand with the first value.
    pub initial: usize,
    /// Where the present value lies.
    pub present: Operand,
    /// Which result of the body is the next value.
    pub next: usize,
}

/// What a loop collects from its steps.
#[derive(Debug)]
pub(crate) struct Yield {
    /// Which result of the body it is collected from.
    pub result: usize,
    /// Where it is collected.
    pub total: Operand,
    /// Whether the steps are added up; else each step's rows have a place of their own.
    pub summed: bool,
}

impl Plan {
    /// Optimises a program by all passes and places it.
    pub fn new(source: Program) -> Plan {
        Plan::with_passes(source, PIPELINE)
    }

    /// Optimises a program by some passes only and places it: what the tests of passes use.
    pub fn with_passes(source: Program, passes: &[Pass]) -> Plan {
        let optimised = run(source.clone(), passes);
        Plan { block: place::place(&optimised, None), source }
    }

    /// The bytes of the arena that a run needs: the peak of all values at once.
    pub fn bytes(&self) -> usize {
        self.block.bytes
    }

    /// The instructions, those of loops included, each counted once however often it runs.
    pub fn instructions(&self) -> usize {
        fn count(block: &Block) -> usize {
            block
                .instructions
                .iter()
                .map(|instruction| match &instruction.work {
                    Work::Loop(inner) => 1 + count(&inner.body),
                    _ => 1,
                })
                .sum()
        }
        count(&self.block)
    }

    /// For each loop, outer ones first, the matrix products that it repeats in every step.
    pub fn products_in_loops(&self) -> Vec<usize> {
        fn visit(block: &Block, counts: &mut Vec<usize>) {
            for instruction in &block.instructions {
                if let Work::Loop(inner) = &instruction.work {
                    let is_product = |one: &&Instruction| matches!(&one.work, Work::Apply(op, _) if op.kind() == Kind::Product);
                    counts.push(inner.body.instructions.iter().filter(is_product).count());
                    visit(&inner.body, counts);
                }
            }
        }
        let mut counts = Vec::new();
        visit(&self.block, &mut counts);
        counts
    }

    /// The plan as text: a line for each instruction with the place of its result.
    pub fn dump(&self) -> String {
        let mut text = format!("arena {} bytes\n", self.bytes());
        dump_block(&mut text, &self.block, 0);
        text
    }
}

fn dump_block(text: &mut String, block: &Block, depth: usize) {
    let indent = "    ".repeat(depth);
    let place = |operand: &Operand| match operand.home {
        Home::Input(slot) => format!("input {slot}"),
        Home::Arena(offset) => format!("@{offset}"),
    };
    for instruction in &block.instructions {
        let operands: Vec<String> = instruction.operands.iter().map(place).collect();
        let operands = operands.join(", ");
        let line = match &instruction.work {
            Work::Apply(op, result) => {
                let attributes = op.attributes();
                let space = if attributes.is_empty() { "" } else { " " };
                let (name, typed) = (op.name(), typed(result));
                format!("{} = {name}{space}{attributes}({operands})  {typed}", place(result))
            }
            Work::Copy(result) => format!("{} = copy({operands})  {}", place(result), typed(result)),
            Work::Fused(_, results) => {
                let results: Vec<String> =
                    results.iter().map(|result| format!("{} {}", place(result), typed(result))).collect();
                format!("fused({operands}) = {}", results.join(", "))
            }
            Work::Loop(inner) => {
                let carried = inner.states.iter().map(|state| format!("carries {}", place(&state.present)));
                let yields = inner.yields.iter().map(|one| {
                    format!("{} {}", if one.summed { "sums" } else { "stacks" }, place(&one.total))
                });
                let parts: Vec<String> = carried.chain(yields).collect();
                let (attributes, base) = (inner.scan.attributes(), inner.base);
                format!("scan {attributes}({operands}): {}; body @{base}", parts.join(", "))
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{indent}{line}");
        if let Work::Loop(inner) = &instruction.work {
            dump_block(text, &inner.body, depth + 1);
        }
    }
    let results: Vec<String> = block.results.iter().map(place).collect();
    let _ = writeln!(text, "{indent}results {}", results.join(", "));
}

fn typed(operand: &Operand) -> String {
    format!("{}{}", operand.dtype.name(), operand.shape)
}
