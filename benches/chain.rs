//! A chain of 10,000 links `x = tanh(x w + b)`, forward and backward, on values so small that arithmetic is next to
//! nothing: what a tape costs for each elementary operation, of which a link has three.
//!
//! Recorded one by one, as in a plain loop of Rust, by a recorder whose tapes follow the former ones as a training's do;
//! on a new tape each time, whose stages are timed apart too; recorded once, as a scan; and with no tape at all. Forms
//! alternate, and the least time of each counts.
//!
//! `cargo bench --bench chain`, and with `-- --record` the figures go to `benches/record/chain.json`.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Chain, Form, LINKS, VALUES, Wish};
use serde_json::json;
use unspool::tape::{DType, Engine, NodeId, Recorder, Tape};

/// Loss and gradients, as numbers to compare: the loss, and the first element of each gradient.
type Numbers = [f64; 4];

/// A step as a training takes it: recorded, differentiated and run.
fn on_tape(engine: &mut Engine, recorder: &Recorder, form: Form, elements: usize) -> Numbers {
    let tape = recorder.tape();
    let run = engine.run(&Chain::record(&tape, form, elements).outputs()).expect("numbers");
    [0, 1, 2, 3].map(|output| f64::from(run.slice(output).typed::<f32>()[0]))
}

/// The same in plain loops: all links kept, then back.
fn plain(links: &mut [f32], elements: usize) -> Numbers {
    let [x, w, b] = VALUES.map(black_box);
    links[..elements].fill(x);
    for link in 1..=LINKS {
        for k in link * elements..(link + 1) * elements {
            links[k] = (links[k - elements] * w + b).tanh();
        }
    }
    let last = LINKS * elements;
    let loss: f32 = links[last..].iter().sum();
    let (mut dx, mut dw, mut db) = (vec![1.0_f32; elements], vec![0.0; elements], vec![0.0; elements]);
    for link in (1..=LINKS).rev() {
        for k in 0..elements {
            let (before, after) = (links[(link - 1) * elements + k], links[link * elements + k]);
            let da = dx[k] * (1.0 - after * after);
            dw[k] += da * before;
            db[k] += da;
            dx[k] = da * w;
        }
    }
    [loss, dx[0], dw[0], db[0]].map(f64::from)
}

/// Where the time of a step that is recorded one by one goes.
fn stages(engine: &mut Engine, elements: usize) -> [Duration; 4] {
    let start = Instant::now();
    let tape = Tape::new(DType::F32);
    let chain = Chain::record(&tape, Form::OneByOne, elements);
    let recorded = start.elapsed();
    let outputs = chain.outputs();
    let differentiated = start.elapsed();
    let wanted: Vec<NodeId> = outputs.iter().map(|var| var.id()).collect();
    drop(engine.plan(&tape.graph(), &wanted));
    let found = start.elapsed();
    // Finds the plan once more, so that is taken off.
    black_box(engine.run(&outputs).expect("numbers").number(0));
    let ran = start.elapsed();
    let finding = found - differentiated;
    [recorded, differentiated - recorded, finding, (ran - found).saturating_sub(finding)]
}

fn main() {
    let wish = Wish::read();
    let rounds = if wish.short { 1 } else { 60 };
    let mut figures = Vec::new();
    println!("ns per elementary operation, forward and backward together, {LINKS} links of three\n");
    println!(
        "| elements | one by one | on a new tape | recording | differentiating | finding the plan | running | scan \
         | plain loop |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for elements in [1, 4] {
        let mut engines =
            [Engine::with_threads(1), Engine::with_threads(1)].map(|one| one.expect("a thread"));
        let mut links = vec![0.0; (LINKS + 1) * elements];
        let expected = plain(&mut links, elements);
        let forms = [Form::OneByOne, Form::Scan];
        let recorders = forms.map(|_| Recorder::new(DType::F32));
        for ((form, engine), recorder) in forms.into_iter().zip(&mut engines).zip(&recorders) {
            agree(on_tape(engine, recorder, form, elements), expected);
        }
        let [mut one_by_one, mut fresh, mut scanned, mut looped] = [Duration::MAX; 4];
        let mut parts = [Duration::MAX; 4];
        for _ in 0..rounds {
            let [first, second] = &recorders;
            one_by_one = one_by_one.min(time(|| on_tape(&mut engines[0], first, Form::OneByOne, elements)));
            scanned = scanned.min(time(|| on_tape(&mut engines[1], second, Form::Scan, elements)));
            let new = || on_tape(&mut engines[0], &Recorder::new(DType::F32), Form::OneByOne, elements);
            fresh = fresh.min(time(new));
            looped = looped.min(time(|| plain(&mut links, elements)));
            let now = stages(&mut engines[0], elements);
            parts.iter_mut().zip(now).for_each(|(least, now)| *least = now.min(*least));
        }
        let each = |time: Duration| time.as_secs_f64() * 1e9 / (3 * LINKS) as f64;
        let [recording, differentiating, finding, running] = parts.map(each);
        let [one_by_one, fresh, scanned, looped] = [one_by_one, fresh, scanned, looped].map(each);
        println!(
            "| {elements} | {one_by_one:.0} | {fresh:.0} | {recording:.0} | {differentiating:.0} | {finding:.0} | {running:.0} | \
             {scanned:.1} | {looped:.1} |"
        );
        figures.push(json!({
            "elements": elements,
            "one_by_one_ns": one_by_one,
            "on_a_new_tape_ns": fresh,
            "stages_ns": {
                "recording": recording,
                "differentiating": differentiating,
                "finding_the_plan": finding,
                "running": running,
            },
            "scan_ns": scanned,
            "plain_loop_ns": looped,
        }));
    }
    wish.keep("chain", json!(figures));
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn agree(found: Numbers, expected: Numbers) {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-4 * b.abs().max(1e-3);
    assert!(found.iter().zip(&expected).all(close), "{found:?}, but a plain loop gives {expected:?}");
}
