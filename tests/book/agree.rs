// What the examples of the chapter on backpropagation share; each includes this file.

use unspool::tape::{DType, Shape, Tape, Tensor, Var};

/// So many numbers between -1 and 1 without pattern.
#[allow(dead_code, reason = "each example uses a part of it")]
pub fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|i| (1.3 * i as f64 + count as f64).sin()).collect()
}

/// Numbers as a value of a tape.
#[allow(dead_code, reason = "each example uses a part of it")]
pub fn on<'t>(tape: &'t Tape, shape: impl Into<Shape>, numbers: &[f64]) -> Var<'t> {
    tape.input(Tensor::from_f64(DType::F64, shape, numbers))
}

/// Panics unless two ways to compute the same numbers differ by rounding alone.
#[allow(dead_code, reason = "each example uses a part of it")]
#[track_caller]
pub fn agree(by_tape: Var<'_>, by_hand: &[f64]) {
    let by_tape = by_tape.value().to_f64();
    assert_eq!(by_tape.len(), by_hand.len());
    for (tape, hand) in by_tape.iter().zip(by_hand) {
        assert!((tape - hand).abs() < 1e-12, "{tape} by tape and {hand} by hand");
    }
}
