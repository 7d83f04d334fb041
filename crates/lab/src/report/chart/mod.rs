//! Charts as SVG inside a page, or as a [`picture()`] of their own: they take their colours from its style sheet, so that they follow light and dark, and have
//! few ticks, names beside what is named, and their content in words for those who do not see them.
//!
//! All have the same width in units of their own, and a page scales them to the room there is. Names are escaped where
//! they are written (`maud`). Why no plotting crate draws them stands in `docs/notes/report.md`.

mod bars;
mod dots;
mod frame;
mod lines;
mod names;
mod picture;
mod scale;
mod strips;
mod style;

pub use bars::{Bars, Track};
pub use dots::{DotRow, Dots};
pub use frame::Axis;
pub use lines::{Curve, Form, Lines, Point, Reference, height_of};
pub use picture::picture;
pub use scale::{Scale, Tick};
pub use strips::{Strip, StripGroup, Strips};
pub use style::Look;

/// The colours of light paper, which a page begins with and takes others for where it is dark.
pub(super) const LIGHT: &str = include_str!("light.css");

/// How charts look, in the colours that a page's style sheet names.
pub const STYLE: &str = include_str!("chart.css");
