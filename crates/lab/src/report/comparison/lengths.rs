//! Whether a cell has learned a rule: scores at other lengths than the trained one.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Comparison, in_units, unit};
use crate::compare::TaskFacts;
use crate::report::chart::{Axis, Curve, Form, Lines, Look, Point, Reference, Scale, Tick, height_of};
use crate::report::number::listed;
use crate::report::page::{Section, figure};
use crate::statistics::mean;
use crate::tasks::Measure;

pub(super) fn section(comparison: &Comparison) -> Section {
    let charts: Vec<Markup> =
        comparison.tasks().filter_map(|(place, task)| chart(comparison, place, task)).collect();
    let without: Vec<&str> = comparison
        .tasks()
        .filter(|(place, _)| curves(comparison, *place, Measure::Bits).is_empty())
        .map(|(_, task)| task.name.as_str())
        .collect();
    Section::new(
        "lengths",
        "Other lengths",
        html! {
            p { "Trained on one length and asked at others: whoever has learned the rule does as well there." }
            @if !charts.is_empty() {
                (figure(&charts, "Means over seeds, with whiskers from the least to the largest. The upright line marks the length \
                    that was trained on, the dotted one what is reached at each length without understanding the task."))
            }
            @if !without.is_empty() {
                p.note { "Not tested at other lengths: " (listed(&without)) "." }
            }
        },
    )
}

fn chart(comparison: &Comparison, place: usize, task: &TaskFacts) -> Option<Markup> {
    let mut curves = curves(comparison, place, task.measure);
    if curves.is_empty() {
        return None;
    }
    let baselines: Vec<Point> = task
        .baselines
        .iter()
        .map(|at| Point::bare(at.length as f64, in_units(task.measure, at.baseline.score)))
        .collect();
    if !baselines.is_empty() {
        curves.push(Curve {
            name: "baseline".into(),
            look: Look(0),
            points: baselines,
            form: Form::Reference,
        });
    }
    let lengths = || curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.x));
    let mut ticks: Vec<usize> = lengths().map(|length| length as usize).collect();
    ticks.sort_unstable();
    ticks.dedup();
    let ticks = ticks.into_iter().map(|length| Tick { value: length as f64, label: length.to_string() });
    let y = match task.measure {
        Measure::Accuracy => Scale::between(0.0, 100.0),
        _ => height_of(&curves, &[], Scale::fitting),
    };
    let lines = Lines {
        title: task.name.clone(),
        x: Axis { title: "length".into(), scale: Scale::log(lengths()).with_ticks(ticks, 0.09) },
        y: Axis { title: unit(task.measure).into(), scale: y },
        marks: vec![Reference { value: task.length as f64, name: "trained".into() }],
        curves,
        levels: Vec::new(),
    };
    Some(lines.svg())
}

/// The curve of each cell that was tested at more than the trained length.
fn curves(comparison: &Comparison, place: usize, measure: Measure) -> Vec<Curve> {
    let curve = |(cell, name, look): (usize, &str, Look)| {
        let standing = comparison.standing(place, cell);
        let mut lengths: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for at in standing.finished().flat_map(|record| &record.lengths) {
            if at.score.is_finite() {
                lengths.entry(at.length).or_default().push(in_units(measure, at.score));
            }
        }
        let point =
            |(length, scores): (&usize, &Vec<f64>)| Some(Point::amid(*length as f64, mean(scores)?, scores));
        let points: Vec<Point> = lengths.iter().filter_map(point).collect();
        (points.len() > 1).then(|| Curve { name: name.into(), look, points, form: Form::Marked })
    };
    comparison.cells().filter_map(curve).collect()
}
