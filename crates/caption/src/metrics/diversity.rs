//! What captions are like without a look at references: how different, how new, how long.
//!
//! ```text
//! distinct-n = different runs of n words / runs of n words      over all captions together
//! novelty    = captions that are word for word none of the training captions / captions
//! ```
//!
//! distinct-n after Li and others, "A Diversity-Promoting Objective Function for Neural Conversation Models", 2016,
//! <https://arxiv.org/abs/1510.03055>, who divide by words; here as is usual by runs, so that 1 can be reached. It falls
//! with the number of captions, so only corpora of the same size can be compared.

use std::collections::HashSet;

/// Different runs of `order` words over all of them, of 0 to 1; zero where there is none.
pub fn distinct(captions: &[Vec<String>], order: usize) -> f64 {
    // A caption has no run of no words.
    let runs = || captions.iter().flat_map(|caption| caption.windows(order.max(1)));
    let different: HashSet<&[String]> = runs().collect();
    share(different.len(), runs().count())
}

/// The share of captions that are word for word none of the `training` captions.
pub fn novelty(captions: &[Vec<String>], training: &[Vec<String>]) -> f64 {
    let known: HashSet<&Vec<String>> = training.iter().collect();
    share(captions.iter().filter(|caption| !known.contains(caption)).count(), captions.len())
}

/// The mean number of words of a caption.
pub fn mean_length(captions: &[Vec<String>]) -> f64 {
    share(captions.iter().map(Vec::len).sum(), captions.len())
}

/// The share of all words that are `<UNK>`.
pub fn unknown_share(captions: &[Vec<String>]) -> f64 {
    let words = || captions.iter().flatten();
    share(words().filter(|word| *word == "<UNK>").count(), words().count())
}

/// The share of `part` in `whole`, zero of nothing.
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, words};
    use super::*;

    /// distinct-1, distinct-2, novelty beside "a dog", mean length, and share of `<UNK>`.
    #[track_caller]
    fn check(captions: &[&str], expected: [f64; 5]) {
        let captions: Vec<Vec<String>> = captions.iter().map(|text| words(text)).collect();
        let new = novelty(&captions, &[words("a dog")]);
        let found = [distinct(&captions, 1), distinct(&captions, 2), new];
        close(
            &[found.as_slice(), &[mean_length(&captions), unknown_share(&captions)]].concat(),
            &expected,
            1e-15,
        );
    }

    #[test]
    fn captions_are_counted() {
        // Words a dog a dog runs: 3 of 5; runs "a dog", "a dog", "dog runs": 2 of 3; the first is known.
        check(&["a dog", "a dog runs"], [3.0 / 5.0, 2.0 / 3.0, 0.5, 2.5, 0.0]);
        check(&["<UNK> a <UNK> b"], [3.0 / 4.0, 1.0, 1.0, 4.0, 0.5]);
        // No run goes from one caption into the next.
        check(&["a", "b", ""], [1.0, 0.0, 1.0, 2.0 / 3.0, 0.0]);
        check(&[], [0.0; 5]);
    }
}
