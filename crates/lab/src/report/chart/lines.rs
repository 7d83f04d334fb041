//! Curves with bands, names at their ends, and lines of reference.

use maud::{Markup, html};

use super::frame::{Axis, Frame, HEIGHT, at, chart, heading};
use super::names::{Name, beside_their_ends, room_for};
use super::scale::Scale;
use super::style::Look;
use crate::report::number::{listed, short};
use crate::statistics::range;

/// A chart of curves.
#[derive(Clone, PartialEq, Debug)]
pub struct Lines {
    /// What distinguishes it from those beside it.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Horizontal lines of reference.
    pub levels: Vec<Reference>,
    /// Vertical lines of reference.
    pub marks: Vec<Reference>,
}

/// A curve.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// What it belongs to.
    pub name: String,
    /// How it is told from others.
    pub look: Look,
    /// Its points from left to right.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub form: Form,
}

/// How a curve is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A line with its band and its name.
    Whole,
    /// The same with a marker at each point.
    Marked,
    /// A thin line that ends in a cross, with its name or without.
    Broken {
        /// Whether its name stands at its end.
        named: bool,
    },
    /// A dashed line without colour, for what is no contestant.
    Reference,
}

/// A point with the range around it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// The lower end of the band.
    pub low: f64,
    /// The upper end of the band.
    pub high: f64,
}

/// A line of reference across the plot.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    /// Where it stands.
    pub value: f64,
    /// What it is.
    pub name: String,
}

impl Point {
    /// A point without a band.
    pub fn bare(x: f64, y: f64) -> Point {
        Point { x, y, low: y, high: y }
    }

    /// A point in the midst of numbers, with a band from the least to the largest of them.
    pub fn amid(x: f64, y: f64, numbers: &[f64]) -> Point {
        let (low, high) = range(numbers.iter().copied()).unwrap_or((y, y));
        Point { x, y, low, high }
    }
}

impl Lines {
    /// The chart as SVG.
    pub fn svg(&self) -> Markup {
        let names = self.curves.iter().filter(|curve| curve.form.is_named()).map(|curve| &curve.name);
        let names = names.chain(self.levels.iter().map(|level| &level.name));
        let frame = Frame::upright(&self.y.scale, room_for(names.map(String::as_str)));
        chart(
            HEIGHT,
            &self.words(),
            html! {
                (heading(&self.title))
                (frame.rows(&self.y))
                (frame.columns(&self.x, false))
                @for mark in &self.marks { @if let Some(x) = frame.x(&self.x.scale, mark.value) {
                    path.reference d={ "M" (at(x)) " " (at(frame.top)) "V" (at(frame.bottom)) } {}
                    text.reference x=(at(x)) y=(at(frame.top - 5.0)) text-anchor="middle" { (mark.name) }
                } }
                @for curve in &self.curves { (self.curve(&frame, curve)) }
                @for level in &self.levels { @if let Some(y) = frame.y(&self.y.scale, level.value) {
                    path.reference d={ "M" (at(frame.left)) " " (at(y)) "H" (at(frame.right)) } {}
                } }
                (beside_their_ends(&frame, self.ends(&frame)))
            },
        )
    }

    /// Where the curves and levels that are named end.
    fn ends(&self, frame: &Frame) -> Vec<Name<'_>> {
        let curves = self.curves.iter().filter(|curve| curve.form.is_named()).filter_map(|curve| {
            let (x, y) = curve.points.iter().rev().find_map(|point| self.place(frame, point.x, point.y))?;
            Some(Name {
                text: &curve.name,
                look: (curve.form != Form::Reference).then_some(curve.look),
                x,
                y,
            })
        });
        let levels = self.levels.iter().filter_map(|level| {
            Some(Name {
                text: &level.name,
                look: None,
                x: frame.right,
                y: frame.y(&self.y.scale, level.value)?,
            })
        });
        curves.chain(levels).collect()
    }

    fn place(&self, frame: &Frame, x: f64, y: f64) -> Option<(f64, f64)> {
        Some((frame.x(&self.x.scale, x)?, frame.y(&self.y.scale, y)?))
    }

    fn curve(&self, frame: &Frame, curve: &Curve) -> Markup {
        let spots: Vec<Option<(f64, f64)>> =
            curve.points.iter().map(|point| self.place(frame, point.x, point.y)).collect();
        let last = spots.iter().rev().find_map(|spot| *spot);
        let dashes = curve.look.dashes().filter(|_| curve.form != Form::Reference);
        html! {
            g.(curve.class()) {
                @if curve.points.iter().any(|point| point.low < point.high) {
                    path.band d=(self.band(frame, &curve.points)) {}
                }
                path.(curve.form.class()) d=(joined(&spots)) stroke-dasharray=[dashes] {
                    title { (curve.name) }
                }
                @if curve.form == Form::Marked {
                    @for (spot, point) in spots.iter().zip(&curve.points) { @if let Some((x, y)) = spot {
                        @if let Some((low, high)) = self.whisker(frame, point) {
                            path.thin d={ "M" (at(*x)) " " (at(low)) "V" (at(high)) } {}
                        }
                        (curve.look.marker(*x, *y, 3.5))
                    } }
                }
                @if let Some((x, y)) = last.filter(|_| curve.form.is_broken()) {
                    path.cross d={ "M" (at(x - 4.0)) " " (at(y - 4.0)) "l8 8m0 -8l-8 8" } {}
                }
            }
        }
    }

    fn whisker(&self, frame: &Frame, point: &Point) -> Option<(f64, f64)> {
        let ends = (frame.y(&self.y.scale, point.low)?, frame.y(&self.y.scale, point.high)?);
        (point.low < point.high).then_some(ends)
    }

    /// The area between the lower and the upper ends.
    fn band(&self, frame: &Frame, points: &[Point]) -> String {
        // What lies below a logarithmic axis is drawn at its end.
        let lowest = |y: f64| frame.y(&self.y.scale, y).unwrap_or(frame.bottom);
        let there = || points.iter().filter(|point| point.low.is_finite() && point.high.is_finite());
        let spots =
            there().map(|point| (point.x, point.high)).chain(there().rev().map(|point| (point.x, point.low)));
        let spots = spots.filter_map(|(x, y)| Some(Some((frame.x(&self.x.scale, x)?, lowest(y)))));
        joined(&spots.collect::<Vec<_>>()) + "z"
    }

    /// What the chart shows, for those who do not see it.
    fn words(&self) -> String {
        let ends = self.curves.iter().filter(|curve| curve.form.is_named()).filter_map(|curve| {
            let (first, last) = (curve.points.first()?, curve.points.last()?);
            Some(format!("{} goes from {} to {}", curve.name, short(first.y), short(last.y)))
        });
        let broken = self.curves.iter().filter(|curve| curve.form.is_broken());
        let broken = broken.map(|curve| format!("a training of {} breaks off", curve.name));
        let references = self.levels.iter().chain(&self.marks);
        let references = references.map(|line| format!("a line at {}: {}", short(line.value), line.name));
        let all: Vec<String> = ends.chain(broken).chain(references).collect();
        format!("{}: {} over {}. {}.", self.title, self.y.title, self.x.title, listed(&all))
    }
}

impl Form {
    fn is_broken(self) -> bool {
        matches!(self, Form::Broken { .. })
    }

    fn is_named(self) -> bool {
        !matches!(self, Form::Broken { named: false })
    }

    fn class(self) -> &'static str {
        match self {
            Form::Whole | Form::Marked => "line",
            Form::Broken { .. } => "thin",
            Form::Reference => "reference",
        }
    }
}

impl Curve {
    fn class(&self) -> &'static str {
        if self.form == Form::Reference { "none" } else { self.look.class() }
    }
}

/// A path through spots; where one is missing, the line is interrupted.
fn joined(spots: &[Option<(f64, f64)>]) -> String {
    let mut path = String::new();
    let mut down = false;
    for spot in spots {
        if let Some((x, y)) = spot {
            path.push_str(&format!("{}{} {}", if down { "L" } else { "M" }, at(*x), at(*y)));
        }
        down = spot.is_some();
    }
    path
}

/// A vertical axis over all that some curves and levels show.
pub fn height_of<'a>(
    curves: impl IntoIterator<Item = &'a Curve>,
    levels: &[Reference],
    kind: fn(Vec<f64>) -> Scale,
) -> Scale {
    let curves: Vec<&Curve> = curves.into_iter().collect();
    // A training that diverges would press all others flat; it is shown as far as the others reach.
    let steady = curves.iter().filter(|curve| !curve.form.is_broken());
    let mut values: Vec<f64> = steady
        .flat_map(|curve| curve.points.iter().flat_map(|point| [point.low, point.y, point.high]))
        .collect();
    if values.is_empty() {
        values = curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.y)).collect();
    }
    values.extend(levels.iter().map(|level| level.value));
    kind(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_interrupted_where_there_is_no_number() {
        assert_eq!(joined(&[Some((0.0, 1.0)), Some((1.0, 2.5)), None, Some((3.0, 1.0))]), "M0 1L1 2.5M3 1");
    }
}
