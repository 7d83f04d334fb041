//! Gradients of first and second order against central differences in `f64`, those of first order of the plain loops.
//!
//! The operation stands in the middle of a larger program: its operands are computed and used beside it too, its
//! result is used twice, and the gradients that reach it are not one.

use tape::check::{self, Compared, LIMIT, furthest};
use tape::{DType, Tape, Var, jvp, try_grad, vjp};

use crate::arrays::Array;
use crate::samples::Sample;
use crate::{by_engine, close, each_sample, plainly};

/// The number of `check::project`, by a loop of its own, and the sum of the squares of all real operands.
fn project(sample: &Sample, operands: &[Array], coefficients: &Array) -> f64 {
    let y = (sample.plain)(operands);
    let term = |(y, c): (&f64, &f64)| c * (y + 0.3 * y * y);
    let squares =
        sample.real(operands).iter().flat_map(|x| x.numbers.clone()).map(|x| 0.7 * x * x).sum::<f64>();
    y.numbers.iter().zip(&coefficients.numbers).map(term).sum::<f64>() + squares
}

fn coefficients(sizes: &[usize], salt: usize) -> Array {
    let mut at = 0;
    Array::build(sizes, |_| {
        at += 1;
        0.4 + ((at + 5 * salt) as f64 * 0.377).fract()
    })
}

/// The gradients of a sample's operands, one after another, and the pair of gradient and difference that is furthest
/// apart.
fn compare(sample: &Sample) -> (Vec<f64>, Compared) {
    let tape = Tape::new(DType::F64);
    let arrays = sample.arrays();
    let inputs = sample.inputs(&tape, &arrays);
    let middle: Vec<Var<'_>> =
        inputs.iter().map(|input| if input.dtype().is_real() { *input * 1.0 } else { *input }).collect();
    let result = (sample.record)(&middle);
    let c = coefficients(&result.shape().sizes(), 0);
    let weights = tape.input(c.tensor(DType::F64));
    let squares = sample.real(&middle).into_iter().map(|x| 0.7 * x.square().sum());
    let terms = (result * weights).sum() + 0.3 * (result * result * weights).sum();
    let number = squares.fold(terms, |sum, term| sum + term);
    let gradients = try_grad(number, &sample.real(&inputs)).expect("a single number");
    let gradients: Vec<Var<'_>> = gradients.into_iter().map(|g| g.expect("of its square")).collect();
    let found: Vec<f64> = plainly(&gradients).into_iter().flat_map(|g| g.numbers).collect();

    let places = (0..arrays.len())
        .filter(|operand| sample.operands[*operand].is_real())
        .flat_map(|operand| (0..arrays[operand].numbers.len()).map(move |entry| (operand, entry)));
    let floor = check::floor(&found);
    let mut worst = Compared::default();
    for ((operand, entry), gradient) in places.zip(&found) {
        let compared = furthest::<()>(&[*gradient], floor, |distance| {
            let mut moved = arrays.clone();
            moved[operand].numbers[entry] += distance;
            Ok(vec![project(sample, &moved, &c)])
        });
        let compared = compared.expect("plain loops do not fail");
        if compared.error > worst.error {
            worst = compared;
        }
    }
    (found, worst)
}

/// Whether the gradients of a sample are those of its plain loop, of first and of second order.
pub fn hold(sample: &Sample) -> Result<(), String> {
    let (_, worst) = compare(sample);
    if worst.error > LIMIT {
        return Err(format!("{}: {worst:?}", sample.label));
    }
    let operands = sample.operands.iter().zip(sample.arrays());
    let operands: Vec<_> = operands.map(|(operand, array)| operand.tensor(&array, DType::F64)).collect();
    let second = check::second_order(&operands, |v| (sample.record)(v));
    second.map(|_| ()).map_err(|error| format!("{}: {error}", sample.label))
}

#[test]
fn gradients_agree_with_differences() {
    each_sample(|sample| match sample.cut {
        false => hold(sample).unwrap_or_else(|error| panic!("{error}")),
        true => {
            let (found, _) = compare(sample);
            let of_squares =
                sample.real(&sample.arrays()).into_iter().flat_map(|x| x.numbers).map(|x| 1.4 * x);
            let error = found.iter().zip(of_squares).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-13, "{}: a gradient flows", sample.label);
        }
    });
}

#[test]
fn a_gradient_is_linear_in_what_reaches_it() {
    each_sample(|sample| {
        let tape = Tape::new(DType::F64);
        let (inputs, result) = sample.on(&tape);
        let real = sample.real(&inputs);
        let sizes = result.shape().sizes();
        let [v, w] = [1, 2].map(|salt| tape.input(coefficients(&sizes, salt).tensor(DType::F64)));
        let of = |cotangent: Var<'_>| {
            let products = vjp(result, &real, cotangent).into_iter().flatten().collect::<Vec<_>>();
            plainly(&products)
        };
        let all = of(v).into_iter().zip(of(w)).zip(of(-2.5 * v + w));
        for ((of_v, of_w), of_sum) in all {
            let sum = of_v.numbers.iter().zip(&of_w.numbers).map(|(a, b)| -2.5 * a + b).collect();
            close(&of_sum, &Array { sizes: of_v.sizes, numbers: sum }, 1e-12, &sample.label);
        }
    });
}

#[test]
fn second_derivatives_are_symmetric() {
    each_sample(|sample| {
        let tape = Tape::new(DType::F64);
        let (inputs, result) = sample.on(&tape);
        let real = sample.real(&inputs);
        let direction = |salt: usize| -> Vec<Var<'_>> {
            let sizes = real.iter().map(|x| x.shape().sizes());
            sizes.map(|sizes| tape.input(coefficients(&sizes, salt).tensor(DType::F64))).collect()
        };
        let (u, w) = (direction(3), direction(8));
        let gradients = try_grad(check::project(result, 0), &real).expect("a single number");
        let zero = tape.number(0.0);
        // The derivative of `⟨gradient, u⟩` along `w`.
        let second = |u: &[Var<'_>], w: &[Var<'_>]| {
            let terms = gradients.iter().zip(u).filter_map(|(g, u)| Some(((*g)? * *u).sum()));
            let along = terms.fold(zero, |sum, term| sum + term);
            let numbers = by_engine(&[jvp(along, &real, w)]);
            numbers[0].clone()
        };
        close(&second(&u, &w), &second(&w, &u), 1e-10, &sample.label);
    });
}
