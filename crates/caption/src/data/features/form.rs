//! What a picture's features are: one vector, or a vector for each place of a grid.
//!
//! | extents of one picture | taken as |
//! |---|---|
//! | all one but at most one of them | a vector |
//! | places, channels | a list of places, a grid of one row |
//! | rows, columns, channels | a grid |
//!
//! Channels come last unless it is said that they come first, as convolution nets of PyTorch leave them: (channels, places) or
//! (channels, rows, columns). Rows and columns of one length after a first extent of another look so; then it must be said
//! which they are. A list of places says nothing of rows and columns, and is not guessed to be a square: regions of objects
//! are such a list too.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The features of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A vector.
    Vector {
        /// Its length.
        width: usize,
    },
    /// A vector for each place.
    Grid {
        /// Rows of places; one where the places are a list.
        rows: usize,
        /// Places in a row.
        columns: usize,
        /// The length of a vector.
        width: usize,
    },
}

/// Which extent of a grid counts its channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// The first after that of the pictures, as PyTorch has it.
    First,
    /// The last, as TensorFlow has it.
    Last,
}

impl Form {
    /// The form of an array for one picture; `channels` as the user said, where anything.
    pub(crate) fn of(extents: &[usize], channels: Option<Channels>) -> Result<Form, String> {
        if extents.contains(&0) {
            return Err(format!("is empty, {extents:?} for a picture"));
        }
        if extents.iter().filter(|extent| **extent != 1).count() <= 1 {
            return Ok(Form::Vector { width: extents.iter().product() });
        }
        // An array for one picture may have an extent for pictures all the same.
        let extents = if extents.len() > 3 && extents[0] == 1 { &extents[1..] } else { extents };
        let first = channels == Some(Channels::First);
        match *extents {
            [width, columns] if first => Ok(Form::Grid { rows: 1, columns, width }),
            [columns, width] => Ok(Form::Grid { rows: 1, columns, width }),
            [width, rows, columns] if first => Ok(Form::Grid { rows, columns, width }),
            [first, second, third] if channels.is_none() && second == third && first != second => {
                Err(format!(
                    "has {extents:?} for a picture, which may be {first} channels of {second} by {third} places, or {first} by {second} \
                     places with {third} channels. Say `--channels first` or `--channels last`"
                ))
            }
            [rows, columns, width] => Ok(Form::Grid { rows, columns, width }),
            _ => Err(format!(
                "has {extents:?} for a picture; expected a vector, (places, channels), or (rows, columns, channels)"
            )),
        }
    }

    /// How many numbers a picture has.
    pub fn size(self) -> usize {
        let [rows, columns, width] = self.extents();
        rows * columns * width
    }

    /// Rows, columns and the length of a vector; a vector alone is one place.
    pub fn extents(self) -> [usize; 3] {
        match self {
            Form::Vector { width } => [1, 1, width],
            Form::Grid { rows, columns, width } => [rows, columns, width],
        }
    }

    /// Brings pictures, one after another, from channels first to channels last.
    pub(crate) fn bring_channels_last(self, numbers: &mut [f32]) {
        let [rows, columns, width] = self.extents();
        let places = rows * columns;
        let mut picture = vec![0.0; self.size()];
        for numbers in numbers.chunks_exact_mut(self.size()) {
            picture.copy_from_slice(numbers);
            for (place, vector) in numbers.chunks_exact_mut(width).enumerate() {
                vector.iter_mut().enumerate().for_each(|(at, number)| *number = picture[at * places + place]);
            }
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Vector { width } => write!(f, "features of length {width}"),
            Form::Grid { rows: 1, columns, width } => {
                write!(f, "features of length {width} at each of {columns} places")
            }
            Form::Grid { rows, columns, width } => {
                write!(f, "features of length {width} at each of {rows} by {columns} places")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_are_a_vector_a_list_of_places_or_a_grid() {
        let check = |extents: &[usize], channels: Option<Channels>, expected: [usize; 3]| {
            assert_eq!(Form::of(extents, channels).unwrap().extents(), expected, "{extents:?}");
        };
        let (first, last) = (Some(Channels::First), Some(Channels::Last));
        for extents in [&[5][..], &[1, 5], &[5, 1, 1]] {
            assert_eq!(Form::of(extents, None), Ok(Form::Vector { width: 5 }));
            assert_eq!(Form::of(extents, first), Ok(Form::Vector { width: 5 }));
        }
        check(&[49, 512], None, [1, 49, 512]);
        check(&[512, 49], first, [1, 49, 512]);
        check(&[7, 7, 512], None, [7, 7, 512]);
        check(&[1, 7, 7, 512], None, [7, 7, 512]);
        check(&[512, 7, 7], first, [7, 7, 512]);
        check(&[512, 7, 7], last, [512, 7, 7]);
        check(&[1, 49, 512], None, [1, 49, 512]);
    }

    #[test]
    fn what_may_be_two_things_must_be_said() {
        let check = |extents: &[usize], expected: &str| {
            let problem = Form::of(extents, None).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        check(&[512, 7, 7], "may be 512 channels of 7 by 7 places");
        check(&[512, 7, 7], "Say `--channels first` or `--channels last`");
        check(&[2, 3, 4, 5], "[2, 3, 4, 5] for a picture; expected a vector");
        check(&[3, 0], "is empty");
    }

    #[test]
    fn channels_are_brought_last() {
        let form = Form::Grid { rows: 1, columns: 3, width: 2 };
        let mut numbers = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 4.0, 5.0, 6.0, 40.0, 50.0, 60.0];
        form.bring_channels_last(&mut numbers);
        assert_eq!(numbers, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0, 5.0, 50.0, 6.0, 60.0]);
    }
}
