//! How the numbers that were recorded went over the steps.

use lab::report::chart::{Axis, Curve, Form, Lines, Look, Point, Scale, height_of};
use lab::report::page::{Section, details, figure};
use lab::statistics::mean;
use maud::{Markup, html};

use super::{Report, Run};

/// Points that a curve has at most: what is finer does not show.
const POINTS: usize = 120;

/// A chart: its heading, what is measured, and the names of its numbers with what they are called.
struct Chart {
    title: &'static str,
    unit: &'static str,
    numbers: &'static [(&'static str, &'static str)],
}

/// What is looked at first.
const CHARTS: [Chart; 8] = [
    Chart {
        title: "Loss per caption",
        unit: "nats, summed over words",
        numbers: &[("loss_per_caption", "training"), ("val_loss_per_caption", "validation")],
    },
    Chart {
        title: "Loss per token",
        unit: "nats",
        numbers: &[
            ("loss_per_token", "training"),
            ("val_loss_per_token", "validation"),
            ("val_loss_per_token_of_exchanged", "other pictures"),
        ],
    },
    Chart {
        title: "Perplexity",
        unit: "exp of the loss per token",
        numbers: &[(PERPLEXITY, "training"), ("val_perplexity", "validation")],
    },
    Chart {
        title: "BLEU",
        unit: "0 to 1, validation",
        numbers: &[("bleu/1", "BLEU-1"), ("bleu/2", "BLEU-2"), ("bleu/3", "BLEU-3"), ("bleu/4", "BLEU-4")],
    },
    Chart {
        title: "CIDEr",
        unit: "0 to 10, validation",
        numbers: &[("cider_d", "CIDEr-D"), ("cider", "CIDEr")],
    },
    Chart { title: "ROUGE-L", unit: "0 to 1, validation", numbers: &[("rouge_l", "ROUGE-L")] },
    Chart { title: "Learning rate", unit: "of the optimiser", numbers: &[("learning_rate", "rate")] },
    Chart { title: "Gradient norm", unit: "before clipping", numbers: &[("gradient_norm", "norm")] },
];

/// Recorded by no run: made of the training loss per token.
const PERPLEXITY: &str = "perplexity";

/// Places of a step, which are no results.
const PLACES: [&str; 2] = ["step", "epoch"];

pub(super) fn section(report: &Report) -> Option<Section> {
    if report.runs.iter().all(|run| run.metrics.is_empty()) {
        return None;
    }
    let charts: Vec<Markup> = CHARTS.iter().flat_map(|chart| drawn(report, chart)).collect();
    let known: Vec<&str> = CHARTS.iter().flat_map(|chart| chart.numbers).map(|number| number.0).collect();
    let mut others: Vec<String> = report.runs.iter().flat_map(Run::names).collect();
    others.sort();
    others.dedup();
    others.retain(|name| !known.contains(&name.as_str()) && !PLACES.contains(&name.as_str()));
    let more: Vec<Markup> =
        others.iter().filter_map(|name| over_runs(report, name, name, "as recorded")).collect();
    let caption = "Training losses are those of the batches before each step: lines are means over equally many steps, bands reach from the \
         least batch to the largest. Validation is looked at from time to time, on all its captions. “Other pictures” is the validation loss \
         when each picture is taken for another: the farther above, the more the model looks.";
    Some(Section::new(
        "curves",
        "Learning curves",
        html! {
            @if report.other().is_some() { (key(report)) }
            (figure(&charts, caption))
            @if !more.is_empty() { (details("Everything else that was recorded", figure(&more, "By steps."))) }
        },
    ))
}

/// Which run is which.
pub(super) fn key(report: &Report) -> Markup {
    html! { ul.key { @for (_, name, look) in report.named() { li { (look.swatch()) bdi { (name) } } } } }
}

/// For one run a chart of all its numbers; for two a chart of each number.
fn drawn(report: &Report, chart: &Chart) -> Vec<Markup> {
    if report.other().is_some() {
        let title = |name: &str| match chart.numbers {
            [_] => chart.title.to_string(),
            _ => format!("{}: {name}", chart.title),
        };
        return chart
            .numbers
            .iter()
            .filter_map(|(key, name)| over_runs(report, key, &title(name), chart.unit))
            .collect();
    }
    let curve = |(place, (key, name)): (usize, &(&str, &str))| curve(report.run(), key, name, Look(place));
    let curves = chart.numbers.iter().enumerate().filter_map(curve).collect();
    lines(chart.title, chart.unit, curves).into_iter().collect()
}

fn over_runs(report: &Report, key: &str, title: &str, unit: &str) -> Option<Markup> {
    let curves = report.named().filter_map(|(run, name, look)| {
        let name = if report.other().is_some() { name } else { String::new() };
        curve(run, key, &name, look)
    });
    lines(title, unit, curves.collect())
}

fn lines(title: &str, unit: &str, curves: Vec<Curve>) -> Option<Markup> {
    if curves.is_empty() {
        return None;
    }
    let steps = curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.x));
    let lines = Lines {
        title: title.into(),
        x: Axis { title: "steps".into(), scale: Scale::linear(steps.chain([0.0])) },
        y: Axis { title: unit.into(), scale: height_of(&curves, &[], Scale::fitting) },
        curves,
        levels: Vec::new(),
        marks: Vec::new(),
    };
    Some(lines.svg())
}

fn curve(run: &Run, key: &str, name: &str, look: Look) -> Option<Curve> {
    let series = match key {
        PERPLEXITY => {
            run.series("loss_per_token").into_iter().map(|(step, loss)| (step, loss.exp())).collect()
        }
        key => run.series(key),
    };
    if series.is_empty() {
        return None;
    }
    let form = if series.len() <= 40 { Form::Marked } else { Form::Whole };
    let points = series.chunks(series.len().div_ceil(POINTS)).filter_map(over).collect();
    Some(Curve { name: name.into(), look, points, form })
}

/// The mean of neighbours, with the least and the largest.
fn over(series: &[(f64, f64)]) -> Option<Point> {
    let (steps, values): (Vec<f64>, Vec<f64>) = series.iter().copied().unzip();
    Some(Point {
        x: mean(&steps)?,
        y: mean(&values)?,
        low: values.iter().copied().fold(f64::INFINITY, f64::min),
        high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_means_with_bands() {
        let metrics = (1..=1000).map(|step| serde_json::json!({ "step": step, "loss": step % 10 }));
        let run = Run {
            name: "run".into(),
            config: serde_json::Value::Null,
            metrics: metrics.collect(),
            described: None,
        };
        let curve = curve(&run, "loss", "loss", Look(0)).unwrap();
        // 1000 steps in 120 points are nine each at least.
        assert_eq!(curve.points.len(), 112);
        assert_eq!(curve.points[0], Point { x: 5.0, y: 5.0, low: 1.0, high: 9.0 });
        assert_eq!(curve.points[111].x, 1000.0);
    }
}
