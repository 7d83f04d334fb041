//! What a step costs on several ranks: measured on those there are, and computed for those there are not. `docs/scaling.md` has
//! the model and the figures.
//!
//! ```text
//! cargo bench --features mpi --bench scaling --no-run           prints where the program is
//! mpirun -n 2 --bind-to none PROGRAM                            measures
//! PROGRAM --simulate COMPUTE_MS ALPHA_US GB_PER_S               computes, from a rank's step and what a message costs here
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use unspool::caption::data::{Captions, Pictures, Split, Vocabulary};
use unspool::caption::model::{Input, ModelSettings};
use unspool::caption::training::{Recipe, Training};
use unspool::lab::ranks;
use unspool::nn::Exchange;
use unspool::nn::exchange::Collective;
use unspool::tape::{DType, Tensor};

/// Sizes: CS231n's captioner with an LSTM.
const CAPTIONS: usize = 50;
const STEPS: usize = 16;
const FEATURES: usize = 512;
const EMBEDDING: usize = 256;
const HIDDEN: usize = 512;

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

/// Random captions, all of full length.
fn split(words: usize) -> Split {
    let count = 4 * CAPTIONS;
    let mut state = 1_u64;
    let mut draw = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let ids = (0..count * (STEPS + 1)).map(|_| 4 + draw(words - 4) as i32).collect();
    let data = (0..count * FEATURES).map(|_| draw(1000) as f32 / 500.0 - 1.0).collect();
    Split {
        pictures: Pictures::Features { width: FEATURES, data },
        names: (0..count).map(|picture| picture.to_string()).collect(),
        captions: Captions { width: STEPS + 1, ids },
        picture_of: (0..count).collect(),
        references: Vec::new(),
    }
}

/// A training of so many captions a step.
fn training(words: usize, batch: usize, shards: Option<usize>) -> Training {
    let settings = ModelSettings {
        input: Input::Features { width: FEATURES },
        cell: "lstm".into(),
        embedding: EMBEDDING,
        hidden: HIDDEN,
        vocabulary: words,
        ..ModelSettings::default()
    };
    let recipe = Recipe { batch, steps: 1000, shards, ..Recipe::default() };
    let vocabulary = Vocabulary::from_entries((0..words).map(|word| word.to_string()).collect());
    Training::new(settings, recipe, vocabulary, 4 * CAPTIONS).unwrap_or_else(|error| panic!("{error}"))
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
    let mut alone = training(words, CAPTIONS.div_ceil(ranks), None);
    let weights = alone.params.weight_count();
    let (found, processor) = time(&mut alone, &split, times);
    say(exchange, &format!("{words} words, {weights} weights, {CAPTIONS} captions a step; {times} steps"));
    let line = |found: Times, processor: f64, what: &str| {
        let Times { median, fastest } = found;
        let line =
            format!("  median {median:.0} ms, fastest {fastest:.0} ms, processor {processor:.0} ms: {what}");
        say(exchange, &line);
    };
    line(found, processor, &format!("a rank's {} captions alone", CAPTIONS.div_ceil(ranks)));
    for shards in [None, Some(ranks), Some(4)] {
        let mut shared = training(words, CAPTIONS, shards);
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

/// What ranks are joined by: the time of a message of nothing, and bytes in a second, of each rank.
struct Network {
    name: &'static str,
    latency: f64,
    speed: f64,
}

/// The time of a step of so many captions at each of so many ranks, of a model with so many words. `compute` is that of 50.
fn step(network: &Network, ranks: f64, captions: f64, words: f64, compute: f64) -> (f64, f64) {
    let (cell, scores) = (4.0 * (EMBEDDING + HIDDEN + 1) as f64 * HIDDEN as f64, (HIDDEN + 1) as f64 * words);
    let project = ((FEATURES + 1) * HIDDEN) as f64;
    let computed = compute * captions / CAPTIONS as f64;
    let rounds = ranks.log2().ceil();
    // Halving and doubling: each number is sent once as a share and once as a sum.
    let sum = |numbers: f64| {
        let bytes = 4.0 * numbers * (ranks - 1.0) / ranks;
        3.0 * rounds * network.latency + 2.0 * bytes / network.speed
    };
    let (table, rows) = (words * EMBEDDING as f64, captions * STEPS as f64 * (EMBEDDING + 1) as f64);
    let gathered = 4.0 * rounds * network.latency + 4.0 * rows * (ranks - 1.0) / network.speed;
    let embedding = if rows * ranks < 2.0 * table { gathered } else { sum(table) };
    // The forward sweep is a third of the products; then come the gradients of the scores, and with the last of the cell all
    // others.
    let share = scores / (scores + cell);
    let buckets =
        [(1.0 / 3.0 + 2.0 / 3.0 * share, sum(scores)), (1.0, sum(cell + project)), (1.0, embedding)];
    let end = buckets.iter().fold(0.0_f64, |end, (ready, cost)| end.max(ready * computed) + cost);
    (end.max(computed), computed)
}

/// Tables of the share of time in which ranks compute, and of how much faster they are than one.
fn simulate(compute: f64, latency: f64, speed: f64) {
    let networks = [
        Network { name: "as measured here", latency, speed },
        Network { name: "1 Gbit Ethernet", latency: 50e-6, speed: 0.117e9 },
        Network { name: "10 Gbit Ethernet", latency: 20e-6, speed: 1.17e9 },
        Network { name: "100 Gbit InfiniBand", latency: 2e-6, speed: 12e9 },
    ];
    let ranks: Vec<f64> = (3..=10).map(|power| f64::from(1 << power)).collect();
    for (words, factor) in [(1_004.0, 1.0), (10_000.0, 2.9)] {
        for (what, strong) in [("50 captions at each rank", false), ("3200 captions a step", true)] {
            println!("{words} words, {what}: times as fast as one rank");
            let heads = ranks.iter().map(|ranks| format!("{ranks:>7}"));
            println!("  {:<22}{}", "ranks", heads.collect::<String>());
            for network in &networks {
                let gain = |ranks: &f64| {
                    let captions = if strong { 3200.0 / ranks } else { CAPTIONS as f64 };
                    let (step, computed) = step(network, *ranks, captions, words, factor * compute);
                    format!("{:>7.1}", ranks * computed / step)
                };
                println!("  {:<22}{}", network.name, ranks.iter().map(gain).collect::<String>());
            }
        }
    }
}
