//! Comparisons: what is trained, whatever the threads and the interruptions, and what is written down.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod refusals;
mod results;
mod timeless;
mod trainings;

use std::ops::ControlFlow;

use lab::compare::{Comparison, Outline, Record, Settings, Size, View};
use lab::tasks::{Adding, CopyMemory, Task};
use nn::cells::named;
use timeless::timeless;

/// Small models, few steps: two cells on two tasks, each with two rates and two seeds.
fn tiny() -> Comparison {
    Comparison {
        cells: ["rnn", "gru"].map(|name| named(name).unwrap()).into(),
        tasks: vec![Box::new(Adding { steps: 6 }), Box::new(copy())],
        settings: settings(),
    }
}

fn copy() -> impl Task + use<> {
    CopyMemory { delay: 2, symbols: 2, kinds: 3 }
}

fn settings() -> Settings {
    Settings {
        size: Size::Hidden(6),
        seeds: 2,
        learning_rates: vec![0.01, 0.1],
        steps: 12,
        sweep_steps: 6,
        batch: 4,
        evaluate_every: 5,
        held_out: 8,
        ..Settings::default()
    }
}

/// Counts what it is told, and stops when so many trainings have ended.
#[derive(Default)]
struct Counting {
    stop_after: Option<usize>,
    outline: Outline,
    steps: u64,
    ended: usize,
}

impl View for Counting {
    fn begin(&mut self, outline: &Outline) {
        self.outline = outline.clone();
    }

    fn step(&mut self, _: &lab::compare::Job, _: u64, _: f64) -> ControlFlow<()> {
        self.steps += 1;
        ControlFlow::Continue(())
    }

    fn end(&mut self, _: &Record) -> ControlFlow<()> {
        self.ended += 1;
        if self.stop_after == Some(self.ended) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
