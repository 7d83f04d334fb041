//! Numbers as dots in a row for each thing, hollow before and full after.

use maud::{Markup, html};

use super::frame::{Axis, BOTTOM, Frame, LETTERS, WIDTH, at, chart, heading};
use super::style::{Look, shortened, width};
use crate::report::number::{listed, short};

/// Rows of dots.
#[derive(Clone, PartialEq, Debug)]
pub struct Dots {
    /// What distinguishes it from those beside it.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// The rows from top to bottom.
    pub rows: Vec<DotRow>,
    /// A vertical line of reference.
    pub level: f64,
    /// What it means to lie to the left and to the right of it.
    pub sides: [&'static str; 2],
}

/// A row of dots.
#[derive(Clone, PartialEq, Debug)]
pub struct DotRow {
    /// What it belongs to.
    pub name: String,
    /// How it is told from others.
    pub look: Look,
    /// Numbers before, which are drawn hollow.
    pub before: Vec<f64>,
    /// Numbers after, which are drawn full.
    pub after: Vec<f64>,
}

const ROW: f64 = 30.0;
const TOP: f64 = 40.0;

impl Dots {
    /// The chart as SVG.
    pub fn svg(&self) -> Markup {
        let names =
            self.rows.iter().map(|row| width(&row.name, LETTERS) + 12.0).fold(30.0, f64::max).min(130.0);
        let bottom = TOP + ROW * self.rows.len() as f64;
        let frame = Frame { left: names, right: WIDTH - 14.0, top: TOP, bottom };
        chart(
            bottom + BOTTOM,
            &self.words(),
            html! {
                (heading(&self.title))
                (frame.columns(&self.x, true))
                @if let Some(x) = frame.x(&self.x.scale, self.level) {
                    path.reference d={ "M" (at(x)) " " (at(frame.top - 16.0)) "V" (at(frame.bottom)) } {}
                    text.reference x=(at(x - 6.0)) y=(at(frame.top - 8.0)) text-anchor="end" { "← " (self.sides[0]) }
                    text.reference x=(at(x + 6.0)) y=(at(frame.top - 8.0)) { (self.sides[1]) " →" }
                }
                @for (place, row) in self.rows.iter().enumerate() {
                    @let y = frame.top + ROW * (place as f64 + 0.5);
                    text.name x=(at(names - 10.0)) y=(at(y + 4.0)) text-anchor="end" { (shortened(&row.name, LETTERS, names - 10.0)) }
                    g.(row.look.class()) {
                        // A little apart, so that equal numbers do not hide one another.
                        @for (values, shift, class) in [(&row.before, -5.0, "hollow"), (&row.after, 5.0, "full")] {
                            g.(class) { @for value in values.iter().filter(|value| value.is_finite()) {
                                @if let Some(x) = frame.x(&self.x.scale, *value) { (row.look.marker(x, y + shift, 4.0)) }
                            } }
                        }
                    }
                }
            },
        )
    }

    fn words(&self) -> String {
        let numbers = |values: &[f64]| listed(&values.iter().map(|value| short(*value)).collect::<Vec<_>>());
        let row = |row: &DotRow| {
            format!("{} before {}, after {}", row.name, numbers(&row.before), numbers(&row.after))
        };
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        format!("{}: {}; {}.", self.title, self.x.title, rows.join("; "))
    }
}
