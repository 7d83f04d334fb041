//! Values: those of the plain loops, by the interpreter and by the engine, in both types, with every pass by itself.

use std::collections::BTreeSet;

use tape::ops::{Op, Operation, Part};
use tape::passes::{self, PIPELINE, Pass};
use tape::plan::Plan;
use tape::program::Program;
use tape::{DType, Engine, Graph, NodeId, Tape, Var, try_grad};

use crate::arrays::Array;
use crate::samples::{self, Sample};
use crate::{by_engine, close, each_sample, plainly, steps};

/// The result, its gradients, and the gradients of a number made of these.
fn wanted<'t>(sample: &Sample, inputs: &[Var<'t>], result: Var<'t>) -> Vec<Var<'t>> {
    let real = sample.real(inputs);
    let gradients = |of: Var<'t>| try_grad(of, &real).expect("a single number").into_iter().flatten();
    let first: Vec<Var<'t>> = gradients(result.square().sum()).collect();
    let mixed = first.iter().fold(result.sum(), |sum, gradient| sum + gradient.square().sum());
    let second: Vec<Var<'t>> = gradients(mixed).collect();
    [result].into_iter().chain(first).chain(second).collect()
}

#[test]
fn values_are_those_of_plain_loops() {
    each_sample(|sample| {
        let expected = (sample.plain)(&sample.arrays());
        for (dtype, limit) in [(DType::F64, 1e-13), (DType::F32, 1e-5)] {
            let tape = Tape::new(dtype);
            let (_, result) = sample.on(&tape);
            close(&plainly(&[result])[0], &expected, limit, &format!("{}, interpreter", sample.label));
            close(&by_engine(&[result])[0], &expected, limit, &format!("{}, engine", sample.label));
        }
    });
}

#[test]
fn the_engine_computes_what_the_interpreter_does() {
    each_sample(|sample| {
        for (dtype, limit) in [(DType::F64, 1e-11), (DType::F32, 1e-3)] {
            let tape = Tape::new(dtype);
            let (inputs, result) = sample.on(&tape);
            let wanted = wanted(sample, &inputs, result);
            for (found, plain) in by_engine(&wanted).iter().zip(plainly(&wanted)) {
                close(found, &plain, limit, &sample.label);
            }
        }
    });
}

#[test]
fn each_pass_alone_changes_nothing() {
    let none: &[Pass] = &[];
    each_sample(|sample| {
        let tape = Tape::new(DType::F64);
        let (inputs, result) = sample.on(&tape);
        let wanted = wanted(sample, &inputs, result);
        let plain = plainly(&wanted);
        let outputs: Vec<NodeId> = wanted.iter().map(|var| var.id()).collect();
        for passes in PIPELINE.iter().map(std::slice::from_ref).chain([none]) {
            let program = Program { graph: tape.graph().clone(), outputs: outputs.clone() };
            let mut engine = Engine::new();
            let run = engine.run_plan(&tape, Plan::with_passes(program, passes)).expect("it ran before");
            for (index, plain) in plain.iter().enumerate() {
                let label = format!("{}, {}", sample.label, passes.first().map_or("no pass", |pass| pass.0));
                close(&Array::of(&run.tensor(index)), plain, 1e-11, &label);
            }
        }
    });
}

#[test]
fn every_operation_has_samples_of_every_form() {
    for operation in Operation::ALL {
        let samples = samples::of(*operation);
        assert!(!samples.is_empty(), "{operation:?} has no samples");
        for sample in &samples {
            let op = sample.op.as_ref().map_or(*operation, Op::operation);
            assert_eq!(op, *operation, "{} stands among the samples of another", sample.label);
        }
        let has = |form: &dyn Fn(&[usize]) -> bool| {
            let sizes = |sample: &Sample| sample.arrays().iter().any(|array| form(&array.sizes));
            samples.iter().any(sizes)
        };
        // A number has no operands; the rows of a placed element and the steps of a loop have one axis less.
        let axes = match operation {
            Operation::Scalar => continue,
            Operation::Scan | Operation::Part | Operation::Place => 2,
            Operation::Dot | Operation::Input => 2,
            _ => 3,
        };
        assert!(has(&|sizes| sizes.len() >= axes), "{operation:?} has no sample with {axes} axes");
        assert!(has(&|sizes| sizes.contains(&1)), "{operation:?} has no sample with an axis of one");
        let empties = |sample: &Sample| {
            let result = (sample.plain)(&sample.arrays());
            sample.arrays().iter().chain([&result]).any(|array| array.sizes.contains(&0))
        };
        assert!(samples.iter().any(empties), "{operation:?} has no sample with an empty axis");
    }
}

/// The parts by number; another one needs a number of its own here, and a sample that uses it.
fn number(part: Part) -> usize {
    match part {
        Part::Final(_) => 0,
        Part::Stacked(_) => 1,
        Part::Summed(_) => 2,
        Part::Result(_) => 3,
    }
}
const PARTS: usize = 4;

/// The operations of a graph and of the bodies in it, and the numbers of its parts.
fn collect(graph: &Graph, operations: &mut BTreeSet<String>, parts: &mut BTreeSet<usize>) {
    for node in &graph.nodes {
        operations.insert(format!("{:?}", node.op.operation()));
        if let Op::Part(part) = node.op {
            parts.insert(number(part));
        }
        if let Some(body) = node.op.body() {
            collect(body, operations, parts);
        }
    }
}

#[test]
fn samples_use_what_they_stand_for() {
    let mut parts = BTreeSet::new();
    for operation in Operation::ALL {
        let mut operations = BTreeSet::new();
        for sample in samples::of(*operation) {
            let tape = Tape::new(DType::F32);
            let (_, result) = sample.on(&tape);
            let graph = tape.graph().clone();
            collect(&graph, &mut operations, &mut parts);
            let program = passes::run(Program { graph, outputs: vec![result.id()] }, PIPELINE);
            collect(&program.graph, &mut operations, &mut parts);
        }
        assert!(operations.contains(&format!("{operation:?}")), "no sample of {operation:?} uses it");
    }
    assert_eq!(parts.len(), PARTS, "only the parts {parts:?} are used");
    assert!(steps::all().len() > 100, "loops refuse what they took: {}", steps::all().len());
}
