//! How each cell has learned each task.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Comparison, in_units, unit};
use crate::compare::{Outcome, Point as Stand, TaskFacts};
use crate::report::chart::{Axis, Curve, Form, Lines, Point, Reference, Scale, height_of};
use crate::report::page::{Section, figure};
use crate::statistics::mean;
use crate::tasks::Measure;

/// What is read off a point of a learning curve.
type Read = Box<dyn Fn(&Stand) -> f64>;

pub(super) fn section(comparison: &Comparison) -> Section {
    let drawn: Vec<(&TaskFacts, Vec<Markup>)> =
        comparison.tasks().map(|(place, task)| (task, charts(comparison, place, task))).collect();
    Section::new(
        "learning",
        "Learning curves",
        html! {
            p { "On held-out sequences that are the same for all cells. Lines are means over the seeds that went to their end, \
                 bands reach from the least to the largest. A thin line that ends in a cross is a training that diverged." }
            @for (task, charts) in &drawn {
                h3 { bdi { (task.name) } }
                @if charts.is_empty() {
                    p.note { "No training is done yet." }
                } @else {
                    (figure(charts, &caption(task)))
                }
            }
        },
    )
}

fn caption(task: &TaskFacts) -> String {
    let what = if task.measure == Measure::Accuracy { "Accuracy and loss" } else { "The score" };
    let strategy = task
        .baseline()
        .map(|baseline| format!(" The dotted line is the baseline: it {}.", baseline.strategy));
    format!(
        "{what} by steps, and by seconds of training without evaluation, a mean over seeds.{}",
        strategy.unwrap_or_default()
    )
}

/// The score by steps and by seconds, and the loss where it is something else.
fn charts(comparison: &Comparison, place: usize, task: &TaskFacts) -> Vec<Markup> {
    let measure = task.measure;
    let baseline = |value: f64| Reference { value, name: "baseline".into() };
    let score: Read = Box::new(move |point| in_units(measure, point.score));
    let level = task.baseline().map(|of| baseline(in_units(measure, of.score)));
    let mut rows = vec![(unit(measure), score, level)];
    if measure == Measure::Accuracy {
        let level = task.baseline().map(|of| baseline(of.loss));
        rows.push(("loss", Box::new(|point| point.loss), level));
    }
    rows.into_iter().flat_map(|(title, read, level)| row(comparison, place, title, &read, level)).collect()
}

fn row(
    comparison: &Comparison,
    place: usize,
    title: &str,
    read: &Read,
    level: Option<Reference>,
) -> Vec<Markup> {
    let along: [(&str, &str, Read); 2] = [
        ("By steps", "steps", Box::new(|point| point.step as f64)),
        ("By time", "seconds", Box::new(|point| point.seconds)),
    ];
    let levels: Vec<Reference> = level.into_iter().collect();
    let chart = |(heading, across, along): (&str, &str, Read)| {
        let curves = curves(comparison, place, &along, read);
        if curves.is_empty() {
            return None;
        }
        // Accuracies lie between bounds, and so does their axis.
        let bounded = title == unit(Measure::Accuracy);
        let scale =
            if bounded { Scale::between(0.0, 100.0) } else { height_of(&curves, &levels, Scale::fitting) };
        let x = Scale::linear(curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.x)));
        let lines = Lines {
            title: heading.into(),
            x: Axis { title: across.into(), scale: x },
            y: Axis { title: title.into(), scale },
            curves,
            levels: levels.clone(),
            marks: Vec::new(),
        };
        Some(lines.svg())
    };
    along.into_iter().filter_map(chart).collect()
}

fn curves(comparison: &Comparison, place: usize, along: &Read, read: &Read) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (cell, name, look) in comparison.cells() {
        let standing = comparison.standing(place, cell);
        // A cell that has nothing but diverged is named where the first of its trainings ends.
        let mut named = standing.finished().next().is_none();
        let mut steps: BTreeMap<u64, Vec<&Stand>> = BTreeMap::new();
        for record in &standing.records {
            if record.outcome == Outcome::Finished {
                record.curve.iter().for_each(|point| steps.entry(point.step).or_default().push(point));
                continue;
            }
            let points: Vec<Point> = record
                .curve
                .iter()
                .map(|point| Point::bare(along(point), read(point)))
                .filter(|point| point.y.is_finite())
                .collect();
            curves.push(Curve { name: name.into(), look, points, form: Form::Broken { named } });
            named = false;
        }
        let points: Vec<Point> =
            steps.values().filter_map(|points| over_seeds(points, along, read)).collect();
        if !points.is_empty() {
            curves.push(Curve { name: name.into(), look, points, form: Form::Whole });
        }
    }
    curves
}

/// The mean at a step, with the least and the largest.
fn over_seeds(points: &[&Stand], along: &Read, read: &Read) -> Option<Point> {
    let across: Vec<f64> = points.iter().map(|point| along(point)).collect();
    let values: Vec<f64> = points.iter().map(|point| read(point)).filter(|value| value.is_finite()).collect();
    Some(Point::amid(mean(&across)?, mean(&values)?, &values))
}
