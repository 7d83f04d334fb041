//! `lab time`: how fast cells are.

use std::num::NonZero;
use std::process::ExitCode;

use clap::Args;
use nn::NamedCell;

use super::Outcome;
use crate::compare::CompareError;
use crate::timing::{Sizes, table, time};

/// Time cells.
#[derive(Args)]
pub struct Time {
    /// The cells, such as rnn,lstm,gru; ratios are to the first.
    #[arg(long, value_name = "CELLS", value_delimiter = ',', default_value = "rnn,lstm,gru,mgu")]
    cells: Vec<String>,
    /// Sequences.
    #[arg(long, value_name = "N", default_value_t = at_least_one(Sizes::default().sequences))]
    sequences: NonZero<usize>,
    /// Steps of each sequence.
    #[arg(long, value_name = "T", default_value_t = at_least_one(Sizes::default().steps))]
    steps: NonZero<usize>,
    /// Width of the inputs.
    #[arg(long, value_name = "D", default_value_t = at_least_one(Sizes::default().inputs))]
    inputs: NonZero<usize>,
    /// Width of the hidden state.
    #[arg(long, value_name = "H", default_value_t = at_least_one(Sizes::default().hidden))]
    hidden: NonZero<usize>,
    /// How often each is run; the median is shown.
    #[arg(long, value_name = "N", default_value_t = at_least_one(30))]
    rounds: NonZero<usize>,
}

impl Time {
    /// Prints a line for each cell.
    pub fn run(&self, cells: &[NamedCell]) -> Outcome {
        let [sequences, steps, inputs, hidden, rounds] =
            [self.sequences, self.steps, self.inputs, self.hidden, self.rounds].map(NonZero::get);
        println!(
            "loss and all gradients, {sequences} sequences of {steps} steps, {inputs} inputs, {hidden} hidden units, f32, one \
             thread"
        );
        let cells = super::chosen(&self.cells, cells);
        let sizes = Sizes { sequences, steps, inputs, hidden };
        let timings =
            time(&cells, sizes, rounds).map_err(|error| CompareError::Settings(error.to_string()))?;
        print!("{}", table(&timings));
        Ok(ExitCode::SUCCESS)
    }
}

fn at_least_one(number: usize) -> NonZero<usize> {
    NonZero::new(number).unwrap_or(NonZero::<usize>::MIN)
}
