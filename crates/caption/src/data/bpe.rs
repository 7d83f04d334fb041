//! Byte pair encoding over characters: pieces of words, learned from how often they occur.
//!
//! A text of words is cut before each [`SPACE`] into units, and each unit into characters. Then, again and again, the pair of
//! neighbours that occurs most often in all units becomes one piece; of equally frequent pairs the first by its characters does. It
//! ends after so many merges, or when no pair occurs often enough. To encode a unit, the merges are done in the same order.
//!
//! Source: R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*,
//! <https://arxiv.org/abs/1508.07909>; the mark of a word's beginning from SentencePiece, <https://arxiv.org/abs/1808.06226>.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::tokens::SPACE;

/// Merges that were learned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bpe {
    /// The characters that occur often enough, the commonest first.
    characters: Vec<String>,
    /// Pieces by number: characters first, in any order, then what was merged.
    pieces: Vec<String>,
    /// For each pair of pieces the piece that it becomes; a lower number was learned earlier.
    merges: HashMap<(usize, usize), usize>,
    ids: HashMap<String, usize>,
    /// Where merged pieces begin.
    first: usize,
}

/// A text cut before each [`SPACE`]; the first unit begins with one too.
fn units(text: &str) -> impl Iterator<Item = String> {
    text.split(SPACE).filter(|unit| !unit.is_empty()).map(|unit| format!("{SPACE}{unit}"))
}

impl Bpe {
    /// Learns at most `merges` merges of pairs that occur at least `threshold` times in texts.
    pub(super) fn learn(texts: impl Iterator<Item = String>, merges: usize, threshold: usize) -> Bpe {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        texts.for_each(|text| units(&text).for_each(|unit| *counts.entry(unit).or_default() += 1));
        let mut bpe = Bpe::of_characters(&counts, threshold);
        let mut words: Vec<(Vec<usize>, usize)> =
            counts.iter().map(|(unit, count)| (bpe.characters_of(unit), *count)).collect();

        // How often each pair occurs, and in which words it may; both are kept up to date merge by merge.
        let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
        let mut places: HashMap<(usize, usize), BTreeSet<usize>> = HashMap::new();
        for (at, (word, count)) in words.iter().enumerate() {
            for pair in word.windows(2).map(|pair| (pair[0], pair[1])) {
                *pairs.entry(pair).or_default() += count;
                places.entry(pair).or_default().insert(at);
            }
        }
        for _ in 0..merges {
            let name = |(a, b): (usize, usize)| (&bpe.pieces[a], &bpe.pieces[b]);
            let best = pairs.iter().max_by_key(|(pair, count)| (**count, Reverse(name(**pair))));
            let Some((pair, count)) = best.map(|(pair, count)| (*pair, *count)) else { break };
            if count < threshold.max(1) {
                break;
            }
            let piece = bpe.add(format!("{}{}", bpe.pieces[pair.0], bpe.pieces[pair.1]));
            bpe.merges.insert(pair, piece);
            for at in places.remove(&pair).unwrap_or_default() {
                let (word, count) = &mut words[at];
                for pair in word.windows(2).map(|pair| (pair[0], pair[1])) {
                    if let Some(known) = pairs.get_mut(&pair) {
                        *known -= *count;
                    }
                }
                *word = merged(word, pair, piece);
                for pair in word.windows(2).map(|pair| (pair[0], pair[1])) {
                    *pairs.entry(pair).or_default() += *count;
                    places.entry(pair).or_default().insert(at);
                }
            }
            pairs.remove(&pair);
        }
        bpe
    }

    fn of_characters(counts: &BTreeMap<String, usize>, threshold: usize) -> Bpe {
        let mut characters: BTreeMap<char, usize> = BTreeMap::new();
        for (unit, count) in counts {
            unit.chars().for_each(|c| *characters.entry(c).or_default() += count);
        }
        let mut bpe = Bpe::default();
        characters.keys().for_each(|c| {
            bpe.add(c.to_string());
        });
        bpe.first = bpe.pieces.len();
        let mut common: Vec<(char, usize)> =
            characters.into_iter().filter(|(_, count)| *count >= threshold).collect();
        common.sort_by_key(|(_, count)| Reverse(*count));
        bpe.characters = common.into_iter().map(|(c, _)| c.to_string()).collect();
        bpe
    }

    /// The number of a piece, which is new mostly; two pairs may become the same piece.
    fn add(&mut self, piece: String) -> usize {
        let next = self.pieces.len();
        *self.ids.entry(piece).or_insert_with_key(|piece| {
            self.pieces.push(piece.clone());
            next
        })
    }

    fn characters_of(&self, unit: &str) -> Vec<usize> {
        unit.chars().filter_map(|c| self.ids.get(&c.to_string()).copied()).collect()
    }

    /// The entries of the vocabulary: the characters that occur often enough, then the pieces in the order in which they were learned.
    pub(super) fn entries(&self) -> impl Iterator<Item = String> {
        self.characters.iter().chain(&self.pieces[self.first..]).cloned()
    }

    /// The pieces of a text. A character that was never seen is a piece of its own, which no vocabulary has.
    pub(super) fn pieces(&self, text: &str) -> Vec<String> {
        let mut pieces = Vec::new();
        for unit in units(text) {
            // Numbers beyond those of the pieces stand for characters that are not known.
            let mut unknown = Vec::new();
            let mut word: Vec<usize> = unit
                .chars()
                .map(|c| {
                    self.ids.get(&c.to_string()).copied().unwrap_or_else(|| {
                        unknown.push(c.to_string());
                        self.pieces.len() + unknown.len() - 1
                    })
                })
                .collect();
            let earliest = |word: &[usize]| {
                let pairs = word.windows(2).map(|pair| (pair[0], pair[1]));
                pairs.filter_map(|pair| Some((*self.merges.get(&pair)?, pair))).min()
            };
            while let Some((piece, pair)) = earliest(&word) {
                word = merged(&word, pair, piece);
            }
            let name =
                |id: usize| self.pieces.get(id).unwrap_or_else(|| &unknown[id - self.pieces.len()]).clone();
            pieces.extend(word.into_iter().map(name));
        }
        pieces
    }
}

/// A word in which each occurrence of a pair, from the left, is one piece.
fn merged(word: &[usize], (left, right): (usize, usize), piece: usize) -> Vec<usize> {
    let mut new = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, after @ ..] = rest {
        match after {
            [second, after @ ..] if (*first, *second) == (left, right) => {
                new.push(piece);
                rest = after;
            }
            _ => {
                new.push(*first);
                rest = after;
            }
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by the definition: all pairs counted anew before every merge. Texts have one unit each.
    fn naive(texts: &[&str], merges: usize) -> Vec<String> {
        let mut words: Vec<Vec<String>> =
            texts.iter().map(|text| format!("▁{text}").chars().map(String::from).collect()).collect();
        let mut learned = Vec::new();
        for _ in 0..merges {
            let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
            for word in &words {
                for pair in word.windows(2) {
                    *counts.entry((pair[0].clone(), pair[1].clone())).or_default() += 1;
                }
            }
            let most = counts.values().max().copied().unwrap_or(0);
            let Some((left, right)) =
                counts.into_iter().find(|(_, count)| *count == most).map(|(pair, _)| pair)
            else {
                break;
            };
            let piece = format!("{left}{right}");
            for word in &mut words {
                let mut at = 0;
                while at + 1 < word.len() {
                    if word[at] == left && word[at + 1] == right {
                        word[at] = piece.clone();
                        word.remove(at + 1);
                    }
                    at += 1;
                }
            }
            learned.push(piece);
        }
        learned
    }

    #[test]
    fn merges_are_those_of_the_definition() {
        let texts = [
            "low", "low", "lower", "newest", "newest", "newest", "widest", "widest", "lalala", "aaaa", "aaa",
            "개가", "개",
        ];
        let bpe = Bpe::learn(texts.iter().map(|text| text.to_string()), 25, 1);
        assert_eq!(bpe.pieces[bpe.first..], naive(&texts, 25));
    }

    #[test]
    fn texts_come_back_from_their_pieces() {
        let texts = ["a▁dog▁runs", "the▁dogs▁run", "一只狗▁runs"];
        let bpe = Bpe::learn(texts.iter().map(|text| text.to_string()), 20, 1);
        for text in texts.into_iter().chain(["a▁god", "xa▁zdogz", "狗▁run"]) {
            assert_eq!(bpe.pieces(text).concat(), format!("▁{text}"));
        }
        let entries: BTreeSet<String> = bpe.entries().collect();
        assert!(bpe.pieces("the▁dog").iter().all(|piece| entries.contains(piece)));
        assert!(bpe.pieces("dog").len() < 4, "{:?}", bpe.pieces("dog"));
    }

    #[test]
    fn rare_pairs_stay_apart_and_rare_characters_are_no_entries() {
        let texts = ["ab", "ab", "ab", "cd"];
        let bpe = Bpe::learn(texts.iter().map(|text| text.to_string()), 100, 3);
        assert_eq!(bpe.entries().collect::<Vec<_>>(), ["▁", "a", "b", "ab", "▁ab"]);
        assert_eq!(Bpe::learn(std::iter::empty(), 5, 1), Bpe::default());
    }
}
