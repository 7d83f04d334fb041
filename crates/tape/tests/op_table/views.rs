//! Operands that do not lie side by side: every operand cut out of a wider one along each of its axes, and transposed.

use tape::check::project;
use tape::{DType, Tape, Var, try_grad};

use crate::arrays::Array;
use crate::loops;
use crate::samples::{self, Operand};
use crate::{by_engine, close, plainly};

/// How an operand is given: a wider array, how it is cut out of that, and what becomes of its gradient there.
struct View {
    label: String,
    given: Array,
    record: Box<dyn for<'t> Fn(Var<'t>) -> Var<'t>>,
    gradient: Box<dyn Fn(&Array) -> Array>,
}

fn views(operand: &Array) -> Vec<View> {
    let rank = operand.sizes.len();
    let mut views: Vec<View> = (0..rank)
        .map(|axis| {
            let extent = operand.sizes[axis];
            let mut given = loops::pad(axis, 2, 1, operand);
            // What lies around must not matter.
            given.numbers.iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 9e9);
            View {
                label: format!("cut out along axis {axis}"),
                given,
                record: Box::new(move |x| x.slice(axis, 2..2 + extent)),
                gradient: Box::new(move |gradient| loops::pad(axis, 2, 1, gradient)),
            }
        })
        .collect();
    if rank >= 2 {
        let order: Vec<usize> = (0..rank).rev().collect();
        let turned = order.clone();
        views.push(View {
            label: "transposed".into(),
            given: loops::transpose(&order, operand),
            record: Box::new(move |x| x.transpose(&turned)),
            gradient: Box::new(move |gradient| loops::transpose(&order, gradient)),
        });
    }
    let sizes = operand.sizes.clone();
    views.push(View {
        label: "one of two".into(),
        given: Array { sizes: [&[2], &sizes[..]].concat(), numbers: operand.numbers.repeat(2) },
        record: Box::new(move |x| x.slice(0, 1..2).reshape(&sizes[..])),
        gradient: Box::new(|gradient| Array {
            sizes: [&[2], &gradient.sizes[..]].concat(),
            numbers: [vec![0.0; gradient.numbers.len()], gradient.numbers.clone()].concat(),
        }),
    });
    views
}

#[test]
fn operands_that_are_views_give_the_same_values_and_gradients() {
    for sample in samples::all() {
        let arrays = sample.arrays();
        for operand in (0..arrays.len()).filter(|operand| sample.operands[*operand].is_real()) {
            let expected = {
                let tape = Tape::new(DType::F64);
                let (inputs, result) = sample.on(&tape);
                let gradient = try_grad(project(result, 0), &[inputs[operand]]).expect("a number").remove(0);
                plainly(&[result, gradient.unwrap_or_else(|| inputs[operand].zeros_like())])
            };
            for view in views(&arrays[operand]) {
                let tape = Tape::new(DType::F64);
                let mut inputs = sample.inputs(&tape, &arrays);
                let given = tape.input(view.given.tensor(DType::F64));
                inputs[operand] = (view.record)(given);
                let result = (sample.record)(&inputs);
                let gradient = try_grad(project(result, 0), &[given]).expect("a number").remove(0);
                let wanted = [result, gradient.unwrap_or_else(|| given.zeros_like())];
                let label = format!("{}: operand {operand} {}", sample.label, view.label);
                for found in [plainly(&wanted), by_engine(&wanted)] {
                    close(&found[0], &expected[0], 1e-12, &label);
                    close(&found[1], &(view.gradient)(&expected[1]), 1e-12, &label);
                }
            }
        }
    }
}

#[test]
fn indices_that_are_views_are_read_where_they_lie() {
    for sample in samples::all() {
        for (number, operand) in sample.operands.iter().enumerate() {
            let Operand::Indices(rows) = operand else { continue };
            let tape = Tape::new(DType::F64);
            let (mut inputs, expected) = sample.on(&tape);
            let last = rows.sizes.len() - 1;
            let given = operand.tensor(&loops::pad(last, 1, 2, rows), DType::F64);
            inputs[number] = tape.input(given).slice(last, 1..1 + rows.sizes[last]);
            let wanted = [expected, (sample.record)(&inputs)];
            for found in [plainly(&wanted), by_engine(&wanted)] {
                close(&found[1], &found[0], 0.0, &sample.label);
            }
        }
    }
}
