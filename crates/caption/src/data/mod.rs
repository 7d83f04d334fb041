//! What the captioner learns from: pictures, captions over a vocabulary, and reference captions to be judged by.
//!
//! A [`Source`] knows where data comes from and loads it as a [`Dataset`]; nothing after it cares which source it was.

mod arrays;
pub mod batch;
mod bpe;
pub mod collection;
pub mod cs231n;
pub mod doctor;
pub mod encoder;
mod encoding;
pub mod fault;
pub mod features;
mod file_rows;
pub mod formats;
pub mod listing;
mod parts;
pub mod picture;
mod pictures;
pub mod recognise;
pub mod sampler;
pub mod scenes;
pub mod stored;
mod subset;
mod tables;
pub mod tokens;
mod vocabulary;

pub use file_rows::FileRows;
pub use pictures::{Input, Pictures};
pub use vocabulary::{END, NULL, START, UNKNOWN, Vocabulary};

use std::fmt;

use lab::files::FileError;
use listing::Part;

/// Where pictures and captions come from.
pub trait Source {
    /// One line for the user: what this is and where it lies.
    fn describe(&self) -> String;
    /// Reads or makes the data.
    ///
    /// # Errors
    /// If the data cannot be taken: where, and what is wrong there.
    fn load(&self) -> Result<Dataset, DataError>;
}

/// Pictures with captions, split for training, choosing and judging.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The words that captions are made of.
    pub vocabulary: Vocabulary,
    /// What the parameters are fitted to.
    pub train: Split,
    /// What settings are chosen on.
    pub val: Split,
    /// What is looked at last, where the source has it.
    pub test: Option<Split>,
    /// Which encoder made the features, where that is known.
    pub origin: Option<encoder::Origin>,
}

impl Dataset {
    /// The parts that there are, with their names.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &Split)> {
        let splits = [Some(&self.train), Some(&self.val), self.test.as_ref()];
        Part::ALL.into_iter().zip(splits).filter_map(|(part, split)| Some((part, split?)))
    }
}

/// One part of a dataset.
#[derive(Debug, Clone)]
pub struct Split {
    /// What the network sees, one row a picture.
    pub pictures: Pictures,
    /// A name for each picture, to print.
    pub names: Vec<String>,
    /// Captions as vocabulary indices.
    pub captions: Captions,
    /// For each caption the row of its picture.
    pub picture_of: Vec<usize>,
    /// For each picture all its reference captions, each split into words.
    pub references: Vec<Vec<Vec<String>>>,
}

/// Captions as vocabulary indices, (captions, width), each `<START> words <END>` padded with `<NULL>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captions {
    /// Indices of one caption, padding included.
    pub width: usize,
    /// All captions, one after another.
    pub ids: Vec<i32>,
}

impl Captions {
    /// How many captions there are.
    pub fn len(&self) -> usize {
        self.ids.len() / self.width.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// One caption, padding included.
    pub fn row(&self, caption: usize) -> &[i32] {
        &self.ids[caption * self.width..][..self.width]
    }

    /// All captions in words.
    pub fn words(&self, vocabulary: &Vocabulary) -> Vec<Vec<String>> {
        (0..self.len()).map(|caption| vocabulary.decode(self.row(caption))).collect()
    }
}

/// What is wrong with a data file: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataError {
    /// The file, and the key within it where there is one.
    pub place: String,
    /// What was found and what was expected.
    pub problem: String,
}

impl DataError {
    /// An error at a place, in words.
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        DataError { place: place.into(), problem: problem.into() }
    }
}

impl From<FileError> for DataError {
    fn from(error: FileError) -> Self {
        DataError::new(error.path.display().to_string(), format!("{}; {}", error.problem, error.advice))
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for DataError {}
