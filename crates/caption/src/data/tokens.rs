//! From a caption to the tokens that the network reads and writes, and back to words.
//!
//! First a text becomes **words**, for all kinds of tokens and all languages:
//!
//! * lower case by Unicode, then split like the Penn Treebank and without punctuation, by [`tokenize`], which the metrics use
//!   too: what is learned and what is scored are the same words;
//! * a Chinese character or a Japanese kana is a word of its own, because nothing else marks words there, and the punctuation
//!   of these scripts is dropped. Korean puts spaces between words and is split at them.
//!
//! Then [`Tokens`] decides what one token is. Where tokens are less than words, a token that begins with `▁` (U+2581) begins a
//! word, as in SentencePiece, so that a vocabulary by itself tells how its tokens are put together.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::Vocabulary;
use super::bpe::Bpe;
use crate::metrics::tokenize;

/// Stands for the space before a word.
pub(super) const SPACE: char = '▁';

/// What a token is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// A word.
    #[default]
    Words,
    /// A character; the space between words is one.
    Characters,
    /// A piece of a word, learned by byte pair encoding over characters.
    Bpe,
}

/// How captions become tokens, with what was learned for it of the training captions.
#[derive(Debug)]
pub(super) enum Tokenizer {
    Words,
    Characters,
    Bpe(Bpe),
}

/// The words of a text: `"A dog's 狗。"` gives `a dog 's 狗`.
pub fn words(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if stands_alone(c) {
            spaced.extend([' ', c, ' ']);
        } else if c == SPACE || is_wide_punctuation(c) {
            spaced.push(' ');
        } else {
            spaced.push(c);
        }
    }
    tokenize(&spaced)
}

/// Whether a character is a word by itself: Han and kana, by their blocks in Unicode.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x3041..=0x30ff | 0x31f0..=0x31ff // kana
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff // Han
        | 0x3005..=0x3007)
        && c != '・'
}

/// Punctuation of Chinese and Japanese; [`tokenize`] knows that of English.
fn is_wide_punctuation(c: char) -> bool {
    matches!(u32::from(c), 0x3000..=0x3004 | 0x3008..=0x3020 | 0x30fb)
        || "，．！？；：（）［］｛｝“”…—·～".contains(c)
}

/// Words as one text in which [`SPACE`] stands where a space would; between two characters that stand alone there is none.
pub(super) fn join(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        let meets = |c: Option<char>| c.is_some_and(stands_alone);
        let touch = meets(text.chars().next_back()) && meets(word.chars().next());
        if !text.is_empty() && !touch {
            text.push(SPACE);
        }
        text.push_str(word);
    }
    text
}

/// The words of tokens that are put together where they touch.
pub(super) fn assemble<'a>(tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
    let text: String = tokens.collect::<String>();
    let mut spaced = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            SPACE => spaced.push(' '),
            c if stands_alone(c) => spaced.extend([' ', c, ' ']),
            c => spaced.push(c),
        }
    }
    spaced.split_whitespace().map(String::from).collect()
}

impl Tokenizer {
    /// A tokenizer of a kind, that learns what it must of training captions as words; see [`Bpe::learn`].
    pub(super) fn learn<'a>(
        kind: Tokens,
        captions: impl Iterator<Item = &'a Vec<String>>,
        merges: usize,
        threshold: usize,
    ) -> Self {
        match kind {
            Tokens::Words => Tokenizer::Words,
            Tokens::Characters => Tokenizer::Characters,
            Tokens::Bpe => Tokenizer::Bpe(Bpe::learn(captions.map(|words| join(words)), merges, threshold)),
        }
    }

    /// The tokens of a caption that is split into words.
    pub(super) fn tokens(&self, words: &[String]) -> Vec<String> {
        match self {
            Tokenizer::Words => words.to_vec(),
            Tokenizer::Characters => join(words).chars().map(String::from).collect(),
            Tokenizer::Bpe(bpe) => bpe.pieces(&join(words)),
        }
    }

    /// The vocabulary of the tokens of the training captions.
    pub(super) fn vocabulary<'a>(
        &self,
        tokens: impl Iterator<Item = &'a str>,
        threshold: usize,
    ) -> Vocabulary {
        match self {
            Tokenizer::Words => Vocabulary::of_common(tokens, threshold),
            // Without the space a vocabulary of characters could not be told from one of words.
            Tokenizer::Characters => Vocabulary::of_common(tokens, threshold).with(SPACE.to_string()),
            Tokenizer::Bpe(bpe) => Vocabulary::new(bpe.entries()),
        }
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tokens::Words => "words",
            Tokens::Characters => "characters",
            Tokens::Bpe => "pieces of words",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, as_words: &str, as_characters: &str) {
        let words = words(text);
        assert_eq!(words.join(" "), as_words);
        let characters = Tokenizer::Characters.tokens(&words);
        assert_eq!(characters.concat(), as_characters);
        assert!(characters.iter().all(|token| token.chars().count() == 1));
        assert_eq!(assemble(characters.iter().map(String::as_str)), words, "words come back from characters");
    }

    #[test]
    fn words_and_characters_of_many_languages() {
        check("A dog's t-shirt, isn't it?", "a dog 's t-shirt is n't it", "a▁dog▁'s▁t-shirt▁is▁n't▁it");
        check("Ein GROSSER Hund läuft.", "ein grosser hund läuft", "ein▁grosser▁hund▁läuft");
        check("ÉTÉ à la plage", "été à la plage", "été▁à▁la▁plage");
        check("갈색 개가 달린다.", "갈색 개가 달린다", "갈색▁개가▁달린다");
        check("一只狗，在 beach 上跑。", "一 只 狗 在 beach 上 跑", "一只狗在▁beach▁上跑");
        check("犬が走る。", "犬 が 走 る", "犬が走る");
        check("a ▁ b", "a b", "a▁b");
        check("。", "", "");
    }
}
