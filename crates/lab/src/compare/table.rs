//! The results of a comparison as a table of plain text: a row for each cell, a column for each task.

use super::{Experiment, Purpose, Record, TaskFacts};
use crate::progress::digits;

/// The scores at the end, as mean and standard deviation over the seeds, with the best mean of each task marked, and what
/// is reached without understanding the task.
///
/// Trainings that diverged have no score; where there are some, the table says how many.
pub fn table(experiment: &Experiment, records: &[Record]) -> String {
    let mut columns = vec![{
        let cells = experiment.cells.iter().map(|cell| cell.name.clone());
        [const { String::new() }; 3].into_iter().chain(cells).chain(["baseline".into()]).collect()
    }];
    for task in &experiment.tasks {
        let results: Vec<Scores> =
            experiment.cells.iter().map(|cell| Scores::of(records, &cell.name, &task.name)).collect();
        columns.push(column(task, &results));
    }
    let widths: Vec<usize> = columns.iter().map(|column: &Vec<String>| width(column)).collect();
    let mut text = String::new();
    for row in 0..columns[0].len() {
        let entries = columns.iter().zip(&widths).map(|(column, width)| format!("{:<width$}", column[row]));
        text += entries.collect::<Vec<_>>().join("   ").trim_end();
        text += "\n";
    }
    text
}

/// Three lines of head, an entry for each cell, and the baseline.
fn column(task: &TaskFacts, results: &[Scores]) -> Vec<String> {
    let better = |one: &f64, other: &f64| task.measure.better(*one, *other);
    let means = results.iter().filter_map(|scores| scores.mean());
    let best = means.reduce(|best, mean| if better(&mean, &best) { mean } else { best });
    let direction = if task.measure.higher_is_better() { "higher" } else { "lower" };
    let mut column = vec![task.name.clone(), task.measure.name().into(), format!("{direction} is better")];
    column.extend(results.iter().map(|scores| {
        let mark = if best.is_some() && scores.mean() == best { " *" } else { "" };
        scores.text() + mark
    }));
    column.push(task.baseline().map_or(String::new(), |baseline| digits(baseline.score)));
    column
}

fn width(column: &[String]) -> usize {
    column.iter().map(|entry| entry.chars().count()).max().unwrap_or(0)
}

/// The scores of a cell on a task.
struct Scores {
    scores: Vec<f64>,
    /// Trainings, with those that have no score.
    trainings: usize,
}

impl Scores {
    fn of(records: &[Record], cell: &str, task: &str) -> Scores {
        let measured = records.iter().filter(|record| {
            record.purpose == Purpose::Measured && record.cell == cell && record.task == task
        });
        let trainings = measured.clone().count();
        Scores { scores: measured.filter_map(|record| Some(record.last()?.score)).collect(), trainings }
    }

    fn mean(&self) -> Option<f64> {
        let count = self.scores.len();
        (count > 0).then(|| self.scores.iter().sum::<f64>() / count as f64)
    }

    /// The standard deviation of which the scores are a sample.
    fn deviation(&self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.scores.len() > 1)?;
        let squares: f64 = self.scores.iter().map(|score| (score - mean).powi(2)).sum();
        Some((squares / (self.scores.len() - 1) as f64).sqrt())
    }

    fn text(&self) -> String {
        let Some(mean) = self.mean() else {
            return if self.trainings > 0 { "diverged".into() } else { "-".into() };
        };
        let lost = self.trainings - self.scores.len();
        let lost = if lost > 0 { format!(" ({lost} of {} diverged)", self.trainings) } else { String::new() };
        format!("{}{lost}", spread(mean, self.deviation()))
    }
}

/// A mean with as many digits as a loss has, and a deviation with as many decimals as the mean.
fn spread(mean: f64, deviation: Option<f64>) -> String {
    let mean = digits(mean);
    match (deviation, mean.split_once('.')) {
        (None, _) => mean,
        (Some(deviation), Some((_, decimals))) if !mean.contains('e') => {
            format!("{mean} ± {deviation:.*}", decimals.len())
        }
        (Some(deviation), _) => format!("{mean} ± {}", digits(deviation)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_has_the_decimals_of_its_mean() {
        let check = |mean, deviation, expected: &str| assert_eq!(spread(mean, deviation), expected);
        check(0.98125, Some(0.0123456), "0.9812 ± 0.0123");
        check(0.00123456, Some(0.1), "0.001235 ± 0.100000");
        check(1e-7, Some(2e-8), "1.000e-7 ± 2.000e-8");
        check(12345.0, Some(1.5), "12345 ± 1.500");
        check(0.5, None, "0.5000");
    }
}
