//! A training that goes on for long: what it holds stays bounded, whatever shapes its batches have.

use std::collections::HashSet;

use allocation_counter::measure;
use nn::{
    Adam, Embedding, GruResetBefore, Layout, Params, Sequence, TemporalAffine, Trainer, temporal_softmax,
    unroll, zero_state,
};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tape::{DType, Tape, Var};

const WORDS: usize = 20;

/// Predicts the next word of sequences of random words.
struct Model {
    embed: Embedding,
    cell: GruResetBefore,
    scores: TemporalAffine,
}

/// Sequences of a step.
struct Batch {
    lengths: Vec<usize>,
    words: Vec<i32>,
}

impl Batch {
    /// `sequences` sequences of 1 to `longest` words.
    fn draw(dice: &mut ChaCha8Rng, sequences: usize, longest: usize) -> Batch {
        let lengths: Vec<usize> = (0..sequences).map(|_| dice.random_range(1..=longest)).collect();
        let steps = lengths.iter().copied().max().unwrap_or(0);
        let words = (0..sequences * steps).map(|_| dice.random_range(0..WORDS as i32)).collect();
        Batch { lengths, words }
    }
}

impl Model {
    fn new(params: &mut Params) -> Model {
        Model {
            embed: Embedding::new(params.scope("embed"), WORDS, 8),
            cell: GruResetBefore::new(params.scope("gru"), 8, 16),
            scores: TemporalAffine::new(params.scope("scores"), 16, WORDS),
        }
    }

    fn loss<'t>(&self, tape: &'t Tape, batch: &Batch) -> Var<'t> {
        let steps = batch.words.len() / batch.lengths.len();
        let layout = Layout::new(steps, &batch.lengths);
        let mask: Vec<bool> = (0..batch.words.len()).map(|k| k % steps < batch.lengths[k / steps]).collect();
        let inputs = self.embed.apply_sequence(&Sequence::words(tape, &batch.words, &layout));
        let (outputs, _) = unroll(&self.cell, &inputs, zero_state(tape, batch.lengths.len(), 16));
        temporal_softmax(&self.scores.apply(&outputs), &batch.words, &mask).per_word()
    }
}

struct Training {
    params: Params,
    model: Model,
    trainer: Trainer<Adam>,
    dice: ChaCha8Rng,
}

impl Training {
    fn new() -> Training {
        let mut params = Params::seeded(DType::F32, 1);
        let model = Model::new(&mut params);
        let trainer = Trainer::new(&mut params, Adam::new(1e-3)).with_clip(5.0);
        Training { params, model, trainer, dice: ChaCha8Rng::seed_from_u64(1) }
    }

    fn step(&mut self, batch: &Batch) {
        let model = &self.model;
        self.trainer.step(&mut self.params, |tape| model.loss(tape, batch)).expect("a finite loss");
    }
}

#[test]
fn a_thousand_shapes_keep_plans_and_bytes_within_bounds() {
    let mut training = Training::new();
    let mut seen = HashSet::new();
    // Batches of another shape each, all of at most 6 times 9 rows.
    let mut next = |training: &mut Training| loop {
        let batch = Batch::draw(&mut training.dice, 6, 9);
        let mut sorted = batch.lengths.clone();
        sorted.sort_unstable();
        if seen.insert(sorted) {
            return batch;
        }
    };
    // What each hundred of them leaves on the heap, in bytes.
    let mut left = Vec::new();
    for _ in 0..10 {
        let batches: Vec<Batch> = (0..100).map(|_| next(&mut training)).collect();
        left.push(measure(|| batches.iter().for_each(|batch| training.step(batch))).bytes_current);
        assert!(training.trainer.engine.plans() <= 64, "{}", training.trainer.engine.plans());
    }
    assert_eq!(training.trainer.engine.plans(), 64);
    // The first hundreds fill the plans and trails that are kept; after them nothing but their sizes varies.
    let kept = left[..3].iter().sum::<i64>();
    let more = left[3..].iter().sum::<i64>();
    assert!(more.abs() < kept / 4, "{kept} bytes after 300 shapes, {more} more after 1000: {left:?}");
    assert!(training.trainer.engine.bytes() < 1 << 20, "{}", training.trainer.engine.bytes());
}

/// Resident memory in kB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says what a process holds");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of resident memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// How long this thread has run, in microseconds: unlike the clock, this does not count the work of others.
#[cfg(target_os = "linux")]
fn ran() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts a thread's time");
    let nanoseconds = text.split_whitespace().next().expect("the time first");
    1e-3 * nanoseconds.parse::<f64>().expect("a number of nanoseconds")
}

/// `cargo test -p unspool-nn --test long_life -- --ignored --nocapture`; docs/notes/long-life.md has what it printed.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes minutes; CONTRIBUTING.md says when to run it"]
fn a_hundred_thousand_steps_hold_no_more_than_the_first_ten_thousand() {
    let mut training = Training::new();
    let mut tenths = Vec::new();
    println!("  steps  resident kB  plans  arena bytes  processor us/step");
    for tenth in 1..=10 {
        let begin = ran();
        for _ in 0..10_000 {
            let batch = Batch::draw(&mut training.dice, 4, 6);
            training.step(&batch);
        }
        let (time, engine) = (1e-4 * (ran() - begin), &training.trainer.engine);
        let (plans, bytes, steps) = (engine.plans(), engine.bytes(), tenth * 10_000);
        println!("{steps:>7} {:>12} {plans:>6} {bytes:>12} {time:>18.1}", resident());
        tenths.push(resident());
    }
    // A page for each step would be 360 MB. Times are printed and not asserted.
    assert!(tenths[9] <= tenths[0] + 2048, "{tenths:?}");
}
