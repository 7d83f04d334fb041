//! `lab compare`: cells on tasks, over seeds, at the same size.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::{Args, ValueEnum};
use nn::{Exchange, NamedCell};

use super::Outcome;
use super::report::print;
use super::tasks::{TaskWords, task};
use crate::compare::{CSV, CompareError, Comparison, ProgressView, Settings, Size};
use crate::tasks::Task;
use crate::{ranks, report};

/// Compare cells on tasks.
#[derive(Args)]
pub struct Compare {
    /// The cells, such as rnn,lstm,gru.
    #[arg(long, value_name = "CELLS", value_delimiter = ',', default_value = "rnn,lstm,gru,mgu")]
    cells: Vec<String>,
    /// The tasks, each with its settings if they are not the usual ones, such as copy:delay=50,adding.
    #[arg(long, value_name = "TASKS", default_value = "copy,adding")]
    tasks: TaskWords,
    /// The folder for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many seeds are measured.
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// What is the same for all cells.
    #[arg(long = "match", value_enum, value_name = "WHAT", default_value_t = Match::Params)]
    matched: Match,
    /// The numbers that each model trains, about, with `--match params`; 10000 unless given.
    #[arg(long, value_name = "N")]
    params: Option<usize>,
    /// The hidden units of each cell, with `--match hidden`; 64 unless given.
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// The learning rates among which each cell's best is chosen on each task.
    #[arg(long, value_name = "RATES", value_delimiter = ',')]
    learning_rates: Option<Vec<f64>>,
    /// Steps of a training that is measured; those that choose a rate take a third of them.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Sequences in a step.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Trainings at the same time, at each rank under mpirun; as many as there are processors for it unless given. Results do not
    /// depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Small models and short tasks: a first look in a few minutes.
    #[arg(long)]
    quick: bool,
}

/// Tasks whose usual length is too long for a first look, with one that is not.
const SHORT: [(&str, &str); 2] = [("copy", "copy:delay=20,symbols=5"), ("adding", "adding:steps=30")];

/// What cells have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Match {
    /// The number of parameters; the hidden width follows from it.
    Params,
    /// The hidden width.
    Hidden,
}

impl Compare {
    /// Trains what is missing and prints the results.
    pub fn run(&self, cells: &[NamedCell]) -> Outcome {
        let comparison = Comparison {
            cells: super::chosen(&self.cells, cells),
            tasks: self.tasks()?,
            settings: self.settings()?,
        };
        let exchange = ranks::join().map_err(CompareError::Ranks)?;
        let outcome = self.run_on(&exchange, &comparison);
        if let (Err(error), true) = (&outcome, exchange.ranks() > 1) {
            // Before the others are ended, and this rank with them.
            eprintln!("lab: rank {}: {error}", exchange.rank());
        }
        ranks::part(&exchange, outcome.is_ok());
        outcome
    }

    fn run_on(&self, exchange: &Arc<Exchange>, comparison: &Comparison) -> Outcome {
        let experiment = comparison.experiment();
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let usual = (processors / ranks::on_this_machine()).max(1);
        let threads = self.threads.map_or(usual, NonZero::get);
        if exchange.rank() > 0 {
            comparison.run_on_ranks(exchange, &self.out, threads, &mut ())?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut view = ProgressView::new(&experiment);
        let records = comparison.run_on_ranks(exchange, &self.out, threads, &mut view)?.unwrap_or_default();
        view.finish();
        println!("\n{}", report::Comparison::new(experiment, records).text());
        let folder = self.out.display();
        println!("what was compared   {folder}/config.json");
        println!("every training      {folder}/metrics.jsonl");
        println!("measured trainings  {folder}/{CSV}");
        print(&report::write(&self.out)?);
        Ok(ExitCode::SUCCESS)
    }

    fn tasks(&self) -> Result<Vec<Box<dyn Task>>, CompareError> {
        let short = |word: &String| {
            let short = SHORT.iter().find(|(usual, _)| self.quick && usual == word);
            short.map_or(word.as_str(), |(_, short)| short).to_string()
        };
        self.tasks.0.iter().map(|word| task(&short(word)).map_err(CompareError::Settings)).collect()
    }

    fn settings(&self) -> Result<Settings, CompareError> {
        let usual = if self.quick { Settings::quick() } else { Settings::default() };
        let refused = |problem: &str| Err(CompareError::Settings(problem.into()));
        let size = match (self.matched, self.params, self.hidden) {
            (Match::Params, _, Some(_)) => return refused("`--hidden` needs `--match hidden`"),
            (Match::Hidden, Some(_), _) => return refused("`--params` needs `--match params`"),
            (Match::Params, Some(parameters), None) => Size::Parameters(parameters),
            (Match::Params, None, None) => usual.size,
            (Match::Hidden, None, hidden) => Size::Hidden(hidden.unwrap_or(64)),
        };
        Ok(Settings {
            size,
            seeds: self.seeds.unwrap_or(usual.seeds),
            learning_rates: self.learning_rates.clone().unwrap_or(usual.learning_rates),
            sweep_steps: self.steps.map_or(usual.sweep_steps, |steps| steps.div_ceil(3)),
            steps: self.steps.unwrap_or(usual.steps),
            batch: self.batch.unwrap_or(usual.batch),
            ..usual
        })
    }
}
