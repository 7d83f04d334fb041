//! Whole distributions side by side: a column of short strokes for each, one stroke a number.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::frame::{Axis, Frame, HEIGHT, at, chart, heading};
use super::lines::Reference;
use super::scale::{Scale, Tick};
use super::style::Look;
use crate::report::number::{listed, short};
use crate::statistics::range;

/// Columns of strokes, in groups.
#[derive(Clone, PartialEq, Debug)]
pub struct Strips {
    /// What distinguishes it from those beside it.
    pub title: String,
    /// What tells the groups apart.
    pub x: String,
    /// Upwards.
    pub y: Axis,
    /// The groups from left to right.
    pub groups: Vec<StripGroup>,
    /// Horizontal lines of reference.
    pub levels: Vec<Reference>,
}

/// Columns that stand together.
#[derive(Clone, PartialEq, Debug)]
pub struct StripGroup {
    /// What they have in common.
    pub name: String,
    /// A column for each thing, in the same order in every group.
    pub columns: Vec<Strip>,
}

/// A column.
#[derive(Clone, PartialEq, Debug)]
pub struct Strip {
    /// What it belongs to.
    pub name: String,
    /// How it is told from others.
    pub look: Look,
    /// Its numbers.
    pub values: Vec<f64>,
}

impl Strips {
    /// The chart as SVG; the largest number of a column has its marker.
    pub fn svg(&self) -> Markup {
        let frame = Frame::upright(&self.y.scale, 36.0);
        let group = (frame.right - frame.left) / self.groups.len().max(1) as f64;
        let tick = |(place, group): (usize, &StripGroup)| Tick {
            value: place as f64 + 0.5,
            label: group.name.clone(),
        };
        let scale = Scale::between(0.0, self.groups.len().max(1) as f64);
        let x = Axis {
            title: self.x.clone(),
            scale: scale.with_ticks(self.groups.iter().enumerate().map(tick), 0.0),
        };
        chart(
            HEIGHT,
            &self.words(),
            html! {
                (heading(&self.title))
                (frame.rows(&self.y))
                (frame.columns(&x, false))
                @for level in &self.levels { @if let Some(y) = frame.y(&self.y.scale, level.value) {
                    path.reference d={ "M" (at(frame.left)) " " (at(y)) "H" (at(frame.right)) } {}
                    text.reference x=(at(frame.right + 5.0)) y=(at(y + 4.0)) { (level.name) }
                } }
                @for (place, strips) in self.groups.iter().enumerate() {
                    @let start = frame.left + group * (place as f64 + 0.1);
                    @let column = 0.8 * group / strips.columns.len().max(1) as f64;
                    @for (place, strip) in strips.columns.iter().enumerate() {
                        (self.strip(&frame, strip, start + column * place as f64, column))
                    }
                }
            },
        )
    }

    fn strip(&self, frame: &Frame, strip: &Strip, left: f64, width: f64) -> Markup {
        let stroke = (0.82 * width).min(22.0);
        let left = left + (width - stroke) / 2.0;
        // Zero has no logarithm and lies below all.
        let height = |value: f64| {
            if value == 0.0 { frame.bottom } else { frame.y(&self.y.scale, value).unwrap_or(frame.bottom) }
        };
        let finite = strip.values.iter().copied().filter(|value| value.is_finite());
        // Strokes that an eye would not tell apart are drawn once.
        let heights: BTreeSet<i64> = finite.map(|value| (height(value) * 2.0).round() as i64).collect();
        let draw = |twice: &i64| format!("M{} {}h{}", at(left), at(*twice as f64 / 2.0), at(stroke));
        let strokes: String = heights.iter().map(draw).collect();
        html! {
            g.(strip.look.class()) {
                path.strokes d=(strokes) { title { (strip.name) } }
                @if let Some((_, largest)) = range(strip.values.iter().copied()) {
                    (strip.look.marker(left + stroke / 2.0, height(largest), (0.3 * stroke).clamp(2.0, 3.5)))
                }
            }
        }
    }

    fn words(&self) -> String {
        let group = |group: &StripGroup| {
            let columns = group.columns.iter().filter_map(|strip| {
                let (least, most) = range(strip.values.iter().copied())?;
                Some(format!("{} from {} to {}", strip.name, short(least), short(most)))
            });
            format!("at {}: {}", group.name, listed(&columns.collect::<Vec<_>>()))
        };
        let groups: Vec<String> = self.groups.iter().map(group).collect();
        format!("{}: {} for each {}; {}.", self.title, self.y.title, self.x, groups.join("; "))
    }
}
