//! The op table: every operation, held to the same properties.
//!
//! `samples` has the operations with operands and a plain loop for each, `steps` puts them into loops over time. Then
//! a file for each family of properties: `values`, `gradients`, `directions`, `views`, `extremes`, `laws` and `text`; `jax` has the
//! same from an implementation that shares nothing with this one.
//! `spoilt` holds that rules which are wrong do not pass.

mod arrays;
#[path = "../common/mod.rs"]
mod common;
mod custom;
mod directions;
mod extremes;
mod gradients;
mod jax;
mod laws;
mod loops;
mod programs;
mod samples;
mod spoilt;
mod steps;
mod text;
mod values;
mod views;

use arrays::Array;
use samples::Sample;
use tape::{Engine, Var, interpret};

/// Runs a test on every sample, alone and as the step of a loop.
fn each_sample(test: impl Fn(&Sample)) {
    samples::all().iter().chain(&steps::all()).for_each(test);
}

/// Values by the interpreter.
#[track_caller]
fn plainly(wanted: &[Var<'_>]) -> Vec<Array> {
    let values = interpret(wanted).unwrap_or_else(|error| panic!("{error}"));
    values.iter().map(Array::of).collect()
}

/// Values by the engine.
#[track_caller]
fn by_engine(wanted: &[Var<'_>]) -> Vec<Array> {
    let mut engine = Engine::new();
    let run = engine.run(wanted).unwrap_or_else(|error| panic!("{error}"));
    (0..wanted.len()).map(|index| Array::of(&run.tensor(index))).collect()
}

/// Holds numbers to expected ones, relative to those or to one; what is infinite or not a number must be the same.
#[track_caller]
fn close(found: &Array, expected: &Array, limit: f64, label: &str) {
    assert_eq!(found.sizes, expected.sizes, "{label}");
    for (at, (a, b)) in found.numbers.iter().zip(&expected.numbers).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= limit * (1.0 + b.abs());
        assert!(same, "{label}: entry {at} is {a:e}, expected {b:e}");
    }
}
