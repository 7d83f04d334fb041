//! Captions and references from JSON files, scored: `caption score` as a function.
//!
//! ```text
//! hypotheses   {"id": "caption", …}
//! references   {"id": ["caption", …], …}
//! ```
//!
//! What is given for an id twice, hypotheses without references and ids with an empty list are errors: no score would
//! be what it seems. References without a hypothesis are left out and captions without a word score zero, each with a
//! warning.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use lab::files::{FileError, read_text, write_atomically};
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::{ItemScores, Row, Scores, tokenize};

/// No captions of one file are near this long.
const LONGEST_FILE: u64 = 2 << 30;
/// How many ids a message names.
const NAMED: usize = 5;

/// Captions with their references, as words.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The ids in the order of the hypotheses.
    pub ids: Vec<String>,
    /// The hypothesis of each.
    pub hypotheses: Vec<Vec<String>>,
    /// The references of each.
    pub references: Vec<Vec<Vec<String>>>,
    /// What is odd about them.
    pub warnings: Vec<String>,
}

/// The scores of a corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Over the whole corpus.
    pub corpus: Scores,
    /// For each id in the order of the hypotheses.
    pub per_id: Vec<(String, ItemScores)>,
    /// How text became words.
    pub words: &'static str,
    /// What is odd about the captions.
    pub warnings: Vec<String>,
}

impl Corpus {
    /// Reads both files. Text that is `tokenized` is split at spaces; else it is made words as the COCO evaluation
    /// does, see [`tokenize`].
    ///
    /// # Errors
    /// If a file cannot be read or is not of the form above, or an id has no references.
    pub fn read(hypotheses: &Path, references: &Path, tokenized: bool) -> Result<Corpus, FileError> {
        let said: Entries<String> = read_entries(hypotheses, "an object {\"id\": \"caption\", ...}")?;
        let known: Entries<Vec<String>> =
            read_entries(references, "an object {\"id\": [\"caption\", ...], ...}")?;
        let words = |text: &String| {
            if tokenized { text.split_whitespace().map(String::from).collect() } else { tokenize(text) }
        };
        let mut known: HashMap<String, Vec<String>> = known.0.into_iter().collect();
        let mut corpus = Corpus { ids: vec![], hypotheses: vec![], references: vec![], warnings: vec![] };
        let mut alone = Vec::new();
        for (id, caption) in said.0 {
            let Some(captions) = known.remove(&id) else {
                alone.push(id);
                continue;
            };
            corpus.hypotheses.push(words(&caption));
            corpus.references.push(captions.iter().map(words).collect());
            corpus.ids.push(id);
        }
        if !alone.is_empty() {
            let problem = format!("has no references for {} of {}", named(&alone), hypotheses.display());
            return Err(FileError::new(
                references,
                problem,
                "add them, or leave these ids out of the hypotheses",
            ));
        }
        if corpus.ids.is_empty() {
            return Err(FileError::new(hypotheses, "holds no captions", "give at least one"));
        }
        let bare = corpus.ids_where(|item| corpus.references[item].is_empty());
        if !bare.is_empty() {
            let problem = format!("has an empty list for {}", named(&bare));
            return Err(FileError::new(references, problem, "give at least one reference for each id"));
        }
        let mut left_out: Vec<String> = known.into_keys().collect();
        left_out.sort();
        let silent = corpus.ids_where(|item| corpus.hypotheses[item].is_empty());
        let silent_references = corpus.ids_where(|item| corpus.references[item].iter().any(Vec::is_empty));
        for (ids, what) in [
            (left_out, "references, but no hypothesis: not scored"),
            (silent, "hypothesis without a word: scored zero"),
            (silent_references, "reference without a word: taken as it is"),
        ] {
            if !ids.is_empty() {
                corpus.warnings.push(format!("{what}: {}", named(&ids)));
            }
        }
        Ok(corpus)
    }

    fn ids_where(&self, holds: impl Fn(usize) -> bool) -> Vec<String> {
        (0..self.ids.len()).filter(|item| holds(*item)).map(|item| self.ids[item].clone()).collect()
    }
}

impl Scored {
    /// Scores a corpus that was read, `tokenized` or not.
    pub fn of(corpus: Corpus, tokenized: bool) -> Scored {
        let Corpus { ids, hypotheses, references, warnings } = corpus;
        let per_id = ids.into_iter().zip(ItemScores::of_each(&hypotheses, &references)).collect();
        let words = if tokenized {
            "words as they are, split at spaces"
        } else {
            "lower case, split like the Penn Treebank, without punctuation"
        };
        Scored { corpus: Scores::of(&hypotheses, &references), per_id, words, warnings }
    }
}

/// As a table.
impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} captions; {}", self.per_id.len(), self.words)?;
        let rows: Vec<String> = self.corpus.rows().iter().map(Row::to_string).collect();
        f.write_str(&rows.join("\n"))
    }
}

/// `corpus` and `per_id` with numbers by name, and in words what they are.
impl Serialize for Scored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Report<'a> {
            captions: usize,
            words: &'a str,
            corpus: InOrder<'a, &'a str, f64>,
            conventions: InOrder<'a, &'a str, &'a str>,
            per_id: InOrder<'a, String, ItemScores>,
            warnings: &'a [String],
        }
        let rows = self.corpus.rows();
        let numbers: Vec<_> = rows.iter().map(|row| (row.key, row.value)).collect();
        let conventions: Vec<_> = rows.iter().map(|row| (row.key, row.convention)).collect();
        let report = Report {
            captions: self.per_id.len(),
            words: self.words,
            corpus: InOrder(&numbers),
            conventions: InOrder(&conventions),
            per_id: InOrder(&self.per_id),
            warnings: &self.warnings,
        };
        report.serialize(serializer)
    }
}

/// Names of pictures as ids, of which no two are the same: one that was there before is given a number, `dog.jpg #2`, and
/// the next where another picture has that name.
pub fn ids(names: &[String]) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let times = times.entry(name).or_insert(0);
        *times += 1;
        let mut id = name.clone();
        while *times > 1 {
            id = format!("{name} #{times}");
            if taken.insert(id.clone()) {
                break;
            }
            *times += 1;
        }
        ids.push(id);
    }
    ids
}

/// Writes captions, as words, as the hypotheses that [`Corpus::read`] takes as tokenized.
///
/// # Errors
/// If the file cannot be written.
pub fn write_hypotheses(path: &Path, ids: &[String], captions: &[Vec<String>]) -> Result<(), FileError> {
    write_entries(path, ids, captions.iter().map(|words| words.join(" ")))
}

/// Writes the references of each picture, as words, as those that [`Corpus::read`] takes as tokenized.
///
/// # Errors
/// If the file cannot be written.
pub fn write_references(
    path: &Path,
    ids: &[String],
    references: &[Vec<Vec<String>>],
) -> Result<(), FileError> {
    let texts = |all: &Vec<Vec<String>>| -> Vec<String> { all.iter().map(|words| words.join(" ")).collect() };
    write_entries(path, ids, references.iter().map(texts))
}

/// Writes an object of an entry for each id, in their order.
fn write_entries<T: Serialize>(
    path: &Path,
    ids: &[String],
    entries: impl Iterator<Item = T>,
) -> Result<(), FileError> {
    let entries: Vec<(&str, T)> = ids.iter().map(String::as_str).zip(entries).collect();
    let text = serde_json::to_string_pretty(&InOrder(&entries)).expect("words are JSON");
    write_atomically(path, (text + "\n").as_bytes())
}

/// Pairs written as a map in their order.
struct InOrder<'a, K, V>(&'a [(K, V)]);

impl<K: Serialize, V: Serialize> Serialize for InOrder<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// A JSON object in its order, in which no name stands twice.
struct Entries<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InFile<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InFile<T> {
            type Value = Entries<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
                let (mut entries, mut seen) = (Vec::new(), HashSet::new());
                while let Some(id) = map.next_key::<String>()? {
                    if !seen.insert(id.clone()) {
                        return Err(A::Error::custom(format_args!("the id `{id}` stands there twice")));
                    }
                    entries.push((id, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InFile(PhantomData))
    }
}

fn read_entries<T: DeserializeOwned>(path: &Path, form: &str) -> Result<Entries<T>, FileError> {
    let text = read_text(path, LONGEST_FILE)?;
    // Some editors begin a file with a byte order mark, which JSON does not know.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        FileError::new(path, format!("is not what was expected ({error})"), format!("give {form}"))
    })
}

/// How many ids, and the first of them.
fn named(ids: &[String]) -> String {
    let first: Vec<String> = ids.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
    let more = if ids.len() > NAMED { ", ..." } else { "" };
    let noun = if ids.len() == 1 { "id" } else { "ids" };
    format!("{} {noun} ({}{more})", ids.len(), first.join(", "))
}
