//! What cells are compared on: problems about sequences, drawn from a seed, each with what a program reaches that has
//! understood nothing of it.
//!
//! A [`Task`] draws batches of any number of sequences, and of other lengths than those that are trained on. What counts is
//! either a class at some steps, for which the loss is the cross entropy, or numbers at some steps, for which it is the
//! squared error; both are means over the steps that count.
//!
//! | task | asks for |
//! |---|---|
//! | [`Adding`] | the sum of two marked numbers |
//! | [`CopyMemory`] | symbols again after a delay |
//! | [`SelectiveCopy`] | symbols again that stood among blanks |
//! | [`Dyck`] | the bracket that may be closed |
//! | [`Parity`] | whether the ones so far are odd in number |
//! | [`AssociativeRecall`] | the values of keys |
//! | [`Sorting`] | symbols again in order |
//! | [`Text`] | the next character of a text |

mod adding;
mod copy_memory;
mod dyck;
mod parity;
mod recall;
mod selective_copy;
mod settings;
mod sorting;
mod steps;
mod tales;
mod text;

pub use adding::Adding;
pub use copy_memory::CopyMemory;
pub use dyck::Dyck;
pub use parity::Parity;
pub use recall::AssociativeRecall;
pub use selective_copy::SelectiveCopy;
pub use settings::{Setting, TaskError, parse};
pub use sorting::Sorting;
pub use steps::Steps;
pub use text::Text;

use nn::Layout;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A problem about sequences.
pub trait Task: Send + Sync {
    /// The name by which it is chosen, with the settings that are not the usual ones: `adding`, `adding:steps=200`.
    fn name(&self) -> String;

    /// What it asks, in a sentence with its settings.
    fn about(&self) -> String;

    /// Where it comes from: authors, title, year, address.
    fn source(&self) -> &'static str;

    /// What a step shows.
    fn inputs(&self) -> Kind;

    /// What is to be said at a step.
    fn outputs(&self) -> Kind;

    /// How answers are judged.
    fn measure(&self) -> Measure;

    /// The length that is trained on, in the terms of the task, such as the steps of a delay.
    fn length(&self) -> usize;

    /// The lengths that a trained model is tested on to see whether it has learned a rule, the trained one included, ascending.
    fn test_lengths(&self) -> Vec<usize> {
        vec![self.length()]
    }

    /// Draws so many sequences of a length to train on. A task that is trained on many lengths draws one up to this for
    /// each sequence. A length that is too short for the task is the shortest that is not.
    fn draw(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch;

    /// Draws so many sequences of exactly this length to judge a model on: from what is kept out of training, where there
    /// is a limited supply.
    fn draw_held_out(&self, sequences: usize, length: usize, generator: &mut ChaCha8Rng) -> Batch {
        self.draw(sequences, length, generator)
    }

    /// What is reached on held-out sequences of a length without looking at what matters.
    fn baseline(&self, length: usize) -> Baseline;

    /// The numbers that can be set by name.
    fn settings(&mut self) -> Vec<Setting<'_>> {
        Vec::new()
    }
}

/// What stands at a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One of so many symbols, which a model sees one-hot and says by a score for each.
    Symbols(usize),
    /// So many numbers.
    Numbers(usize),
}

impl Kind {
    /// How wide a row of it is.
    pub fn width(self) -> usize {
        match self {
            Kind::Symbols(width) | Kind::Numbers(width) => width,
        }
    }
}

/// How answers are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of answers that are right, of 1.
    Accuracy,
    /// The mean of the squared distance.
    SquaredError,
    /// The cross entropy in bits a symbol.
    Bits,
}

impl Measure {
    /// Whether more of it is better.
    pub fn higher_is_better(self) -> bool {
        self == Measure::Accuracy
    }

    /// What it is called beside a number.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Accuracy => "accuracy",
            Measure::SquaredError => "squared error",
            Measure::Bits => "bits per symbol",
        }
    }

    /// Whether one score is better than another; a score that is not a number is not better than any.
    pub fn better(self, score: f64, other: f64) -> bool {
        if self.higher_is_better() { score > other } else { score < other }
    }
}

/// What is reached by a program that has understood nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// Its loss, as a mean over the steps that count: nats, or a squared error.
    pub loss: f64,
    /// Its score in the task's measure.
    pub score: f64,
    /// What it does: `says 1, the mean of the sum`.
    pub strategy: String,
}

/// Symbols (N, T) or numbers (N, T, D), row-major and padded.
#[derive(Clone, PartialEq, Debug)]
pub enum Values {
    /// Numbers of symbols (N, T).
    Symbols(Vec<i32>),
    /// Numbers (N, T, D).
    Numbers(Vec<f32>),
}

/// Sequences with the answers to them.
#[derive(Clone, PartialEq, Debug)]
pub struct Batch {
    /// How long each sequence is, of N sequences of at most T steps.
    pub layout: Layout,
    /// What each step shows.
    pub inputs: Values,
    /// What is to be said at each step; at steps that do not count, anything.
    pub targets: Values,
    /// The steps (N, T) whose loss counts.
    pub counted: Vec<bool>,
    /// The steps (N, T) whose answers are judged: some or all of those that count.
    pub judged: Vec<bool>,
}

/// The random numbers of a purpose: streams with different numbers have nothing in common.
pub fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// All tasks here with their usual settings, as a program offers them to choose from.
pub fn all() -> Vec<Box<dyn Task>> {
    vec![
        Box::new(Adding::default()),
        Box::new(CopyMemory::default()),
        Box::new(SelectiveCopy::default()),
        Box::new(Dyck::with_kinds(1)),
        Box::new(Dyck::with_kinds(2)),
        Box::new(Parity::default()),
        Box::new(AssociativeRecall::default()),
        Box::new(Sorting::default()),
        Box::new(Text::default()),
    ]
}

/// The task of this name with its usual settings; [`parse`] takes settings too.
pub fn named(name: &str) -> Option<Box<dyn Task>> {
    all().into_iter().find(|task| task.name() == name)
}

/// The entropy of a distribution in nats: the loss of whoever always says it.
fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
}
