//! Where a model looked: for each word the picture under a grid, brighter where more of its attention was.

use lab::report::number::{count, fixed};
use maud::{Markup, html};

/// Weights over the cells of a grid, for each word in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Rows of the grid.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// For each word, and perhaps for the end, the weights row by row; they sum to one.
    pub weights: Vec<Vec<f64>>,
}

/// The side of a map in units of its own.
const SIDE: f64 = 84.0;

impl Attention {
    /// A map for each word over a picture, whose address is shared by all maps under an identifier of the page.
    pub(super) fn maps(&self, words: &[&str], picture: Option<&str>, id: &str) -> Markup {
        html! {
            ol.maps {
                @for (place, (word, weights)) in words.iter().zip(&self.weights).enumerate() {
                    li { (self.map(word, weights, picture, id, place == 0)) span aria-hidden="true" { (word) } }
                }
            }
        }
    }

    fn map(&self, word: &str, weights: &[f64], picture: Option<&str>, id: &str, first: bool) -> Markup {
        let (rows, columns) = (self.rows.max(1), self.columns.max(1));
        let (high, wide) = (SIDE / rows as f64, SIDE / columns as f64);
        let most = weights.iter().copied().fold(0.0, f64::max);
        let (peak, weight) = weights
            .iter()
            .enumerate()
            .fold((0, 0.0), |best, (place, weight)| if *weight > best.1 { (place, *weight) } else { best });
        let about = format!(
            "Where the model looked for “{word}”: most at row {} and column {} of {} by {}, with {}\u{a0}% of all.",
            count(peak / columns + 1),
            count(peak % columns + 1),
            count(rows),
            count(columns),
            fixed(100.0 * weight, 0)
        );
        html! {
            svg.map viewBox={ "0 0 " (SIDE) " " (SIDE) } role="img" aria-label=(about) {
                @match picture {
                    Some(address) if first => {
                        image id=(id) href=(address) width=(SIDE) height=(SIDE) preserveAspectRatio="none" {}
                    }
                    Some(_) => { use href={ "#" (id) } {} }
                    None => {}
                }
                // What was not looked at is covered.
                @for (place, weight) in weights.iter().take(rows * columns).enumerate() {
                    rect x=(format!("{:.2}", (place % columns) as f64 * wide)) y=(format!("{:.2}", (place / columns) as f64 * high))
                        width=(format!("{:.2}", wide + 0.05)) height=(format!("{:.2}", high + 0.05))
                        opacity=(format!("{:.2}", 0.85 * (1.0 - if most > 0.0 { weight / most } else { 1.0 }))) {}
                }
            }
        }
    }
}
