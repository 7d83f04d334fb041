//! The tables of results: scores, and what they cost.

use maud::html;

use super::verdict::Verdict;
use super::{Comparison, Standing, score, unit};
use crate::report::number::{bytes, count, digits, short, some};
use crate::report::page::{Section, details};
use crate::report::table::{Column, Entry, Group, Table};
use crate::statistics::median;

pub(super) fn section(comparison: &Comparison) -> Section {
    let [scores, costs] = comparison.tables();
    Section::new(
        "results",
        "Results",
        html! {
            (scores.html())
            (costs.html())
            (details("The tables as LaTeX", html! { pre tabindex="0" { code { (comparison.latex()) } } }))
            (details("The tables as Markdown", html! { pre tabindex="0" { code { (comparison.markdown()) } } }))
        },
    )
}

/// A row for each task, a column for each cell.
pub(super) fn scores(comparison: &Comparison) -> Table {
    let mut columns = vec![Column::words("task")];
    columns.extend(comparison.cells().map(|(_, name, _)| Column::numbers(name)));
    columns.push(Column::numbers("baseline"));
    let rows = comparison.tasks().map(|(place, task)| {
        let verdict = Verdict::on(comparison, place).filter(Verdict::is_significant);
        let entry = |(cell, ..): (usize, &str, _)| {
            let standing = comparison.standing(place, cell);
            let text = standing.score(task.measure).unwrap_or_else(|| absent(&standing).into());
            let bold = verdict.as_ref().is_some_and(|verdict| verdict.best == cell);
            Entry { text, bold, remark: standing.remark() }
        };
        let name = Entry { remark: Some(unit(task.measure).into()), ..Entry::new(&task.name) };
        let baseline =
            task.baseline().map_or("–".into(), |baseline| score(task.measure, baseline.score, None));
        let cells = comparison.cells().map(entry);
        [name].into_iter().chain(cells).chain([Entry::new(baseline)]).collect()
    });
    let mut table =
        Table::of_rows("Scores on held-out sequences after the last step", columns, rows.collect());
    table.notes = notes(comparison);
    table
}

fn absent(standing: &Standing<'_>) -> &'static str {
    if standing.diverged > 0 { "diverged" } else { "–" }
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let seeds = comparison.seeds();
    let mut notes = Vec::new();
    if seeds < 2 {
        notes.push(
            "One training each: nothing can be said of whether a difference is more than chance.".into(),
        );
    } else {
        notes.push(format!(
            "Mean ± standard deviation over {}. Of accuracies more is better, of errors and bits less. Bold, in plain text between stars: \
             significantly better than every other cell on the task, by Welch's t-test with Holm's correction over all pairs \
             of cells, p < 0.05.",
            some(seeds, "seed")
        ));
    }
    let diverged = comparison
        .tasks()
        .any(|(task, _)| comparison.cells().any(|(cell, ..)| comparison.standing(task, cell).diverged > 0));
    if diverged {
        notes.push("Trainings that diverged are left out of the means, and a cell with such trainings is never bold.".into());
    }
    let (done, all) = comparison.done();
    if done < all {
        notes.push(format!(
            "{done} of {all} trainings are done. Nothing is bold on a task before all of its trainings are."
        ));
    }
    notes.push("Baseline: what is reached without understanding the task.".into());
    notes
}

/// A row for each cell on each task.
pub(super) fn costs(comparison: &Comparison) -> Table {
    let columns = vec![
        Column::words("task"),
        Column::words("cell"),
        Column::numbers("parameters"),
        Column::numbers("hidden units"),
        Column::numbers("learning rate"),
        Column::numbers("ms a step"),
        Column::numbers("memory"),
    ];
    let group = |(place, task): (usize, &crate::compare::TaskFacts)| Group {
        name: Some(task.name.clone()),
        rows: comparison
            .cells()
            .map(|(cell, name, _)| row(name, &comparison.standing(place, cell)))
            .collect(),
    };
    Table {
        title: "Sizes, learning rates and costs".into(),
        columns,
        groups: comparison.tasks().map(group).collect(),
        notes: vec![
            "The learning rate is the best of those tried. Time is the median over seeds of the median step; memory is \
             what a step works in, weights and moments included."
                .into(),
        ],
    }
}

fn row(name: &str, standing: &Standing<'_>) -> Vec<Entry> {
    let Some(first) = standing.records.first() else {
        let absent = std::iter::repeat_n(Entry::new("–"), 5);
        return [Entry::new(name)].into_iter().chain(absent).collect();
    };
    let times: Vec<f64> = standing.records.iter().map(|record| record.milliseconds_per_step).collect();
    let largest = standing.records.iter().map(|record| record.bytes).max().unwrap_or(0);
    let numbers = [
        count(first.parameters),
        count(first.hidden),
        short(first.learning_rate),
        median(&times).map_or("–".into(), digits),
        bytes(largest),
    ];
    [name.to_string()].into_iter().chain(numbers).map(Entry::new).collect()
}
