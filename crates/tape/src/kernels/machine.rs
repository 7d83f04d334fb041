//! Carries out the instructions of a plan on the memory that the plan has laid out.
//!
//! A block's values are found from two places: the beginning of its part of the arena, and the beginnings of
//! what it is given from outside. In a loop the second change from step to step, and that is all that a step
//! costs beside its instructions. Where the rows of a loop do not depend on one another, they are shared out:
//! each thread runs all steps for its own rows, with a part of the arena of its own for what does not outlast
//! a step, and meets the others only at the end.
#![allow(unsafe_code, reason = "a plan's values are bytes of one arena, found by offsets")]

use std::ops::Range;
use std::time::Instant;

use smallvec::SmallVec;

use super::arena::{Arena, elements, elements_mut, slice, slice_mut};
use super::clock::{Clock, Event};
use super::fused::{Kernel, Source, Target};
use super::{Threads, gemm, run};
use crate::dtype::{Real, with_real};
use crate::error::RunError;
use crate::ops::{Io, Op, ProductSize, Value};
use crate::plan::{Block, Collect, Home, Instruction, Loop, Operand, Plan, Product, Share, Work};
use crate::shape::{Dim, Shape};
use crate::tensor::Tensor;

/// Loops of fewer multiplications than this are not worth a second thread.
const SERIAL_BELOW: u64 = 2_000_000;

/// The memory that plans run in.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    pub arena: Arena,
    /// What the calling thread uses beside the arena.
    local: Local,
    /// The beginnings of the program's inputs; kept so that no run has to make room for them.
    given: Vec<Start>,
}

/// What a thread has for itself.
#[derive(Debug, Default)]
pub(crate) struct Local {
    /// When instructions ran, if that is asked for.
    clock: Clock,
    /// For the bodies of shared loops: the arena of a thread beyond the first, and what else it has.
    apart: Vec<(Arena, Local)>,
}

/// The first byte of a value. Threads share it: which bytes each writes is the plan's to see to.
#[derive(Clone, Copy, Debug)]
struct Start(*mut u8);

// SAFETY: a `Start` is only a number; what may be done with it is argued where it is used.
unsafe impl Send for Start {}
// SAFETY: as above.
unsafe impl Sync for Start {}

/// What a block is run with.
#[derive(Clone, Copy)]
struct Frame<'a> {
    /// Where the block's part of the arena begins.
    base: Start,
    /// Where what is given from outside begins.
    given: &'a [Start],
    /// The rows of the step, if the block is the body of a scan.
    rows: usize,
    threads: Threads,
}

impl Frame<'_> {
    fn start(&self, home: Home) -> *mut u8 {
        // SAFETY: the plan's offsets lie within what it has reserved, and within what is given.
        unsafe {
            match home {
                Home::Given(slot, offset) => self.given[slot as usize].0.add(offset),
                Home::Arena(offset) => self.base.0.add(offset),
            }
        }
    }

    fn bytes(&self, operand: &Operand) -> usize {
        operand.bytes(self.rows)
    }
}

impl Machine {
    /// Runs a plan on the inputs of a program. Results lie in the arena where the plan says.
    pub fn run(&mut self, plan: &Plan, inputs: &[Tensor], threads: Threads) -> Result<(), RunError> {
        self.arena.reserve(plan.bytes());
        let start = |input: &Tensor| Start(input.slice().start().cast_mut());
        self.given.clear();
        self.given.extend(inputs.iter().map(start));
        let base = Start(self.arena.start());
        let frame = Frame { base, given: &self.given, rows: 0, threads };
        run_block(&plan.block, &frame, &mut self.local)
    }

    /// Begins to note when instructions run.
    pub fn start_clock(&mut self) {
        self.local.clock.start(Instant::now());
    }

    /// Stops noting, and returns for each thread what it has noted.
    pub fn stop_clock(&mut self) -> Vec<Vec<Event>> {
        let clocks = self.local.apart.iter_mut().map(|(_, local)| local.clock.stop());
        std::iter::once(self.local.clock.stop()).chain(clocks.collect::<Vec<_>>()).collect()
    }

    /// The bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.arena.bytes() + self.local.apart.iter().map(|(arena, _)| arena.bytes()).sum::<usize>()
    }
}

fn run_block(block: &Block, frame: &Frame<'_>, local: &mut Local) -> Result<(), RunError> {
    for instruction in &block.instructions {
        let begin = local.clock.now();
        match &instruction.work {
            Work::Apply(op) => apply(op, instruction, frame)?,
            Work::Product(product) => multiply(product, instruction, frame),
            Work::Pack(product) => pack(product, instruction, frame),
            Work::Copy => {
                let (from, to) = (&instruction.operands[0], &instruction.results[0]);
                copy(frame.start(from.home), frame.start(to.home), frame.bytes(from));
            }
            Work::Loop(inner) => run_loop(inner, instruction, frame, local)?,
            Work::Fused(kernel, _) => run_fused(kernel, instruction, frame)?,
        }
        local.clock.note(begin, instruction.number, frame.rows);
    }
    Ok(())
}

fn apply(op: &Op, instruction: &Instruction, frame: &Frame<'_>) -> Result<(), RunError> {
    let result = &instruction.results[0];
    // Only shapes with the rows of a step differ from those of the plan.
    let at = |operand: &Operand| operand.shape.has_rows().then(|| operand.shape.at(frame.rows));
    let stepped: SmallVec<[Option<Shape>; 4]> = instruction.operands.iter().map(at).collect();
    let stepped_result = at(result);
    let shape = stepped_result.as_ref().unwrap_or(&result.shape);
    // SAFETY: the plan gives each value that lives at the same time bytes of its own, and those of the result
    // are no operand's; what is given lies outside the arena. Where threads share the rows of a loop, each has
    // a part of the arena of its own, and of what they share each writes only rows of its own.
    let (values, out) = unsafe {
        let value = |(operand, stepped): (&Operand, &'_ Option<Shape>)| {
            let shape: *const Shape = stepped.as_ref().unwrap_or(&operand.shape);
            Value { shape: &*shape, data: slice(frame.start(operand.home), (*shape).len(), operand.dtype) }
        };
        let values: SmallVec<[Value<'_>; 4]> = instruction.operands.iter().zip(&stepped).map(value).collect();
        (values, slice_mut(frame.start(result.home), shape.len(), result.dtype))
    };
    let io = Io { inputs: &values, shape, out };
    run(op, io).map_err(|reason| RunError { op: op.name().into(), location: instruction.location, reason })
}

fn run_fused(kernel: &Kernel, instruction: &Instruction, frame: &Frame<'_>) -> Result<(), RunError> {
    let len = |operand: &Operand| operand.len(frame.rows);
    let source = |operand: &Operand| Source::at(frame.start(operand.home), len(operand), operand.dtype);
    let target = |result: &Operand| Target::at(frame.start(result.home), len(result), result.dtype);
    let sources: SmallVec<[Source; 24]> = instruction.operands.iter().map(source).collect();
    let mut targets: SmallVec<[Target; 12]> = instruction.results.iter().map(target).collect();
    kernel.run(frame.rows, &sources, &mut targets, frame.threads).map_err(|reason| RunError {
        op: "cross_entropy".into(),
        location: instruction.location,
        reason,
    })
}

fn multiply(product: &Product, instruction: &Instruction, frame: &Frame<'_>) {
    fn typed<T: Real>(product: &Product, instruction: &Instruction, frame: &Frame<'_>) {
        let size = product.size(frame.rows);
        let ProductSize { batch, m, k, n } = size;
        let [left, right] = [0, 1].map(|operand| &instruction.operands[operand]);
        let right_len = if product.packed { right.shape.len() } else { batch * k * n };
        // SAFETY: as in `apply`.
        let (left, right, out) = unsafe {
            (
                elements::<T>(frame.start(left.home), batch * m * k),
                elements::<T>(frame.start(right.home), right_len),
                elements_mut::<T>(frame.start(instruction.results[0].home), batch * m * n),
            )
        };
        if product.packed {
            gemm::product_packed(product.dot.transpose_left, [m, k, n], left, right, out, frame.threads);
        } else {
            gemm::product(product.dot, size, left, right, out, frame.threads);
        }
    }
    with_real!(instruction.results[0].dtype, T => typed::<T>(product, instruction, frame));
}

fn pack(product: &Product, instruction: &Instruction, frame: &Frame<'_>) {
    fn typed<T: Real>(product: &Product, instruction: &Instruction, frame: &Frame<'_>) {
        let (size, packed) = (product.size(0), &instruction.results[0]);
        // SAFETY: as in `apply`.
        let (right, packed) = unsafe {
            (
                elements::<T>(frame.start(instruction.operands[0].home), size.k * size.n),
                elements_mut::<T>(frame.start(packed.home), packed.shape.len()),
            )
        };
        gemm::pack(size.k, size.n, right, product.dot.transpose_right, packed);
    }
    with_real!(instruction.results[0].dtype, T => typed::<T>(product, instruction, frame));
}

fn run_loop(
    inner: &Loop,
    instruction: &Instruction,
    frame: &Frame<'_>,
    local: &mut Local,
) -> Result<(), RunError> {
    for state in &inner.states {
        let initial = &instruction.operands[state.initial];
        copy(frame.start(initial.home), frame.start(state.present.home), frame.bytes(initial));
    }
    for one in inner.yields.iter().filter(|one| one.how == Collect::Summed) {
        let len = one.total.len(frame.rows);
        // SAFETY: as in `apply`: a total has bytes of its own.
        unsafe { slice_mut(frame.start(one.total.home), len, one.total.dtype) }.clear();
    }
    let sequences = inner.scan.packing.sequences().at(frame.rows);
    let workers = match frame.threads {
        Threads::All if inner.shareable && inner.work >= SERIAL_BELOW => {
            rayon::current_num_threads().min(sequences)
        }
        _ => 1,
    };
    let first = Worker { base: Start(frame.start(Home::Arena(inner.base))), rows: 0..sequences };
    if workers <= 1 {
        return first.run(inner, frame, local);
    }
    let ends = inner.scan.packing.shares(workers);
    let Local { clock, apart } = local;
    apart.resize_with(apart.len().max(workers - 1), Default::default);
    for (arena, other) in &mut apart[..workers - 1] {
        arena.reserve(inner.body.bytes);
        other.clock.follow(clock);
    }
    let others = apart[..workers - 1]
        .iter_mut()
        .zip(ends.windows(2))
        .map(|((arena, other), ends)| (Worker { base: Start(arena.start()), rows: ends[0]..ends[1] }, other));
    let mut own = Local { clock: std::mem::take(clock), apart: Vec::new() };
    let mut all: SmallVec<[(Worker, &mut Local); 16]> = SmallVec::new();
    all.push((Worker { rows: 0..ends[0], ..first }, &mut own));
    all.extend(others);
    let frame = Frame { threads: Threads::One, ..*frame };
    let result = share(&mut all, &|worker, local| worker.run(inner, &frame, local));
    drop(all);
    *clock = own.clock;
    result
}

/// Hands each worker to a thread.
fn share(
    workers: &mut [(Worker, &mut Local)],
    run: &(impl Fn(&Worker, &mut Local) -> Result<(), RunError> + Sync),
) -> Result<(), RunError> {
    match workers {
        [] => Ok(()),
        [(worker, local)] => run(worker, local),
        _ => {
            let (left, right) = workers.split_at_mut(workers.len() / 2);
            let (left, right) = rayon::join(|| share(left, run), || share(right, run));
            left.and(right)
        }
    }
}

/// Runs all steps of a loop for some of its rows.
#[derive(Clone)]
struct Worker {
    /// Where the body's part of the arena begins.
    base: Start,
    /// The sequences whose rows it computes.
    rows: Range<usize>,
}

/// The part of a value around a loop that a step works on.
#[derive(Clone, Copy)]
struct Part {
    /// Where the part for the first step begins.
    start: Start,
    /// From one row to the next, where each step has rows of its own; else nothing.
    row: usize,
}

impl Part {
    /// Where the part begins for a step whose rows follow `offset` others.
    fn at(self, offset: usize) -> Start {
        // SAFETY: the rows of each step lie within the value.
        Start(unsafe { self.start.0.add(offset * self.row) })
    }
}

impl Worker {
    fn run(&self, inner: &Loop, frame: &Frame<'_>, local: &mut Local) -> Result<(), RunError> {
        let (scan, outer) = (&inner.scan, frame.rows);
        let part = |operand: &Operand, share: Share| {
            let (start, row) = (frame.start(operand.home), operand.row_bytes(outer));
            let first = if share == Share::Whole { 0 } else { self.rows.start * row };
            // SAFETY: the worker's first row lies within the value.
            let start = Start(unsafe { start.add(first) });
            Part { start, row: if share == Share::Step { row } else { 0 } }
        };
        let feeds: SmallVec<[Part; 24]> =
            inner.feeds.iter().map(|feed| part(&feed.from, feed.share)).collect();
        let totals: SmallVec<[Part; 8]> =
            inner.yields.iter().map(|one| part(&one.total, one.share())).collect();
        let present: SmallVec<[Part; 8]> =
            inner.states.iter().map(|state| part(&state.present, Share::Running)).collect();
        let mut given: SmallVec<[Start; 24]> = feeds.iter().map(|feed| feed.start).collect();
        for t in scan.order() {
            let (running, offset) = (scan.packing.running(t, outer), scan.packing.offset(t, outer));
            let count = running.min(self.rows.end).saturating_sub(self.rows.start);
            // Another worker computes what does not depend on rows.
            if count == 0 && inner.shareable {
                continue;
            }
            given.iter_mut().zip(&feeds).for_each(|(given, feed)| *given = feed.at(offset));
            let rows = if scan.rows == Dim::ROWS { count } else { outer };
            let step = Frame { base: self.base, given: &given, rows, threads: frame.threads };
            let collect = |before: bool| {
                for (one, total) in inner.yields.iter().zip(&totals) {
                    if (one.how == Collect::StackedBefore) == before {
                        let (from, bytes) = (step.start(one.value.home), step.bytes(&one.value));
                        match one.how {
                            Collect::Summed => add(from, total.at(offset).0, bytes, &one.value),
                            _ => copy(from, total.at(offset).0, bytes),
                        }
                    }
                }
            };
            collect(true);
            run_block(&inner.body, &step, local)?;
            collect(false);
            for (state, present) in inner.states.iter().zip(&present) {
                if let Some(next) = &state.next {
                    copy(step.start(next.home), present.start.0, step.bytes(next));
                }
            }
        }
        Ok(())
    }
}

fn copy(from: *mut u8, to: *mut u8, bytes: usize) {
    // SAFETY: both lie within the arena or what is given, as the plan says. A value may be copied onto itself.
    unsafe { std::ptr::copy(from, to, bytes) }
}

fn add(from: *mut u8, to: *mut u8, bytes: usize, value: &Operand) {
    let len = bytes / value.dtype.bytes();
    // SAFETY: as in `apply`: what is collected and its sum have bytes of their own.
    unsafe { slice_mut(to, len, value.dtype).add_from(slice(from, len, value.dtype)) }
}
