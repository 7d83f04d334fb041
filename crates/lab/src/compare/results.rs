//! The results of a comparison on disk: every training in `metrics.jsonl`, those that are measured in `results.csv`.
//!
//! The lines of `metrics.jsonl` stand in the order in which trainings have ended. All that is read from it is put into the
//! order of the experiment.

use std::path::Path;

use serde::Serialize;

use super::{Experiment, Outcome, Purpose, Record};
use crate::files::{self, FileError};
use crate::run_dir;

/// The table of measured trainings, for spreadsheets and statistics.
pub const CSV: &str = "results.csv";

/// The experiment in a folder and the trainings that have ended, which may go on meanwhile.
///
/// # Errors
/// If there is no comparison in the folder, or one of its lines is damaged.
pub fn read(folder: &Path) -> Result<(Experiment, Vec<Record>), FileError> {
    let experiment: Experiment = run_dir::read_config(folder)?;
    let mut records = Vec::new();
    for (number, line) in run_dir::read_metrics(folder)?.into_iter().enumerate() {
        records.push(serde_json::from_value(line).map_err(|error| {
            let problem =
                format!("line {} of its metrics is no training of a comparison: {error}", number + 1);
            FileError::new(folder, problem, "give the folder of a comparison")
        })?);
    }
    sort(&mut records, &experiment);
    Ok((experiment, records))
}

/// Tasks and cells in their order, then the trainings that choose a rate, then seed after seed.
pub(super) fn sort(records: &mut [Record], experiment: &Experiment) {
    let task = |record: &Record| experiment.tasks.iter().position(|task| task.name == record.task);
    let cell = |record: &Record| experiment.cells.iter().position(|cell| cell.name == record.cell);
    let rates = &experiment.settings.learning_rates;
    let rate = |record: &Record| rates.iter().position(|rate| *rate == record.learning_rate);
    records
        .sort_by_cached_key(|record| (task(record), cell(record), record.purpose, record.seed, rate(record)));
}

/// A line of the table.
#[derive(Serialize)]
struct Row<'a> {
    task: &'a str,
    cell: &'a str,
    seed: u64,
    learning_rate: f64,
    hidden: usize,
    parameters: usize,
    /// `finished`, or why not.
    outcome: String,
    measure: &'a str,
    score: Option<f64>,
    baseline_score: Option<f64>,
    loss: Option<f64>,
    baseline_loss: Option<f64>,
    seconds: Option<f64>,
    milliseconds_per_step: f64,
    bytes: usize,
    /// `50: 0.98; 100: 0.5`.
    scores_at_lengths: String,
}

/// Writes one row for each measured training.
pub(super) fn write_csv(folder: &Path, experiment: &Experiment, records: &[Record]) -> Result<(), FileError> {
    let path = folder.join(CSV);
    let failed = |error: String| {
        FileError::new(&path, format!("cannot be written: {error}"), "report it: a row was refused")
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    for record in records.iter().filter(|record| record.purpose == Purpose::Measured) {
        table.serialize(row(experiment, record)).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = table.into_inner().map_err(|error| failed(error.to_string()))?;
    files::write_atomically(&path, &bytes)
}

fn row<'a>(experiment: &'a Experiment, record: &'a Record) -> Row<'a> {
    let facts = experiment.tasks.iter().find(|task| task.name == record.task);
    let baseline = facts.and_then(|task| task.baseline());
    let last = record.last();
    let lengths = record.lengths.iter().map(|at| format!("{}: {}", at.length, at.score));
    Row {
        task: &record.task,
        cell: &record.cell,
        seed: record.seed,
        learning_rate: record.learning_rate,
        hidden: record.hidden,
        parameters: record.parameters,
        outcome: match &record.outcome {
            Outcome::Finished => "finished".into(),
            Outcome::Diverged { step, problem } => format!("diverged at step {step}: {problem}"),
        },
        measure: facts.map_or("", |task| task.measure.name()),
        score: last.map(|point| point.score),
        baseline_score: baseline.map(|baseline| baseline.score),
        loss: last.map(|point| point.loss),
        baseline_loss: baseline.map(|baseline| baseline.loss),
        seconds: record.curve.last().map(|point| point.seconds),
        milliseconds_per_step: record.milliseconds_per_step,
        bytes: record.bytes,
        scores_at_lengths: lengths.collect::<Vec<_>>().join("; "),
    }
}
