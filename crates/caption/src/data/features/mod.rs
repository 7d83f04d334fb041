//! Features that another program computed of the pictures: HDF5, npy, npz or safetensors, told by how the file begins.
//!
//! A table has a row of numbers for each picture. Which row is whose:
//!
//! | file | rows in the order in which the captions list the pictures | rows by name |
//! |---|---|---|
//! | npy | the array | |
//! | npz | the array `features`, or the only one | the same with an array of text `names`; or an array for each picture |
//! | safetensors | the array `features`, or the only one | an array for each picture |
//! | HDF5 | the table `features`, or the only one | a table for each picture |
//!
//! A name is the picture's name, the same without folders, without the ending, or its number in COCO's files. Numbers are floats of
//! 16, 32 or 64 bits and are kept as `f32`. An array for one picture is a row, whatever extents of one it has; a grid of features
//! for attention is not read.
//!
//! No header is believed that the file cannot back.

mod hdf5;
mod npy;
mod npz;
mod safetensors;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

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
    /// Numbers in a row.
    pub width: usize,
    /// All rows, one after another: (rows, width).
    pub data: Vec<f32>,
    /// The row of each name; none where rows are in the order of the pictures.
    pub names: Option<HashMap<String, usize>>,
}

/// An array that was read.
struct Array {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// Reads a file of features.
///
/// # Errors
/// If the file is of none of the formats, is damaged, or holds something else than rows of one length.
pub fn read(path: &Path) -> Result<FeatureTable, DataError> {
    let place = path.display().to_string();
    let mut beginning = [0; 9];
    let opened = lab::files::plain_length(path)
        .map_err(|error| format!("{}; {}", error.problem, error.advice))
        .and_then(|_| File::open(path).map_err(|error| format!("cannot be opened ({error})")));
    let read = opened.and_then(|file| {
        let mut bytes = Vec::new();
        file.take(9)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
            .map_err(|error| format!("cannot be read ({error})"))
    });
    let bytes = read.map_err(|problem| DataError::new(&place, format!("{problem}. Check the path")))?;
    beginning[..bytes.len()].copy_from_slice(&bytes);
    if beginning.starts_with(npy::MAGIC) {
        npy::read(path)
    } else if beginning.starts_with(b"PK") {
        npz::read(path)
    } else if beginning.starts_with(b"\x89HDF") {
        hdf5::read(path)
    } else if arrays::is_one(&beginning) {
        safetensors::read(path)
    } else {
        let problem = "begins like no file of features; expected npy, npz, safetensors or HDF5. Save the features in one of them";
        Err(DataError::new(place, problem))
    }
}

impl FeatureTable {
    /// A table of an array with all rows, (rows, width), whose names are given or not.
    fn whole(place: String, array: Array, names: Option<Vec<String>>) -> Result<Self, DataError> {
        let [rows, width] = array.shape[..] else {
            let problem =
                format!("has shape {:?}; expected two extents, a row for each picture", array.shape);
            return Err(DataError::new(place, problem));
        };
        if rows == 0 || width == 0 {
            return Err(DataError::new(place, format!("is empty, shape {:?}", array.shape)));
        }
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
        Ok(FeatureTable { place, width, data: array.data, names })
    }

    /// A table of one array for each name.
    fn by_name(place: String, arrays: BTreeMap<String, Array>) -> Result<Self, DataError> {
        let mut data = Vec::new();
        let mut names = HashMap::new();
        let mut first: Option<(String, usize)> = None;
        for (row, (name, array)) in arrays.into_iter().enumerate() {
            let width = array.data.len();
            if array.shape.iter().filter(|extent| **extent != 1).count() > 1 || width == 0 {
                let problem = format!("has shape {:?}; expected one row for the picture", array.shape);
                return Err(DataError::new(format!("{place}, key `{name}`"), problem));
            }
            match &first {
                Some((other, expected)) if *expected != width => {
                    let problem = format!(
                        "has {width} numbers, but `{other}` has {expected}; expected as many for each picture"
                    );
                    return Err(DataError::new(format!("{place}, key `{name}`"), problem));
                }
                Some(_) => {}
                None => first = Some((name.clone(), width)),
            }
            data.extend(array.data);
            names.insert(name, row);
        }
        let Some((_, width)) = first else {
            return Err(DataError::new(place, "holds no array at all; expected features"));
        };
        Ok(FeatureTable { place, width, data, names: Some(names) })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.data.len() / self.width
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
        self.data.get(row * self.width..(row + 1) * self.width)
    }
}

/// What is wrong with a row of features, if anything.
pub(super) fn fault_of(numbers: &[f32], place: impl Fn() -> String) -> Option<Fault> {
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
        let ordered = FeatureTable::whole("f".into(), array(), None).unwrap();
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

        let named = FeatureTable::whole("f".into(), array(), Some(vec!["a".into(), "9".into()])).unwrap();
        assert_eq!(named.row(7, &picture("train/a.jpg")), Some(&[1.0, 2.0, 3.0][..]));
        assert_eq!(named.row(7, &picture("b.jpg")), Some(&[4.0, 5.0, 6.0][..]));
        assert_eq!(named.row(0, &Listed::new("b.jpg")), None);
        assert!(named.check_rows(100).is_ok());
        let twice = FeatureTable::whole("f".into(), array(), Some(vec!["a".into(), "a".into()]));
        assert!(twice.unwrap_err().to_string().contains("`a` names the rows 0 and 1"));
    }

    #[test]
    fn arrays_of_single_pictures_must_be_alike() {
        let table = |shapes: &[&[usize]]| {
            let array =
                |shape: &[usize]| Array { shape: shape.to_vec(), data: vec![0.5; shape.iter().product()] };
            let arrays =
                shapes.iter().enumerate().map(|(at, shape)| (format!("{at}"), array(shape))).collect();
            FeatureTable::by_name("f".into(), arrays)
        };
        assert_eq!(table(&[&[3], &[1, 3], &[3, 1, 1]]).unwrap().rows(), 3);
        assert!(table(&[&[3], &[4]]).unwrap_err().to_string().contains("`1`: has 4 numbers, but `0` has 3"));
        assert!(table(&[&[2, 3]]).unwrap_err().to_string().contains("has shape [2, 3]; expected one row"));
        assert!(table(&[]).unwrap_err().to_string().contains("no array at all"));
    }

    #[test]
    fn files_of_other_libraries_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/features");
        let expected = [[0.5, -1.25, 3.0, 0.0], [1.0, 2.0, -0.0625, 8.0], [-2.0, 0.25, 100.0, 1.5]];
        let pictures = ["b.jpg", "folder/a.jpg", "개.png"].map(Listed::new);
        let check = |file: &str, named: bool| {
            let table = read(&folder.join(file)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((table.rows(), table.width, table.names.is_some()), (3, 4, named), "{file}");
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
            let error = read(&folder.join(file)).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(advice), "{error}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features");
        assert!(read(&path).unwrap_err().to_string().contains("check that the path is right"));
        for content in [&b""[..], b"1,2,3\n", b"\x93NUM"] {
            std::fs::write(&path, content).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("expected npy, npz, safetensors or HDF5"));
        }
    }
}
