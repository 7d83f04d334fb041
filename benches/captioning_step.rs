//! A captioner's step, loss and all gradients: from the tape, and by the formulas that are written out by hand.
//!
//! Both multiply with the same kernel on as many threads, so what differs is what the tape adds (recording, finding the
//! plan, running it) and what its passes take away (products lifted out of loops, padding that is never computed). At
//! `full` length there is no padding, and both do the same arithmetic. "Elements" a second are floating-point operations
//! of the products, padding included.
//!
//! `cargo bench --bench captioning_step`, with `UNSPOOL_BENCH_LARGE=1` for the size L too.

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{Case, L, S, Workload, XS};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unspool::tape::Engine;

fn step(criterion: &mut Criterion) {
    let sizes: &[Workload] =
        if std::env::var_os("UNSPOOL_BENCH_LARGE").is_some() { &[XS, S, L] } else { &[XS, S] };
    for workload in sizes {
        compare(criterion, "ragged", &Case::ragged(*workload, "rnn"));
        compare(criterion, "full", &Case::full(*workload, "rnn"));
    }
    compare(criterion, "ragged lstm", &Case::ragged(XS, "lstm"));
}

fn compare(criterion: &mut Criterion, name: &str, case: &Case) {
    let mut group = criterion.benchmark_group(format!("captioning step {} {name}", case.workload.name));
    group.throughput(Throughput::Elements(case.flops()));
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for threads in [1, 2] {
        let mut engine = Engine::with_threads(threads).expect("threads");
        let (loss, by_hand) = (case.autodiff(&mut engine).number(0), f64::from(case.by_hand().loss));
        assert!((loss - by_hand).abs() < 1e-4 * by_hand, "the forms disagree: {loss} and {by_hand}");
        group.bench_function(format!("autodiff, threads {threads}"), |bencher| {
            bencher.iter(|| case.autodiff(&mut engine).number(0));
        });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(format!("handwritten, threads {threads}"), |bencher| {
            bencher.iter(|| pool.install(|| black_box(case.by_hand()).loss));
        });
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
