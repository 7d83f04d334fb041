//! Every operation as the step of a loop over time, with the rows of the step as its leading axis.
//!
//! Operands have other rows in every step, or are the same in all; rows also change with the state, so that the
//! operation cannot leave the loop, or do not, so that it does. The results are these rows of all steps, and a state
//! that adds up what the operation gives, whether it has rows or not.

use std::rc::Rc;

use tape::ops::{Expand, Meta, Op, Operation, Reshape};
use tape::{DType, Dim, Packing, Shape, Tensor, Var, concat, scan};

use crate::arrays::{Array, with};
use crate::loops;
use crate::samples::{self, Operand, Sample};

const STEPS: usize = 2;

/// Samples of the steps of all operations that take the rows of a step.
pub fn all() -> Vec<Sample> {
    let mut all = Vec::new();
    for sample in samples::all() {
        let leading: Vec<usize> =
            sample.arrays().iter().map(|x| x.sizes.first().copied().unwrap_or(0)).collect();
        for varies in 1..1_u32 << leading.len() {
            let varies: Vec<bool> = (0..leading.len()).map(|operand| varies >> operand & 1 == 1).collect();
            all.extend([false, true].iter().filter_map(|tied| step(&sample, &varies, *tied)));
        }
    }
    all
}

/// The operation for operands that lead with the rows of a step, where it takes them.
fn with_rows(op: &Op, sample: &Sample, varies: &[bool], rows: usize) -> Option<(Op, bool)> {
    let result = (sample.plain)(&sample.arrays());
    let leads = result.sizes.first() == Some(&rows);
    let shape = Shape::from(&result.sizes[..]);
    let op = match op {
        Op::Reshape(_) if leads => Reshape::new(shape.with_leading(Dim::ROWS)).into(),
        Op::Expand(_) if leads => Expand::new(shape.with_leading(Dim::ROWS)).into(),
        op => op.clone(),
    };
    let shapes: Vec<Shape> = sample
        .arrays()
        .iter()
        .zip(varies)
        .map(|(x, varies)| {
            let shape = Shape::from(&x.sizes[..]);
            if *varies { shape.with_leading(Dim::ROWS) } else { shape }
        })
        .collect();
    let operands = shapes.iter().zip(&sample.operands);
    let dtype = |operand: &Operand| if operand.is_real() { DType::F64 } else { DType::I32 };
    let metas: Vec<Meta<'_>> =
        operands.map(|(shape, operand)| Meta { shape, dtype: dtype(operand) }).collect();
    let (shape, _) = op.rule()?.infer(&metas).ok()?;
    Some((op, shape.has_only_leading_rows()))
}

/// A sample of the loop whose step is the operation: from the operands, of which those that vary have the rows of all
/// steps, and from a state (N, 1), the last state and the results as one list of numbers.
fn step(sample: &Sample, varies: &[bool], tied: bool) -> Option<Sample> {
    let arrays = sample.arrays();
    let chosen = || arrays.iter().zip(varies).filter(|(_, varies)| **varies).map(|(x, _)| x);
    let rows = *chosen().next()?.sizes.first()?;
    let small = arrays.iter().all(|x| x.numbers.len() <= 24);
    // What cuts gradients off is no derivative of its plain loop.
    if !small || sample.cut || rows == 0 || !chosen().all(|x| x.sizes.first() == Some(&rows)) {
        return None;
    }
    let (op, leads) = with_rows(sample.op.as_ref()?, sample, varies, rows)?;
    let mut operands: Vec<Operand> =
        sample.operands.iter().zip(varies).map(|(x, v)| over_time(x, *v)).collect();
    operands.push(samples::real(&[rows, 1]).range(0.0..0.05));
    let label =
        format!("in a step{}: {}, {varies:?}", if tied { " with the state" } else { "" }, sample.label);

    let varying = varies.to_vec();
    let one = Rc::clone(&sample.plain);
    let real: Vec<bool> = sample.operands.iter().map(Operand::is_real).collect();
    Some(Sample::program(
        sample.operation,
        &label,
        operands,
        {
            let varying = varying.clone();
            move |v| record(&op, &varying, (tied, leads), rows, v)
        },
        move |v| {
            let tied: Vec<bool> = real.iter().map(|real| tied && *real).collect();
            plainly(&*one, &varying, &tied, leads, v)
        },
    ))
}

/// An operand for all steps, if it varies.
fn over_time(operand: &Operand, varies: bool) -> Operand {
    match operand {
        operand if !varies => operand.clone(),
        Operand::Real { sizes, range } => {
            Operand::Real { sizes: with(sizes, 0, sizes[0] * STEPS), range: range.clone() }
        }
        Operand::Indices(rows) => Operand::Indices(Array {
            sizes: with(&rows.sizes, 0, rows.sizes[0] * STEPS),
            // The other way round in the second step.
            numbers: rows.numbers.iter().chain(rows.numbers.iter().rev()).copied().collect(),
        }),
    }
}

fn record<'t>(op: &Op, varies: &[bool], (tied, leads): (bool, bool), rows: usize, v: &[Var<'t>]) -> Var<'t> {
    let (h0, operands) = v.split_last().expect("the state comes last");
    let (last, all) = scan(&Packing::uniform(STEPS, rows), *h0, (), |h, ()| {
        let operand = |(x, varies): (&Var<'t>, &bool)| match (varies, tied && x.dtype().is_real()) {
            (false, _) => *x,
            (true, false) => x.at_step(),
            (true, true) => {
                let mut column = vec![Dim::ROWS];
                column.resize(x.shape().rank(), Dim::new(1));
                x.at_step() + h.reshape(column.into_iter().collect::<Shape>())
            }
        };
        let operands: Vec<Var<'t>> = operands.iter().zip(varies).map(operand).collect();
        let y = h.tape().push(op.clone(), &operands);
        let next = h * 0.5 + 0.01 * y.square().sum();
        let output = if leads { y } else { h };
        (next, output)
    });
    let flat = |x: Var<'t>| x.reshape([x.shape().len()]);
    concat(&[flat(last), flat(all)], 0)
}

fn plainly(
    one: &dyn Fn(&[Array]) -> Array,
    varies: &[bool],
    tied: &[bool],
    leads: bool,
    v: &[Array],
) -> Array {
    let (h0, operands) = v.split_last().expect("the state comes last");
    let mut h = h0.clone();
    let rows = h0.sizes[0];
    let mut all = Vec::new();
    for t in 0..STEPS {
        let operand = |(number, (x, varies)): (usize, (&Array, &bool))| {
            if !varies {
                return x.clone();
            }
            let part = loops::slice(0, t * rows, rows, x);
            match tied[number] {
                true => Array::build(&part.sizes, |i| part.at(i) + h.numbers[i[0]]),
                false => part,
            }
        };
        let operands: Vec<Array> = operands.iter().zip(varies).enumerate().map(operand).collect();
        let y = one(&operands);
        all.extend(if leads { y.numbers.clone() } else { h.numbers.clone() });
        let squares: f64 = y.numbers.iter().map(|y| y * y).sum();
        h.numbers.iter_mut().for_each(|h| *h = *h * 0.5 + 0.01 * squares);
    }
    let numbers = [h.numbers, all].concat();
    Array { sizes: vec![numbers.len()], numbers }
}

/// The plain loops know nothing of batches whose sequences end one after another; the interpreter does.
#[test]
fn a_ragged_loop_gives_what_the_interpreter_gives() {
    use tape::{Tape, try_grad};

    for sample in samples::all() {
        let Some(op) = &sample.op else { continue };
        let arrays = sample.arrays();
        let leading = arrays[arrays.len() - 1].sizes.first().copied().unwrap_or(0);
        // A table of fewer rows lacks some that are asked for.
        let table = sample.operation == Operation::Gather;
        let leads =
            |(operand, x): (usize, &Array)| x.sizes.first() == Some(&leading) && !(table && operand == 0);
        let varies: Vec<bool> = arrays.iter().enumerate().map(leads).collect();
        // A step in which a row is left out would need other settings of these.
        let fixed = matches!(op, Op::Reshape(_) | Op::Expand(_)) && leading != 1;
        if leading == 0 || fixed {
            continue;
        }
        let Some((op, leads)) = with_rows(op, &sample, &varies, leading) else { continue };
        let lengths: Vec<usize> =
            (0..leading).rev().map(|row| if row == leading - 1 { 3 } else { 1 }).collect();
        let packing = Packing::ragged(&lengths);
        let total: usize = lengths.iter().sum();
        for dtype in [DType::F64, DType::F32] {
            let tape = Tape::new(dtype);
            let given: Vec<Var<'_>> = arrays
                .iter()
                .zip(&sample.operands)
                .zip(&varies)
                .map(|((x, operand), varies)| {
                    let width = x.numbers.len() / leading.max(1);
                    let count = if *varies { total * width } else { x.numbers.len() };
                    let numbers = x.numbers.iter().copied().cycle().take(count).collect();
                    let sizes = if *varies { with(&x.sizes, 0, total) } else { x.sizes.clone() };
                    tape.input(operand.tensor(&Array { sizes, numbers }, dtype))
                })
                .collect();
            let zero = tape.input(Tensor::zeros(dtype, [leading, 1]));
            let (last, all) = scan(&packing, zero, (), |h, ()| {
                let operands = given.iter().zip(&varies);
                let operands: Vec<Var<'_>> =
                    operands.map(|(x, varies)| if *varies { x.at_step() } else { *x }).collect();
                let y = h.tape().push(op.clone(), &operands);
                (h * 0.5 + 0.1 * y.square().sum(), if leads { y } else { h })
            });
            let gradients =
                try_grad(last.sum() + all.square().sum(), &sample.real(&given)).expect("a number");
            let wanted: Vec<Var<'_>> =
                [last, all].into_iter().chain(gradients.into_iter().flatten()).collect();
            let limit = if dtype == DType::F64 { 1e-12 } else { 1e-4 };
            for (found, plain) in crate::by_engine(&wanted).iter().zip(crate::plainly(&wanted)) {
                crate::close(found, &plain, limit, &sample.label);
            }
        }
    }
}
