//! What a step costs on several ranks: measured on those there are, and computed for those there are not. `docs/scaling.md` has
//! the model and the figures.
//!
//! ```text
//! cargo bench --features mpi --bench scaling --no-run           prints where the program is
//! mpirun -n 2 --bind-to none PROGRAM                            measures
//! PROGRAM --simulate COMPUTE_MS ALPHA_US GB_PER_S               computes, from a rank's step and what a message costs here
//! ```

mod common;
#[path = "common/simulation.rs"]
mod simulation;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{S, Workload};
use simulation::simulate;
use unspool::caption::data::{Split, Vocabulary};
use unspool::caption::model::{Input, ModelSettings};
use unspool::caption::training::{Recipe, Training};
use unspool::lab::ranks;
use unspool::nn::Exchange;
use unspool::nn::exchange::Collective;
use unspool::tape::{DType, Tensor};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let short = arguments.iter().any(|argument| argument == "--test");
    let given = arguments.iter().position(|argument| argument == "--simulate");
    if let Some(place) = given {
        let numbers: Vec<f64> =
            arguments[place + 1..].iter().filter_map(|number| number.parse().ok()).collect();
        let [compute, alpha, speed] = numbers[..] else { panic!("--simulate takes three numbers") };
        return simulate(1e-3 * compute, 1e-6 * alpha, 1e9 * speed);
    }
    let exchange = ranks::join().unwrap_or_else(|problem| panic!("{problem}"));
    messages(&exchange, if short { 3 } else { 60 });
    for (words, times) in [(1_004, 20), (10_000, 6)] {
        steps(&exchange, words, if short { 1 } else { times });
    }
    ranks::part(&exchange, true);
}

/// Prints, on the first rank.
fn say(exchange: &Exchange, line: &str) {
    if exchange.rank() == 0 {
        println!("{line}");
    }
}

/// The times of something that was done several times. On a machine with other work the fastest, and the processor's time, say
/// more than the median.
struct Times {
    median: f64,
    fastest: f64,
}

impl Times {
    /// In milliseconds.
    fn of(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        let at = |place: usize| 1e3 * times[place].as_secs_f64();
        Times { median: at(times.len() / 2), fastest: at(0) }
    }
}

/// The milliseconds that this process has had of all processors, where the system says so.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // In hundredths of a second: the twelfth and thirteenth after the name, for the program and for the system.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// What sums of different sizes take: the latency is that of the smallest, the bandwidth what larger ones take beyond it.
fn messages(exchange: &Exchange, times: usize) {
    say(exchange, &format!("{} ranks; sums of f32, median and fastest of {times}", exchange.ranks()));
    let mut found = Vec::new();
    for power in [0, 8, 12, 16, 18, 20, 22] {
        let time = |_| {
            let sum = move |all: &mut dyn Collective| {
                let mut numbers = Tensor::zeros(DType::F32, [1 << power]);
                let begin = Instant::now();
                all.sum(&mut numbers).map(|()| begin.elapsed())
            };
            exchange.call(sum).and_then(|time| time).unwrap_or_else(|problem| panic!("{problem}"))
        };
        let Times { median, fastest } = Times::of((0..times).map(time).collect());
        say(exchange, &format!("  {:>10} bytes  {median:9.3} ms  {fastest:9.3} ms", 4 << power));
        found.push((f64::from(4 << power), fastest));
    }
    let ((small, least), (large, most)) = (found[0], found[found.len() - 1]);
    let speed = (large - small) / (most - least) / 1e6;
    say(exchange, &format!("  of the fastest: latency {:.0} us, {speed:.2} GB/s", 1e3 * least));
}

/// Steps that the data is for, at the size S.
const STEPS_OF_DATA: usize = 4;

/// Pictures with random captions, all of full length.
fn split(words: usize) -> Split {
    let workload = Workload { n: STEPS_OF_DATA * S.n, v: words, ..S };
    workload.split(workload.draw_features(), workload.draw_captions(S.t..=S.t))
}

/// A training of an LSTM with so many captions a step.
fn training(words: usize, batch: usize, shards: Option<usize>) -> Training {
    let settings = ModelSettings {
        input: Input::Features { width: S.f },
        cell: "lstm".into(),
        embedding: S.d,
        hidden: S.h,
        vocabulary: words,
        ..ModelSettings::default()
    };
    let recipe = Recipe { batch, steps: 1000, shards, ..Recipe::default() };
    let vocabulary = Vocabulary::from_entries((0..words).map(|word| word.to_string()).collect());
    Training::new(settings, recipe, vocabulary, STEPS_OF_DATA * S.n).unwrap_or_else(|error| panic!("{error}"))
}

/// The times of steps, after two that make plans, and what each took of the processors, in milliseconds.
fn time(training: &mut Training, split: &Split, times: usize) -> (Times, f64) {
    let mut step = || {
        let begin = Instant::now();
        training.take_step(split).unwrap_or_else(|error| panic!("{error}"));
        begin.elapsed()
    };
    step();
    step();
    let before = processor();
    let found = Times::of((0..times).map(|_| step()).collect());
    (found, (processor() - before) / times as f64)
}

/// What steps take that are shared, and those of the same parts alone.
fn steps(exchange: &Arc<Exchange>, words: usize, times: usize) {
    let (ranks, split) = (exchange.ranks(), split(words));
    let own = S.n.div_ceil(ranks);
    let mut alone = training(words, own, None);
    let weights = alone.params.weight_count();
    let (found, processor) = time(&mut alone, &split, times);
    say(exchange, &format!("{words} words, {weights} weights, {} captions a step; {times} steps", S.n));
    let line = |found: Times, processor: f64, what: &str| {
        let Times { median, fastest } = found;
        let line =
            format!("  median {median:.0} ms, fastest {fastest:.0} ms, processor {processor:.0} ms: {what}");
        say(exchange, &line);
    };
    line(found, processor, &format!("a rank's {own} captions alone"));
    for shards in [None, Some(ranks), Some(4)] {
        let mut shared = training(words, S.n, shards);
        shared.share(exchange);
        let before = exchange.traffic();
        let (found, processor) = time(&mut shared, &split, times);
        let after = exchange.traffic();
        let count = (times + 2) as f64;
        let each = |time: Duration| 1e3 * time.as_secs_f64() / count;
        let (busy, waited) = (each(after.busy - before.busy), each(after.waited - before.waited));
        let name = shards.map_or("any order".into(), |shards| format!("{shards} shards"));
        let (bytes, buckets) = ((after.bytes - before.bytes) as f64, (after.buckets - before.buckets) as f64);
        let what = format!(
            "{name}, {:.2} MB in {:.0} buckets, {busy:.0} ms summing and waiting for the other ranks, {waited:.0} ms of them the \
             step waited",
            bytes / count / 1e6,
            buckets / count
        );
        line(found, processor, &what);
    }
}
