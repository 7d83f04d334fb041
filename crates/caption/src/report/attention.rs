//! Where a model looked: for each word the picture under a grid, brighter where more of its attention was.

use lab::report::number::{count, fixed};
use maud::{Markup, html};

use super::Picture;
use crate::model::AttentionMaps;

/// The width of a map in units of its own.
const WIDTH: f64 = 84.0;

/// Maps over one picture, which stands in the page once, under an identifier.
struct Maps<'a> {
    rows: usize,
    columns: usize,
    /// The picture's address, where there is one.
    address: Option<&'a str>,
    id: &'a str,
    height: f64,
}

/// A map for each word, over a picture with its address: all of the picture as the network saw it.
pub(super) fn maps(
    attention: &AttentionMaps,
    words: &[&str],
    picture: Option<(&Picture, &str)>,
    id: &str,
) -> Markup {
    let (rows, columns) = (attention.rows.max(1), attention.columns.max(1));
    let [high, wide] = picture.map_or([rows, columns], |(picture, _)| [picture.height, picture.width]);
    let height = WIDTH * high.max(1) as f64 / wide.max(1) as f64;
    let maps = Maps { rows, columns, address: picture.map(|(_, address)| address), id, height };
    html! {
        ol.maps {
            @for (place, (word, weights)) in words.iter().zip(&attention.weights).enumerate() {
                li { (maps.map(word, weights, place == 0)) span aria-hidden="true" { (word) } }
            }
        }
    }
}

impl Maps<'_> {
    fn map(&self, word: &str, weights: &[f64], first: bool) -> Markup {
        let Maps { rows, columns, address, id, height } = *self;
        let (high, wide) = (height / rows as f64, WIDTH / columns as f64);
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
            svg.map viewBox=(format!("0 0 {WIDTH} {height:.2}")) role="img" aria-label=(about) {
                @match address {
                    Some(address) if first => {
                        image id=(id) href=(address) width=(WIDTH) height=(format!("{height:.2}")) preserveAspectRatio="none" {}
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
