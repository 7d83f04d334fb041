//! ADBench's LSTM problem, `lstm_l2_c1024`: the objective, and the objective with its gradient, each recorded anew.
//!
//! `cargo bench --bench adbench_lstm`. What ADBench's other tools take is said in `docs/notes/adbench.md`.

#[path = "common/adbench.rs"]
mod adbench;

use std::hint::black_box;

use adbench::AdBench;
use criterion::{Criterion, criterion_group, criterion_main};
use unspool::tape::Engine;

fn lstm(criterion: &mut Criterion) {
    let problem = AdBench::read();
    let mut engine = Engine::with_threads(1).expect("threads");
    let (loss, gradient) = problem.loss_and_gradient(&mut engine);
    assert!((loss - problem.objective).abs() < 1e-8 && gradient.len() == problem.gradient.len());
    let mut group = criterion.benchmark_group("ADBench lstm_l2_c1024");
    group.bench_function("objective", |bencher| bencher.iter(|| black_box(problem.loss(&mut engine))));
    group.bench_function("gradient", |bencher| {
        bencher.iter(|| black_box(problem.loss_and_gradient(&mut engine)));
    });
    group.finish();
}

criterion_group!(benches, lstm);
criterion_main!(benches);
