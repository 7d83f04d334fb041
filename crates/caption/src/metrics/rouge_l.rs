//! ROUGE-L: the longest common subsequence of hypothesis and reference.
//!
//! With `lcs` the length of the longest sequence of words that occurs in both, in order but with gaps,
//!
//! ```text
//! P = max over references of lcs / length of the hypothesis
//! R = max over references of lcs / length of the reference
//! F = (1 + β²) P R / (R + β² P),   β = 1.2
//! ```
//!
//! and the score of a corpus is the mean over its items. The two maxima may come from different references. Lin,
//! "ROUGE: A Package for Automatic Evaluation of Summaries", 2004; β and the maxima as in coco-caption, `rouge.py`.

use super::{expect_pairs, mean};

/// How much more recall weighs than precision.
const BETA: f64 = 1.2;

/// How many words the longest common subsequence has.
fn longest_common(a: &[String], b: &[String]) -> usize {
    // Entry k is the answer for the words of `a` so far and the first k words of `b`.
    let mut lengths = vec![0; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (k, other) in b.iter().enumerate() {
            let above = lengths[k + 1];
            lengths[k + 1] = if word == other { diagonal + 1 } else { above.max(lengths[k]) };
            diagonal = above;
        }
    }
    lengths[b.len()]
}

fn score(hypothesis: &[String], references: &[Vec<String>]) -> f64 {
    let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
    for reference in references {
        let common = longest_common(hypothesis, reference) as f64;
        precision = precision.max(common / hypothesis.len().max(1) as f64);
        recall = recall.max(common / reference.len().max(1) as f64);
    }
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

/// ROUGE-L of a corpus, the mean over its items.
#[track_caller]
pub fn rouge_l(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> f64 {
    mean(&rouge_l_per_item(hypotheses, references))
}

/// ROUGE-L of each item.
#[track_caller]
pub fn rouge_l_per_item(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Vec<f64> {
    expect_pairs(hypotheses, references);
    hypotheses.iter().zip(references).map(|(hypothesis, references)| score(hypothesis, references)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, corpus, words};
    use super::*;

    #[test]
    fn common_words_are_in_order_but_need_not_touch() {
        assert_eq!(longest_common(&words("a b c d e"), &words("a x c e")), 3);
        assert_eq!(longest_common(&words("a b"), &words("b a")), 1);
        assert_eq!(longest_common(&words(""), &words("a")), 0);
    }

    #[test]
    fn precision_and_recall_are_each_the_best_of_all_references() {
        // "a": lcs 1, P 1/4, R 1/1. "a b x y z w": lcs 2, P 2/4, R 2/6. So P = 1/2, R = 1 and
        // F = 2.44 · 0.5 · 1 / (1 + 1.44 · 0.5) = 1.22 / 1.72.
        let (hypotheses, references) = corpus(&[("a b c d", &["a", "a b x y z w"])]);
        close(&[rouge_l(&hypotheses, &references)], &[1.22 / 1.72], 1e-12);
    }

    #[test]
    fn a_corpus_is_the_mean_of_its_items() {
        let (hypotheses, references) =
            corpus(&[("a dog", &["a dog"]), ("", &["a dog"]), ("cat", &["a dog"]), ("dog", &["dog"])]);
        close(&rouge_l_per_item(&hypotheses, &references), &[1.0, 0.0, 0.0, 1.0], 1e-15);
        close(&[rouge_l(&hypotheses, &references)], &[0.5], 1e-15);
    }
}
