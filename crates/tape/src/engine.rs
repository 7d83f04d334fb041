//! Runs programs: keeps plans, the arena that they lie in, and the threads that share their work.
//!
//! A program that is recorded again with the same shapes and lengths is recognised by its structure and
//! runs from the plan it already has; other lengths are another program, and planned anew. What it lacks on purpose: it never looks at what an operation
//! means (the passes do) nor decides where a value lies (the plan does).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::RunError;
use crate::graph::{Graph, NodeId};
use crate::kernels::fused::{Source, Target};
use crate::kernels::{self, Threads, arena::Arena, arena::Region};
use crate::ops::{Io, Op, Value};
use crate::plan::{Block, Home, Instruction, Loop, Operand, Plan, Work};
use crate::program::Program;
use crate::record::{Tape, Var};
use crate::scan::Role;
use crate::shape::Dim;
use crate::tensor::{Slice, Tensor};

/// Plans that are kept; the one that was used longest ago makes room for a new one.
const PLANS: usize = 64;

/// Runs programs from plans that it keeps.
#[derive(Debug, Default)]
pub struct Engine {
    plans: HashMap<u64, Kept>,
    runs: u64,
    machine: Machine,
    pool: Option<rayon::ThreadPool>,
}

#[derive(Debug)]
struct Kept {
    plan: Arc<Plan>,
    used: u64,
}

/// The results of a run, which lie in the engine until the next one.
#[derive(Debug)]
pub struct Run<'e> {
    engine: &'e Engine,
    plan: Arc<Plan>,
}

impl Engine {
    /// An engine without plans that uses all processors.
    pub fn new() -> Engine {
        Engine::default()
    }

    /// An engine that uses the given number of threads. Results do not depend on it.
    ///
    /// # Errors
    /// If the system does not give the threads.
    pub fn with_threads(threads: usize) -> Result<Engine, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build()?;
        Ok(Engine { pool: Some(pool), ..Engine::default() })
    }

    /// Computes values of one tape.
    ///
    /// # Errors
    /// If an operation meets a value that it cannot take, such as an index outside a table.
    ///
    /// # Panics
    /// If there are values of different tapes, or a scan is being recorded.
    #[track_caller]
    pub fn run(&mut self, outputs: &[Var<'_>]) -> Result<Run<'_>, RunError> {
        let Some(first) = outputs.first() else {
            return Ok(Run { engine: self, plan: Arc::new(Plan::new(Program::default())) });
        };
        let tape = first.tape();
        assert!(
            outputs.iter().all(|var| std::ptr::eq(var.tape(), tape)),
            "the values are of different tapes"
        );
        let wanted: SmallVec<[NodeId; 16]> = outputs.iter().map(|var| var.id()).collect();
        let plan = self.plan(&tape.graph(), &wanted);
        self.execute(tape, plan)
    }

    /// Computes what a plan says, from the inputs of a tape: what the tests of passes use.
    ///
    /// # Errors
    /// As for [`Engine::run`].
    ///
    /// # Panics
    /// If the plan was made for another program than the tape holds.
    #[track_caller]
    pub fn run_plan(&mut self, tape: &Tape, plan: Plan) -> Result<Run<'_>, RunError> {
        assert!(plan.source.graph == *tape.graph(), "the plan is of another program");
        self.execute(tape, Arc::new(plan))
    }

    fn execute(&mut self, tape: &Tape, plan: Arc<Plan>) -> Result<Run<'_>, RunError> {
        let count = tape.graph().inputs.len();
        let inputs: SmallVec<[Tensor; 16]> =
            (0..count).map(|slot| tape.with_input(slot, Tensor::clone)).collect();
        self.machine.arena.reserve(plan.bytes());
        let feeds: SmallVec<[Spot; 16]> = (0..count).map(|slot| Spot::Input { slot, start: 0 }).collect();
        let machine = &mut self.machine;
        let mut run = || machine.run_block(&plan.block, 0, &inputs, &feeds, 0);
        match &self.pool {
            Some(pool) => pool.install(run),
            None => run(),
        }?;
        Ok(Run { engine: self, plan })
    }

    /// The plan of a program, made if there is none.
    pub fn plan(&mut self, graph: &Graph, outputs: &[NodeId]) -> Arc<Plan> {
        let mut hasher = DefaultHasher::new();
        (graph, outputs).hash(&mut hasher);
        let key = hasher.finish();
        self.runs += 1;
        if let Some(kept) = self.plans.get_mut(&key)
            && kept.plan.source.outputs == outputs
            && kept.plan.source.graph == *graph
        {
            kept.used = self.runs;
            return Arc::clone(&kept.plan);
        }
        if self.plans.len() >= PLANS
            && let Some(oldest) = self.plans.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key)
        {
            self.plans.remove(&oldest);
        }
        let plan = Arc::new(Plan::new(Program { graph: graph.clone(), outputs: outputs.to_vec() }));
        self.plans.insert(key, Kept { plan: Arc::clone(&plan), used: self.runs });
        plan
    }

    /// How many plans are kept.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// The bytes that the arena holds: the most that any plan has needed.
    pub fn bytes(&self) -> usize {
        self.machine.arena.bytes()
    }
}

impl Run<'_> {
    fn result(&self, output: usize) -> &Operand {
        &self.plan.block.results[output]
    }

    /// A result, borrowed.
    pub fn slice(&self, output: usize) -> Slice<'_> {
        let result = self.result(output);
        let Home::Arena(offset) = result.home else { unreachable!("results are moved into the arena") };
        let region = Region { offset, len: result.shape.len(), dtype: result.dtype };
        self.engine.machine.arena.read(region)
    }

    /// A result as a tensor of its own.
    pub fn tensor(&self, output: usize) -> Tensor {
        let shape = &self.result(output).shape;
        match self.slice(output) {
            Slice::F32(elements) => Tensor::new(shape, elements),
            Slice::F64(elements) => Tensor::new(shape, elements),
            Slice::I32(elements) => Tensor::new(shape, elements),
        }
    }

    /// A result that is a single number.
    ///
    /// # Panics
    /// If it does not have exactly one element.
    #[track_caller]
    pub fn number(&self, output: usize) -> f64 {
        match self.slice(output) {
            Slice::F32([number]) => f64::from(*number),
            Slice::F64([number]) => *number,
            Slice::I32([number]) => f64::from(*number),
            _ => panic!("a result of shape {} is not a single number", self.result(output).shape),
        }
    }

    /// The plan that was run.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Where a value is while a program runs.
#[derive(Clone, Copy, Debug)]
enum Spot {
    /// In an input of the program, from an element on.
    Input { slot: usize, start: usize },
    /// At a byte of the arena.
    Arena(usize),
}

impl Spot {
    /// The place `elements` further on.
    fn plus(self, elements: usize, bytes_each: usize) -> Spot {
        match self {
            Spot::Input { slot, start } => Spot::Input { slot, start: start + elements },
            Spot::Arena(offset) => Spot::Arena(offset + elements * bytes_each),
        }
    }
}

/// The memory that instructions work on.
#[derive(Debug, Default)]
struct Machine {
    arena: Arena,
}

impl Machine {
    /// Runs a block that begins at byte `base`, in a step of `rows` rows if it is the body of a scan.
    fn run_block(
        &mut self,
        block: &Block,
        base: usize,
        inputs: &[Tensor],
        feeds: &[Spot],
        rows: usize,
    ) -> Result<(), RunError> {
        let spot = |operand: &Operand| match operand.home {
            Home::Input(slot) => feeds[slot as usize],
            Home::Arena(offset) => Spot::Arena(base + offset),
        };
        for instruction in &block.instructions {
            match &instruction.work {
                Work::Apply(op, result) => self.apply(instruction, op, result, inputs, &spot, rows)?,
                Work::Copy(result) => {
                    let source = &instruction.operands[0];
                    self.copy(inputs, spot(source), spot(result), source, rows);
                }
                Work::Fused(kernel, results) => {
                    let window = self.arena.window();
                    let source = |operand: &Operand| {
                        let len = operand.shape.elements().at(rows);
                        match spot(operand) {
                            Spot::Input { slot, start } => Source::new(inputs[slot].slice().part(start, len)),
                            here => window.source(region(here, len, operand)),
                        }
                    };
                    let target = |result: &Operand| {
                        window.target(region(spot(result), result.shape.elements().at(rows), result))
                    };
                    let sources: SmallVec<[Source<'_>; 16]> =
                        instruction.operands.iter().map(source).collect();
                    let mut targets: SmallVec<[Target<'_>; 8]> = results.iter().map(target).collect();
                    kernel.run(rows, &sources, &mut targets, Threads::All).map_err(|reason| RunError {
                        op: "cross_entropy".into(),
                        location: instruction.location,
                        reason,
                    })?;
                }
                Work::Loop(inner) => {
                    let operands: SmallVec<[Spot; 16]> = instruction.operands.iter().map(spot).collect();
                    self.run_loop(inner, &instruction.operands, &operands, base, inputs, rows)?;
                }
            }
        }
        Ok(())
    }

    fn apply(
        &mut self,
        instruction: &Instruction,
        op: &Op,
        result: &Operand,
        inputs: &[Tensor],
        spot: &impl Fn(&Operand) -> Spot,
        rows: usize,
    ) -> Result<(), RunError> {
        let shape = result.shape.at(rows);
        let (out, reader) = self.arena.open(region(spot(result), shape.len(), result));
        let value = |operand: &Operand| {
            let shape = operand.shape.at(rows);
            let data = match spot(operand) {
                Spot::Input { slot, start } => inputs[slot].slice().part(start, shape.len()),
                here => reader.read(region(here, shape.len(), operand)),
            };
            Value { shape, data }
        };
        let values: SmallVec<[Value<'_>; 4]> = instruction.operands.iter().map(value).collect();
        let io = Io { inputs: &values, shape: &shape, out };
        kernels::run(op, io).map_err(|reason| RunError {
            op: op.name().into(),
            location: instruction.location,
            reason,
        })
    }

    /// Copies a value of the shape of `operand`.
    fn copy(&mut self, inputs: &[Tensor], from: Spot, to: Spot, operand: &Operand, rows: usize) {
        let len = operand.shape.elements().at(rows);
        self.transfer(inputs, from, to, len, operand, false);
    }

    fn transfer(
        &mut self,
        inputs: &[Tensor],
        from: Spot,
        to: Spot,
        len: usize,
        operand: &Operand,
        add: bool,
    ) {
        let (mut out, reader) = self.arena.open(region(to, len, operand));
        let source = match from {
            Spot::Input { slot, start } => inputs[slot].slice().part(start, len),
            here => reader.read(region(here, len, operand)),
        };
        if add { out.add_from(source) } else { out.copy_from(source) }
    }

    fn run_loop(
        &mut self,
        inner: &Loop,
        operands: &[Operand],
        spots: &[Spot],
        base: usize,
        inputs: &[Tensor],
        rows: usize,
    ) -> Result<(), RunError> {
        let scan = &inner.scan;
        let at = |operand: &Operand| match operand.home {
            Home::Arena(offset) => Spot::Arena(base + offset),
            Home::Input(_) => unreachable!("what a loop writes lies in the arena"),
        };
        for state in &inner.states {
            self.copy(inputs, spots[state.initial], at(&state.present), &state.present, rows);
        }
        for total in inner.yields.iter().filter(|one| one.summed).map(|one| &one.total) {
            self.arena.open(region(at(total), total.shape.elements().at(rows), total)).0.clear();
        }
        // The elements of one row, for values that lead with the rows of a step.
        let width = |operand: &Operand| operand.shape.without_leading().elements().at(rows);
        for t in scan.order() {
            let (running, offset) = (scan.packing.running(t, rows), scan.packing.offset(t, rows));
            let mut states = inner.states.iter();
            let feeds: SmallVec<[Spot; 16]> = scan
                .roles
                .iter()
                .zip(spots)
                .zip(operands)
                .map(|((role, spot), operand)| match role {
                    Role::State => states.next().map_or(*spot, |state| at(&state.present)),
                    Role::Sequence => spot.plus(offset * width(operand), operand.dtype.bytes()),
                    Role::Rows | Role::Constant => *spot,
                })
                .collect();
            // In a nested scan `n` is that of the step around it, as its shapes say.
            let n = if scan.rows == Dim::ROWS { running } else { rows };
            let body_base = base + inner.base;
            self.run_block(&inner.body, body_base, inputs, &feeds, n)?;
            let body_spot = |operand: &Operand| match operand.home {
                Home::Input(slot) => feeds[slot as usize],
                Home::Arena(offset) => Spot::Arena(body_base + offset),
            };
            for one in &inner.yields {
                let result = &inner.body.results[one.result];
                let len = result.shape.elements().at(n);
                let to = match one.summed {
                    true => at(&one.total),
                    false => at(&one.total).plus(offset * width(&one.total), result.dtype.bytes()),
                };
                self.transfer(inputs, body_spot(result), to, len, result, one.summed);
            }
            for state in &inner.states {
                let next = &inner.body.results[state.next];
                let (from, to) = (body_spot(next), at(&state.present));
                // A state that stays as it is lies where it should.
                if !matches!((from, to), (Spot::Arena(a), Spot::Arena(b)) if a == b) {
                    self.copy(inputs, from, to, next, n);
                }
            }
        }
        Ok(())
    }
}

fn region(spot: Spot, len: usize, operand: &Operand) -> Region {
    let Spot::Arena(offset) = spot else { unreachable!("inputs of a program are only read") };
    Region { offset, len, dtype: operand.dtype }
}
