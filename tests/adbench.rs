//! The LSTM problem of a public benchmark of automatic differentiation, with the gradient that it expects of every tool.

#[path = "../benches/common/adbench.rs"]
#[allow(dead_code, reason = "the bench uses the rest")]
mod adbench;

use adbench::AdBench;
use unspool::tape::{DType, Engine, Tape, grad, interpret};

/// What ADBench allows; its objective is given to as many digits.
const TOLERANCE: f64 = 1e-8;

#[test]
fn loss_and_gradient_are_those_that_adbench_expects() {
    let problem = AdBench::read();
    let mut engine = Engine::new();
    let (loss, gradient) = problem.loss_and_gradient(&mut engine);
    assert!((loss - problem.objective).abs() < TOLERANCE, "{loss}");
    assert_eq!(gradient.len(), problem.gradient.len());
    for (at, (found, expected)) in gradient.iter().zip(&problem.gradient).enumerate() {
        // Their numbers have more digits than their tolerance asks for.
        assert!((found - expected).abs() <= 1e-15 + 1e-10 * expected.abs(), "{at}: {found:e}, {expected:e}");
    }
    assert_eq!(problem.loss(&mut engine), loss);
}

#[test]
fn the_interpreter_says_the_same() {
    let problem = AdBench::read();
    let tape = Tape::new(DType::F64);
    let (loss, parameters) = problem.record(&tape);
    let gradients = grad(loss, &parameters);
    let values = interpret(&[loss, gradients[0], gradients[1]]).expect("numbers that can be computed");
    let (_, gradient) = problem.loss_and_gradient(&mut Engine::new());
    let plain = [values[1].to_f64(), values[2].to_f64()].concat();
    assert!(plain.iter().zip(&gradient).all(|(a, b)| (a - b).abs() <= 1e-12 * (1e-3 + b.abs())));
}
