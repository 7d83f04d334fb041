//! One program, run in every way there is: by the interpreter, with all passes, with each alone, with none, and on several
//! threads.

use approx::abs_diff_eq;
use tape::passes::{PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, NodeId, Run, Tape, Tensor, Var, interpret, try_grad};

use crate::common::programs::{Decoded, LARGE, SMALL, program};

/// Numbers of threads that must give the same bits.
const THREADS: [usize; 3] = [1, 2, 3];

/// The outputs, the number, its gradients, and where asked for the gradients of a number made of these.
fn wanted<'t>(program: &Decoded<'t>, second: bool) -> Vec<Var<'t>> {
    let Decoded { leaves, number, outputs } = program;
    let gradients = |of: Var<'t>| try_grad(of, leaves).expect("a number").into_iter().flatten();
    let first: Vec<Var<'t>> = gradients(*number).collect();
    let mut wanted: Vec<Var<'t>> = outputs.iter().chain([number]).chain(&first).copied().collect();
    if second {
        let mixed = first.iter().fold(*number * 0.0, |sum, gradient| sum + gradient.square().sum());
        wanted.extend(gradients(mixed));
    }
    wanted
}

/// Fails unless two tensors are as near as `limit` of their largest number.
fn agree(found: &Tensor, plain: &Tensor, limit: f64, label: &str) {
    assert_eq!(found.shape(), plain.shape(), "{label}");
    let (found, plain) = (found.to_f64(), plain.to_f64());
    let largest =
        plain.iter().filter(|number| number.is_finite()).fold(1.0, |largest: f64, x| largest.max(x.abs()));
    for (a, b) in found.into_iter().zip(plain) {
        let equal = abs_diff_eq!(a, b, epsilon = limit * largest) || (a.is_nan() && b.is_nan());
        assert!(equal, "{label}: {a} is not {b}");
    }
}

/// Values in `f64` by the interpreter, which the engine must find too.
///
/// # Panics
/// If it does not.
pub fn by_both(engine: &mut Engine, wanted: &[Var<'_>]) -> Vec<Tensor> {
    let plain = interpret(wanted).expect("the program runs");
    let run = engine.run(wanted).expect("the program runs");
    for (index, plain) in plain.iter().enumerate() {
        agree(&run.tensor(index), plain, 1e-12, &format!("value {index}"));
    }
    plain
}

/// A small program of the bytes, run by the interpreter and by the engine with all passes, and in `f64` also with each
/// pass by itself and with none, with gradients of second order.
///
/// # Panics
/// If they do not agree.
pub fn check(bytes: &[u8], dtype: DType) {
    let tape = Tape::new(dtype);
    // In `f32` the numbers of second order can be anything.
    let exact = dtype == DType::F64;
    let limit = if exact { 1e-12 } else { 1e-3 };
    let wanted = wanted(&program(&tape, bytes, SMALL), exact);
    let plain = interpret(&wanted).expect("random programs can be evaluated");
    let same = |found: &Run<'_>, label: &str| {
        plain.iter().enumerate().for_each(|(index, plain)| agree(&found.tensor(index), plain, limit, label));
    };
    let mut engine = Engine::new();
    same(&engine.run(&wanted).expect("random programs can be evaluated"), "all passes");
    if !exact {
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

/// A large program of the bytes with its gradients, run on one thread and on several, which must give the same bits.
///
/// # Panics
/// If they do not.
pub fn check_threads(bytes: &[u8], dtype: DType) {
    let tape = Tape::new(dtype);
    let wanted = wanted(&program(&tape, bytes, LARGE), false);
    let bits = |threads: usize| -> Vec<Vec<u64>> {
        let mut engine = Engine::with_threads(threads).expect("the system gives threads");
        let run = engine.run(&wanted).expect("random programs can be evaluated");
        let bits = |index: usize| run.tensor(index).to_f64().into_iter().map(f64::to_bits).collect();
        (0..wanted.len()).map(bits).collect()
    };
    let [one, others @ ..] = THREADS;
    let expected = bits(one);
    for threads in others {
        assert!(bits(threads) == expected, "{threads} threads give other bits than {one}");
    }
}
