//! BLEU: how many of the hypothesis' runs of words occur in a reference, times a penalty for brevity.
//!
//! With n-grams clipped to the most that any one reference has,
//!
//! ```text
//! pₙ     = correct n-grams / n-grams of the hypotheses        both summed over the corpus
//! BLEU-n = (p₁ … pₙ)^(1/n) · exp(min(0, 1 - r / c))
//! ```
//!
//! where c is the length of all hypotheses and r that of the references closest in length, the shorter of two as close.
//! Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002; constants
//! against division by zero as in coco-caption, `bleu_scorer.py`: precision is (correct + 1e-15) / (guessed + 1e-9).

use super::expect_pairs;
use super::ngrams::{ORDERS, count_ngrams};

/// Added to what is divided; without any correct n-gram the score is nearly, not exactly, zero.
const TINY: f64 = 1e-15;
/// Added to what is divided by.
const SMALL: f64 = 1e-9;

/// What BLEU counts, of one item or of many.
#[derive(Default)]
struct Counts {
    length: usize,
    reference_length: usize,
    guessed: [usize; ORDERS],
    correct: [usize; ORDERS],
}

impl Counts {
    fn of(hypothesis: &[String], references: &[Vec<String>]) -> Counts {
        let length = hypothesis.len();
        let closest =
            references.iter().map(Vec::len).min_by_key(|reference| (reference.abs_diff(length), *reference));
        let mut counts = Counts { length, reference_length: closest.unwrap_or(0), ..Counts::default() };
        for order in 1..=ORDERS {
            let in_references: Vec<_> = references.iter().map(|words| count_ngrams(words, order)).collect();
            for (ngram, count) in count_ngrams(hypothesis, order) {
                let most =
                    in_references.iter().filter_map(|counts| counts.get(ngram)).max().copied().unwrap_or(0);
                counts.guessed[order - 1] += count;
                counts.correct[order - 1] += count.min(most);
            }
        }
        counts
    }

    fn add(mut self, other: &Counts) -> Counts {
        self.length += other.length;
        self.reference_length += other.reference_length;
        for order in 0..ORDERS {
            self.guessed[order] += other.guessed[order];
            self.correct[order] += other.correct[order];
        }
        self
    }

    fn score(&self) -> [f64; ORDERS] {
        let ratio = (self.length as f64 + TINY) / (self.reference_length as f64 + SMALL);
        let brevity = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
        let mut product = 1.0;
        std::array::from_fn(|k| {
            product *= (self.correct[k] as f64 + TINY) / (self.guessed[k] as f64 + SMALL);
            product.powf(1.0 / (k + 1) as f64) * brevity
        })
    }
}

/// BLEU-1 to BLEU-4 of a corpus.
///
/// Counts are summed over items before anything is divided, so this is not the mean of [`bleu_per_item`].
#[track_caller]
pub fn bleu(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> [f64; 4] {
    expect_pairs(hypotheses, references);
    let items =
        hypotheses.iter().zip(references).map(|(hypothesis, references)| Counts::of(hypothesis, references));
    items.fold(Counts::default(), |sum, item| sum.add(&item)).score()
}

/// BLEU-1 to BLEU-4 of each item as if it were the corpus.
#[track_caller]
pub fn bleu_per_item(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Vec<[f64; 4]> {
    expect_pairs(hypotheses, references);
    let score =
        |(hypothesis, references): (&Vec<String>, &Vec<_>)| Counts::of(hypothesis, references).score();
    hypotheses.iter().zip(references).map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, corpus};
    use super::*;

    #[track_caller]
    fn check(items: &[(&str, &[&str])], expected: [f64; 4], within: f64) {
        let (hypotheses, references) = corpus(items);
        close(&bleu(&hypotheses, &references), &expected, within);
    }

    #[test]
    fn a_word_counts_no_oftener_than_in_any_one_reference() {
        // The paper's example: "the" occurs twice in the first reference, so 2 of 7. No bigram is right: BLEU-2 is
        // sqrt(2/7 · 1e-15/6) = 6.9e-9, BLEU-3 (2/7 · 1e-15/6 · 1e-15/5)^(1/3) = 2.1e-11, BLEU-4 smaller still.
        let references: &[&str] = &["the cat is on the mat", "there is a cat on the mat"];
        check(&[("the the the the the the the", references)], [2.0 / 7.0, 0.0, 0.0, 0.0], 1e-8);
    }

    #[test]
    fn brevity_is_paid_for_and_missing_orders_nearly_zero() {
        // p₁ = 2/2, p₂ = 1/1, penalty exp(1 - 3/2). There is no trigram to guess: p₃ = p₄ = 1e-15/1e-9 = 1e-6, so
        // BLEU-3 = 1e-6^(1/3) = 1e-2 and BLEU-4 = 1e-12^(1/4) = 1e-3, times the penalty.
        let penalty = (-0.5_f64).exp();
        check(&[("a cat", &["a cat sat"])], [penalty, penalty, 1e-2 * penalty, 1e-3 * penalty], 1e-8);
    }

    #[test]
    fn the_closest_reference_decides_and_the_shorter_of_two_as_close() {
        // Of lengths 2 and 4 both are one from 3; 2 is taken, and no penalty is due. p₁ = 3/3, p₂ = 1/2 ("a b").
        let references: &[&str] = &["a b", "c d e a"];
        let (hypotheses, references) = corpus(&[("a b c", references)]);
        close(&bleu(&hypotheses, &references)[..2], &[1.0, 0.5_f64.sqrt()], 1e-8);
    }

    #[test]
    fn a_corpus_sums_counts_and_an_item_has_its_own() {
        // Together 1 + 3 of 2 + 3 words are right, lengths 5 against 5; apart 1/2 and 3/3.
        let (hypotheses, references) = corpus(&[("a x", &["a b"]), ("c d e", &["c d e"])]);
        close(&bleu(&hypotheses, &references)[..1], &[4.0 / 5.0], 1e-8);
        let apart = bleu_per_item(&hypotheses, &references);
        close(&[apart[0][0], apart[1][0], apart[1][2]], &[0.5, 1.0, 1.0], 1e-8);
    }

    #[test]
    fn the_same_caption_scores_one_and_an_empty_one_zero() {
        check(&[("a dog runs on grass", &["a dog runs on grass"])], [1.0; 4], 1e-8);
        check(&[("", &["a dog"])], [0.0; 4], 0.0);
    }
}
