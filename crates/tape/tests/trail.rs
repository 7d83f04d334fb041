//! Following a trail: the same graph, lines and results as recording afresh, whatever was recorded before.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::programs::{SMALL, program};
use proptest::prelude::*;
use tape::{DType, Engine, NodeId, Packing, Recorder, Tape, Tensor, Var, Vars, grad, scan, try_grad};

/// Everything that a recording consists of: the program with scopes and source lines.
fn text(tape: &Tape, outputs: &[Var<'_>]) -> String {
    tape.listing(outputs).with_source_lines().to_string()
}

/// The value, its gradients, and the gradients of a number made of these.
fn wanted<'t>(leaves: &[Var<'t>], value: Var<'t>) -> Vars<'t> {
    let first: Vars<'t> = try_grad(value, leaves).expect("a number").into_iter().flatten().collect();
    let mixed = first.iter().fold(value * 0.0, |sum, gradient| sum + gradient.square().sum());
    let second = try_grad(mixed, leaves).expect("a number").into_iter().flatten();
    std::iter::once(value).chain(first.iter().copied()).chain(second).collect()
}

fn ids(vars: &[Var<'_>]) -> Vec<NodeId> {
    vars.iter().map(|var| var.id()).collect()
}

/// Records programs one after another by one recorder, and each by a new tape.
fn check(programs: &[&[u8]]) {
    let recorder = Recorder::new(DType::F64);
    let (mut engine, mut fresh_engine) = (Engine::new(), Engine::new());
    for bytes in programs {
        let record = |tape: &Tape, engine: &mut Engine| {
            let decoded = program(tape, bytes, SMALL);
            let wanted = tape.scope("outer", || wanted(&decoded.leaves, decoded.number));
            let run = engine.run(&wanted).expect("random programs can be evaluated");
            let values: Vec<Vec<u64>> = (0..wanted.len())
                .map(|index| run.tensor(index).to_f64().into_iter().map(f64::to_bits).collect())
                .collect();
            (text(tape, &wanted), ids(&wanted), values)
        };
        assert_eq!(record(&recorder.tape(), &mut engine), record(&Tape::new(DType::F64), &mut fresh_engine));
    }
    assert_eq!(engine.plans(), fresh_engine.plans());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_followed_is_what_would_be_recorded(
        start in prop::collection::vec(any::<u8>(), 0..24),
        first in prop::collection::vec(any::<u8>(), 0..24),
        second in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        // Programs with a common start, so that trails part in the middle, and one that is the start of the others.
        let (a, b) = ([start.as_slice(), &first].concat(), [start.as_slice(), &second].concat());
        check(&[&a, &b, &a, &start, &a, &b, &b, &second, &a]);
    }
}

/// A loss over a loop, of sequences of these lengths.
fn recurrence<'t>(tape: &'t Tape, lengths: &[usize], gated: bool) -> (Var<'t>, [Var<'t>; 2]) {
    let rows = lengths.iter().sum::<usize>();
    let x = tape.input_numbers([rows, 2], (0..2 * rows).map(|i| (i as f64 * 0.618).fract()));
    let w = tape.input_numbers([2, 2], [0.5, -0.25, 0.75, 0.1]);
    let h0 = tape.number(0.0).expand([lengths.len(), 2]);
    let (_, y) = tape.scope("rnn", || {
        scan(&Packing::ragged(lengths), h0, x, |h, x| {
            let next = (h.dot(w) + x).tanh();
            let next = if gated { next * x.sigmoid() } else { next };
            (next, next)
        })
    });
    (y.square().sum(), [w, x])
}

#[test]
fn lengths_and_closures_may_change_from_step_to_step() {
    let recorder = Recorder::new(DType::F64);
    let mut engine = Engine::new();
    let programs: [(&[usize], bool); 4] = [(&[3, 2], false), (&[4, 1], false), (&[3, 2], true), (&[5], true)];
    for round in 0..3 {
        for (lengths, gated) in programs {
            let mut record = |tape: &Tape| {
                let (loss, wrt) = recurrence(tape, lengths, gated);
                let outputs: Vars<'_> = [loss].into_iter().chain(grad(loss, &wrt)).collect();
                let value = engine.run(&outputs).expect("numbers").tensor(1).to_f64();
                (text(tape, &outputs), value)
            };
            assert_eq!(record(&recorder.tape()), record(&Tape::new(DType::F64)), "round {round}");
        }
    }
    assert_eq!(engine.plans(), programs.len());
}

#[test]
fn training_and_evaluation_take_turns() {
    let recorder = Recorder::new(DType::F64);
    let mut engine = Engine::new();
    let mut values = Vec::new();
    for _ in 0..4 {
        let tape = recorder.tape();
        let (loss, wrt) = recurrence(&tape, &[3, 1], false);
        let outputs: Vars<'_> = [loss].into_iter().chain(grad(loss, &wrt)).collect();
        values.push(engine.run(&outputs).expect("numbers").number(0));
        drop(outputs);

        // The same loss alone, which is the start of the other program; then one of another batch.
        let tape = recorder.tape();
        let (loss, _) = recurrence(&tape, &[3, 1], false);
        values.push(engine.run(&[loss]).expect("numbers").number(0));
        let nodes = tape.graph().nodes.len();
        assert_eq!(nodes, loss.id().index() + 1, "what the trail has further is no part of the program");
        let tape = recorder.tape();
        let (other, _) = recurrence(&tape, &[2, 2], false);
        assert_ne!(engine.run(&[other]).expect("numbers").number(0), values[0]);
    }
    assert!(values.iter().all(|value| *value == values[0]));
    assert_eq!(engine.plans(), 3);
}

#[test]
fn values_given_anew_are_those_that_are_used() {
    let recorder = Recorder::new(DType::F32);
    let mut engine = Engine::new();
    for step in 1..4 {
        let tape = recorder.tape();
        let x = tape.input(Tensor::new([2], vec![step as f32, 1.0]));
        let rate = tape.input_number(f64::from(step));
        let n = tape.input_with([2], |n: &mut [i32]| n.fill(step - 1));
        let y = x * rate + tape.input_numbers([4], (0..4).map(f64::from)).gather(n);
        let expected = [(step * step + step - 1) as f32, (2 * step - 1) as f32];
        assert_eq!(engine.run(&[y]).expect("numbers").tensor(0).as_slice::<f32>(), expected);
        assert_eq!(y.value().as_slice::<f32>(), expected);
    }
    assert_eq!(engine.plans(), 1);
}

#[test]
fn two_tapes_at_a_time_do_not_meet() {
    let recorder = Recorder::new(DType::F64);
    for _ in 0..3 {
        let (outer, inner) = (recorder.tape(), recorder.tape());
        let a = outer.input_number(2.0).square();
        let b = inner.input_number(3.0).exp().ln();
        assert_eq!(a.value().number(), 4.0);
        assert!((b.value().number() - 3.0).abs() < 1e-12);
        assert_eq!((a + 1.0).value().number(), 5.0);
    }
}

#[test]
fn the_line_that_is_named_is_the_present_one() {
    let recorder = Recorder::new(DType::F64);
    let lines = |tape: &Tape| tape.graph().nodes.iter().map(|node| node.location.line()).collect::<Vec<_>>();
    let first = {
        let tape = recorder.tape();
        let x = tape.input_number(1.0);
        grad(x.tanh(), &[x]);
        lines(&tape)
    };
    let tape = recorder.tape();
    let x = tape.input_number(1.0);
    grad(x.tanh(), &[x]);
    let second = lines(&tape);
    assert_eq!(first.len(), second.len());
    assert!(first.iter().zip(&second).all(|(first, second)| first < second), "{first:?} {second:?}");
    // The gradient of tanh has the line of tanh.
    assert_eq!(second[3], second[1]);
}

#[test]
fn a_panic_while_recording_leaves_the_recorder_usable() {
    let recorder = Recorder::new(DType::F64);
    let record = |columns: usize| {
        let tape = recorder.tape();
        let x = tape.input_numbers([2, 2], [1.0; 4]);
        let w = tape.input_numbers([columns, 2], (0..2 * columns).map(|_| 0.5));
        let (h, _) = scan(&Packing::uniform(3, 2), x, (), |h, ()| ((h.dot(w)).tanh(), ()));
        h.sum().value().number()
    };
    let before = record(2);
    let message = catch_unwind(AssertUnwindSafe(|| record(3))).expect_err("the shapes do not fit");
    let message = message.downcast_ref::<String>().expect("a text");
    assert!(message.contains("dot"), "{message}");
    assert_eq!(record(2), before);
    assert!(catch_unwind(AssertUnwindSafe(|| record(3))).is_err());
    assert_eq!(record(2), before);
}
