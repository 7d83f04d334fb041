//! What the results say, in words.

use maud::{Markup, html};

use super::verdict::{LEVEL, Rival, Verdict};
use super::{Comparison, plain_score};
use crate::compare::{Size, TaskFacts};
use crate::report::number::{count, listed, p_value, short, some};
use crate::report::page::Section;
use crate::statistics::mean;

pub(super) fn title(comparison: &Comparison) -> String {
    let (cells, tasks) = (comparison.experiment.cells.len(), comparison.experiment.tasks.len());
    format!("{} on {}", some(cells, "recurrent cell"), some(tasks, "task"))
}

/// The page in a paragraph.
pub(super) fn lead(comparison: &Comparison) -> Markup {
    let (done, all) = comparison.done();
    let sentences = [how(comparison), winners(comparison), diverged(comparison)];
    html! {
        @if done < all {
            p.status role="status" {
                strong { (count(done)) " of " (count(all)) " trainings done." }
                " This is how the comparison stands; what is said below may still change."
            }
        }
        p.lead { (sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")) }
    }
}

pub(super) fn section(comparison: &Comparison) -> Section {
    Section::new(
        "summary",
        "Task by task",
        html! {
            div.split { div { dl.tasks {
                @for (place, task) in comparison.tasks() {
                    dt { bdi { (task.name) } }
                    dd {
                        p { strong { (sentence(comparison, place, task)) } " " (trouble(comparison, place, task)) }
                        p.note { "The task: " (task.about) ". " (baseline(task)) " Source: " (task.source) "." }
                    }
                }
        } }
        div {
            h3 { "The cells" }
            dl.cells {
                @for ((_, name, look), cell) in comparison.cells().zip(&comparison.experiment.cells) {
                    dt { (look.swatch()) bdi { (name) } }
                    dd { (cell.about) }
                }
            }
            p.note { "Colour, dash and marker are the same in all figures." }
        } }
        },
    )
}

fn how(comparison: &Comparison) -> Option<String> {
    let experiment = &comparison.experiment;
    let settings = &experiment.settings;
    let names: Vec<&str> = experiment.cells.iter().map(|cell| cell.name.as_str()).collect();
    let size = match settings.size {
        Size::Parameters(parameters) => format!("about {} numbers to train", count(parameters)),
        Size::Hidden(hidden) => some(hidden, "hidden unit"),
    };
    Some(format!(
        "{} {} compared on {}: models with {size}, {} of {} each, {}.",
        listed(&names),
        if names.len() == 1 { "is" } else { "are" },
        some(experiment.tasks.len(), "task"),
        some(usize::try_from(settings.steps).unwrap_or(usize::MAX), "step"),
        some(settings.batch, "sequence"),
        some(comparison.seeds(), "seed"),
    ))
}

/// Who wins where, and where that is open.
fn winners(comparison: &Comparison) -> Option<String> {
    let mut won: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut open = Vec::new();
    for (place, task) in comparison.tasks() {
        match Verdict::on(comparison, place) {
            Some(verdict) if verdict.is_significant() => {
                match won.iter_mut().find(|(cell, _)| *cell == verdict.best) {
                    Some((_, tasks)) => tasks.push(&task.name),
                    None => won.push((verdict.best, vec![&task.name])),
                }
            }
            _ => open.push(task.name.as_str()),
        }
    }
    if comparison.done().0 == 0 {
        return Some("No training is done yet.".into());
    }
    if comparison.experiment.cells.len() < 2 {
        return None;
    }
    let name = |cell: usize| comparison.experiment.cells[cell].name.as_str();
    let mut sentences: Vec<String> = won
        .iter()
        .map(|(cell, tasks)| {
            format!("{} is significantly better than every other cell on {}.", name(*cell), listed(tasks))
        })
        .collect();
    if comparison.seeds() < 2 {
        sentences
            .push("With one seed nothing can be said of whether a difference is more than chance.".into());
    } else if won.is_empty() {
        sentences.push("On no task is one cell significantly better than all others.".into());
    } else if !open.is_empty() {
        sentences.push(format!("On {} no cell is significantly better than all others.", listed(&open)));
    }
    if comparison.seeds() > 1 {
        sentences.push("The test is Welch's t-test with Holm's correction, p < 0.05.".into());
    }
    Some(sentences.join(" "))
}

fn diverged(comparison: &Comparison) -> Option<String> {
    let all = comparison.tasks().flat_map(|(task, facts)| {
        comparison.cells().filter_map(move |(cell, name, _)| {
            let standing = comparison.standing(task, cell);
            let of = format!("{name} on {} ({} of {})", facts.name, standing.diverged, standing.seeds);
            (standing.diverged > 0).then_some((standing.diverged, of))
        })
    });
    let (numbers, names): (Vec<usize>, Vec<String>) = all.unzip();
    let number: usize = numbers.iter().sum();
    if number > 0 {
        Some(format!("{} diverged: {}.", some(number, "training"), listed(&names)))
    } else {
        (comparison.done().0 > 0).then(|| "No training diverged.".into())
    }
}

/// The verdict on a task as a sentence.
fn sentence(comparison: &Comparison, place: usize, task: &TaskFacts) -> String {
    let Some(verdict) = Verdict::on(comparison, place) else {
        let trained =
            comparison.cells().any(|(cell, ..)| !comparison.standing(place, cell).records.is_empty());
        return if trained { "Every training so far has diverged." } else { "No training is done yet." }
            .into();
    };
    let name = |cell: usize| comparison.experiment.cells[cell].name.as_str();
    let mean_of = |cell: usize| mean(&comparison.standing(place, cell).scores);
    let best = mean_of(verdict.best);
    let tied: Vec<&str> = verdict
        .rivals
        .iter()
        .filter(|rival| mean_of(rival.cell) == best)
        .map(|rival| name(rival.cell))
        .collect();
    let score = comparison.standing(place, verdict.best).score(task.measure).unwrap_or_default();
    let score = format!(
        "{} {score}{}",
        task.measure.name(),
        if task.measure.higher_is_better() { "\u{a0}%" } else { "" }
    );
    if !tied.is_empty() {
        let names: Vec<&str> = [name(verdict.best)].into_iter().chain(tied).collect();
        return format!("{} share the best mean: {score}.", listed(&names));
    }
    let start = format!("{} has the best mean, {score}", name(verdict.best));
    if verdict.rivals.is_empty() {
        return format!("{}, {score}.", name(verdict.best));
    }
    if verdict.is_significant() {
        let largest = verdict.rivals.iter().filter_map(|rival| rival.p).fold(0.0, f64::max);
        let every = if verdict.rivals.len() == 1 {
            format!("{} ({})", name(verdict.rivals[0].cell), p_value(largest))
        } else {
            format!("every other cell (largest {})", p_value(largest))
        };
        return format!("{} is best, {score}, significantly better than {every}.", name(verdict.best));
    }
    if comparison.seeds() < 2 || verdict.rivals.iter().all(|rival| rival.p.is_none()) {
        return format!("{start}; with fewer than two scores each nothing can be said of significance.");
    }
    if !verdict.sound {
        return format!(
            "{start}; no significance is claimed while trainings are missing or some of it diverged."
        );
    }
    format!("{start}{}.", differences(&verdict.rivals, name))
}

/// Which cells the best one is better than, from which it may differ by chance, and of which too little is known.
fn differences<'a>(rivals: &[Rival], name: impl Fn(usize) -> &'a str) -> String {
    let (mut beaten, mut close, mut untested) = (Vec::new(), Vec::new(), Vec::new());
    for rival in rivals {
        let name = name(rival.cell);
        match rival.p {
            Some(p) if p < LEVEL => beaten.push(name),
            Some(p) => close.push(format!("{name} ({})", p_value(p))),
            None => untested.push(name),
        }
    }
    let mut words = String::new();
    if !beaten.is_empty() {
        words += &format!(", significantly better than {}", listed(&beaten));
    }
    if !close.is_empty() {
        words += &format!(", but the difference from {} may be chance", listed(&close));
    }
    if !untested.is_empty() {
        words += &format!("; too few scores to test it against {}", listed(&untested));
    }
    words
}

/// What did not work: cells that diverged, and cells that are no better than the baseline.
fn trouble(comparison: &Comparison, place: usize, task: &TaskFacts) -> String {
    let mut sentences = Vec::new();
    for (cell, name, _) in comparison.cells() {
        let standing = comparison.standing(place, cell);
        if standing.diverged > 0 {
            sentences
                .push(format!("{name} diverged in {} of {} trainings.", standing.diverged, standing.seeds));
        }
    }
    let Some(baseline) = task.baseline() else { return sentences.join(" ") };
    let scored: Vec<(&str, f64)> = comparison
        .cells()
        .filter_map(|(cell, name, _)| Some((name, mean(&comparison.standing(place, cell).scores)?)))
        .collect();
    let below = scored.iter().filter(|(_, mean)| !task.measure.better(*mean, baseline.score));
    let below: Vec<&str> = below.map(|(name, _)| *name).collect();
    if !scored.is_empty() && below.len() == scored.len() && below.len() > 1 {
        sentences.push("No cell is better than the baseline.".into());
    } else if !below.is_empty() {
        let is = if below.len() == 1 { "is" } else { "are" };
        sentences.push(format!("{} {is} no better than the baseline.", listed(&below)));
    }
    sentences.join(" ")
}

fn baseline(task: &TaskFacts) -> String {
    let Some(baseline) = task.baseline() else { return String::new() };
    let (measure, score) = (task.measure.name(), plain_score(task.measure, baseline.score));
    let loss = if baseline.loss == baseline.score {
        String::new()
    } else {
        format!(", loss {}", short(baseline.loss))
    };
    format!("Baseline: whoever {} reaches {measure} {score}{loss}.", baseline.strategy)
}
