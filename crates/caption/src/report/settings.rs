//! With which settings a run was made, and in what two runs differ.

use lab::metrics::leaves;
use lab::report::page::{Section, details};
use lab::report::table::{Column, Entry, Table};
use maud::html;
use serde_json::Value;

use super::{Report, Run};

pub(super) fn section(report: &Report) -> Section {
    let names: Vec<String> = report.named().map(|(_, name, _)| name).collect();
    let files = report.runs.iter().zip(&names).map(|(run, name)| {
        let text = serde_json::to_string_pretty(&run.config).unwrap_or_default();
        let title = if names.len() > 1 { format!("config.json of {name}") } else { "config.json".into() };
        details(&title, html! { pre tabindex="0" { code { (text) } } })
    });
    let files: Vec<_> = files.collect();
    Section::new(
        "settings",
        "Settings",
        html! {
            (table(report, "Settings of the run", &all(&report.runs)).html())
            @for file in &files { (file) }
            p.note { "The same settings and data give the same run, bit by bit, whatever the number of threads. Run again with the same \
                 --out, a training goes on where it stopped." }
        },
    )
}

/// The names of settings in which the runs differ.
pub(super) fn differing(runs: &[Run]) -> Vec<String> {
    let differs = |name: &String| runs.iter().any(|run| value(run, name) != value(&runs[0], name));
    all(runs).into_iter().filter(differs).collect()
}

/// A table of some settings, a column for each run.
pub(super) fn table(report: &Report, title: &str, names: &[String]) -> Table {
    let runs = report.named().map(|(_, name, _)| Column::words(name));
    let columns = [Column::words("setting")].into_iter().chain(if report.other().is_some() {
        runs.collect::<Vec<_>>()
    } else {
        vec![Column::words("value")]
    });
    let row = |name: &String| {
        let values = report.runs.iter().map(|run| Entry::new(value(run, name)));
        [Entry::new(name.replace('/', "."))].into_iter().chain(values).collect()
    };
    Table::of_rows(title, columns.collect(), names.iter().map(row).collect())
}

/// The names of all settings, those of the first run first.
fn all(runs: &[Run]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in runs.iter().flat_map(|run| leaves(&run.config)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A setting in a few letters.
fn value(run: &Run, name: &str) -> String {
    let settings = leaves(&run.config);
    match settings.iter().find(|(key, _)| key == name) {
        None => "–".into(),
        Some((_, Value::Null)) => "none".into(),
        Some((_, Value::String(text))) => text.clone(),
        Some((_, value)) => value.to_string(),
    }
}
