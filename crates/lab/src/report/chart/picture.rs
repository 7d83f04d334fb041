//! Charts as a picture of its own, on white paper. The paper is part of the picture: a page around it may be dark, and a picture
//! is told nothing of that.

use maud::html;

use super::frame::{HEIGHT, WIDTH};
use super::{LIGHT, Lines, STYLE};

/// The paper around a chart.
const MARGIN: f64 = 16.0;

/// How much larger than its own units a picture is shown.
const SCALE: f64 = 1.5;

/// Charts side by side as an SVG file, with what it shows in words.
///
/// ```
/// use lab::report::chart::{Axis, Curve, Form, Lines, Look, Point, Scale, picture};
///
/// let points = vec![Point::bare(10.0, 0.3), Point::bare(100.0, 2.7)];
/// let growth = Lines {
///     title: "Growth".into(),
///     x: Axis { title: "steps".into(), scale: Scale::log([10.0, 100.0]) },
///     y: Axis { title: "ms".into(), scale: Scale::log([0.3, 2.7]) },
///     curves: vec![Curve { name: "rnn".into(), look: Look(0), points, form: Form::Whole }],
///     levels: Vec::new(),
///     marks: Vec::new(),
/// };
/// assert!(picture(&[growth], "Time by length.").starts_with("<svg "));
/// ```
pub fn picture(charts: &[Lines], words: &str) -> String {
    let (width, height) = ((WIDTH + 2.0 * MARGIN) * charts.len() as f64, HEIGHT + 2.0 * MARGIN);
    let (shown_width, shown_height) = (SCALE * width, SCALE * height);
    let words = html! { (words) }.into_string();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{shown_width}\" \
         height=\"{shown_height}\" role=\"img\" aria-label=\"{words}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <style>\n{LIGHT}{STYLE}.chart {{ width: {WIDTH}px; max-width: none; height: {HEIGHT}px; }}\n</style>\n"
    );
    for (number, chart) in charts.iter().enumerate() {
        let x = MARGIN + (WIDTH + 2.0 * MARGIN) * number as f64;
        let place = format!("<svg x=\"{x}\" y=\"{MARGIN}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" ");
        text += &chart.svg().into_string().replacen("<svg ", &place, 1);
        text.push('\n');
    }
    text + "</svg>\n"
}
