//! The frame of a chart: where the plot stands, its axes with their ticks, and what is written around it.

use maud::{Markup, html};

use super::scale::Scale;
use super::style;

/// An axis with what it measures.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// What it measures, with its unit.
    pub title: String,
    /// The numbers along it.
    pub scale: Scale,
}

/// The width of every chart in its own units, which a page scales.
pub(super) const WIDTH: f64 = 400.0;
/// The height of a chart with a vertical axis.
pub(super) const HEIGHT: f64 = 280.0;
/// The room over its plot, for a heading and what the axis measures.
const TOP: f64 = 48.0;
/// The room below a plot, for the labels of a horizontal axis and what it measures.
pub(super) const BOTTOM: f64 = 42.0;
/// The size of letters in those units.
pub(super) const LETTERS: f64 = 12.0;

/// Where the plot stands in a chart.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Frame {
    /// The plot of a chart with a vertical axis, which leaves so much room at the right.
    pub fn upright(y: &Scale, room: f64) -> Frame {
        let widths = y.ticks().iter().map(|tick| style::width(&tick.label, LETTERS));
        let left = widths.fold(12.0, f64::max) + 12.0;
        Frame { left, right: WIDTH - room, top: TOP, bottom: HEIGHT - BOTTOM }
    }

    /// Where a number lies from the left.
    pub fn x(&self, scale: &Scale, value: f64) -> Option<f64> {
        scale.place(value).map(|share| self.left + share * (self.right - self.left))
    }

    /// Where a number lies from the top.
    pub fn y(&self, scale: &Scale, value: f64) -> Option<f64> {
        scale.place(value).map(|share| self.bottom - share * (self.bottom - self.top))
    }

    /// What a vertical axis measures, and its ticks with their lines and labels.
    pub fn rows(&self, axis: &Axis) -> Markup {
        html! {
            text.title x="0" y="29" { (axis.title) @if axis.scale.is_log() { ", logarithmic" } }
            @for tick in axis.scale.ticks() { @if let Some(y) = self.y(&axis.scale, tick.value) {
                path.grid d={ "M" (at(self.left)) " " (at(y)) "H" (at(self.right)) } {}
                text.tick x=(at(self.left - 6.0)) y=(at(y + 4.0)) text-anchor="end" { (tick.label) }
            } }
        }
    }

    /// The ticks of a horizontal axis with their labels, and what it measures.
    pub fn columns(&self, axis: &Axis, lines: bool) -> Markup {
        let top = if lines { self.top } else { self.bottom - 4.0 };
        html! {
            @for tick in axis.scale.ticks() { @if let Some(x) = self.x(&axis.scale, tick.value) {
                path.grid d={ "M" (at(x)) " " (at(top)) "V" (at(self.bottom)) } {}
                text.tick x=(at(x)) y=(at(self.bottom + 16.0)) text-anchor="middle" { (tick.label) }
            } }
            path.axis d={ "M" (at(self.left)) " " (at(self.bottom)) "H" (at(self.right)) } {}
            text.title x=(at((self.left + self.right) / 2.0)) y=(at(self.bottom + 34.0)) text-anchor="middle" { (axis.title) }
        }
    }
}

/// A chart of this height with its text in words for those who do not see it.
pub(super) fn chart(height: f64, words: &str, content: Markup) -> Markup {
    html! {
        svg.chart xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (at(height)) } role="img" aria-label=(words) {
            (content)
        }
    }
}

/// What distinguishes a chart from those beside it, over it.
pub(super) fn heading(title: &str) -> Markup {
    // Its letters are larger and bold.
    html! { text.heading x="0" y="13" { (style::shortened(title, 1.25 * LETTERS, WIDTH)) } }
}

/// A coordinate with as many digits as an eye can see.
pub(super) fn at(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}
