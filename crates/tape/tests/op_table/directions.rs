//! Derivatives along directions: `⟨v, J u⟩ = ⟨Jᵀ v, u⟩`, and `J u` against differences of the plain loops.
//!
//! `J u` is made of the rules for gradients (see `tape::jvp`), so the first says that a rule and its own gradient agree;
//! that they are right, only the second says.

use tape::check::{LIMIT, floor, furthest};
use tape::ops::Op;
use tape::passes::{self, PIPELINE};
use tape::program::Program;
use tape::{DType, NodeId, Packing, Tape, Tensor, Var, jvp, scan, vjp};

use crate::arrays::Array;
use crate::{by_engine, close, each_sample, plainly};

/// Numbers between -1 and 1 without pattern.
fn direction(sizes: &[usize], salt: usize) -> Array {
    let mut at = 0;
    Array::build(sizes, |_| {
        at += 1;
        2.0 * ((at + 13 * salt) as f64 * 0.754_877_666).fract() - 1.0
    })
}

fn inner(a: &Array, b: &Array) -> f64 {
    a.numbers.iter().zip(&b.numbers).map(|(a, b)| a * b).sum()
}

#[test]
fn products_with_the_jacobian_and_its_transpose_agree() {
    each_sample(|sample| {
        for (dtype, limit) in [(DType::F64, 1e-12), (DType::F32, 1e-4)] {
            let tape = Tape::new(dtype);
            let (inputs, result) = sample.on(&tape);
            let real = sample.real(&inputs);
            let on = |array: &Array| tape.input(array.tensor(dtype));
            let u: Vec<Array> = real.iter().map(|x| direction(&x.shape().sizes(), x.id().index())).collect();
            let v = direction(&result.shape().sizes(), 50);
            let along = jvp(result, &real, &u.iter().map(on).collect::<Vec<_>>());
            let across = vjp(result, &real, on(&v));
            let products: Vec<Var<'_>> = across.iter().copied().flatten().collect();
            let wanted: Vec<Var<'_>> = [along].into_iter().chain(products).collect();
            for values in [plainly(&wanted), by_engine(&wanted)] {
                let reached = u.iter().zip(&across).filter(|(_, product)| product.is_some());
                let left = inner(&v, &values[0]);
                let right: f64 = reached.zip(&values[1..]).map(|((u, _), product)| inner(u, product)).sum();
                let error = (left - right).abs();
                let label = &sample.label;
                assert!(
                    error <= limit * (1.0 + left.abs()),
                    "{label}: ⟨v, J u⟩ = {left}, ⟨Jᵀ v, u⟩ = {right}"
                );
            }
        }
    });
}

#[test]
fn derivatives_along_a_direction_agree_with_differences_of_the_plain_loops() {
    each_sample(|sample| {
        let tape = Tape::new(DType::F64);
        let arrays = sample.arrays();
        let inputs = sample.inputs(&tape, &arrays);
        let result = (sample.record)(&inputs);
        let u: Vec<Array> = arrays.iter().enumerate().map(|(k, x)| direction(&x.sizes, k)).collect();
        let tangents: Vec<Var<'_>> =
            sample.real(&u).iter().map(|u| tape.input(u.tensor(DType::F64))).collect();
        let along = plainly(&[jvp(result, &sample.real(&inputs), &tangents)]).remove(0);
        assert_eq!(along.sizes, result.shape().sizes()[..], "{}", sample.label);
        if sample.cut {
            assert!(along.numbers.iter().all(|x| *x == 0.0), "{}: a derivative flows", sample.label);
            return;
        }
        let compared = furthest::<()>(&along.numbers, floor(&along.numbers), |distance| {
            let mut moved = arrays.clone();
            for ((x, u), operand) in moved.iter_mut().zip(&u).zip(&sample.operands) {
                if operand.is_real() {
                    x.numbers.iter_mut().zip(&u.numbers).for_each(|(x, u)| *x += distance * u);
                }
            }
            Ok((sample.plain)(&moved).numbers)
        });
        let compared = compared.expect("plain loops do not fail");
        assert!(compared.error <= LIMIT, "{}: {compared:?}", sample.label);
    });
}

#[test]
fn a_derivative_of_a_loop_is_one_more_loop() {
    let tape = Tape::new(DType::F64);
    let array = |sizes: &[usize]| tape.input(direction(sizes, 1).tensor(DType::F64));
    let [h0, x, w] = [array(&[2, 3]), array(&[8, 3]), array(&[3, 3])];
    let (last, ()) = scan(&Packing::uniform(4, 2), h0, x, |h, x| ((h.dot(w) + x).tanh(), ()));
    let along = jvp(last, &[h0, w], &[array(&[2, 3]), array(&[3, 3])]);
    let outputs: Vec<NodeId> = [last, along].iter().map(|var| var.id()).collect();
    let program = passes::run(Program { graph: tape.graph().clone(), outputs }, PIPELINE);
    let loops = program.graph.nodes.iter().filter(|node| matches!(node.op, Op::Scan(_))).count();
    assert_eq!(loops, 2, "{program}");
}

#[test]
fn a_step_may_have_a_derivative_within() {
    // `h' = h + 0.1 d/dε sin(h + ε x)`: along the inputs of the step.
    let tape = Tape::new(DType::F64);
    let (start, inputs) = (direction(&[1, 2], 1), direction(&[3, 2], 2));
    let (h0, x) = (tape.input(start.tensor(DType::F64)), tape.input(inputs.tensor(DType::F64)));
    let (last, ()) = scan(&Packing::uniform(3, 1), h0, x, |h, x| (h + 0.1 * jvp(h.sin(), &[h], &[x]), ()));
    let mut h = start.numbers.clone();
    for row in inputs.numbers.chunks(2) {
        h.iter_mut().zip(row).for_each(|(h, x)| *h += 0.1 * h.cos() * x);
    }
    close(&by_engine(&[last])[0], &Array { sizes: vec![1, 2], numbers: h }, 1e-13, "within a step");
}

#[test]
fn what_does_not_matter_has_no_derivative() {
    let tape = Tape::new(DType::F64);
    let [x, y] = [1.0, 2.0].map(|number| tape.input(Tensor::new([2], vec![number; 2])));
    assert_eq!(jvp(x.exp(), &[y], &[x]).value().to_f64(), [0.0; 2]);
    assert_eq!(jvp(x.step(), &[x], &[y]).value().to_f64(), [0.0; 2]);
    assert_eq!(jvp(x.exp(), &[], &[]).value().to_f64(), [0.0; 2]);
    // A value is its own derivative along itself.
    assert_eq!(jvp(x, &[x, y], &[y, x]).value().to_f64(), [2.0; 2]);
}

#[test]
#[should_panic(expected = "jvp: a tangent of [3] for a value of [2]")]
fn a_tangent_of_another_shape_is_refused() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([2], vec![1.0; 2]));
    jvp(x, &[x], &[tape.number(1.0).expand([3])]);
}

#[test]
#[should_panic(expected = "jvp: 2 tangents for 1 values")]
fn a_tangent_too_many_is_refused() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([2], vec![1.0; 2]));
    jvp(x, &[x], &[x, x]);
}

#[test]
#[should_panic(expected = "vjp: a cotangent of [] for a value of [2]")]
fn a_cotangent_of_another_shape_is_refused() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([2], vec![1.0; 2]));
    vjp(x, &[x], tape.number(1.0));
}
