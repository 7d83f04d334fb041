//! The words that captions are made of, and the four that are not words.

use std::collections::{BTreeMap, HashMap};

use super::tokens::{SPACE, assemble};

/// Fills a caption up to the common width; never predicted, never scored.
pub const NULL: i32 = 0;
/// Stands before the first word.
pub const START: i32 = 1;
/// Stands after the last word.
pub const END: i32 = 2;
/// Stands for a word that is not in the vocabulary.
pub const UNKNOWN: i32 = 3;

/// The entries that are no words, in the order of their indices.
pub(super) const SPECIAL: [&str; 4] = ["<NULL>", "<START>", "<END>", "<UNK>"];

/// Words by index and indices by word; the first four are `<NULL>`, `<START>`, `<END>` and `<UNK>`.
///
/// Where an entry begins with `▁`, entries are pieces of words and [`Vocabulary::decode`] puts them together (see
/// [`Tokens`](super::tokens::Tokens)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
    ids: HashMap<String, i32>,
    /// Whether entries are less than words.
    pieces: bool,
}

impl Vocabulary {
    /// A vocabulary of the four special entries followed by `words`.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self::from_entries(SPECIAL.map(String::from).into_iter().chain(words).collect())
    }

    /// A vocabulary whose entries, special ones included, are given in order.
    pub fn from_entries(words: Vec<String>) -> Self {
        let ids = words.iter().zip(0..).map(|(word, id)| (word.clone(), id)).collect();
        let pieces = words.iter().any(|word| word.starts_with(SPACE));
        Vocabulary { words, ids, pieces }
    }

    /// A vocabulary of all tokens that occur at least `threshold` times, the commonest first, equals in alphabetic order.
    pub fn of_common<'a>(tokens: impl IntoIterator<Item = &'a str>, threshold: usize) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for token in tokens {
            *counts.entry(token).or_default() += 1;
        }
        let mut common: Vec<(&str, usize)> =
            counts.into_iter().filter(|(_, count)| *count >= threshold).collect();
        // The sort is stable, so that the alphabetic order of the map stays among equals.
        common.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self::new(common.into_iter().map(|(token, _)| token.to_string()))
    }

    /// The same with one more entry, unless it is there.
    pub(super) fn with(self, entry: String) -> Self {
        let new = !self.ids.contains_key(&entry);
        Self::from_entries(self.words.into_iter().chain(new.then_some(entry)).collect())
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
        usize::try_from(id)
            .ok()
            .and_then(|id| self.words.get(id))
            .map_or(SPECIAL[UNKNOWN as usize], String::as_str)
    }

    /// `<START> words <END>` as indices, without padding.
    pub fn encode<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Vec<i32> {
        std::iter::once(START).chain(words.into_iter().map(|word| self.id(word))).chain([END]).collect()
    }

    /// The words of a caption: those after `<START>` and before `<END>` or `<NULL>`.
    pub fn decode(&self, ids: &[i32]) -> Vec<String> {
        let tokens = ids
            .iter()
            .skip_while(|id| **id == START)
            .take_while(|id| **id != END && **id != NULL)
            .map(|id| self.word(*id));
        if self.pieces { assemble(tokens) } else { tokens.map(String::from).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_tokens_come_first_and_rare_ones_not_at_all() {
        let tokens = "b a c a b d a d".split(' ');
        let vocabulary = Vocabulary::of_common(tokens, 2);
        assert_eq!(vocabulary.words()[4..], ["a", "b", "d"]);
        assert_eq!(vocabulary.id("c"), UNKNOWN);
    }

    #[test]
    fn pieces_are_put_together_and_words_are_not() {
        let check = |entries: &[&str], ids: &[i32], expected: &str| {
            let vocabulary = Vocabulary::new(entries.iter().map(|entry| entry.to_string()));
            assert_eq!(vocabulary.decode(ids).join(" "), expected);
        };
        check(&["a", "dog"], &[START, 4, 5, END, 4], "a dog");
        check(&["a", "d", "▁", "狗"], &[START, 4, 6, 5, 4, END], "a da");
        check(&["a", "d", "▁", "狗"], &[START, 4, 6, 7, 7, END], "a 狗 狗");
    }
}
