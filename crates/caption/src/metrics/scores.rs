//! All scores of a corpus at once, each with the convention that it follows.

use serde::Serialize;

use super::{
    bleu, bleu_per_item, cider, cider_d, cider_d_per_item, cider_per_item, rouge_l, rouge_l_per_item,
};
use super::{distinct, mean_length, novelty, unknown_share};

/// Scores of captions against all references.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// BLEU-1 to BLEU-4, of 0 to 1.
    pub bleu: [f64; 4],
    /// ROUGE-L, of 0 to 1.
    pub rouge_l: f64,
    /// CIDEr-D, of 0 to 10.
    pub cider_d: f64,
    /// CIDEr without clipping and penalty, of 0 to 10.
    pub cider: f64,
    /// distinct-1 and distinct-2, of 0 to 1.
    pub distinct: [f64; 2],
    /// The mean number of words.
    pub length: f64,
    /// The share of words that are `<UNK>`.
    pub unknown: f64,
    /// The share of captions that are no training captions, where these are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
}

/// Scores of one caption against its references.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ItemScores {
    /// BLEU-1 as if the item were the corpus.
    pub bleu_1: f64,
    /// BLEU-2 likewise.
    pub bleu_2: f64,
    /// BLEU-3 likewise.
    pub bleu_3: f64,
    /// BLEU-4 likewise.
    pub bleu_4: f64,
    /// ROUGE-L.
    pub rouge_l: f64,
    /// CIDEr-D, n-grams weighted by the whole corpus.
    pub cider_d: f64,
    /// CIDEr, likewise.
    pub cider: f64,
    /// The number of words.
    pub length: usize,
}

/// A number of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Its name among the fields of JSON.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// How it is computed.
    pub convention: &'static str,
}

impl Scores {
    /// Scores of captions, as words, each against its references.
    ///
    /// # Panics
    /// If there are not as many lists of references as captions.
    #[track_caller]
    pub fn of(captions: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Scores {
        Scores {
            bleu: bleu(captions, references),
            rouge_l: rouge_l(captions, references),
            cider_d: cider_d(captions, references),
            cider: cider(captions, references),
            distinct: [1, 2].map(|order| distinct(captions, order)),
            length: mean_length(captions),
            unknown: unknown_share(captions),
            novelty: None,
        }
    }

    /// The same beside the captions that a model has learned from.
    pub fn beside(self, captions: &[Vec<String>], training: &[Vec<String>]) -> Scores {
        Scores { novelty: Some(novelty(captions, training)), ..self }
    }

    /// All numbers in the order of a table.
    pub fn rows(&self) -> Vec<Row> {
        let row = |key, name, value, convention| Row { key, name, value, convention };
        let [bleu_1, bleu_2, bleu_3, bleu_4] = self.bleu;
        let [distinct_1, distinct_2] = self.distinct;
        let bleu = "0 to 1, corpus level, no smoothing, closest reference length";
        let distinct = "0 to 1, different runs of words / all, falls with the number of captions";
        let mut rows = vec![
            row("bleu_1", "BLEU-1", bleu_1, bleu),
            row("bleu_2", "BLEU-2", bleu_2, bleu),
            row("bleu_3", "BLEU-3", bleu_3, bleu),
            row("bleu_4", "BLEU-4", bleu_4, bleu),
            row("rouge_l", "ROUGE-L", self.rouge_l, "0 to 1, beta 1.2, mean over pictures"),
            row(
                "cider_d",
                "CIDEr-D",
                self.cider_d,
                "0 to 10, document frequencies from these references; what coco-caption calls CIDEr",
            ),
            row(
                "cider",
                "CIDEr",
                self.cider,
                "0 to 10, the same without clipping and length penalty, no stemming",
            ),
            row("distinct_1", "distinct-1", distinct_1, distinct),
            row("distinct_2", "distinct-2", distinct_2, distinct),
            row("length", "length", self.length, "words, mean over captions"),
            row("unknown", "<UNK>", self.unknown, "0 to 1, share of the words said"),
        ];
        rows.extend(self.novelty.map(|novelty| {
            row("novelty", "novelty", novelty, "0 to 1, captions that are word for word no training caption")
        }));
        rows
    }
}

impl ItemScores {
    /// Scores of each caption, as words.
    ///
    /// # Panics
    /// If there are not as many lists of references as captions.
    #[track_caller]
    pub fn of_each(captions: &[Vec<String>], references: &[Vec<Vec<String>>]) -> Vec<ItemScores> {
        let bleu = bleu_per_item(captions, references);
        let rouge_l = rouge_l_per_item(captions, references);
        let cider_d = cider_d_per_item(captions, references);
        let cider = cider_per_item(captions, references);
        let scores = |item: usize| {
            let [bleu_1, bleu_2, bleu_3, bleu_4] = bleu[item];
            let (rouge_l, cider_d, cider) = (rouge_l[item], cider_d[item], cider[item]);
            ItemScores {
                bleu_1,
                bleu_2,
                bleu_3,
                bleu_4,
                rouge_l,
                cider_d,
                cider,
                length: captions[item].len(),
            }
        };
        (0..captions.len()).map(scores).collect()
    }
}

/// As a line of a table: name, number, convention.
impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:<17} {:>8.4}   {}", self.name, self.value, self.convention)
    }
}
