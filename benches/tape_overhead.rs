//! What the tape costs beside the arithmetic: to record, to differentiate, to plan, to find a plan, to run one.
//!
//! The chain is `x = tanh(x w + b)`, three operations a link on values so small that arithmetic is next to nothing.
//! "Elements" are nodes, instructions, or the chain's operations, as a benchmark's name says: 10 million a second are
//! 100 ns each.
//!
//! `cargo bench --bench tape_overhead`

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Case, Chain, Form, LINKS, S, XS, nodes};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use unspool::tape::plan::Plan;
use unspool::tape::{DType, Engine, NodeId, Recorder, Tape, Var};

/// Operations of a chain.
const OPERATIONS: usize = 3 * LINKS;

fn settings(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
}

fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record, per node");
    settings(&mut group);
    let tape = Tape::new(DType::F32);
    let chain = Chain::record(&tape, Form::OneByOne, 1);
    let forward = nodes(&tape.graph());
    chain.outputs();
    let backward = nodes(&tape.graph()) - forward;

    group.throughput(Throughput::Elements(forward as u64));
    group.bench_function("chain", |bencher| {
        bencher.iter(|| {
            let tape = Tape::new(DType::F32);
            black_box(Chain::record(&tape, Form::OneByOne, 1).loss.id())
        });
    });
    // As a training records it: the second time and ever after.
    let recorder = Recorder::new(DType::F32);
    group.bench_function("chain, followed", |bencher| {
        bencher.iter(|| {
            let tape = recorder.tape();
            black_box(Chain::record(&tape, Form::OneByOne, 1).loss.id())
        });
    });
    group.throughput(Throughput::Elements((forward + backward) as u64));
    group.bench_function("chain with gradients, followed", |bencher| {
        bencher.iter(|| {
            let tape = recorder.tape();
            black_box(Chain::record(&tape, Form::OneByOne, 1).outputs().len())
        });
    });
    group.throughput(Throughput::Elements(backward as u64));
    group.bench_function("gradients of the chain", |bencher| {
        let gradients_alone = || {
            let tape = Tape::new(DType::F32);
            let chain = Chain::record(&tape, Form::OneByOne, 1);
            let start = Instant::now();
            black_box(chain.outputs());
            start.elapsed()
        };
        bencher.iter_custom(|times| (0..times).map(|_| gradients_alone()).sum());
    });

    let case = Case::ragged(XS, "rnn");
    let tape = case.params.tape();
    let loss = case.loss(&tape);
    let forward = nodes(&tape.graph());
    case.gradients(&tape, loss);
    group.throughput(Throughput::Elements(forward as u64));
    group.bench_function("captioner, followed", |bencher| {
        bencher.iter(|| {
            let tape = case.params.tape();
            black_box(case.loss(&tape).id())
        });
    });
    group.throughput(Throughput::Elements(nodes(&tape.graph()) as u64));
    group.bench_function("captioner with gradients, followed", |bencher| {
        bencher.iter(|| {
            let tape = case.params.tape();
            black_box(case.outputs(&tape).len())
        });
    });
    group.finish();
}

/// Recorded before, run again. Of an unrolled chain, finding the plan is a good part: see `plan` for that alone.
fn replay(criterion: &mut Criterion) {
    for elements in [1, 4] {
        let mut group = criterion.benchmark_group(format!("replay, per instruction, {elements} elements"));
        settings(&mut group);
        let mut measure = |name: &str, outputs: &[Var<'_>]| {
            let mut engine = Engine::new();
            let run = engine.run(outputs).expect("numbers");
            group.throughput(Throughput::Elements(instructions_run(run.plan())));
            group.bench_function(name, |bencher| {
                bencher.iter(|| engine.run(outputs).expect("numbers").number(0));
            });
        };
        for (name, form) in [("unrolled", Form::OneByOne), ("scan", Form::Scan)] {
            let tape = Tape::new(DType::F32);
            let chain = Chain::record(&tape, form, elements);
            measure(&format!("{name}, forward"), &[chain.loss]);
            measure(&format!("{name}, forward and backward"), &chain.outputs());
        }
        group.finish();
    }
}

/// The instructions of a plan, those of a chain's loops as often as they run.
fn instructions_run(plan: &Plan) -> u64 {
    // A dump has a line for each, and those of a loop are set in.
    let in_loops =
        plan.dump().lines().filter(|line| line.starts_with("    ") && line.contains(" = ")).count();
    (plan.instructions() + in_loops * (LINKS - 1)) as u64
}

/// Recorded, differentiated and run in every step, as a training does: to be compared with other tapes.
fn step(criterion: &mut Criterion) {
    for elements in [1, 4] {
        let mut group = criterion.benchmark_group(format!("whole step, per operation, {elements} elements"));
        settings(&mut group);
        group.throughput(Throughput::Elements(OPERATIONS as u64));
        for (name, form) in [("unrolled", Form::OneByOne), ("scan", Form::Scan)] {
            let (mut engine, recorder) = (Engine::new(), Recorder::new(DType::F32));
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let tape = recorder.tape();
                    let chain = Chain::record(&tape, form, elements);
                    engine.run(&chain.outputs()).expect("numbers").number(0)
                });
            });
        }
        group.finish();
    }
}

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan, per node");
    settings(&mut group);
    let mut measure = |name: &str, tape: &Tape, outputs: &[Var<'_>]| {
        let wanted: Vec<NodeId> = outputs.iter().map(|var| var.id()).collect();
        group.throughput(Throughput::Elements(nodes(&tape.graph()) as u64));
        group.bench_function(format!("{name}, made"), |bencher| {
            bencher.iter(|| Engine::new().plan(&tape.graph(), &wanted).bytes());
        });
        let mut engine = Engine::new();
        group.bench_function(format!("{name}, found"), |bencher| {
            bencher.iter(|| engine.plan(&tape.graph(), &wanted).bytes());
        });
    };
    for workload in [XS, S] {
        let case = Case::ragged(workload, "rnn");
        let tape = case.params.tape();
        let outputs = case.outputs(&tape);
        measure(&format!("captioner {}", workload.name), &tape, &outputs);
    }
    let tape = Tape::new(DType::F32);
    let outputs = Chain::record(&tape, Form::OneByOne, 1).outputs();
    measure("chain", &tape, &outputs);
    group.finish();
}

/// How much longer a captioner's gradients take than its loss alone, recorded before.
fn backward_against_forward(criterion: &mut Criterion) {
    for workload in [XS, S] {
        let case = Case::ragged(workload, "rnn");
        let mut group = criterion.benchmark_group(format!("captioner {}, recorded before", workload.name));
        settings(&mut group);
        let tape = case.params.tape();
        let outputs = case.outputs(&tape);
        let mut engine = Engine::with_threads(1).expect("a thread");
        group.bench_function("forward", |bencher| {
            bencher.iter(|| engine.run(&outputs[..1]).expect("words of the vocabulary").number(0));
        });
        group.bench_function("forward and backward", |bencher| {
            bencher.iter(|| engine.run(&outputs).expect("words of the vocabulary").number(0));
        });
        group.finish();
    }
}

criterion_group!(benches, record, replay, step, plan, backward_against_forward);
criterion_main!(benches);
