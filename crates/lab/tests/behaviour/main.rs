//! What is said of a cell's behaviour, held against closed forms, central differences and loops in Rust.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod gates;
mod gradient_norms;
mod jacobians;
mod lyapunov;
mod observe;
mod trajectory;

use lab::tasks::generator;
use nn::{Cell, Layout, Param, Scope, Sequence, init};
use rand::RngExt;
use tape::{Tape, Var};

/// h' = x V + h W, and the output is h'.
struct Linear {
    v: Param,
    w: Param,
}

impl Linear {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Linear {
        Linear {
            v: scope.weight("v", [inputs, hidden], init::fan_in()),
            w: scope.weight("w", [hidden, hidden], init::fan_in()),
        }
    }
}

impl Cell for Linear {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = x.dot(self.v) + h.dot(self.w);
        (h, h)
    }
}

/// Numbers between -1 and 1.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, 0);
    (0..count).map(|_| generator.random_range(-1.0..1.0)).collect()
}

/// Random inputs, as wide as said.
fn shown(layout: &Layout, width: usize) -> impl for<'t> FnOnce(&'t Tape) -> Sequence<'t> {
    move |tape| {
        let rows = numbers(layout.rows() * width, 3);
        Sequence::new(tape.input_numbers([layout.rows(), width], rows), layout)
    }
}

/// Inputs of 0 in one sequence.
fn nothing(steps: usize, width: usize) -> impl for<'t> FnOnce(&'t Tape) -> Sequence<'t> {
    move |tape| Sequence::new(tape.number(0.0).expand([steps, width]), &Layout::full(1, steps))
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], limit: f64) {
    assert_eq!(found.len(), expected.len());
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= limit * (1.0 + expected.abs()), "number {place}: {found}, expected {expected}");
    }
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}
