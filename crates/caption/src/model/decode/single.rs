//! One sentence for each picture: the most probable next word, or one that is drawn.

use nn::Cell;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tape::RunError;

use super::settings::Sample;
use super::walk::{Row, Walk};
use super::{Caption, Decoding, Watch};
use crate::data::START;

/// Goes on with one word after another, which `choose` takes from the log probabilities of a picture's next word, with
/// a list to work in. Where it finds none, because nothing has any probability, the caption stops.
pub(super) fn decode<C: Cell>(
    mut walk: Walk<'_, C>,
    decoding: &Decoding,
    mut watch: Watch<'_>,
    mut choose: impl FnMut(usize, &[f64], &mut Vec<usize>) -> Option<i32>,
) -> Result<Vec<Vec<Caption>>, RunError> {
    let mut captions = vec![Caption::default(); walk.pictures];
    let mut rows: Vec<Row> =
        (0..walk.pictures).map(|picture| Row { from: picture, picture, word: START }).collect();
    let mut scratch = Vec::new();
    for _ in 0..decoding.longest {
        let mut next = Vec::with_capacity(rows.len());
        walk.step(&rows, |from, row, weights| {
            let picture = rows[from].picture;
            let caption = &mut captions[picture];
            caption.restrict(row, decoding);
            if let Some(word) = choose(picture, row, &mut scratch) {
                caption.say(word, row[word as usize], weights);
                if !caption.ended {
                    next.push(Row { from, picture, word });
                }
            }
        })?;
        rows = next;
        let broken_off = watch.as_mut().is_some_and(|watch| watch(&captions).is_break());
        if rows.is_empty() || broken_off {
            break;
        }
    }
    Ok(captions.into_iter().map(|caption| vec![caption]).collect())
}

/// The word with the highest log probability; of equal ones the first.
pub(super) fn likeliest(row: &[f64]) -> Option<i32> {
    let possible = (0..).zip(row).filter(|(_, value)| **value > f64::NEG_INFINITY);
    let best = possible.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(word, _)| word)
}

/// A word that is drawn, by one random number. `order` is room to work in.
pub(super) fn draw(
    row: &[f64],
    sample: &Sample,
    rng: &mut ChaCha8Rng,
    order: &mut Vec<usize>,
) -> Option<i32> {
    let uniform: f64 = rng.random();
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |word: usize| ((row[word] - largest) / sample.temperature).exp();
    order.clear();
    order.extend((0..row.len()).filter(|word| row[*word] > f64::NEG_INFINITY));
    // The order of the vocabulary between equals makes this an order without ties.
    let more_probable = |a: &usize, b: &usize| row[*b].total_cmp(&row[*a]).then(a.cmp(b));
    if let Some(most) = sample.top_k
        && most < order.len()
    {
        order.select_nth_unstable_by(most, more_probable);
        order.truncate(most);
    }
    if let Some(share) = sample.top_p {
        order.sort_unstable_by(more_probable);
        let mut left = share * order.iter().map(|word| weight(*word)).sum::<f64>();
        let fewest = order.iter().position(|word| {
            left -= weight(*word);
            left <= 0.0
        });
        order.truncate(fewest.map_or(order.len(), |last| last + 1));
    }
    // In the order of the vocabulary, whatever cut it.
    order.sort_unstable();
    let total: f64 = order.iter().map(|word| weight(*word)).sum();
    let mut left = uniform * total;
    let drawn = order.iter().find(|word| {
        left -= weight(**word);
        left < 0.0
    });
    // Rounding may leave a crumb after the last word.
    drawn.or(order.last()).map(|word| i32::try_from(*word).expect("fewer than 2^31 words"))
}
