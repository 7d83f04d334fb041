//! The page in a paragraph, what seems to be wrong, and the scores.

use lab::report::number::{count, fixed, some};
use lab::report::page::Section;
use lab::report::table::{Column, Entry, Table};
use maud::{Markup, html};

use super::described::Described;
use super::{Report, Run};

pub(super) fn title(report: &Report) -> String {
    match report.other() {
        Some(other) => format!("Captioners {} and {}", report.run().name, other.name),
        None => format!("Captioner {}", report.run().name),
    }
}

/// The page in a paragraph.
pub(super) fn lead(report: &Report) -> Markup {
    let one = report.other().is_none();
    html! {
        @for (run, name, _) in report.named() {
            @if let Some(standing) = standing(run) {
                p.status role="status" { @if !one { bdi { (name) } ": " } strong { (standing) } " What is said below is how it stands." }
            }
        }
        @for (run, name, _) in report.named() {
            p.lead { @if !one { strong { bdi { (name) } } ": " } (sentences(run)) }
        }
    }
}

/// That a run is not at its end.
fn standing(run: &Run) -> Option<String> {
    match run.steps() {
        (0, _) => Some("No step was recorded yet.".into()),
        (taken, Some(all)) if taken < all => Some(format!("{} of {} steps taken.", whole(taken), whole(all))),
        _ => None,
    }
}

fn sentences(run: &Run) -> String {
    let cell = run.config["model"]["cell"].as_str().map(|cell| format!("A captioner with the cell {cell}"));
    let mut text = cell.unwrap_or("A captioner".into());
    if let Some(described) = &run.described {
        text += &format!(" and {} weights", count(described.weights));
    }
    text += &format!(", after {} steps", whole(run.steps().0));
    if let Some(epoch) = run.last("epoch") {
        text += &format!(" in {}", some(epoch as usize, "epoch"));
    }
    let Some(described) = &run.described else {
        return text + ". There is no model yet: one is kept whenever validation was looked at.";
    };
    let scores = &described.scores;
    text += &format!(
        ": BLEU-1 {}, BLEU-4 {}, CIDEr-D {} on {}",
        fixed(scores.bleu[0], 3),
        fixed(scores.bleu[3], 3),
        fixed(scores.cider_d, 3),
        described.pictures
    );
    match described.step {
        Some(step) if step < run.steps().0 => {
            text + &format!(". The model is that of step {}, the best.", whole(step))
        }
        _ => text + ".",
    }
}

fn whole(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}

pub(super) fn section(report: &Report) -> Option<Section> {
    report.runs.iter().find(|run| run.described.is_some())?;
    let one = report.other().is_none();
    let body = html! {
        @for (run, name, _) in report.named() { @if let Some(described) = &run.described {
            @if !one { h3 { bdi { (name) } } }
            (diagnosis(described))
        } }
        @if one { (scores(report).html()) }
    };
    Some(Section::new("health", if one { "Diagnosis and scores" } else { "Diagnosis" }, body))
}

fn diagnosis(described: &Described) -> Markup {
    html! {
        @if described.findings.is_empty() {
            p.sound { strong { "Nothing seems to be wrong." } " Looked for: a loss that is not finite, one caption for most pictures, pictures that are \
                 ignored, unknown words, captions that are too short or too long, that repeat themselves, or that use few words." }
        } @else {
            dl.findings { @for finding in &described.findings {
                dt { (upper(finding.symptom.name())) }
                dd {
                    p { "Seen: " bdi { (finding.observed) } "." }
                    p { "Likely cause: " (finding.symptom.cause()) "." }
                    p { "What to do: " (finding.symptom.advice()) "." }
                }
            } }
        }
        @if let Some(exchanged) = described.loss_of_exchanged {
            p { "Does it look at pictures? The loss per token is " (fixed(described.loss_per_token, 3)) ", and "
                (fixed(exchanged, 3)) " when each picture is taken for another." }
        }
    }
}

/// A sentence from a name.
fn upper(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// All scores with their conventions, a column for each run.
pub(super) fn scores(report: &Report) -> Table {
    let described: Vec<Option<&Described>> = report.runs.iter().map(|run| run.described.as_ref()).collect();
    let names = report.named().map(|(_, name, _)| name);
    let mut columns = vec![Column::words("score")];
    columns
        .extend(names.map(|name| Column::numbers(if described.len() > 1 { name } else { "value".into() })));
    if described.len() > 1 {
        columns.push(Column::numbers("difference"));
    }
    columns.push(Column::words("how it is computed"));
    let numbers: Vec<Vec<Number>> =
        described.iter().map(|described| described.map_or(Vec::new(), all)).collect();
    // A run without a model has no numbers; the other one has all names.
    let longest = numbers.iter().max_by_key(|numbers| numbers.len()).cloned().unwrap_or_default();
    let row = |number: &Number| {
        let of = |numbers: &Vec<Number>| {
            numbers.iter().find(|other| other.name == number.name).map(|number| number.value)
        };
        let values: Vec<Option<f64>> = numbers.iter().map(of).collect();
        let best = values.iter().flatten().copied().reduce(|best, value| match number.better {
            Better::Higher => best.max(value),
            Better::Lower => best.min(value),
            Better::Neither => f64::NAN,
        });
        let entry = |value: &Option<f64>| Entry {
            bold: values.iter().any(|other| other != value) && value.is_some() && *value == best,
            ..Entry::new(value.map_or("–".into(), |value| fixed(value, number.decimals)))
        };
        let mut row = vec![Entry::new(&number.name)];
        row.extend(values.iter().map(entry));
        if let [one, other] = values[..] {
            let difference = one.zip(other).map(|(one, other)| one - other);
            row.push(Entry::new(difference.map_or("–".into(), |by| signed(by, number.decimals))));
        }
        row.push(Entry::new(&number.convention));
        row
    };
    let mut table = Table::of_rows("Losses and scores", columns, longest.iter().map(row).collect());
    if described.len() > 1 {
        table.notes.push("The better of two is bold. One training each: a difference may be chance.".into());
    }
    table
}

fn signed(number: f64, decimals: usize) -> String {
    let text = fixed(number, decimals);
    if number > 0.0 { format!("+{text}") } else { text }
}

/// A number of the table.
#[derive(Clone)]
struct Number {
    name: String,
    value: f64,
    decimals: usize,
    better: Better,
    convention: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    Higher,
    Lower,
    Neither,
}

fn all(described: &Described) -> Vec<Number> {
    let number = |name: &str, value, decimals, better, convention: &str| Number {
        name: name.into(),
        value,
        decimals,
        better,
        convention: convention.into(),
    };
    let losses = [
        number(
            "loss per caption",
            described.loss_per_caption,
            3,
            Better::Lower,
            "nats, summed over words, mean over captions",
        ),
        number("loss per token", described.loss_per_token, 4, Better::Lower, "nats, mean over words"),
        number("perplexity", described.loss_per_token.exp(), 3, Better::Lower, "exp of the loss per token"),
    ];
    let scores = described.scores.rows().into_iter().map(|row| {
        let better = match row.key {
            "length" | "novelty" => Better::Neither,
            "unknown" => Better::Lower,
            _ => Better::Higher,
        };
        number(row.name, row.value, if row.key == "length" { 2 } else { 4 }, better, row.convention)
    });
    losses.into_iter().chain(scores).collect()
}
