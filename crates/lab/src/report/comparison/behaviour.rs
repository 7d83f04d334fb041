//! Why a cell behaves as it does: gradients through time, what a state does to later ones, and gates.

use maud::{Markup, html};

use super::Comparison;
use crate::behaviour::Behaviour;
use crate::compare::TaskFacts;
use crate::report::chart::{
    Axis, Bars, Curve, DotRow, Dots, Form, Lines, Look, Point, Reference, Scale, Strip, StripGroup, Strips,
    Track, height_of,
};
use crate::report::number::{listed, short};
use crate::report::page::{Section, details, figure};
use crate::report::table::{Column, Entry, Group, Table};
use crate::statistics::{mean, median};

/// What the seeds of a cell on a task have shown.
struct Seen<'a> {
    name: &'a str,
    look: Look,
    before: Vec<&'a Behaviour>,
    after: Vec<&'a Behaviour>,
}

impl Seen<'_> {
    /// Before the training and after it.
    fn both(&self) -> [&[&Behaviour]; 2] {
        [&self.before, &self.after]
    }
}

/// What stands before a task's name over a chart.
const HEADINGS: [&str; 2] = ["Before training", "After training"];

pub(super) fn section(comparison: &Comparison) -> Section {
    let tasks: Vec<(&TaskFacts, Vec<Seen<'_>>)> =
        comparison.tasks().map(|(place, task)| (task, seen(comparison, place))).collect();
    let (tasks, without): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|(_, seen)| !seen.is_empty());
    let without: Vec<&str> = without.iter().map(|(task, _)| task.name.as_str()).collect();
    Section::new(
        "behaviour",
        "Behaviour",
        html! {
            @if tasks.is_empty() {
                p { "No training of this comparison has looked into its cell, or none is done yet: there is nothing to show of \
                     gradients through time, states and gates." }
            } @else {
                p { "What each cell does with a batch of a task, with its first weights and with its last ones, and why it can \
                     learn over long times or cannot." }
                (gradients(&tasks))
                (spectra(comparison, &tasks))
                (exponents(&tasks))
                (gates(&tasks))
                (details("Behaviour in numbers", numbers(&tasks).html()))
                @if !without.is_empty() { p.note { "Nothing is known of " (listed(&without)) "." } }
            }
        },
    )
}

/// The cells that were looked into.
fn seen(comparison: &Comparison, place: usize) -> Vec<Seen<'_>> {
    let cell = |(cell, name, look)| {
        let records = comparison.standing(place, cell).records;
        let both = || records.iter().filter_map(|record| record.behaviour.as_ref());
        let before = both().map(|behaviour| &behaviour.before).collect();
        Seen { name, look, before, after: both().map(|behaviour| &behaviour.after).collect() }
    };
    comparison.cells().map(cell).filter(|seen| !seen.before.is_empty()).collect()
}

fn gradients(tasks: &[(&TaskFacts, Vec<Seen<'_>>)]) -> Markup {
    let charts: Vec<Markup> = tasks.iter().flat_map(|(task, seen)| gradient_charts(task, seen)).collect();
    html! {
        h3 { "Gradient through time" }
        p { "The norm of the gradient of the loss with respect to the hidden state, from the last step back to the first: medians \
             over seeds, bands from the least to the largest. Where a line falls, what happened long ago is not learned from; where \
             it rises, it is learned from too much. A line ends where the norm is zero." }
        (figure(&charts, "The gradient on its way back, before and after training."))
    }
}

fn gradient_charts(task: &TaskFacts, seen: &[Seen<'_>]) -> Vec<Markup> {
    let curves =
        [0, 1].map(|when| seen.iter().map(|cell| gradient_curve(cell, when)).collect::<Vec<Curve>>());
    let scale = height_of(curves.iter().flatten(), &[], Scale::log);
    let steps = || curves.iter().flatten().flat_map(|curve| curve.points.iter().map(|point| point.x));
    let x = Axis { title: "steps back from the end".into(), scale: Scale::linear(steps()) };
    let y = Axis { title: "norm of the gradient".into(), scale };
    let chart = |(curves, heading): (Vec<Curve>, &str)| {
        let title = format!("{heading}: {}", task.name);
        let (levels, marks) = (Vec::new(), Vec::new());
        Lines { title, x: x.clone(), y: y.clone(), curves, levels, marks }.svg()
    };
    curves.into_iter().zip(HEADINGS).map(chart).collect()
}

fn gradient_curve(cell: &Seen<'_>, when: usize) -> Curve {
    let runs = cell.both()[when];
    let steps = runs.iter().map(|run| run.gradient_norms.len()).max().unwrap_or(0);
    let point = |back: usize| {
        let norms = runs.iter().filter_map(|run| run.gradient_norms.iter().rev().nth(back).copied());
        let norms: Vec<f64> = norms.filter(|norm| norm.is_finite()).collect();
        Some(Point::amid(back as f64, median(&norms)?, &norms))
    };
    Curve {
        name: cell.name.into(),
        look: cell.look,
        points: (0..steps).filter_map(point).collect(),
        form: Form::Whole,
    }
}

fn spectra(comparison: &Comparison, tasks: &[(&TaskFacts, Vec<Seen<'_>>)]) -> Markup {
    let charts: Vec<Markup> = tasks.iter().flat_map(|(task, seen)| spectrum_charts(task, seen)).collect();
    if charts.is_empty() {
        return html! {};
    }
    html! {
        h3 { "What a state does to later states" }
        p { "The singular values of the Jacobian of the state after some steps with respect to the state before them. A value of \
             1 keeps a direction, a smaller one forgets it, a larger one blows it up. There is one stroke for each value of each \
             seed; the marker is on the largest, cells stand in the order of the key, and strokes on the lower edge are there or \
             below." }
        (key(comparison))
        (figure(&charts, "What is left of a state, before and after training."))
    }
}

fn spectrum_charts(task: &TaskFacts, seen: &[Seen<'_>]) -> Vec<Markup> {
    let jacobians = || seen.iter().flat_map(|cell| cell.both()).flatten().flat_map(|run| &run.jacobians);
    let mut steps: Vec<usize> = jacobians().map(|jacobian| jacobian.steps).collect();
    steps.sort_unstable();
    steps.dedup();
    if steps.is_empty() {
        return Vec::new();
    }
    let keep = Reference { value: 1.0, name: "kept".into() };
    let values = jacobians().flat_map(|jacobian| jacobian.singular_values.iter().copied());
    let scale = Scale::log(values.chain([1.0]));
    let chart = |(when, heading): (usize, &str)| {
        let column = |cell: &Seen<'_>, steps: usize| Strip {
            name: cell.name.into(),
            look: cell.look,
            values: at_steps(cell.both()[when], steps).collect(),
        };
        let group = |steps: &usize| StripGroup {
            name: steps.to_string(),
            columns: seen.iter().map(|cell| column(cell, *steps)).collect(),
        };
        let strips = Strips {
            title: format!("{heading}: {}", task.name),
            x: "steps between the states".into(),
            y: Axis { title: "singular values".into(), scale: scale.clone() },
            groups: steps.iter().map(group).collect(),
            levels: vec![keep.clone()],
        };
        strips.svg()
    };
    HEADINGS.into_iter().enumerate().map(chart).collect()
}

/// The singular values of all seeds after so many steps.
fn at_steps<'a>(runs: &'a [&Behaviour], steps: usize) -> impl Iterator<Item = f64> + 'a {
    let jacobians =
        runs.iter().flat_map(|run| &run.jacobians).filter(move |jacobian| jacobian.steps == steps);
    jacobians.flat_map(|jacobian| jacobian.singular_values.iter().copied())
}

fn exponents(tasks: &[(&TaskFacts, Vec<Seen<'_>>)]) -> Markup {
    let all = tasks.iter().flat_map(|(_, seen)| seen).flat_map(Seen::both).flatten().map(|run| run.lyapunov);
    let all: Vec<f64> = all.filter(|exponent| exponent.is_finite()).collect();
    // The same axis for all tasks, with room for words on both sides of zero.
    let room = 0.3 * all.iter().fold(0.0, |most: f64, exponent| most.max(exponent.abs())).max(1e-3);
    let scale = Scale::linear(all.into_iter().chain([-room, room]));
    let charts: Vec<Markup> = tasks.iter().map(|(task, seen)| exponent_chart(task, seen, &scale)).collect();
    html! {
        h3 { "Largest Lyapunov exponents" }
        (figure(&charts, "One marker a seed, hollow before training and full after it. Below zero, states that are close come \
            together and what was seen is forgotten; above zero, they part and the cell is chaotic."))
    }
}

fn exponent_chart(task: &TaskFacts, seen: &[Seen<'_>], scale: &Scale) -> Markup {
    let exponents = |runs: &[&Behaviour]| -> Vec<f64> { runs.iter().map(|run| run.lyapunov).collect() };
    let row = |cell: &Seen<'_>| DotRow {
        name: cell.name.into(),
        look: cell.look,
        before: exponents(&cell.before),
        after: exponents(&cell.after),
    };
    let rows: Vec<DotRow> = seen.iter().map(row).collect();
    let dots = Dots {
        title: task.name.clone(),
        x: Axis { title: "nats a step".into(), scale: scale.clone() },
        rows,
        level: 0.0,
        sides: ["forgets", "chaotic"],
    };
    dots.svg()
}

fn gates(tasks: &[(&TaskFacts, Vec<Seen<'_>>)]) -> Markup {
    let charts: Vec<Markup> = tasks
        .iter()
        .filter(|(_, seen)| seen.iter().any(|cell| !cell.before[0].gates.is_empty()))
        .map(|(task, seen)| {
            let tracks = seen.iter().flat_map(tracks).collect();
            Bars { title: task.name.clone(), ends: ["lower end", "upper end"], tracks }.svg()
        })
        .collect();
    html! {
        @if !charts.is_empty() {
            h3 { "Saturation" }
            (figure(&charts, "How often each squashing function is within a twentieth of an end of its range, over all units, \
                steps and sequences, a mean over seeds: from the left the lower end, where a gate is closed, from the right the \
                upper end. The thin pale bar is before training, the full one after it, and the numbers are its shares. A function \
                is named by its scope or its parameters, and by the line that calls it."))
        }
    }
}

fn tracks(cell: &Seen<'_>) -> Vec<Track> {
    let shares = |runs: &[&Behaviour], place: usize| {
        let gates: Vec<_> = runs.iter().filter_map(|run| run.gates.get(place)).collect();
        let low: Vec<f64> = gates.iter().map(|gate| gate.low).collect();
        let high: Vec<f64> = gates.iter().map(|gate| gate.high).collect();
        Some([mean(&low)?, mean(&high)?])
    };
    let gates = cell.before[0].gates.iter().enumerate();
    gates
        .map(|(place, gate)| Track {
            name: cell.name.into(),
            part: match gate.name.as_str() {
                "" => format!("{} ({})", gate.function, gate.line),
                name => format!("{} {name} ({})", gate.function, gate.line),
            },
            look: cell.look,
            before: shares(&cell.before, place),
            after: shares(&cell.after, place),
        })
        .collect()
}

/// Which look belongs to which cell.
fn key(comparison: &Comparison) -> Markup {
    html! {
        ul.key { @for (_, name, look) in comparison.cells() { li { (look.swatch()) bdi { (name) } } } }
    }
}

fn numbers(tasks: &[(&TaskFacts, Vec<Seen<'_>>)]) -> Table {
    let mut columns = vec![Column::words("task"), Column::words("cell")];
    for what in ["Lyapunov", "first / last gradient", "largest singular value"] {
        columns.extend(["before", "after"].map(|when| Column::numbers(format!("{what}, {when}"))));
    }
    let typical = |runs: &[&Behaviour], read: fn(&Behaviour) -> Option<f64>| {
        let values: Vec<f64> =
            runs.iter().filter_map(|run| read(run)).filter(|value| value.is_finite()).collect();
        Entry::new(median(&values).map_or("–".into(), short))
    };
    let row = |cell: &Seen<'_>| {
        let reads: [fn(&Behaviour) -> Option<f64>; 3] = [|run| Some(run.lyapunov), reach, growth];
        let entries = reads.into_iter().flat_map(|read| cell.both().map(|runs| typical(runs, read)));
        [Entry::new(cell.name)].into_iter().chain(entries).collect()
    };
    let group = |(task, seen): &(&TaskFacts, Vec<Seen<'_>>)| Group {
        name: Some(task.name.clone()),
        rows: seen.iter().map(row).collect(),
    };
    Table {
        title: "Behaviour, medians over seeds".into(),
        columns,
        groups: tasks.iter().map(group).collect(),
        notes: vec![
            "The gradient's norm at the first step over that after the last one; the largest singular value over the most \
             steps between states that were looked at."
                .into(),
        ],
    }
}

/// How much of the gradient arrives at the start.
fn reach(run: &Behaviour) -> Option<f64> {
    Some(run.gradient_norms.first()? / run.gradient_norms.last()?)
}

/// The largest singular value over the most steps.
fn growth(run: &Behaviour) -> Option<f64> {
    let farthest = run.jacobians.iter().max_by_key(|jacobian| jacobian.steps)?;
    farthest.singular_values.first().copied()
}
