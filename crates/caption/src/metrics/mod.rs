//! How good captions are: BLEU, ROUGE-L and CIDEr, as the COCO caption evaluation computes them, and how diverse.
//!
//! Every metric takes a hypothesis and some references for each item, as words; [`tokenize`] makes words of text.
//! Published numbers come from one program, <https://github.com/tylin/coco-caption>, and we follow its choices even where
//! papers say otherwise; each file names them. METEOR is left out, for it needs a table of paraphrases that we cannot
//! ship.
//!
//! Nothing here is ever not a number: an empty hypothesis, an item without references and an empty corpus score zero.
//!
//! ```
//! use caption::metrics::{bleu, tokenize};
//!
//! let hypotheses = [tokenize("A dog runs.")];
//! let references = [vec![tokenize("A dog runs fast."), tokenize("The dog is running.")]];
//! let [bleu_1, ..] = bleu(&hypotheses, &references);
//! assert!((bleu_1 - (1.0_f64 - 4.0 / 3.0).exp()).abs() < 1e-8); // every word is right, one is missing
//! ```

mod bleu;
mod cider;
mod diversity;
mod ngrams;
mod rouge_l;
mod scores;
mod tokenize;

pub use bleu::{bleu, bleu_per_item};
pub use cider::{CiderD, cider, cider_d, cider_d_per_item, cider_per_item};
pub use diversity::{distinct, mean_length, novelty, unknown_share};
pub use rouge_l::{rouge_l, rouge_l_per_item};
pub use scores::{ItemScores, Row, Scores};
pub use tokenize::{PUNCTUATION, tokenize};

/// Panics unless there are references for each hypothesis.
#[track_caller]
fn expect_pairs(hypotheses: &[Vec<String>], references: &[Vec<Vec<String>>]) {
    let (hypotheses, references) = (hypotheses.len(), references.len());
    assert!(hypotheses == references, "{hypotheses} hypotheses, but references for {references} items");
}

/// The mean, zero of nothing.
fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// Splits at spaces; tests write captions as text.
    pub(crate) fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    /// A corpus of hypotheses with their references.
    pub(crate) fn corpus(items: &[(&str, &[&str])]) -> (Vec<Vec<String>>, Vec<Vec<Vec<String>>>) {
        items
            .iter()
            .map(|(hypothesis, references)| {
                (words(hypothesis), references.iter().map(|text| words(text)).collect::<Vec<_>>())
            })
            .unzip()
    }

    /// Panics unless every number is as expected.
    #[track_caller]
    pub(crate) fn close(found: &[f64], expected: &[f64], within: f64) {
        assert_eq!(found.len(), expected.len());
        for (found_one, expected_one) in found.iter().zip(expected) {
            // Written so that a NaN fails.
            let agrees = (found_one - expected_one).abs() <= within;
            assert!(agrees, "{found:?}, expected {expected:?} within {within:e}");
        }
    }

    #[test]
    fn the_reference_program_gives_the_same_numbers() {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        let folder = std::env::var_os("UNSPOOL_DATA").map_or_else(beside, PathBuf::from).join("metrics");
        if !folder.is_dir() {
            println!(
                "skipped: set UNSPOOL_DATA to a folder with metrics/, {} is not there",
                folder.display()
            );
            return;
        }
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).expect(name);
            text.lines().map(|line| words(&line.to_lowercase())).collect::<Vec<_>>()
        };
        let hypotheses = read("nlg-eval.hyp.txt");
        let references: Vec<_> = read("nlg-eval.ref1.txt")
            .into_iter()
            .zip(read("nlg-eval.ref2.txt"))
            .map(|(a, b)| vec![a, b])
            .collect();
        close(&bleu(&hypotheses, &references), &[0.55, 0.428174, 0.284043, 0.201143], 1e-6);
        close(&[rouge_l(&hypotheses, &references)], &[0.5221037854154413], 1e-9);
        // What that program calls CIDEr is CIDEr-D.
        close(&[cider_d(&hypotheses, &references)], &[1.2421919556558583], 1e-9);
    }

    #[test]
    fn odd_corpora_score_finite_numbers() {
        let odd: [&[(&str, &[&str])]; 9] = [
            &[],
            &[("", &[""])],
            &[("", &["a dog"])],
            &[("a dog", &[""])],
            &[("a dog", &[])],
            &[("dog", &["dog"])],
            &[("a dog runs", &["a dog runs"])],
            &[("", &["a dog"]), ("a cat", &["a cat", ""])],
            &[("dog", &["dog"]), ("dog", &["dog"])],
        ];
        for items in odd {
            let (hypotheses, references) = corpus(items);
            let mut scores = bleu(&hypotheses, &references).to_vec();
            scores.extend(bleu_per_item(&hypotheses, &references).as_flattened());
            scores.push(rouge_l(&hypotheses, &references));
            scores.extend(rouge_l_per_item(&hypotheses, &references));
            scores.push(cider(&hypotheses, &references));
            scores.extend(cider_per_item(&hypotheses, &references));
            scores.push(cider_d(&hypotheses, &references));
            scores.extend(cider_d_per_item(&hypotheses, &references));
            assert!(scores.iter().all(|score| (0.0..=10.0).contains(score)), "{items:?}: {scores:?}");
        }
    }

    #[test]
    #[should_panic(expected = "1 hypotheses, but references for 0 items")]
    fn an_item_without_a_list_of_references_is_a_mistake() {
        bleu(&[words("a dog")], &[]);
    }
}
