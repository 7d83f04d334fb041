//! Random programs: the engine, with every pass on and off, against the naive interpreter, for
//! values, gradients and gradients of gradients.

use approx::relative_eq;
use proptest::prelude::*;
use tape::passes::{PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, NodeId, Tape, Tensor, Var, interpret, try_grad};

#[path = "common/programs.rs"]
mod programs;

use programs::program;

/// The value, its gradients, and the gradients of a number made of these.
fn wanted<'t>(leaves: &[Var<'t>], value: Var<'t>) -> Vec<Var<'t>> {
    let first: Vec<Var<'t>> = try_grad(value, leaves).expect("a number").into_iter().flatten().collect();
    let mixed = first.iter().fold(value * 0.0, |sum, gradient| sum + gradient.square().sum());
    let second = try_grad(mixed, leaves).expect("a number").into_iter().flatten();
    std::iter::once(value).chain(first.iter().copied()).chain(second.collect::<Vec<_>>()).collect()
}

fn agree(found: &Tensor, plain: &Tensor, limit: f64, label: &str) {
    assert_eq!(found.shape(), plain.shape(), "{label}");
    for (a, b) in found.to_f64().iter().zip(plain.to_f64()) {
        let equal = relative_eq!(*a, b, epsilon = limit, max_relative = limit) || (a.is_nan() && b.is_nan());
        assert!(equal, "{label}: {a} is not {b}");
    }
}

fn check(bytes: &[u8]) {
    let tape = Tape::new(DType::F64);
    let (leaves, value) = program(&tape, bytes);
    let wanted = wanted(&leaves, value);
    let plain = interpret(&wanted).expect("random programs can be evaluated");
    let mut engine = Engine::new();
    let run = engine.run(&wanted).expect("random programs can be evaluated");
    for (index, plain) in plain.iter().enumerate() {
        agree(&run.tensor(index), plain, 1e-12, "all passes");
    }
    // Each pass by itself, and none.
    let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
    let none: &[Pass] = &[];
    for passes in PIPELINE.iter().map(std::slice::from_ref).chain([none]) {
        let source = Program { graph: tape.graph().clone(), outputs: outputs.clone() };
        let label = passes.first().map_or("no pass", |(name, _)| name);
        let mut engine = Engine::new();
        let run = engine.run_plan(&tape, Plan::with_passes(source, passes)).expect("as before");
        for (index, plain) in plain.iter().enumerate() {
            agree(&run.tensor(index), plain, 1e-12, label);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_computes_what_the_interpreter_does(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
        check(&bytes);
    }
}

#[test]
fn every_kind_of_loop_is_covered() {
    // Lengths, bodies and directions, one after another rather than by chance.
    for lengths in 0..4 {
        for body in 0..5 {
            for reverse in 0..2 {
                check(&[0, 0, 18, lengths, body, reverse, 1, 1, 19, lengths, body, reverse]);
            }
        }
    }
}

#[test]
fn single_precision_agrees_too() {
    for body in 0..5 {
        let tape = Tape::new(DType::F32);
        let (leaves, value) = program(&tape, &[0, 0, 18, 2, body, 0, 6, 2, 6, 1, 1, 9]);
        let wanted = wanted(&leaves, value);
        let plain = interpret(&wanted).expect("the program can be evaluated");
        let mut engine = Engine::new();
        let run = engine.run(&wanted).expect("the program can be evaluated");
        for (index, plain) in plain.iter().enumerate() {
            agree(&run.tensor(index), plain, 2e-4, "f32");
        }
    }
}
