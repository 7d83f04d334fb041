//! The words that captions are made of, and the four that are not words.

use std::collections::HashMap;

/// Fills a caption up to the common width; never predicted, never scored.
pub const NULL: i32 = 0;
/// Stands before the first word.
pub const START: i32 = 1;
/// Stands after the last word.
pub const END: i32 = 2;
/// Stands for a word that is not in the vocabulary.
pub const UNKNOWN: i32 = 3;

/// Words by index and indices by word; the first four are `<NULL>`, `<START>`, `<END>` and `<UNK>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
    ids: HashMap<String, i32>,
}

impl Vocabulary {
    /// A vocabulary of the four special entries followed by `words`.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let special = ["<NULL>", "<START>", "<END>", "<UNK>"].map(String::from);
        Self::from_entries(special.into_iter().chain(words).collect())
    }

    /// A vocabulary whose entries, special ones included, are given in order.
    pub fn from_entries(words: Vec<String>) -> Self {
        let ids = words.iter().zip(0..).map(|(word, id)| (word.clone(), id)).collect();
        Vocabulary { words, ids }
    }

    /// All entries in order of their indices.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many entries there are, the special ones included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The index of a word; [`UNKNOWN`] for a word that is not here.
    pub fn id(&self, word: &str) -> i32 {
        self.ids.get(word).copied().unwrap_or(UNKNOWN)
    }

    /// The word at an index, `<UNK>` outside the vocabulary.
    pub fn word(&self, id: i32) -> &str {
        usize::try_from(id).ok().and_then(|id| self.words.get(id)).map_or("<UNK>", String::as_str)
    }

    /// `<START> words <END>` as indices, without padding.
    pub fn encode<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Vec<i32> {
        std::iter::once(START).chain(words.into_iter().map(|word| self.id(word))).chain([END]).collect()
    }

    /// The words of a caption: those after `<START>` and before `<END>` or `<NULL>`.
    pub fn decode(&self, ids: &[i32]) -> Vec<String> {
        ids.iter()
            .skip_while(|id| **id == START)
            .take_while(|id| **id != END && **id != NULL)
            .map(|id| self.word(*id).to_string())
            .collect()
    }
}
