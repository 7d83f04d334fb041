//! Features that another program computed of the pictures: HDF5, npy, npz or safetensors, told by how the file begins.
//!
//! A table has a row of numbers for each picture, a vector or a grid of vectors ([`Form`] says which, and what of it comes first).
//! Which row is whose:
//!
//! | file | rows in the order in which the captions list the pictures | rows by name |
//! |---|---|---|
//! | npy | the array | |
//! | npz | the array `features`, or the only one | the same with an array of text `names`; or an array for each picture |
//! | safetensors | the array `features`, or the only one | an array for each picture |
//! | HDF5 | the table `features`, or the only one | a table for each picture |
//!
//! A name is the picture's name, the same without folders, without the ending, or its number in COCO's files. Numbers are floats of
//! 16, 32 or 64 bits and are kept as `f32`.
//!
//! No header is believed that the file cannot back.

mod form;
mod hdf5;
mod npy;
mod npz;
mod safetensors;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use form::{Channels, Form};
use lab::files::{FileError, plain_length};

use super::encoder::Origin;
use super::fault::{Fault, FaultKind};
use super::listing::Listed;
use super::{DataError, arrays};

/// The key of a table with all rows.
const ALL: &str = "features";

/// Rows of features.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    /// Where it was read.
    pub place: String,
    /// What a row is.
    pub form: Form,
    /// All rows, one after another; in a grid channels come last.
    pub data: Vec<f32>,
    /// The row of each name; none where rows are in the order of the pictures.
    pub names: Option<HashMap<String, usize>>,
    /// Which encoder made them, where the file says so.
    pub origin: Option<Origin>,
}

/// An array that was read.
struct Array {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// Reads a file of features; `channels` say which extent of a grid counts them, where that is known.
///
/// # Errors
/// If the file is of none of the formats, is damaged, or holds something else than rows of one form.
pub fn read(path: &Path, channels: Option<Channels>) -> Result<FeatureTable, DataError> {
    plain_length(path)?;
    let mut beginning = Vec::new();
    File::open(path)
        .and_then(|file| file.take(9).read_to_end(&mut beginning))
        .map_err(|error| FileError::system(path, "read", &error))?;
    if beginning.starts_with(npy::MAGIC) {
        npy::read(path, channels)
    } else if beginning.starts_with(b"PK") {
        npz::read(path, channels)
    } else if beginning.starts_with(b"\x89HDF") {
        hdf5::read(path, channels)
    } else if arrays::is_one(&beginning) {
        safetensors::read(path, channels)
    } else {
        let problem = "begins like no file of features; expected npy, npz, safetensors or HDF5. Save the features in one of them";
        Err(DataError::new(path.display().to_string(), problem))
    }
}

impl FeatureTable {
    /// A table of an array with all rows, (rows, …), whose names are given or not.
    fn whole(
        place: String,
        array: Array,
        names: Option<Vec<String>>,
        channels: Option<Channels>,
    ) -> Result<Self, DataError> {
        let rows = match array.shape[..] {
            [rows, _, ..] if !array.shape.contains(&0) => rows,
            [_, _, ..] => return Err(DataError::new(place, format!("is empty, shape {:?}", array.shape))),
            _ => {
                let problem = format!(
                    "has shape {:?}; expected (pictures, channels), (pictures, places, channels) or (pictures, rows, columns, channels)",
                    array.shape
                );
                return Err(DataError::new(place, problem));
            }
        };
        let form =
            Form::of(&array.shape[1..], channels).map_err(|problem| DataError::new(&place, problem))?;
        let names = match names {
            None => None,
            Some(names) if names.len() != rows => {
                let problem = format!(
                    "has {rows} rows, but there are {} names; expected one for each row",
                    names.len()
                );
                return Err(DataError::new(place, problem));
            }
            Some(names) => {
                let mut of_name = HashMap::new();
                for (row, name) in names.into_iter().enumerate() {
                    if let Some(other) = of_name.insert(name.clone(), row) {
                        let problem =
                            format!("`{name}` names the rows {other} and {row}; expected each name once");
                        return Err(DataError::new(place, problem));
                    }
                }
                Some(of_name)
            }
        };
        Ok(FeatureTable::new(place, form, array.data, names, channels))
    }

    fn new(
        place: String,
        form: Form,
        mut data: Vec<f32>,
        names: Option<HashMap<String, usize>>,
        channels: Option<Channels>,
    ) -> Self {
        if channels == Some(Channels::First) {
            form.bring_channels_last(&mut data);
        }
        FeatureTable { place, form, data, names, origin: None }
    }

    /// A table of a file with an array for each key: of the one under [`ALL`], or of the only one if that can be `alone`, where
    /// it has all rows; else of one for each picture.
    fn of_keys(
        path: &Path,
        keys: &[String],
        alone: bool,
        mut array: impl FnMut(&str) -> Result<Array, DataError>,
        channels: Option<Channels>,
    ) -> Result<Self, DataError> {
        let only = keys.first().filter(|_| alone && keys.len() == 1);
        let place = path.display().to_string();
        match keys.iter().find(|key| *key == ALL).or(only) {
            Some(key) => FeatureTable::whole(format!("{place}, key `{key}`"), array(key)?, None, channels),
            None => {
                let arrays = keys.iter().map(|key| Ok((key.clone(), array(key)?)));
                FeatureTable::by_name(place, arrays.collect::<Result<_, DataError>>()?, channels)
            }
        }
    }

    /// A table of one array for each name.
    fn by_name(
        place: String,
        arrays: BTreeMap<String, Array>,
        channels: Option<Channels>,
    ) -> Result<Self, DataError> {
        let mut data = Vec::new();
        let mut names = HashMap::new();
        let mut first: Option<(String, Form)> = None;
        for (row, (name, array)) in arrays.into_iter().enumerate() {
            let error = |problem: String| DataError::new(format!("{place}, key `{name}`"), problem);
            let form = Form::of(&array.shape, channels).map_err(error)?;
            match &first {
                Some((other, expected)) if *expected != form => {
                    return Err(error(format!(
                        "holds {form}, but `{other}` holds {expected}; expected the same for each picture"
                    )));
                }
                Some(_) => {}
                None => first = Some((name.clone(), form)),
            }
            data.extend(array.data);
            names.insert(name, row);
        }
        let Some((_, form)) = first else {
            return Err(DataError::new(place, "holds no array at all; expected features"));
        };
        Ok(FeatureTable::new(place, form, data, Some(names), channels))
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.data.len() / self.form.size()
    }

    /// Which row is whose, in words.
    pub fn order(&self) -> &'static str {
        match self.names {
            Some(_) => "rows by name",
            None => "rows in the order in which the captions list the pictures",
        }
    }

    /// Whether the rows can be those of so many pictures.
    ///
    /// # Errors
    /// If rows go by their order and there are more or fewer than pictures.
    pub fn check_rows(&self, pictures: usize) -> Result<(), DataError> {
        if self.names.is_some() || self.rows() == pictures {
            return Ok(());
        }
        let problem = format!(
            "has {} rows, but the captions list {pictures} pictures; without names there must be a row for each, in their order. \
             Compute the features again, or save them with names, as an npz with `features` and `names`",
            self.rows()
        );
        Err(DataError::new(&self.place, problem))
    }

    /// The row of a picture, which is the `place`th that is listed.
    pub fn row(&self, place: usize, picture: &Listed) -> Option<&[f32]> {
        let row = match &self.names {
            None => place,
            Some(names) => picture.keys().find_map(|key| names.get(&key).copied())?,
        };
        self.data.get(row * self.form.size()..(row + 1) * self.form.size())
    }
}

/// What is wrong with a row of features, if anything.
pub(crate) fn fault_of(numbers: &[f32], place: impl Fn() -> String) -> Option<Fault> {
    if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
        let problem = format!("number {at} is {}", numbers[at]);
        return Some(Fault::new(FaultKind::NonFiniteFeatures, place(), problem));
    }
    let zero = numbers.iter().all(|number| *number == 0.0);
    zero.then(|| {
        Fault::new(FaultKind::ZeroFeatures, place(), format!("all {} numbers are zero", numbers.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_place_or_by_a_name() {
        let array = || Array { shape: vec![2, 3], data: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let picture = |name: &str| Listed { id: Some("9".into()), ..Listed::new(name) };
        let ordered = FeatureTable::whole("f".into(), array(), None, None).unwrap();
        assert_eq!(ordered.row(1, &picture("x")), Some(&[4.0, 5.0, 6.0][..]));
        assert_eq!(ordered.row(2, &picture("x")), None);
        assert!(ordered.check_rows(2).is_ok());
        assert!(
            ordered
                .check_rows(3)
                .unwrap_err()
                .to_string()
                .contains("2 rows, but the captions list 3 pictures")
        );

        let whole = |names: [&str; 2]| {
            FeatureTable::whole("f".into(), array(), Some(names.map(String::from).to_vec()), None)
        };
        let named = whole(["a", "9"]).unwrap();
        assert_eq!(named.row(7, &picture("train/a.jpg")), Some(&[1.0, 2.0, 3.0][..]));
        assert_eq!(named.row(7, &picture("b.jpg")), Some(&[4.0, 5.0, 6.0][..]));
        assert_eq!(named.row(0, &Listed::new("b.jpg")), None);
        assert!(named.check_rows(100).is_ok());
        let twice = whole(["a", "a"]);
        assert!(twice.unwrap_err().to_string().contains("`a` names the rows 0 and 1"));
    }

    #[test]
    fn arrays_of_single_pictures_must_be_alike() {
        let table = |shapes: &[&[usize]]| {
            let array =
                |shape: &[usize]| Array { shape: shape.to_vec(), data: vec![0.5; shape.iter().product()] };
            let arrays =
                shapes.iter().enumerate().map(|(at, shape)| (format!("{at}"), array(shape))).collect();
            FeatureTable::by_name("f".into(), arrays, None)
        };
        assert_eq!(table(&[&[3], &[1, 3], &[3, 1, 1]]).unwrap().rows(), 3);
        assert!(
            table(&[&[3], &[4]])
                .unwrap_err()
                .to_string()
                .contains("`1`: holds features of length 4, but `0`")
        );
        assert_eq!(table(&[&[2, 3], &[2, 3]]).unwrap().form.extents(), [1, 2, 3]);
        assert!(table(&[&[2, 3], &[3, 2]]).unwrap_err().to_string().contains("length 3 at each of 2 places"));
        assert!(table(&[&[2, 3, 4, 5]]).unwrap_err().to_string().contains("`0`: has [2, 3, 4, 5]"));
        assert!(table(&[]).unwrap_err().to_string().contains("no array at all"));
    }

    #[test]
    fn files_of_other_libraries_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features");
        let expected = [[0.5, -1.25, 3.0, 0.0], [1.0, 2.0, -0.0625, 8.0], [-2.0, 0.25, 100.0, 1.5]];
        let pictures = ["b.jpg", "folder/a.jpg", "개.png"].map(Listed::new);
        let check = |file: &str, named: bool| {
            let table = read(&folder.join(file), None).unwrap_or_else(|error| panic!("{error}"));
            let vector = Form::Vector { width: 4 };
            assert_eq!((table.rows(), table.form, table.names.is_some()), (3, vector, named), "{file}");
            for (place, picture) in pictures.iter().enumerate() {
                assert_eq!(table.row(place, picture), Some(&expected[place][..]), "{file}");
            }
        };
        for file in
            ["float16.npy", "float32.npy", "big_endian_float64.npy", "float16.safetensors", "whole.h5"]
        {
            check(file, false);
        }
        for file in ["named.npz", "named_compressed.npz", "by_name.npz", "by_name.safetensors", "by_name.h5"]
        {
            check(file, true);
        }
        for (file, advice) in [
            ("fortran.npy", "ascontiguousarray"),
            ("integers.npy", "astype('float32')"),
            ("objects.npy", "expected floats"),
        ] {
            let error = read(&folder.join(file), None).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(advice), "{error}");
        }
    }

    #[test]
    fn grids_of_other_libraries_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features");
        // `make.py`: the number of a picture's row, column and channel is in the places of its digits.
        let number = |picture: usize, row: usize, column: usize, channel: usize| {
            (1000 * picture + 100 * row + 10 * column + channel) as f32
        };
        let pictures = ["b.jpg", "folder/a.jpg", "개.png"].map(Listed::new);
        let check = |file: &str, channels: Option<Channels>, extents: [usize; 3]| {
            let table = read(&folder.join(file), channels).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!((table.rows(), table.form.extents()), (3, extents), "{file}");
            for (at, picture) in pictures.iter().enumerate() {
                let expected = (0..2).flat_map(|row| {
                    (0..3).flat_map(move |column| (0..4).map(move |channel| number(at, row, column, channel)))
                });
                assert_eq!(table.row(at, picture), Some(&expected.collect::<Vec<_>>()[..]), "{file}");
            }
        };
        let first = Some(Channels::First);
        check("grid.npy", None, [2, 3, 4]);
        check("grid_channels_first.npy", first, [2, 3, 4]);
        check("grid_named.npz", None, [2, 3, 4]);
        check("grid_by_name.safetensors", None, [2, 3, 4]);
        check("grid_by_name_channels_first.h5", first, [2, 3, 4]);
        check("places.npy", None, [1, 6, 4]);
        check("places_by_name.npz", None, [1, 6, 4]);
        check("places_channels_first.safetensors", first, [1, 6, 4]);
        check("places.h5", None, [1, 6, 4]);
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features");
        assert!(read(&path, None).unwrap_err().to_string().contains("check that the path is right"));
        for content in [&b""[..], b"1,2,3\n", b"\x93NUM"] {
            std::fs::write(&path, content).unwrap();
            assert!(
                read(&path, None).unwrap_err().to_string().contains("expected npy, npz, safetensors or HDF5")
            );
        }
    }
}
