//! The tasks: answers that follow from what is shown, baselines that are played, words of a command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

mod answers;
mod baselines;
mod draws;
mod text;
mod words;

use lab::tasks::{Batch, Values};

/// Symbols of a batch, whatever they are for.
fn symbols(values: &Values) -> Vec<usize> {
    let Values::Symbols(symbols) = values else { panic!("these are numbers") };
    symbols.iter().map(|symbol| usize::try_from(*symbol).unwrap()).collect()
}

/// One sequence of symbols of a batch.
struct Row {
    shown: Vec<usize>,
    /// The answers, where one counts.
    asked: Vec<Option<usize>>,
    judged: Vec<bool>,
}

impl Row {
    /// The answers that count, in order.
    fn answers(&self) -> Vec<usize> {
        self.asked.iter().copied().flatten().collect()
    }
}

/// The sequences of a batch of symbols without their padding.
fn rows(batch: &Batch) -> Vec<Row> {
    let (shown, answers) = (symbols(&batch.inputs), symbols(&batch.targets));
    let longest = batch.layout.steps();
    let row = |(number, length): (usize, &usize)| {
        let places = number * longest..number * longest + length;
        Row {
            shown: shown[places.clone()].to_vec(),
            asked: places.clone().map(|place| batch.counted[place].then_some(answers[place])).collect(),
            judged: batch.judged[places].to_vec(),
        }
    };
    batch.layout.lengths().iter().enumerate().map(row).collect()
}
