//! Random programs: the engine, with every pass on and off, against the naive interpreter, for
//! values, gradients and gradients of gradients.

mod common;

use approx::relative_eq;
use common::programs::{BODIES, LENGTHS, WAYS, program};
use proptest::prelude::*;
use tape::passes::{PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, NodeId, Tape, Tensor, Var, interpret, try_grad};

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

/// A program of the bytes, run by the interpreter and by the engine with all passes, and in `f64` also with each
/// pass by itself and with none.
fn check(bytes: &[u8], dtype: DType) {
    let tape = Tape::new(dtype);
    let (leaves, value) = program(&tape, bytes);
    let mut wanted = wanted(&leaves, value);
    // In `f32` the numbers of second order can be anything.
    let limit = if dtype == DType::F64 { 1e-12 } else { 1e-3 };
    if dtype == DType::F32 {
        wanted.truncate(1 + leaves.len());
    }
    let plain = interpret(&wanted).expect("random programs can be evaluated");
    let same = |found: &tape::Run<'_>, label: &str| {
        plain.iter().enumerate().for_each(|(index, plain)| agree(&found.tensor(index), plain, limit, label));
    };
    let mut engine = Engine::new();
    same(&engine.run(&wanted).expect("random programs can be evaluated"), "all passes");
    if dtype == DType::F32 {
        return;
    }
    let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
    let none: &[Pass] = &[];
    for passes in PIPELINE.iter().map(std::slice::from_ref).chain([none]) {
        let source = Program { graph: tape.graph().clone(), outputs: outputs.clone() };
        let label = passes.first().map_or("no pass", |(name, _)| name);
        let mut engine = Engine::new();
        same(&engine.run_plan(&tape, Plan::with_passes(source, passes)).expect("as before"), label);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_computes_what_the_interpreter_does(bytes in prop::collection::vec(any::<u8>(), 0..48)) {
        check(&bytes, DType::F64);
    }

    #[test]
    fn single_precision_agrees_too(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        check(&bytes, DType::F32);
    }
}

#[test]
fn every_kind_of_loop_is_covered() {
    // Rows, lengths, bodies and ways, one after another rather than by chance.
    for rows in [0, 6] {
        for lengths in 0..LENGTHS {
            for body in 0..BODIES {
                for way in 0..WAYS {
                    let [lengths, body, way] = [lengths, body, way].map(|choice| choice as u8);
                    check(&[rows, 0, 20, lengths, body, way, 1, 1, 20, lengths, body, way], DType::F64);
                }
            }
        }
    }
}
