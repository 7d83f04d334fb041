//! Pictures and captions of any [`Format`], made ready to learn from.
//!
//! 1. Captions become words ([`super::tokens`]); those without a word or with too many are left out.
//! 2. Pictures fall into parts (module `parts`).
//! 3. Each picture is decoded, cut to its largest centred square and resized ([`super::picture`]), on all cores; or its row of
//!    precomputed features is taken ([`super::features`]).
//! 4. Words become tokens. The vocabulary is all tokens of the training captions that occur often enough; others are `<UNK>`.
//!
//! What cannot be used is a [`Fault`] and is left out; the rest is prepared. Equal input gives an equal dataset, for any number
//! of threads. Pictures are decoded straight into the dataset; texts are there several times while they are prepared, for COCO's
//! training captions a gigabyte in all.

mod pictures;

pub use pictures::NamedFile;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::fault::{Fault, FaultKind, first_fault};
use super::features::Channels;
use super::formats::Format;
use super::listing::{Caption, Listed, Listing, Part};
use super::tokens::{Tokenizer, Tokens, words};
use super::{Captions, DataError, Dataset, NULL, Pictures, Source, Split, UNKNOWN, Vocabulary, parts};

/// How a collection is made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preparation {
    /// The folder of the pictures, where it is not beside the captions.
    pub images: Option<PathBuf>,
    /// A file of features that the network sees instead of the pictures.
    pub features: Option<PathBuf>,
    /// Which extent of a grid of features counts its channels, where that must be said.
    pub channels: Option<Channels>,
    /// Rows, and columns, of a picture as the network sees it.
    pub side: usize,
    /// How often a token must occur in the training captions to be in the vocabulary.
    pub threshold: usize,
    /// What a token is.
    pub tokens: Tokens,
    /// The most words of a caption; more, or ten times as many letters, are too long.
    pub longest: usize,
    /// The most merges that byte pair encoding learns.
    pub merges: usize,
    /// Decides the parts, where the data does not say.
    pub seed: u64,
}

impl Default for Preparation {
    /// Pictures of 64 by 64 pixels, words that occur five times, as Karpathy's captioners take them.
    fn default() -> Self {
        Preparation {
            images: None,
            features: None,
            channels: None,
            side: 64,
            threshold: 5,
            tokens: Tokens::Words,
            longest: 50,
            merges: 2000,
            seed: 1,
        }
    }
}

/// The largest side of a picture; beyond it a few pictures would fill the memory.
pub const LARGEST_SIDE: usize = 1024;

/// What was made of a collection; printed, it is some lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What the network sees, and where it was found.
    pub seen: String,
    /// How pictures fell into parts.
    pub parts: String,
    /// Pictures and captions of each part that can be used.
    pub counts: [(usize, usize); 3],
    /// What a token is.
    pub tokens: Tokens,
    /// How often a token must occur in the training captions to be in the vocabulary.
    pub threshold: usize,
    /// Entries of the vocabulary.
    pub vocabulary: usize,
    /// Tokens that occur in the training captions, however seldom.
    pub distinct: usize,
    /// The share of `<UNK>` among the tokens of the training and of the validation captions.
    pub unknown: [f64; 2],
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.seen)?;
        writeln!(f, "parts: {}", self.parts)?;
        let Report { tokens, threshold, vocabulary, distinct, .. } = self;
        writeln!(
            f,
            "vocabulary: {vocabulary} entries, four of them special; {distinct} {tokens} occur in the training captions, an entry \
             must {threshold} times"
        )?;
        let [train, val] = self.unknown.map(|share| 100.0 * share);
        write!(f, "<UNK> is {train:.2}% of the {tokens} to learn from and {val:.2}% of the validation's")
    }
}

/// Pictures with captions in some format.
#[derive(Debug)]
pub struct Collection {
    format: Arc<dyn Format>,
    preparation: Preparation,
}

/// A picture with captions that can be used.
struct Ready {
    /// Its row in the listing.
    row: usize,
    /// Each caption as words.
    captions: Vec<Vec<String>>,
}

/// Told how many pictures are done, of how many.
pub type Watch<'a> = &'a (dyn Fn(usize, usize) + Sync);

impl Collection {
    /// A collection that will be prepared so.
    pub fn new(format: Box<dyn Format>, preparation: Preparation) -> Self {
        Collection { format: format.into(), preparation }
    }

    /// The same collection, prepared in another way.
    pub fn with(&self, preparation: Preparation) -> Self {
        Collection { format: Arc::clone(&self.format), preparation }
    }

    /// How it is prepared.
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }

    /// Makes the collection ready; what is left out is noted, also when the whole fails.
    ///
    /// # Errors
    /// If a file cannot be read at all, or nothing is left to train or to validate on.
    pub fn prepare(&self, faults: &mut Vec<Fault>, watch: Watch) -> Result<(Dataset, Report), DataError> {
        let Preparation { side, threshold, seed, .. } = self.preparation;
        if !(1..=LARGEST_SIDE).contains(&side) {
            let problem = format!("pictures of {side} pixels a side; expected 1 to {LARGEST_SIDE}");
            return Err(DataError::new("--side", problem));
        }
        let mut listing = self.format.list()?;
        faults.append(&mut listing.faults);
        let ready = self.in_words(&listing, faults);
        let known: Vec<_> = ready
            .iter()
            .map(|ready| &listing.pictures[ready.row])
            .map(|picture| (picture.name.as_str(), picture.part))
            .collect();
        let (part_of, parts) = parts::assign(&known, seed)
            .map_err(|error| DataError::new(self.format.describe(), error.problem))?;

        let mut members: [Vec<Ready>; 3] = Default::default();
        for (ready, part) in ready.into_iter().zip(part_of) {
            members[part as usize].push(ready);
        }
        let mut origin = None;
        let (pictures, seen) = match &self.preparation.features {
            Some(path) => self.take_features(path, &listing, &mut members, &mut origin, faults)?,
            None => self.decode(&listing, &mut members, faults, watch)?,
        };
        for part in [Part::Train, Part::Val] {
            if members[part as usize].is_empty() {
                let problem = format!(
                    "no picture of the part `{}` can be used{}. `caption doctor` names every fault",
                    part.name(),
                    first_fault(faults)
                );
                return Err(DataError::new(self.format.describe(), problem));
            }
        }

        let kind = self.preparation.tokens;
        let train = members[0].iter().flat_map(|ready| &ready.captions);
        let tokenizer = Tokenizer::learn(kind, train, self.preparation.merges, threshold);
        let [train, val, test] = members.map(|members| tokenised(members, &tokenizer));
        let tokens = || train.iter().flat_map(|(_, tokens)| tokens).flatten().map(String::as_str);
        let vocabulary = tokenizer.vocabulary(tokens(), threshold);
        let distinct = tokens().collect::<HashSet<_>>().len();
        let [seen_train, seen_val, seen_test] = pictures;
        let split = |members, pictures| split(&listing, members, pictures, &vocabulary);
        let (train, val, test) = (split(train, seen_train), split(val, seen_val), split(test, seen_test));
        let unknown = [&train, &val].map(unknown_share);
        let counts = [&train, &val, &test].map(|split| (split.pictures.len(), split.captions.len()));
        let report = Report {
            seen,
            parts,
            counts,
            tokens: kind,
            threshold,
            vocabulary: vocabulary.len(),
            distinct,
            unknown,
        };
        let test = (!test.pictures.is_empty()).then_some(test);
        Ok((Dataset { vocabulary, train, val, test, origin }, report))
    }

    /// Captions as words; pictures without any are left out.
    fn in_words(&self, listing: &Listing, faults: &mut Vec<Fault>) -> Vec<Ready> {
        let longest = self.preparation.longest;
        let split = |(row, picture): (usize, &Listed)| {
            let mut captions = Vec::new();
            let mut faults = Vec::new();
            for Caption { text, place } in &picture.captions {
                let words = words(text);
                let letters = words.iter().map(|word| word.chars().count()).sum::<usize>();
                if words.is_empty() {
                    faults.push(Fault::new(
                        FaultKind::EmptyCaption,
                        place,
                        format!("`{text}` has no word in it"),
                    ));
                } else if words.len() > longest || letters > 10 * longest {
                    let problem = format!(
                        "has {} words and {letters} letters; expected at most {longest} and {}: {text}",
                        words.len(),
                        10 * longest
                    );
                    faults.push(Fault::new(FaultKind::LongCaption, place, problem));
                } else {
                    captions.push(words);
                }
            }
            if captions.is_empty() {
                let listed = !picture.captions.is_empty();
                let problem =
                    if listed { "none of its captions can be used" } else { "no caption is listed for it" };
                faults.push(Fault::new(FaultKind::NoCaption, &picture.name, problem));
            }
            (Ready { row, captions }, faults)
        };
        let split: Vec<_> = listing.pictures.par_iter().enumerate().map(split).collect();
        let mut all = Vec::new();
        for (ready, found) in split {
            faults.extend(found);
            if !ready.captions.is_empty() {
                all.push(ready);
            }
        }
        all
    }
}

impl Source for Collection {
    fn describe(&self) -> String {
        self.format.describe()
    }

    /// Prepares the collection; what cannot be used is left out, and [`Collection::prepare`] tells what it was.
    fn load(&self) -> Result<Dataset, DataError> {
        Ok(self.prepare(&mut Vec::new(), &|_, _| ())?.0)
    }
}

/// Each picture with its captions as tokens.
fn tokenised(members: Vec<Ready>, tokenizer: &Tokenizer) -> Vec<(Ready, Vec<Vec<String>>)> {
    let tokens = |ready: Ready| {
        let tokens = ready.captions.iter().map(|words| tokenizer.tokens(words)).collect();
        (ready, tokens)
    };
    members.into_par_iter().map(tokens).collect()
}

fn split(
    listing: &Listing,
    members: Vec<(Ready, Vec<Vec<String>>)>,
    pictures: Pictures,
    vocabulary: &Vocabulary,
) -> Split {
    let width =
        members.iter().flat_map(|(_, tokens)| tokens).map(|tokens| tokens.len() + 2).max().unwrap_or(2);
    let mut captions = Captions { width, ids: Vec::new() };
    let mut picture_of = Vec::new();
    for (picture, (_, tokens)) in members.iter().enumerate() {
        for tokens in tokens {
            let mut row = vocabulary.encode(tokens.iter().map(String::as_str));
            row.resize(width, NULL);
            captions.ids.extend(row);
            picture_of.push(picture);
        }
    }
    let names = members.iter().map(|(ready, _)| listing.pictures[ready.row].name.clone()).collect();
    let references = members.into_iter().map(|(ready, _)| ready.captions).collect();
    Split { pictures, names, captions, picture_of, references }
}

/// The share of `<UNK>` among the tokens of a split.
fn unknown_share(split: &Split) -> f64 {
    let ids = &split.captions.ids;
    let tokens = ids.iter().filter(|id| **id >= UNKNOWN).count();
    ids.iter().filter(|id| **id == UNKNOWN).count() as f64 / tokens.max(1) as f64
}
