//! Names at the ends of lines: beside the end where there is room, else in a column at the right edge, far enough from one
//! another to be read, and with a thin line to what they name.

use maud::{Markup, html};

use super::frame::{Frame, LETTERS, WIDTH, at};
use super::style::{Look, shortened, width};

/// Where a line ends, with its name.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Name<'a> {
    pub text: &'a str,
    /// How the line is told from others; none for a line of reference, which has no marker.
    pub look: Option<Look>,
    pub x: f64,
    pub y: f64,
}

/// The room that names may take from the plot.
const WIDEST: f64 = 112.0;
/// The room between a line at the edge and its name.
const GAP: f64 = 10.0;
/// The room between two names.
const SPACING: f64 = 14.0;

/// The room to leave for names at the right edge.
pub(super) fn room_for<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    names.map(|name| width(name, LETTERS) + GAP + 6.0).fold(GAP, f64::max).min(WIDEST)
}

/// The names with the markers of their lines.
pub(super) fn beside_their_ends(frame: &Frame, names: Vec<Name<'_>>) -> Markup {
    let (beside, outside): (Vec<Name<'_>>, Vec<Name<'_>>) =
        names.iter().partition(|name| name.has_room(frame, &names));
    let heights = spread_out(outside.iter().map(|name| name.y).collect(), frame.top - 4.0, frame.bottom);
    let room = WIDTH - frame.right - GAP;
    html! {
        @for name in &beside {
            g.(name.class()) {
                (name.marker())
                text.reference.own x=(at(name.x + 8.0)) y=(at(name.y + 4.0)) { (name.text) }
            }
        }
        @for (name, height) in outside.iter().zip(heights) {
            g.(name.class()) {
                @if (height - name.y).abs() > 3.0 || name.x < frame.right - 2.0 {
                    path.leader d={ "M" (at(name.x + 4.0)) " " (at(name.y)) "L" (at(frame.right + 7.0)) " " (at(height)) } {}
                }
                (name.marker())
                text.name x=(at(frame.right + GAP)) y=(at(height + 4.0)) { (shortened(name.text, LETTERS, room)) }
            }
        }
    }
}

impl Name<'_> {
    fn class(&self) -> &'static str {
        self.look.map_or("none", Look::class)
    }

    fn marker(&self) -> Markup {
        self.look.map(|look| look.marker(self.x, self.y, 3.0)).unwrap_or_default()
    }

    /// Whether the name fits between the end and the edge, away from other ends.
    fn has_room(&self, frame: &Frame, names: &[Name<'_>]) -> bool {
        let reach = width(self.text, LETTERS) + 18.0;
        let near = |other: &&Name<'_>| (other.y - self.y).abs() < SPACING && (other.x - self.x).abs() < reach;
        // It finds itself.
        self.x + reach < frame.right && names.iter().filter(near).count() == 1
    }
}

/// Heights near these, far enough from one another to write a name at each, between two bounds.
fn spread_out(heights: Vec<f64>, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by(|a, b| heights[*a].total_cmp(&heights[*b]));
    let spacing = SPACING.min((bottom - top) / heights.len().max(1) as f64);
    let mut spread: Vec<f64> = order.iter().map(|place| heights[*place].clamp(top, bottom)).collect();
    // Neighbours that are too close part by the same way up and down; a few rounds settle groups.
    for _ in 0..200 {
        for lower in 1..spread.len() {
            let short = (spacing - (spread[lower] - spread[lower - 1])) / 2.0;
            if short > 0.0 {
                spread[lower - 1] -= short;
                spread[lower] += short;
            }
        }
        for (place, height) in spread.iter_mut().enumerate() {
            let above = top + spacing * place as f64;
            let below = bottom - spacing * (heights.len() - 1 - place) as f64;
            *height = height.clamp(above.min(below), below);
        }
    }
    let mut result = heights;
    for (place, height) in order.into_iter().zip(spread) {
        result[place] = height;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lie_on_one_another() {
        let check = |heights: &[f64], top, bottom| {
            let spread = spread_out(heights.to_vec(), top, bottom);
            let mut sorted = spread.clone();
            sorted.sort_by(f64::total_cmp);
            let spacing = SPACING.min((bottom - top) / heights.len() as f64);
            assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] > spacing - 0.5), "{spread:?}");
            assert!(sorted.iter().all(|height| (top - 0.1..=bottom + 0.1).contains(height)), "{spread:?}");
        };
        check(&[50.0, 50.0, 50.0, 51.0], 40.0, 240.0);
        check(&[239.0, 240.0, 60.0], 40.0, 240.0);
        check(&[100.0; 30], 40.0, 240.0);
        assert_eq!(spread_out(vec![200.0, 100.0], 40.0, 240.0), [200.0, 100.0]);
    }
}
