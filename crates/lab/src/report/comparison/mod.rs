//! What a comparison has shown, on one page: which cell is better at what, how sure that is, how each has learned, and why.
//!
//! [`Comparison`] holds the raw results and answers questions about them; [`verdict`] judges; the other files here are the
//! sections of the page. The same records give the same bytes.

mod behaviour;
mod curves;
mod everything;
mod lengths;
mod results;
mod summary;
pub mod verdict;

use std::collections::BTreeMap;
use std::path::Path;

use maud::html;

use super::chart::Look;
use super::escape::{name, visible};
use super::number::{digits, fixed, spread};
use super::page::Page;
use super::table::Table;
use crate::compare::{self, Experiment, Outcome, Purpose, Record, TaskFacts};
use crate::files::FileError;
use crate::statistics::{deviation, mean};
use crate::tasks::Measure;

/// The raw results of a comparison, which may be running.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// What is compared, and how.
    pub experiment: Experiment,
    /// The trainings that are done, by task and cell as they stand in the experiment, then by purpose and seed.
    records: Vec<Placed>,
}

/// A record with the places of its task and its cell in the experiment.
#[derive(Clone, PartialEq, Debug)]
struct Placed {
    task: usize,
    cell: usize,
    record: Record,
}

/// How the measured trainings of one cell on one task stand.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing<'a> {
    /// The trainings that are done, by seed.
    pub records: Vec<&'a Record>,
    /// The last scores of those that went to their end with one that is a number.
    pub scores: Vec<f64>,
    /// How many broke off, or ended without such a score.
    pub diverged: usize,
    /// How many there will be.
    pub seeds: usize,
}

impl Comparison {
    /// The results of an experiment. Records of other tasks and cells are left out; of the same training the last one counts.
    pub fn new(mut experiment: Experiment, records: Vec<Record>) -> Comparison {
        let place = |record: &Record| {
            let task = experiment.tasks.iter().position(|task| task.name == record.task)?;
            let cell = experiment.cells.iter().position(|cell| cell.name == record.cell)?;
            // Rates of a sweep are positive, and the bits of such numbers are ordered as they are.
            Some((task, cell, record.purpose, record.seed, record.learning_rate.to_bits()))
        };
        let mut sorted = BTreeMap::new();
        for record in records {
            if let Some(mut place) = place(&record) {
                if record.purpose == Purpose::Measured {
                    place.4 = 0;
                }
                sorted.insert(place, record);
            }
        }
        let sorted = sorted.into_iter();
        let mut records: Vec<Placed> =
            sorted.map(|((task, cell, ..), record)| Placed { task, cell, record }).collect();
        show_texts(&mut experiment, &mut records);
        Comparison { experiment, records }
    }

    /// The results in a comparison's folder.
    ///
    /// # Errors
    /// If a file cannot be read, or holds no comparison.
    pub fn read(folder: &Path) -> Result<Comparison, FileError> {
        let (experiment, records) = compare::read(folder)?;
        Ok(Comparison::new(experiment, records))
    }

    /// How a cell stands on a task, both by their places in the experiment.
    pub fn standing(&self, task: usize, cell: usize) -> Standing<'_> {
        let records: Vec<&Record> = self.of(task, cell, Purpose::Measured).collect();
        let scores: Vec<f64> = records
            .iter()
            .filter_map(|record| record.last())
            .map(|point| point.score)
            .filter(|score| score.is_finite())
            .collect();
        let diverged = records.len() - scores.len();
        Standing { records, scores, diverged, seeds: self.seeds() }
    }

    /// The trainings of a cell on a task that chose its learning rate.
    pub fn sweep(&self, task: usize, cell: usize) -> Vec<&Record> {
        self.of(task, cell, Purpose::Sweep).collect()
    }

    /// How many measured trainings are done, and how many there will be.
    pub fn done(&self) -> (usize, usize) {
        let measured = self.records.iter().filter(|placed| placed.record.purpose == Purpose::Measured);
        let pairs = self.experiment.tasks.len() * self.experiment.cells.len();
        (measured.count(), pairs.saturating_mul(self.seeds()))
    }

    /// The page.
    pub fn page(&self) -> Page {
        let sections = [
            summary::section(self),
            results::section(self),
            curves::section(self),
            lengths::section(self),
            behaviour::section(self),
            everything::section(self),
        ];
        Page {
            title: summary::title(self),
            lead: summary::lead(self),
            sections: sections.into(),
            foot: html! { "Written by unspool from " code { "config.json" } " and " code { "metrics.jsonl" } "." },
            style: "",
        }
    }

    /// The tables of results, scores first.
    pub fn tables(&self) -> [Table; 2] {
        [results::scores(self), results::costs(self)]
    }

    /// The tables of results for a terminal.
    pub fn text(&self) -> String {
        self.tables().map(|table| table.text()).join("\n")
    }

    /// The tables of results for a LaTeX document.
    pub fn latex(&self) -> String {
        let tables = self.tables().map(|table| table.latex());
        format!("% \\usepackage{{booktabs}}\n\n{}", tables.join("\n"))
    }

    /// The tables of results for a Markdown page.
    pub fn markdown(&self) -> String {
        self.tables().map(|table| table.markdown()).join("\n")
    }

    fn of(&self, task: usize, cell: usize, purpose: Purpose) -> impl Iterator<Item = &Record> {
        let there = self.records.iter().filter(move |placed| (placed.task, placed.cell) == (task, cell));
        there.map(|placed| &placed.record).filter(move |record| record.purpose == purpose)
    }

    fn seeds(&self) -> usize {
        usize::try_from(self.experiment.settings.seeds).unwrap_or(usize::MAX)
    }

    /// Each cell's place, name and look.
    fn cells(&self) -> impl Iterator<Item = (usize, &str, Look)> {
        self.experiment.cells.iter().enumerate().map(|(place, cell)| (place, cell.name.as_str(), Look(place)))
    }

    /// Each task with its place.
    fn tasks(&self) -> impl Iterator<Item = (usize, &TaskFacts)> {
        self.experiment.tasks.iter().enumerate()
    }
}

/// Puts what a reader can see in the place of all texts of users.
fn show_texts(experiment: &mut Experiment, records: &mut [Placed]) {
    let name = |text: &mut String| *text = name(text);
    let visible = |text: &mut String| *text = visible(text);
    for cell in &mut experiment.cells {
        name(&mut cell.name);
        visible(&mut cell.about);
    }
    for task in &mut experiment.tasks {
        name(&mut task.name);
        [&mut task.about, &mut task.source].into_iter().for_each(visible);
        task.baselines.iter_mut().for_each(|at| visible(&mut at.baseline.strategy));
    }
    for Placed { record, .. } in records {
        [&mut record.cell, &mut record.task].into_iter().for_each(name);
        if let Outcome::Diverged { problem, .. } = &mut record.outcome {
            visible(problem);
        }
        let behaviour = record.behaviour.iter_mut().flat_map(|both| [&mut both.before, &mut both.after]);
        behaviour.flat_map(|behaviour| &mut behaviour.gates).for_each(|gate| {
            [&mut gate.function, &mut gate.line, &mut gate.name].into_iter().for_each(visible);
        });
    }
}

impl Standing<'_> {
    /// Trainings that went to their end.
    fn finished(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().copied().filter(|record| record.outcome == Outcome::Finished)
    }

    /// The mean score with its deviation, in the unit of the task.
    fn score(&self, measure: Measure) -> Option<String> {
        mean(&self.scores).map(|mean| score(measure, mean, deviation(&self.scores)))
    }

    /// What is wrong or missing, in words; none where all is well.
    fn remark(&self) -> Option<String> {
        let (done, seeds) = (self.records.len(), self.seeds);
        let diverged = (self.diverged > 0).then(|| format!("{} of {seeds} diverged", self.diverged));
        let missing = (done < seeds).then(|| format!("{done} of {seeds} done"));
        let remarks: Vec<String> = diverged.into_iter().chain(missing).collect();
        (!remarks.is_empty()).then(|| remarks.join(", "))
    }
}

/// A score as it is shown: accuracies in hundredths, others as they are.
fn score(measure: Measure, mean: f64, deviation: Option<f64>) -> String {
    match (measure, deviation) {
        (Measure::Accuracy, Some(deviation)) => {
            format!("{} ± {}", fixed(100.0 * mean, 1), fixed(100.0 * deviation, 1))
        }
        (Measure::Accuracy, None) => fixed(100.0 * mean, 1),
        (_, deviation) => spread(mean, deviation),
    }
}

/// A single number of a measure, with its sign of hundredths.
fn plain_score(measure: Measure, value: f64) -> String {
    if measure == Measure::Accuracy { format!("{}\u{a0}%", fixed(100.0 * value, 1)) } else { digits(value) }
}

/// A number of a measure as charts and tables count it.
fn in_units(measure: Measure, value: f64) -> f64 {
    if measure == Measure::Accuracy { 100.0 * value } else { value }
}

/// A measure with its unit.
fn unit(measure: Measure) -> &'static str {
    if measure == Measure::Accuracy { "accuracy in %" } else { measure.name() }
}
