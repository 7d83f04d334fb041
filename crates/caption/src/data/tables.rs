//! Tables of numbers out of one HDF5 file, with nothing believed that the file cannot back.
//!
//! A header may claim any size. Before anything is read, the claim is held against the length of the file, so that
//! a damaged header is an error and not an allocation.

use std::collections::HashSet;
use std::path::Path;

use hdf5_pure::{ChunkIndex, DType, Dataset, Error, File, FormatError, Layout};
use lab::files::plain_length;

use crate::data::DataError;

/// Numbers decoded at a time where a wider type is read to be checked and narrowed.
const WINDOW: usize = 1 << 17;

/// More than deflate can shrink anything, which is 1032 to 1.
pub(super) const MOST_COMPRESSION: u64 = 1100;

/// What a table of features holds.
const FLOATS: &str = "floats such as float32";

fn is_float(dtype: &DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

/// One open HDF5 file.
pub(super) struct Tables {
    place: String,
    file: File,
    bytes: u64,
}

impl Tables {
    /// Opens a file without reading its tables.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let bytes = plain_length(path)?;
        // Opened for streaming: the other way to open holds the whole file in memory beside what is read from it.
        match File::open_streaming(path) {
            Ok(file) => Ok(Tables { place, file, bytes }),
            Err(error) => {
                let problem = format!(
                    "cannot be read as HDF5 ({error}); the file, of {bytes} bytes, is not HDF5, or cut short, or \
                     damaged. Fetch it again"
                );
                Err(DataError::new(place, problem))
            }
        }
    }

    /// An error at a key of this file.
    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> DataError {
        DataError::new(self.place(key), problem)
    }

    /// What a key of this file is called in a message.
    pub(super) fn place(&self, key: &str) -> String {
        format!("{}, key `{key}`", self.place)
    }

    /// The shape of a table of floats: rows and numbers in a row.
    pub(super) fn float_shape(&self, key: &str) -> Result<[usize; 2], DataError> {
        Ok(self.float_table(key)?.1)
    }

    /// The shape and all numbers of a table of floats of any rank, row-major, whatever they are.
    pub(super) fn any_floats(&self, key: &str) -> Result<(Vec<usize>, Vec<f32>), DataError> {
        let (dataset, shape) = self.table(key, is_float, FLOATS, None)?;
        let data = self.read_floats(key, &dataset, shape.iter().product())?;
        Ok((shape, data))
    }

    /// The names of all tables.
    pub(super) fn keys(&self) -> Result<Vec<String>, DataError> {
        self.file.root().datasets().map_err(|error| self.unreadable("/", &error))
    }

    fn read_floats(&self, key: &str, dataset: &Dataset, count: usize) -> Result<Vec<f32>, DataError> {
        // This reads a window at a time into a vector that is reserved once.
        let data = dataset.read_f32().map_err(|error| self.unreadable(key, &error))?;
        self.check_count(key, data.len(), count)?;
        Ok(data)
    }

    /// All numbers of a table of floats, row-major; each must be finite.
    pub(super) fn floats(&self, key: &str) -> Result<Vec<f32>, DataError> {
        let (dataset, [rows, width]) = self.float_table(key)?;
        let data = self.read_floats(key, &dataset, rows * width)?;
        if let Some(at) = data.iter().position(|number| !number.is_finite()) {
            let problem = format!(
                "row {}, column {} holds {}; expected a finite number. The features are damaged: make them or fetch \
                 them again",
                at / width,
                at % width,
                data[at]
            );
            return Err(self.error(key, problem));
        }
        Ok(data)
    }

    /// The shape and all numbers of a table of whole numbers, each in `0..limit`; `because` says where the limit
    /// comes from.
    pub(super) fn integers<const RANK: usize>(
        &self,
        key: &str,
        limit: usize,
        because: &str,
    ) -> Result<([usize; RANK], Vec<i32>), DataError> {
        let mut numbers = Vec::new();
        let shape = self.visit_integers::<RANK>(key, |shape, number| {
            let width: usize = shape[1..].iter().product();
            if numbers.is_empty() {
                let count = shape[0] * width;
                let reserved = numbers.try_reserve_exact(count);
                reserved.map_err(|why| self.error(key, format!("{count} numbers: {why}")))?;
            }
            match i32::try_from(number) {
                Ok(index) if usize::try_from(index).is_ok_and(|index| index < limit) => {
                    numbers.push(index);
                    Ok(())
                }
                _ => {
                    let (row, column) = (numbers.len() / width, numbers.len() % width);
                    let at = if RANK > 1 { format!("row {row}, column {column}") } else { format!("row {row}") };
                    let problem = format!(
                        "{at} holds {number}, but {because}, so that an index must lie in 0..{limit}. The files \
                         do not fit each other, or one is damaged: fetch them again"
                    );
                    Err(self.error(key, problem))
                }
            }
        })?;
        Ok((shape, numbers))
    }

    /// Shows each number of a table of whole numbers, in order, and returns the table's shape.
    pub(super) fn visit_integers<const RANK: usize>(
        &self,
        key: &str,
        mut visit: impl FnMut([usize; RANK], i64) -> Result<(), DataError>,
    ) -> Result<[usize; RANK], DataError> {
        use DType::{I8, I16, I32, I64, U8, U16, U32, U64};
        let suits = |dtype: &DType| matches!(dtype, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64);
        let (dataset, shape) = self.table_of_rank::<RANK>(key, suits, "whole numbers such as int32")?;
        let width: usize = shape[1..].iter().product();
        let mut count = 0;
        let window = (WINDOW / width).max(1);
        for start in (0..shape[0]).step_by(window) {
            let wide = dataset
                .read_i64_rows(start as u64, window as u64)
                .map_err(|error| self.unreadable(key, &error))?;
            count += wide.len();
            wide.into_iter().try_for_each(|number| visit(shape, number))?;
        }
        self.check_count(key, count, shape[0] * width)?;
        Ok(shape)
    }

    fn float_table(&self, key: &str) -> Result<(Dataset, [usize; 2]), DataError> {
        self.table_of_rank(key, is_float, FLOATS)
    }

    fn table_of_rank<const RANK: usize>(
        &self,
        key: &str,
        suits: impl Fn(&DType) -> bool,
        wanted: &str,
    ) -> Result<(Dataset, [usize; RANK]), DataError> {
        let (dataset, shape) = self.table(key, suits, wanted, Some(RANK))?;
        Ok((dataset, shape.try_into().expect("the rank that was asked for")))
    }

    /// A table, its kind of number, its rank and its size checked.
    fn table(
        &self,
        key: &str,
        suits: impl Fn(&DType) -> bool,
        wanted: &str,
        rank: Option<usize>,
    ) -> Result<(Dataset, Vec<usize>), DataError> {
        let dataset = self.file.dataset(key).map_err(|error| self.unfound(key, &error))?;
        let dtype = dataset.dtype().map_err(|error| self.unreadable(key, &error))?;
        if !suits(&dtype) {
            let problem =
                format!("holds {dtype}; expected {wanted}. This is another file, or damaged: fetch it again");
            return Err(self.error(key, problem));
        }

        let shape = dataset.shape().map_err(|error| self.unreadable(key, &error))?;
        let shown = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        if let Some(rank) = rank.filter(|rank| *rank != shape.len()) {
            let problem = format!(
                "has rank {}, shape ({shown}); expected rank {rank}. This is another file, or damaged: fetch it again",
                shape.len()
            );
            return Err(self.error(key, problem));
        }
        if shape.contains(&0) {
            let problem =
                format!("is empty, shape ({shown}); expected at least one row. Fetch the file again");
            return Err(self.error(key, problem));
        }

        let size = dataset.element_size().map_err(|error| self.unreadable(key, &error))?;
        let claimed = shape.iter().try_fold(size, |bytes, axis| bytes.checked_mul(*axis));
        let most = self.bytes.saturating_mul(if dataset.filters().is_empty() { 1 } else { MOST_COMPRESSION });
        if claimed.is_none_or(|bytes| bytes > most) {
            let problem = format!(
                "has shape ({shown}) of {size} bytes each by its header, more than a file of {} bytes can hold. The \
                 file is cut short or damaged: fetch it again",
                self.bytes
            );
            return Err(self.error(key, problem));
        }
        self.check_stored(key, &dataset, &shape)?;
        // What fits the file's length fits a `usize`, save on a machine with 32 bits.
        let axes = shape.iter().map(|axis| {
            usize::try_from(*axis)
                .map_err(|_| self.error(key, format!("shape ({shown}) is too large for this machine")))
        });
        Ok((dataset, axes.collect::<Result<_, _>>()?))
    }

    /// All storage of a table lies within the file. HDF5 reads what was never written as zeros; here that is a fault.
    fn check_stored(&self, key: &str, dataset: &Dataset, shape: &[u64]) -> Result<(), DataError> {
        let chunk_shape = match dataset.layout().map_err(|error| self.unreadable(key, &error))? {
            Layout::Contiguous { address: None, .. } => {
                return Err(
                    self.error(key, "was never written: its numbers are not in the file. Fetch it again")
                );
            }
            // The chunks of a version 2 B-tree cannot be listed.
            Layout::Chunked { index, chunk_shape } if index != ChunkIndex::BTreeV2 => chunk_shape,
            _ => return Ok(()),
        };
        let mut within = HashSet::new();
        for chunk in dataset.chunks().map_err(|error| self.unreadable(key, &error))? {
            // The reader would reserve what a damaged index claims, up to gigabytes, before it looks at the file.
            if chunk.address.checked_add(chunk.storage_size).is_none_or(|end| end > self.bytes) {
                let problem = format!(
                    "has a block of {} bytes at {}, outside a file of {} bytes. The file is cut short or damaged: \
                     fetch it again",
                    chunk.storage_size, chunk.address, self.bytes
                );
                return Err(self.error(key, problem));
            }
            if chunk.offset.iter().zip(shape).all(|(offset, axis)| offset < axis) {
                within.insert(chunk.offset);
            }
        }
        let blocks = shape.iter().zip(&chunk_shape).map(|(axis, chunk)| axis.div_ceil((*chunk).max(1)));
        let expected = blocks.fold(1, u64::saturating_mul);
        if within.len() as u64 != expected {
            let problem = format!(
                "has {} of its {expected} blocks in the file; the others were never written, or the file is damaged. \
                 Fetch it again",
                within.len()
            );
            return Err(self.error(key, problem));
        }
        Ok(())
    }

    fn check_count(&self, key: &str, found: usize, expected: usize) -> Result<(), DataError> {
        if found == expected {
            return Ok(());
        }
        let problem = format!("gave {found} numbers; expected {expected} by its shape. Fetch the file again");
        Err(self.error(key, problem))
    }

    fn unfound(&self, key: &str, error: &Error) -> DataError {
        match error {
            Error::Format(FormatError::PathNotFound(_)) => {}
            Error::NotADataset(_) => {
                let problem = "is no table; expected one of numbers. This is another file: fetch it again";
                return self.error(key, problem);
            }
            _ => return self.unreadable(key, error),
        }
        let found = match self.file.root().datasets() {
            Ok(keys) if keys.is_empty() => "no key at all".to_string(),
            Ok(keys) => keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
            Err(error) => return self.unreadable(key, &error),
        };
        self.error(
            key,
            format!("there is no such key; the file holds {found}. This is another file: fetch it again"),
        )
    }

    fn unreadable(&self, key: &str, error: &Error) -> DataError {
        let problem = format!("cannot be read ({error}); the file is cut short or damaged. Fetch it again");
        self.error(key, problem)
    }
}
