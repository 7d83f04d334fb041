//! A picture on white paper, and the pieces that are drawn on it.
//!
//! The paper is part of the picture: a page may be dark, and a picture within it is told nothing of that.

use std::fmt::Write;

/// The colours of what is drawn.
pub const INK: &str = "#1b1f24";
pub const QUIET: &str = "#59626d";
pub const FORWARD: &str = "#dbe9f7";
pub const BACKWARD: &str = "#fbe0c8";
pub const LEAF: &str = "#eceff2";

/// A picture that is being drawn.
#[derive(Default)]
pub struct Canvas {
    body: String,
}

impl Canvas {
    /// Adds a piece of SVG.
    pub fn add(&mut self, piece: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{piece}");
    }

    /// A box with round corners.
    pub fn frame(&mut self, [x, y, width, height]: [f64; 4], fill: &str, stroke: &str, thick: f64) {
        self.add(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{fill}\" stroke=\"{stroke}\" \
             stroke-width=\"{thick}\"/>",
            at(x),
            at(y),
            at(width),
            at(height)
        ));
    }

    /// Words around a point.
    pub fn words(&mut self, x: f64, y: f64, size: f64, colour: &str, anchor: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        self.add(&format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" fill=\"{colour}\" text-anchor=\"{anchor}\">{words}</text>",
            at(x),
            at(y)
        ));
    }

    /// A line that ends in an arrowhead, along a path.
    pub fn arrow(&mut self, path: &str, colour: &str, dashed: bool) {
        let dashes = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let head = if colour == QUIET { "quiet" } else { "strong" };
        self.add(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\"{dashes} marker-end=\"url(#{head})\"/>"
        ));
    }

    /// The picture, with what it shows in words.
    pub fn svg(self, width: f64, height: f64, strong: &str, words: &str) -> String {
        let head = |name: &str, colour: &str| {
            format!(
                "<marker id=\"{name}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
                 orient=\"auto\"><path d=\"M0 0.8L8 4L0 7.2z\" fill=\"{colour}\"/></marker>"
            )
        };
        format!(
            "{}<defs>{}{}</defs>\n{}</svg>\n",
            sheet(width, height, words),
            head("quiet", QUIET),
            head("strong", strong),
            self.body
        )
    }
}

/// The beginning of a picture: its size, its words, its paper.
fn sheet(width: f64, height: f64, words: &str) -> String {
    let [width, height] = [width, height].map(at);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{words}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n"
    )
}

/// A coordinate with as many digits as an eye can see.
pub fn at(coordinate: f64) -> String {
    let text = format!("{coordinate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}
