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
pub mod formats;
pub mod listing;
mod parts;
pub mod picture;
pub mod recognise;
pub mod sampler;
pub mod scenes;
pub mod stored;
mod subset;
mod tables;
pub mod tokens;
mod vocabulary;

pub use vocabulary::{END, NULL, START, UNKNOWN, Vocabulary};

use std::fmt;

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

/// What the network sees of each picture.
#[derive(Debug, Clone)]
pub enum Pictures {
    /// A feature vector for each picture: (pictures, width), row-major.
    Features {
        /// Entries of one vector.
        width: usize,
        /// All vectors, one after another.
        data: Vec<f32>,
    },
    /// A vector of features for each place of a picture: (pictures, rows, columns, width), row-major.
    Grid {
        /// Rows of places; one where the places are a list.
        rows: usize,
        /// Places in a row.
        columns: usize,
        /// Entries of one vector.
        width: usize,
        /// All vectors, one after another.
        data: Vec<f32>,
    },
    /// RGB pixels, (pictures, height, width, 3), row-major, 0 to 255.
    Pixels {
        /// Rows of one picture.
        height: usize,
        /// Columns of one picture.
        width: usize,
        /// All pictures, one after another.
        data: Vec<u8>,
    },
}

impl Pictures {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        let numbers = match self {
            Pictures::Features { data, .. } | Pictures::Grid { data, .. } => data.len(),
            Pictures::Pixels { data, .. } => data.len(),
        };
        numbers / self.size().max(1)
    }

    /// How many numbers a picture has.
    pub fn size(&self) -> usize {
        match self {
            Pictures::Features { width, .. } => *width,
            Pictures::Grid { rows, columns, width, .. } => rows * columns * width,
            Pictures::Pixels { height, width, .. } => height * width * 3,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends some pictures as the network sees them: features, or pixels from -1 to 1.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn see(&self, pictures: impl Iterator<Item = usize>, to: &mut Vec<f32>) {
        let size = self.size();
        match self {
            Pictures::Features { data, .. } | Pictures::Grid { data, .. } => {
                to.extend(pictures.flat_map(|picture| &data[picture * size..][..size]));
            }
            Pictures::Pixels { data, .. } => {
                let pixels = pictures.flat_map(|picture| &data[picture * size..][..size]);
                // Roughly zero mean and unit range, which is what convolutions with usual initial values expect.
                to.extend(pixels.map(|value| f32::from(*value) / 127.5 - 1.0));
            }
        }
    }
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

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for DataError {}
