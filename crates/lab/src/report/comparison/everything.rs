//! Every setting, every seed and its result, and how to get the same again.

use maud::{Markup, html};

use super::{Comparison, plain_score};
use crate::compare::{Outcome, Record, Size, TaskFacts};
use crate::report::number::{bytes, count, digits, fixed, listed, short};
use crate::report::page::{Section, details};
use crate::report::table::{Column, Entry, Group, Table};
use crate::tasks::Measure;

pub(super) fn section(comparison: &Comparison) -> Section {
    let sweep = sweep(comparison);
    Section::new(
        "everything",
        "Settings, seeds, versions",
        html! {
            h3 { "Settings" }
            (settings(comparison))
            @if !sweep.groups.is_empty() {
                h3 { "Learning rates" }
                p { "Each cell is measured on each task with the learning rate that had the least loss on held-out sequences in short \
                     trainings, from a seed that is not measured. The best score of a row is bold." }
                (sweep.html())
            }
            h3 { "Every seed" }
            (details("Every training and its result", trainings(comparison).html()))
            h3 { "The same again" }
            p { "The experiment is " code { "config.json" } " below and nothing else: first weights, batches and held-out sequences \
                 follow from the seeds, whatever the number of threads. Only times differ. Run in the same folder, a comparison goes \
                 on where it stopped." }
            dl.facts {
                dt { "This report" } dd { "unspool-lab " (env!("CARGO_PKG_VERSION")) }
                dt { "Written on" } dd { (std::env::consts::ARCH) " " (std::env::consts::OS) }
                dt { "Built with" } dd { (compiler()) }
            }
            (details("config.json", html! { pre tabindex="0" { code { (config(comparison)) } } }))
        },
    )
}

/// What is known of the compiler: its version where the build names it, else the oldest that builds this.
fn compiler() -> String {
    match option_env!("RUSTC_VERSION") {
        Some(version) => version.into(),
        None => format!("rustc {} or newer", env!("CARGO_PKG_RUST_VERSION")),
    }
}

fn config(comparison: &Comparison) -> String {
    serde_json::to_string_pretty(&comparison.experiment).unwrap_or_default()
}

/// A number of steps.
fn whole(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

fn settings(comparison: &Comparison) -> Markup {
    let settings = &comparison.experiment.settings;
    let size = match settings.size {
        Size::Parameters(parameters) => format!("about {} numbers to train in each model", count(parameters)),
        Size::Hidden(hidden) => format!("{} hidden units in each cell", count(hidden)),
    };
    let rates: Vec<String> = settings.learning_rates.iter().map(|rate| short(*rate)).collect();
    let facts = [
        ("Size", size),
        ("Seeds", settings.seeds.to_string()),
        (
            "Optimiser",
            format!(
                "Adam, learning rate {}",
                if rates.len() == 1 { rates[0].clone() } else { format!("the best of {}", listed(&rates)) }
            ),
        ),
        ("Steps", format!("{} of {} sequences", whole(settings.steps), count(settings.batch))),
        ("Steps to choose a rate", whole(settings.sweep_steps)),
        (
            "Gradients clipped at",
            settings.clip.map_or("not clipped".into(), |clip| format!("norm {}", short(clip))),
        ),
        (
            "Held-out sequences",
            format!("{}, looked at every {} steps", count(settings.held_out), settings.evaluate_every),
        ),
    ];
    html! { dl.facts { @for (name, value) in facts { dt { (name) } dd { (value) } } } }
}

/// The scores of each cell at each learning rate, for each task that has a sweep.
fn sweep(comparison: &Comparison) -> Table {
    let rates = &comparison.experiment.settings.learning_rates;
    let group = |(place, task): (usize, &TaskFacts)| {
        let rows: Vec<Vec<Entry>> = comparison
            .cells()
            .filter_map(|(cell, name, _)| {
                sweep_row(name, task.measure, &comparison.sweep(place, cell), rates)
            })
            .collect();
        let name = format!("{}, {}", task.name, task.measure.name());
        (!rows.is_empty()).then_some(Group { name: Some(name), rows })
    };
    let heads = [Column::words("task"), Column::words("cell")].into_iter();
    Table {
        title: "Scores at each learning rate".into(),
        columns: heads.chain(rates.iter().map(|rate| Column::numbers(short(*rate)))).collect(),
        groups: comparison.tasks().filter_map(group).collect(),
        notes: Vec::new(),
    }
}

fn sweep_row(name: &str, measure: Measure, records: &[&Record], rates: &[f64]) -> Option<Vec<Entry>> {
    if records.is_empty() {
        return None;
    }
    let at = |rate: &f64| records.iter().find(|record| record.learning_rate == *rate);
    let score = |rate: &f64| at(rate)?.last().map(|point| point.score).filter(|score| score.is_finite());
    let better = |best: f64, score: f64| if measure.better(score, best) { score } else { best };
    let best = rates.iter().filter_map(score).reduce(better);
    let entry = |rate: &f64| match (at(rate), score(rate)) {
        (None, _) => Entry::new("–"),
        (_, None) => Entry::new("diverged"),
        (_, Some(score)) => Entry { bold: Some(score) == best, ..Entry::new(plain_score(measure, score)) },
    };
    Some([Entry::new(name)].into_iter().chain(rates.iter().map(entry)).collect())
}

fn trainings(comparison: &Comparison) -> Table {
    let columns = vec![
        Column::words("task"),
        Column::words("cell"),
        Column::numbers("seed"),
        Column::words("outcome"),
        Column::numbers("score"),
        Column::numbers("loss"),
        Column::numbers("training loss"),
        Column::numbers("learning rate"),
        Column::numbers("seconds"),
        Column::numbers("ms a step"),
        Column::numbers("parameters"),
        Column::numbers("hidden"),
        Column::numbers("memory"),
    ];
    let group = |(place, task): (usize, &TaskFacts)| {
        let rows = comparison.cells().flat_map(|(cell, ..)| comparison.standing(place, cell).records);
        Group { name: Some(task.name.clone()), rows: rows.map(|record| row(task.measure, record)).collect() }
    };
    let groups = comparison.tasks().map(group).filter(|group| !group.rows.is_empty()).collect();
    let notes = vec!["Score and loss are those of the last look at held-out sequences.".into()];
    Table { title: "Every measured training".into(), columns, groups, notes }
}

fn row(measure: Measure, record: &Record) -> Vec<Entry> {
    let outcome = match &record.outcome {
        Outcome::Finished => Entry::new("finished"),
        Outcome::Diverged { step, problem } => {
            Entry { remark: Some(problem.clone()), ..Entry::new(format!("diverged at step {step}")) }
        }
    };
    let last = record.curve.last();
    let number =
        |read: fn(&crate::compare::Point) -> f64| last.map_or("–".into(), |point| digits(read(point)));
    let entries = [
        last.map_or("–".into(), |point| plain_score(measure, point.score)),
        number(|point| point.loss),
        number(|point| point.training_loss),
        short(record.learning_rate),
        last.map_or("–".into(), |point| fixed(point.seconds, 1)),
        digits(record.milliseconds_per_step),
        count(record.parameters),
        count(record.hidden),
        bytes(record.bytes),
    ];
    let start = [Entry::new(&record.cell), Entry::new(record.seed.to_string()), outcome];
    start.into_iter().chain(entries.into_iter().map(Entry::new)).collect()
}
