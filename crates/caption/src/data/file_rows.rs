//! Rows of numbers that stay in their file: each is read when it is asked for, and the system keeps in memory what is used.
//!
//! A map of the file would do the same in the same pages of the system's memory, but a file that is cut short under a map ends
//! the program by a signal. Here it is an error that names the file and the row (`docs/notes/prepared-data.md`).

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::DataError;
use super::arrays::Decode;

/// What to do about a file that is not as it was written.
const AGAIN: &str = "The file is damaged or was written over: prepare the data again";

/// An array of a file, whose rows are read one by one; clones share the file.
#[derive(Debug, Clone)]
pub struct FileRows(Arc<Rows>);

/// Where the rows lie, within the file, and what they are.
#[derive(Debug)]
pub(super) struct Rows {
    /// The file and the key, for messages.
    pub place: String,
    pub file: Arc<File>,
    /// Where the first row begins, in bytes.
    pub start: u64,
    pub rows: usize,
    pub row_bytes: usize,
    pub dtype: String,
    /// How the numbers of a row are had of its bytes; none where they are bytes.
    pub decode: Option<Decode>,
    /// The CRC-32 of each row; none where the file has none.
    pub checksums: Option<Vec<u32>>,
}

impl FileRows {
    pub(super) fn new(rows: Rows) -> FileRows {
        FileRows(Arc::new(rows))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.0.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the numbers, as `safetensors` calls it.
    pub(super) fn dtype(&self) -> &str {
        &self.0.dtype
    }

    /// All bytes of a row take the place of what `bytes` has.
    ///
    /// # Errors
    /// If the file is shorter than it was, cannot be read, or has other bytes there than were written.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn read(&self, row: usize, bytes: &mut Vec<u8>) -> Result<(), DataError> {
        let rows = &*self.0;
        assert!(row < rows.rows, "row {row}, but {} has {}", rows.place, rows.rows);
        bytes.resize(rows.row_bytes, 0);
        // Within the file, as was checked when it was opened.
        let at = rows.start + row as u64 * rows.row_bytes as u64;
        read_at(&rows.file, bytes, at).map_err(|why| self.error(row, &format!("cannot be read ({why})")))?;
        match rows.checksums.as_ref().map(|sums| sums[row]) {
            Some(sum) if sum != crc32fast::hash(bytes) => {
                Err(self.error(row, "does not have the checksum that it was written with"))
            }
            _ => Ok(()),
        }
    }

    /// Appends the numbers of a row whose bytes were read.
    pub(super) fn features(&self, row: usize, bytes: &[u8], to: &mut Vec<f32>) -> Result<(), DataError> {
        let before = to.len();
        if let Some(decode) = self.0.decode {
            decode(bytes, to);
        }
        match to[before..].iter().find(|number| !number.is_finite()) {
            Some(number) => Err(self.error(row, &format!("has the number {number}"))),
            None => Ok(()),
        }
    }

    fn error(&self, row: usize, problem: &str) -> DataError {
        DataError::new(self.place(row), format!("{problem}. {AGAIN}"))
    }

    /// What a row is called in a message.
    pub(super) fn place(&self, row: usize) -> String {
        format!("{}, row {row}", self.0.place)
    }
}

/// Fills the bytes from a place of a file, whatever else of it is read meanwhile.
#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Fills the bytes from a place of a file; one reads at a time, since the file has one place to read from.
#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    use std::sync::{Mutex, PoisonError};

    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}
