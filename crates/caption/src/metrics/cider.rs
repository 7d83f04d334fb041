//! CIDEr and CIDEr-D: cosine of n-gram counts, weighted by how rare the n-grams are.
//!
//! Each caption becomes, for n of 1 to 4, a vector over n-grams: how often the n-gram occurs, times the logarithm of
//! items over items that have it in any of their references. An n-gram of no reference counts as one of one. Then
//!
//! ```text
//! CIDEr   = 10 · mean over n and references of  h·r / (|h| |r|)
//! CIDEr-D = 10 · mean over n and references of  min(h, r)·r / (|h| |r|) · exp(-(l(h) - l(r))² / (2 · 6²))
//! ```
//!
//! The minimum, n-gram by n-gram, takes away what is gained by repeating a word, and the Gaussian what is gained by
//! length. Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation", 2015; the factor 10 of
//! both, and words that are not stemmed, as in the authors' program, <https://github.com/vrama91/cider>. What
//! coco-caption, `cider_scorer.py`, calls CIDEr, and what papers print under that name, is CIDEr-D; there the length l
//! counts bigrams, so it is one less than the words, and the items that n-grams are rare among are those being scored. We
//! follow it in both. Where a vector is zero, as for a caption of fewer than n words or n-grams that every item has,
//! the original divides zero by zero and we say zero. A corpus of one item therefore scores zero.

use std::collections::{BTreeMap, HashMap};

use super::ngrams::{ORDERS, count_ngrams};
use super::{expect_pairs, mean};

/// The width of the Gaussian over differences in length.
const SIGMA: f64 = 6.0;

/// How many items have an n-gram in any of their references.
#[derive(Debug)]
struct Rarity<'a> {
    items: f64,
    items_with: HashMap<&'a [String], f64>,
}

impl<'a> Rarity<'a> {
    fn of(references: &'a [Vec<Vec<String>>]) -> Rarity<'a> {
        let mut items_with = HashMap::new();
        for item in references {
            let mut in_item: Vec<&[String]> = (1..=ORDERS)
                .flat_map(|order| item.iter().flat_map(move |words| words.windows(order)))
                .collect();
            in_item.sort_unstable();
            in_item.dedup();
            for ngram in in_item {
                *items_with.entry(ngram).or_insert(0.0) += 1.0;
            }
        }
        Rarity { items: references.len() as f64, items_with }
    }

    fn weight(&self, ngram: &[String]) -> f64 {
        self.items.ln() - self.items_with.get(ngram).copied().unwrap_or(1.0).ln()
    }
}

/// A caption as weighted n-grams of one order.
#[derive(Debug)]
struct Vector<'a> {
    entries: BTreeMap<&'a [String], f64>,
    norm: f64,
}

/// A caption as a vector for each order.
#[derive(Debug)]
struct Vectors<'a> {
    orders: [Vector<'a>; ORDERS],
    /// How many bigrams there are, which is what the reference program takes for the length.
    bigrams: usize,
}

impl<'a> Vectors<'a> {
    fn of(words: &'a [String], rarity: &Rarity) -> Vectors<'a> {
        let orders = std::array::from_fn(|k| {
            let counts = count_ngrams(words, k + 1).into_iter();
            let entries: BTreeMap<_, _> =
                counts.map(|(ngram, count)| (ngram, count as f64 * rarity.weight(ngram))).collect();
            let norm = entries.values().map(|entry| entry * entry).sum::<f64>().sqrt();
            Vector { entries, norm }
        });
        Vectors { orders, bigrams: words.len().saturating_sub(1) }
    }
}

/// `Σ share(h, r) r / (|h| |r|)` over the n-grams of both; zero where a vector is zero.
fn cosine(hypothesis: &Vector, reference: &Vector, share: fn(f64, f64) -> f64) -> f64 {
    let norms = hypothesis.norm * reference.norm;
    if norms == 0.0 {
        return 0.0;
    }
    let both =
        hypothesis.entries.iter().filter_map(|(ngram, h)| reference.entries.get(ngram).map(|r| (*h, *r)));
    both.map(|(h, r)| share(h, r) * r).sum::<f64>() / norms
}

fn plain(hypothesis: &Vectors, reference: &Vectors) -> f64 {
    let cosines: [f64; ORDERS] =
        std::array::from_fn(|k| cosine(&hypothesis.orders[k], &reference.orders[k], |h, _| h));
    mean(&cosines)
}

fn clipped_and_penalised(hypothesis: &Vectors, reference: &Vectors) -> f64 {
    let cosines: [f64; ORDERS] =
        std::array::from_fn(|k| cosine(&hypothesis.orders[k], &reference.orders[k], f64::min));
    let longer_by = hypothesis.bigrams as f64 - reference.bigrams as f64;
    mean(&cosines) * (-longer_by * longer_by / (2.0 * SIGMA * SIGMA)).exp()
}

fn score_items(
    hypotheses: &[Vec<String>],
    references: &[Vec<Vec<String>>],
    similarity: fn(&Vectors, &Vectors) -> f64,
) -> Vec<f64> {
    let rarity = Rarity::of(references);
    let pairs = hypotheses.iter().zip(references);
    pairs.map(|(hypothesis, references)| score_item(hypothesis, references, &rarity, similarity)).collect()
}

fn score_item(
    hypothesis: &[String],
    references: &[Vec<String>],
    rarity: &Rarity,
    similarity: fn(&Vectors, &Vectors) -> f64,
) -> f64 {
    let hypothesis = Vectors::of(hypothesis, rarity);
    let to_each: Vec<f64> =
        references.iter().map(|reference| similarity(&hypothesis, &Vectors::of(reference, rarity))).collect();
    10.0 * mean(&to_each)
}

/// CIDEr-D for captions that come one at a time, with n-grams as rare as they are in a corpus of references.
#[derive(Debug)]
pub struct CiderD<'a> {
    references: &'a [Vec<Vec<String>>],
    rarity: Rarity<'a>,
}

impl<'a> CiderD<'a> {
    /// Of the references of each item.
    pub fn of(references: &'a [Vec<Vec<String>>]) -> CiderD<'a> {
        CiderD { references, rarity: Rarity::of(references) }
    }

    /// The score of a caption of an item, of 0 to 10.
    ///
    /// # Panics
    /// If there is no such item.
    #[track_caller]
    pub fn score(&self, item: usize, caption: &[String]) -> f64 {
        score_item(caption, &self.references[item], &self.rarity, clipped_and_penalised)
    }
}

/// CIDEr-D of a corpus, of 0 to 10: the mean over its items. What the literature calls CIDEr.
#[track_caller]
pub fn cider_d(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> f64 {
    mean(&cider_d_per_item(hypotheses, references))
}

/// CIDEr-D of each item, with n-grams as rare as they are in this corpus.
#[track_caller]
pub fn cider_d_per_item(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Vec<f64> {
    expect_pairs(hypotheses, references);
    score_items(hypotheses, references, clipped_and_penalised)
}

/// CIDEr of a corpus without clipping and without the penalty for length, of 0 to 10: the mean over its items.
#[track_caller]
pub fn cider(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> f64 {
    mean(&cider_per_item(hypotheses, references))
}

/// CIDEr of each item, with n-grams as rare as they are in this corpus.
#[track_caller]
pub fn cider_per_item(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Vec<f64> {
    expect_pairs(hypotheses, references);
    score_items(hypotheses, references, plain)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, corpus};
    use super::*;

    #[track_caller]
    fn check(items: &[(&str, &[&str])], expected: &[f64], expected_d: &[f64]) {
        let (hypotheses, references) = corpus(items);
        close(&cider_per_item(&hypotheses, &references), expected, 1e-12);
        close(&cider_d_per_item(&hypotheses, &references), expected_d, 1e-12);
    }

    // Where a test says nothing else, there are two items and no n-gram is in both, so every weight is ln 2 and cancels.

    #[test]
    fn orders_that_a_caption_is_too_short_for_count_zero() {
        // "a b": cosines 1, 1, 0, 0, so 10 · 2/4. "c" and "c d": the word is one of two, cosine 1/√2, the other orders
        // 0, so 10/4/√2; D loses one bigram: exp(-1/72).
        let second = 2.5 / 2_f64.sqrt();
        let items: [(&str, &[&str]); 2] = [("a b", &["a b"]), ("c", &["c d"])];
        check(&items, &[5.0, second], &[5.0, second * (-1.0_f64 / 72.0).exp()]);
    }

    #[test]
    fn repeating_a_word_pays_without_clipping_only() {
        // h = (2, 0), r = (1, 1): plain 2 / (2 √2), clipped 1 / (2 √2); bigrams "a a" and "a b" share nothing.
        let items: [(&str, &[&str]); 2] = [("a a", &["a b"]), ("x", &["x"])];
        check(&items, &[2.5 / 2_f64.sqrt(), 2.5], &[1.25 / 2_f64.sqrt(), 2.5]);
    }

    #[test]
    fn references_are_averaged() {
        // Against "a" the word is all, against "b" nothing: half of 10/4.
        check(&[("a", &["a", "b"]), ("x", &["x"])], &[1.25, 2.5], &[1.25, 2.5]);
    }

    #[test]
    fn what_every_item_says_is_worth_nothing() {
        // "a" weighs ln(2/2) = 0; left are "dog" and "a dog", "cat" and "a cat", each all of its order.
        check(&[("a dog", &["a dog"]), ("a cat", &["a dog", "a cat"])], &[0.0, 2.5], &[0.0, 2.5]);
        check(&[("a dog", &["a dog"])], &[0.0], &[0.0]);
    }

    #[test]
    fn a_word_of_no_reference_weighs_as_one_of_a_single_item() {
        // h = (1, 1) over a, q and r = (1): cosine 1/√2; "a q" is not "a". One bigram too many.
        let plain = 2.5 / 2_f64.sqrt();
        let items: [(&str, &[&str]); 2] = [("a q", &["a"]), ("x", &["x"])];
        check(&items, &[plain, 2.5], &[plain * (-1.0_f64 / 72.0).exp(), 2.5]);
    }

    #[test]
    fn captions_that_come_one_at_a_time_score_as_in_a_corpus() {
        let items: [(&str, &[&str]); 3] =
            [("a dog runs", &["a dog", "a dog runs fast"]), ("a cat", &["the cat"]), ("", &["a b c d"])];
        let (hypotheses, references) = corpus(&items);
        let one_by_one = CiderD::of(&references);
        let found: Vec<f64> = (0..3).map(|item| one_by_one.score(item, &hypotheses[item])).collect();
        assert_eq!(found, cider_d_per_item(&hypotheses, &references));
    }

    #[test]
    fn four_words_repeated_exactly_score_ten() {
        check(&[("a b c d", &["a b c d"]), ("e f g h", &["e f g h"])], &[10.0, 10.0], &[10.0, 10.0]);
    }
}
