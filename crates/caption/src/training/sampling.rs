//! Scheduled sampling: in training some of the words that the model is fed are its own, as they are when it describes
//! pictures (Bengio et al., "Scheduled sampling for sequence prediction with recurrent neural networks", 2015,
//! <https://arxiv.org/abs/1506.03099>).
//!
//! ```text
//! p[n, t] = the model's probabilities of the word after x[n, 0..=t], without noise
//! x'[n, t + 1] = a word drawn from p[n, t] with probability ε, else x[n, t + 1]
//! ```
//!
//! The words come of one pass over the captions as they are, and not, as in that paper, each after those put in before it; so
//! it works for any decoder and costs one pass more (Mihaylova and Martins, "Scheduled sampling for transformers", 2019,
//! <https://arxiv.org/abs/1906.07651>). Never drawn are `<NULL>`, `<START>` and `<END>`: in free running no word comes after
//! them. What is to be predicted stays as it is.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::data::batch::Batch;
use crate::data::{END, NULL, START};

/// Sets these draws apart from those of the captions, which have the same seed.
const PURPOSE: u64 = 0x5eed_0f0e_0a0d_0001;

/// The random numbers of a step.
pub(super) fn dice(seed: u64, step: u64) -> ChaCha8Rng {
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ PURPOSE);
    dice.set_stream(step);
    dice
}

/// Puts words drawn by the model into what a batch is fed, each with this probability. `logarithms` has those of the
/// probabilities of all words after each packed word, (R, V).
pub(super) fn mix_in(batch: &mut Batch, logarithms: &[f64], probability: f64, dice: &mut ChaCha8Rng) {
    let Batch { layout, steps, captions_in, .. } = batch;
    let vocabulary = logarithms.len() / layout.rows().max(1);
    let lengths = layout.lengths();
    for (row, place) in layout.places().enumerate() {
        let (sequence, step) = (place / *steps, place % *steps);
        if step + 1 < lengths[sequence] && dice.random_bool(probability) {
            captions_in[place + 1] = draw(&logarithms[row * vocabulary..][..vocabulary], dice);
        }
    }
}

/// A word by its probability among those that can be fed.
fn draw(logarithms: &[f64], dice: &mut ChaCha8Rng) -> i32 {
    let weight =
        |word: i32, logarithm: f64| if [NULL, START, END].contains(&word) { 0.0 } else { logarithm.exp() };
    let weights = || (0..).zip(logarithms).map(|(word, logarithm)| (word, weight(word, *logarithm)));
    let mut left = dice.random::<f64>() * weights().map(|(_, weight)| weight).sum::<f64>();
    let possible = weights().filter(|(_, weight)| *weight > 0.0);
    let mut last = crate::data::UNKNOWN;
    for (word, weight) in possible {
        last = word;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    // Rounding may leave a crumb after the last word.
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Captions, Pictures, Split};

    /// What two captions are fed when the model's probabilities after each packed word are those of `after`, for seven
    /// words.
    fn fed(probability: f64, step: u64, after: impl Fn(i32) -> [f64; 7]) -> Vec<i32> {
        let split = Split {
            pictures: Pictures::Features { width: 1, data: vec![0.0] },
            names: vec![],
            captions: Captions { width: 6, ids: vec![1, 4, 5, 2, 0, 0, 1, 5, 4, 4, 6, 2] },
            picture_of: vec![0, 0],
            references: vec![],
        };
        let mut batch = Batch::default();
        batch.fill(&split, &[0, 1]).unwrap();
        let targets = batch.captions_out.clone();
        let words = batch.layout.pack(&batch.captions_in);
        let logarithms: Vec<f64> =
            words.into_iter().flat_map(|word| after(word).map(|p: f64| p.ln())).collect();
        mix_in(&mut batch, &logarithms, probability, &mut dice(3, step));
        assert_eq!(batch.captions_out, targets);
        batch.captions_in
    }

    /// The model is sure of the word after 4, 5 or 6 in that round, and says 6 first.
    fn round(word: i32) -> [f64; 7] {
        let mut p = [0.0; 7];
        p[match word {
            4 => 5,
            5 => 6,
            6 => 4,
            _ => 6,
        }] = 0.5;
        p[END as usize] = 0.5;
        p
    }

    #[test]
    fn no_word_is_the_models_own_at_probability_zero_and_every_one_at_one() {
        assert_eq!(fed(0.0, 0, round), [1, 4, 5, 2, 0, 1, 5, 4, 4, 6]);
        // After <START> 6, and after the true words 4 and 5 those that follow in the round; padding stays.
        assert_eq!(fed(1.0, 0, round), [1, 6, 5, 2, 0, 1, 6, 6, 5, 5]);
    }

    #[test]
    fn some_words_are_its_own_in_between_and_drawn_with_their_probabilities() {
        let draws = 4000;
        let even = |_| [0.3, 0.2, 0.1, 0.0, 0.1, 0.0, 0.3];
        let mut counts = [0.0; 7];
        for step in 0..draws {
            counts[fed(0.5, step, even)[6] as usize] += 1.0 / draws as f64;
        }
        // The word at that place is 5; half of the time it is drawn, as 4 a quarter of that and as 6 the rest.
        for (word, expected) in [(5, 0.5), (4, 0.125), (6, 0.375)] {
            assert!((counts[word] - expected).abs() < 0.03, "{word}: {counts:?}");
        }
        assert_eq!(fed(0.5, 7, even), fed(0.5, 7, even));
    }
}
