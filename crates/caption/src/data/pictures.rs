//! What the network sees: the pictures of a split, in memory or in their file, behind one interface.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::file_rows::FileRows;
use super::{DataError, Split};

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
    /// Any of these in a file, each picture read when it is looked at.
    InFile {
        /// What one picture is.
        input: Input,
        /// All pictures, a row each.
        rows: FileRows,
    },
}

/// What the network sees of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A vector of features.
    Features {
        /// Its length.
        width: usize,
    },
    /// A grid of places with a vector of features each.
    Grid {
        /// Rows of places.
        rows: usize,
        /// Places in a row.
        columns: usize,
        /// The length of a vector.
        width: usize,
    },
    /// RGB pixels.
    Pixels {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Pictures {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        let numbers = match self {
            Pictures::Features { data, .. } | Pictures::Grid { data, .. } => data.len(),
            Pictures::Pixels { data, .. } => data.len(),
            Pictures::InFile { rows, .. } => return rows.len(),
        };
        numbers / self.size().max(1)
    }

    /// What one picture is.
    pub fn input(&self) -> Input {
        match *self {
            Pictures::Features { width, .. } => Input::Features { width },
            Pictures::Grid { rows, columns, width, .. } => Input::Grid { rows, columns, width },
            Pictures::Pixels { height, width, .. } => Input::Pixels { height, width },
            Pictures::InFile { input, .. } => input,
        }
    }

    /// How many numbers a picture has.
    pub fn size(&self) -> usize {
        self.input().size()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends some pictures as the network sees them: features, or pixels from -1 to 1.
    ///
    /// # Errors
    /// If they are in a file and one of them cannot be read, is damaged, or has a feature that is not finite. Those before it
    /// are appended.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn see(&self, pictures: impl Iterator<Item = usize>, to: &mut Vec<f32>) -> Result<(), DataError> {
        let size = self.size();
        match self {
            Pictures::Features { data, .. } | Pictures::Grid { data, .. } => {
                to.extend(pictures.flat_map(|picture| &data[picture * size..][..size]));
            }
            Pictures::Pixels { data, .. } => {
                pictures.for_each(|picture| centred(&data[picture * size..][..size], to));
            }
            Pictures::InFile { input, rows } => {
                let mut bytes = Vec::new();
                for picture in pictures {
                    rows.read(picture, &mut bytes)?;
                    match input {
                        Input::Pixels { .. } => centred(&bytes, to),
                        Input::Features { .. } | Input::Grid { .. } => {
                            rows.features(picture, &bytes, to)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The RGB bytes of a picture, (height, width, 3), row-major; none where pictures are features.
    ///
    /// # Errors
    /// If it is in a file and cannot be read or is damaged.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn pixels(&self, picture: usize) -> Result<Option<Cow<'_, [u8]>>, DataError> {
        Ok(match self {
            Pictures::Pixels { data, .. } => {
                Some(Cow::Borrowed(&data[picture * self.size()..][..self.size()]))
            }
            Pictures::InFile { input: Input::Pixels { .. }, rows } => {
                let mut bytes = Vec::new();
                rows.read(picture, &mut bytes)?;
                Some(Cow::Owned(bytes))
            }
            _ => None,
        })
    }

    /// The same pictures in memory.
    ///
    /// # Errors
    /// If they are in a file and one of them cannot be read, is damaged, or has a feature that is not finite.
    pub fn in_memory(&self) -> Result<Pictures, DataError> {
        let Pictures::InFile { input, rows } = self else { return Ok(self.clone()) };
        let features = || {
            let mut data = Vec::with_capacity(self.len() * self.size());
            self.see(0..self.len(), &mut data).map(|()| data)
        };
        Ok(match *input {
            Input::Features { width } => Pictures::Features { width, data: features()? },
            Input::Grid { rows, columns, width } => {
                Pictures::Grid { rows, columns, width, data: features()? }
            }
            Input::Pixels { height, width } => {
                let (mut data, mut bytes) = (Vec::with_capacity(self.len() * self.size()), Vec::new());
                for picture in 0..self.len() {
                    rows.read(picture, &mut bytes)?;
                    data.extend_from_slice(&bytes);
                }
                Pictures::Pixels { height, width, data }
            }
        })
    }
}

/// Appends bytes as numbers from -1 to 1: roughly zero mean and unit range, which is what convolutions with usual initial
/// values expect.
fn centred(pixels: &[u8], to: &mut Vec<f32>) {
    to.extend(pixels.iter().map(|value| f32::from(*value) / 127.5 - 1.0));
}

impl Input {
    /// What the pictures of a split are.
    pub fn of(split: &Split) -> Input {
        split.pictures.input()
    }

    /// How many numbers a picture has.
    pub fn size(self) -> usize {
        match self {
            Input::Features { width } => width,
            Input::Grid { rows, columns, width } => rows * columns * width,
            Input::Pixels { height, width } => height * width * 3,
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Features { width } => write!(f, "features of length {width}"),
            Input::Grid { rows, columns, width } => {
                write!(f, "grids of {rows} by {columns} places with features of length {width}")
            }
            Input::Pixels { height, width } => write!(f, "pictures of {height} by {width} pixels"),
        }
    }
}
