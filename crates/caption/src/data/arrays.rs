//! Named arrays in a `safetensors` file, each read by itself and only when it is asked for.
//!
//! ```text
//! length of the header, 8 bytes, little end first
//! {"name": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}, "__metadata__": {"format": "…"}}
//! the arrays, one after another
//! ```
//!
//! `lab::tensors` takes a whole file into memory, as checkpoints are; features and prepared data are larger, and bytes of
//! pictures are none of its types. The header is believed only as far as the length of the file backs it: an array lies
//! within the file, and has as many bytes as its shape says.
//!
//! Source: <https://huggingface.co/docs/safetensors>.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Error, Read, Write};
use std::path::Path;
use std::sync::Arc;

use lab::files::{FileError, plain_length, write_atomically_with};
use serde::{Deserialize, Serialize};

use super::encoder::Origin;
use super::file_rows::{FileRows, Rows, read_at};
use super::{DataError, Input};

/// The longest header; the format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes decoded at a time, a whole number of numbers of any type.
const WINDOW: u64 = 1 << 18;

/// What the header says of an array.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// The type of its numbers, such as `F32`.
    pub dtype: String,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    /// Where it begins and ends after the header, in bytes.
    pub data_offsets: (u64, u64),
}

/// An open file of arrays.
pub(super) struct ArrayFile {
    place: String,
    file: Arc<File>,
    /// Where the arrays begin.
    start: u64,
    arrays: BTreeMap<String, About>,
    /// What the file says it is.
    pub format: Option<String>,
    /// Which encoder made the arrays, where the file says so.
    pub origin: Option<Origin>,
}

/// Numbers that are to be written.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    /// Bytes.
    U8(&'a [u8]),
    /// Indices.
    I32(&'a [i32]),
    /// Checksums.
    U32(&'a [u32]),
    /// Features.
    F32(&'a [f32]),
    /// What lies in another file.
    InFile(&'a FileRows),
}

/// Appends the numbers that some bytes hold.
pub(super) type Decode = fn(&[u8], &mut Vec<f32>);

/// Bytes of a number of a type; none for a type that is not read here.
fn size_of(dtype: &str) -> Option<usize> {
    match dtype {
        "U8" => Some(1),
        "F16" | "BF16" => Some(2),
        "F32" | "I32" | "U32" => Some(4),
        "F64" => Some(8),
        _ => None,
    }
}

/// Whether a file begins like one of this format.
pub(super) fn is_one(beginning: &[u8]) -> bool {
    let length = beginning.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (2..=LONGEST_HEADER).contains(&length) && beginning.get(8) == Some(&b'{')
}

impl About {
    /// Whether an array lies within so many bytes and has as many as its shape says, where its type is read here.
    fn check(&self, bytes: u64) -> Result<(), String> {
        let About { dtype, shape, data_offsets: (from, to) } = self;
        if from > to || *to > bytes {
            return Err(format!("claims the bytes {from} to {to} of {bytes}"));
        }
        let Some(size) = size_of(dtype) else { return Ok(()) };
        let claimed = shape.iter().try_fold(size as u64, |bytes, extent| bytes.checked_mul(*extent as u64));
        if claimed == Some(to - from) {
            return Ok(());
        }
        Err(format!("has shape {shape:?} of {dtype} in {} bytes", to - from))
    }
}

impl ArrayFile {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let damaged = |what: String| {
            let problem = format!("{what}; the file is cut short, damaged or of another kind. Make it again");
            DataError::new(&place, problem)
        };
        let length = plain_length(path)?;
        let mut file = File::open(path).map_err(|why| FileError::system(path, "read", &why))?;
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix).map_err(|why| damaged(format!("has no header ({why})")))?;
        let header_length = u64::from_le_bytes(prefix);
        if header_length > LONGEST_HEADER.min(length.saturating_sub(8)) {
            return Err(damaged(format!("claims a header of {header_length} bytes in a file of {length}")));
        }
        // At most a hundred million, as was checked.
        let mut header = vec![0; header_length as usize];
        file.read_exact(&mut header).map_err(|why| damaged(format!("cannot be read ({why})")))?;
        let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header)
            .map_err(|why| damaged(format!("has no header in JSON ({why})")))?;
        let about = entries.remove("__metadata__");
        let about = |key: &str| about.as_ref().and_then(|about| Some(about.get(key)?.as_str()?.to_string()));
        let format = about("format");
        let origin = about("origin").map(|text| serde_json::from_str(&text)).transpose();
        let origin = origin.map_err(|why| damaged(format!("its `origin` is no encoder ({why})")))?;

        let start = 8 + header_length;
        let mut arrays = BTreeMap::new();
        for (name, about) in entries {
            let damaged = |what: String| damaged(format!("key `{name}`: {what}"));
            let about: About = serde_json::from_value(about)
                .map_err(|why| damaged(format!("the header is not of the format ({why})")))?;
            about.check(length - start).map_err(damaged)?;
            arrays.insert(name, about);
        }
        Ok(ArrayFile { place, file: Arc::new(file), start, arrays, format, origin })
    }

    /// All arrays by name.
    pub(super) fn arrays(&self) -> &BTreeMap<String, About> {
        &self.arrays
    }

    /// An error at a key of this file.
    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> DataError {
        DataError::new(self.place(key), problem)
    }

    /// What a key of this file is called in a message.
    pub(super) fn place(&self, key: &str) -> String {
        format!("{}, key `{key}`", self.place)
    }

    /// The shape of an array.
    pub(super) fn about(&self, key: &str) -> Result<&About, DataError> {
        self.arrays.get(key).ok_or_else(|| {
            let found: Vec<&str> = self.arrays.keys().take(10).map(String::as_str).collect();
            self.error(key, format!("there is no such key; the file holds {}", found.join(", ")))
        })
    }

    /// All bytes of an array of bytes.
    pub(super) fn bytes(&self, key: &str) -> Result<Vec<u8>, DataError> {
        self.expect(key, "U8")?;
        self.decode(key, |bytes, to| to.extend_from_slice(bytes))
    }

    /// All numbers of an array of indices.
    pub(super) fn integers(&self, key: &str) -> Result<Vec<i32>, DataError> {
        self.expect(key, "I32")?;
        self.decode(key, |bytes, to| each(bytes, to, i32::from_le_bytes))
    }

    /// All numbers of an array of checksums.
    pub(super) fn checksums(&self, key: &str) -> Result<Vec<u32>, DataError> {
        self.expect(key, "U32")?;
        self.decode(key, |bytes, to| each(bytes, to, u32::from_le_bytes))
    }

    /// All numbers of an array of floats of any width.
    pub(super) fn floats(&self, key: &str) -> Result<Vec<f32>, DataError> {
        self.decode(key, self.float_decoder(key)?)
    }

    /// An array whose rows are pictures, which stay in the file.
    pub(super) fn rows(
        &self,
        key: &str,
        input: Input,
        checksums: Option<Vec<u32>>,
    ) -> Result<FileRows, DataError> {
        let decode = match input {
            Input::Pixels { .. } => None,
            Input::Features { .. } | Input::Grid { .. } => Some(self.float_decoder(key)?),
        };
        let About { dtype, shape, .. } = self.about(key)?;
        let (start, end) = self.bounds(key)?;
        let rows = shape.first().copied().unwrap_or(0);
        Ok(FileRows::new(Rows {
            place: self.place(key),
            file: self.file.clone(),
            start,
            rows,
            // Within the file, as was checked when it was opened.
            row_bytes: (end - start) as usize / rows.max(1),
            dtype: dtype.clone(),
            decode,
            checksums,
        }))
    }

    /// How the numbers of an array of floats are had of its bytes.
    fn float_decoder(&self, key: &str) -> Result<Decode, DataError> {
        match self.about(key)?.dtype.as_str() {
            "F32" => Ok(|bytes, to| each(bytes, to, f32::from_le_bytes)),
            "F64" => Ok(|bytes, to| each(bytes, to, |bytes| f64::from_le_bytes(bytes) as f32)),
            "F16" => Ok(|bytes, to| each(bytes, to, |bytes| half(u16::from_le_bytes(bytes)))),
            // The upper half of a float of 32 bits.
            "BF16" => Ok(|bytes, to| {
                each(bytes, to, |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16))
            }),
            dtype => Err(self.error(key, format!("holds {dtype}; expected floats: F16, BF16, F32 or F64"))),
        }
    }

    fn expect(&self, key: &str, dtype: &str) -> Result<(), DataError> {
        let found = &self.about(key)?.dtype;
        if found == dtype { Ok(()) } else { Err(self.error(key, format!("holds {found}; expected {dtype}"))) }
    }

    /// Where an array begins and ends in the file.
    fn bounds(&self, key: &str) -> Result<(u64, u64), DataError> {
        let (from, to) = self.about(key)?.data_offsets;
        Ok((self.start + from, self.start + to))
    }

    /// All numbers of an array, decoded window by window, so that the bytes are never there together.
    fn decode<T>(&self, key: &str, decode: fn(&[u8], &mut Vec<T>)) -> Result<Vec<T>, DataError> {
        let (mut at, end) = self.bounds(key)?;
        // Within the file, as was checked when it was opened; so no more is reserved than there is.
        let mut numbers = Vec::with_capacity(self.about(key)?.shape.iter().product());
        let mut window = vec![0; (end - at).min(WINDOW) as usize];
        while at < end {
            let some = &mut window[..(end - at).min(WINDOW) as usize];
            read_at(&self.file, some, at)
                .map_err(|why| self.error(key, format!("cannot be read ({why})")))?;
            decode(some, &mut numbers);
            at += some.len() as u64;
        }
        Ok(numbers)
    }
}

/// Decodes numbers of `SIZE` bytes.
fn each<const SIZE: usize, T>(bytes: &[u8], to: &mut Vec<T>, decode: fn([u8; SIZE]) -> T) {
    to.extend(bytes.as_chunks().0.iter().map(|bytes| decode(*bytes)));
}

/// Writes numbers of `SIZE` bytes.
fn put<const SIZE: usize, T: Copy>(
    out: &mut impl Write,
    numbers: &[T],
    encode: fn(T) -> [u8; SIZE],
) -> io::Result<()> {
    numbers.iter().try_for_each(|number| out.write_all(&encode(*number)))
}

/// A float of 16 bits, IEEE 754 binary16, as one of 32; exact.
pub(super) fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        // Steps of 2^-24 below the smallest normal number.
        0 => f32::from_bits(sign | (fraction as f32 * 2f32.powi(-24)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// Writes arrays in their order; the file is there whole or not at all, and equal arrays give equal bytes.
pub(super) fn write(
    path: &Path,
    format: &str,
    arrays: &[(String, Vec<usize>, Numbers)],
) -> Result<(), DataError> {
    write_with_origin(path, format, None, arrays)
}

/// The same with which encoder made the arrays.
pub(super) fn write_with_origin(
    path: &Path,
    format: &str,
    origin: Option<&Origin>,
    arrays: &[(String, Vec<usize>, Numbers)],
) -> Result<(), DataError> {
    let mut at = 0;
    let mut header = serde_json::Map::new();
    let mut about = serde_json::json!({ "format": format });
    if let Some(origin) = origin {
        // The format has texts here only.
        about["origin"] = serde_json::json!(origin).to_string().into();
    }
    header.insert("__metadata__".into(), about);
    for (name, shape, numbers) in arrays {
        let dtype = match numbers {
            Numbers::U8(_) => "U8",
            Numbers::I32(_) => "I32",
            Numbers::U32(_) => "U32",
            Numbers::F32(_) => "F32",
            Numbers::InFile(rows) => rows.dtype(),
        };
        let size = size_of(dtype).unwrap_or(0);
        let count = shape.iter().product::<usize>();
        let end = at + (size * count) as u64;
        let about = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, end] });
        header.insert(name.clone(), about);
        at = end;
    }
    let mut header = serde_json::Value::Object(header).to_string();
    // Readers that map the file want the numbers aligned.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    write_atomically_with(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for (_, _, numbers) in arrays {
            match numbers {
                Numbers::U8(numbers) => out.write_all(numbers)?,
                Numbers::I32(numbers) => put(&mut out, numbers, i32::to_le_bytes)?,
                Numbers::U32(numbers) => put(&mut out, numbers, u32::to_le_bytes)?,
                Numbers::F32(numbers) => put(&mut out, numbers, f32::to_le_bytes)?,
                Numbers::InFile(rows) => {
                    let mut bytes = Vec::new();
                    for row in 0..rows.len() {
                        rows.read(row, &mut bytes).map_err(Error::other)?;
                        out.write_all(&bytes)?;
                    }
                }
            }
        }
        out.flush()
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_safetensors_reads_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let arrays = [
            ("b".to_string(), vec![2, 2], Numbers::F32(&[1.0, -2.5, 0.0, f32::MIN_POSITIVE])),
            ("a".to_string(), vec![3], Numbers::I32(&[1, -2, i32::MAX])),
            ("c".to_string(), vec![5], Numbers::U8(b"bytes")),
        ];
        write(&path, "test 1", &arrays).unwrap();
        let first = std::fs::read(&path).unwrap();
        write(&path, "test 1", &arrays).unwrap();
        assert_eq!(first, std::fs::read(&path).unwrap());
        assert!(is_one(&first));

        let file = ArrayFile::open(&path).unwrap();
        assert_eq!(file.format.as_deref(), Some("test 1"));
        assert_eq!(file.floats("b").unwrap(), [1.0, -2.5, 0.0, f32::MIN_POSITIVE]);
        assert_eq!(file.integers("a").unwrap(), [1, -2, i32::MAX]);
        assert_eq!(file.bytes("c").unwrap(), b"bytes");
        assert!(file.integers("b").unwrap_err().to_string().contains("holds F32; expected I32"));
        assert!(file.floats("z").unwrap_err().to_string().contains("no such key; the file holds a, b, c"));

        let theirs = safetensors::SafeTensors::deserialize(&first).unwrap();
        assert_eq!(theirs.tensor("b").unwrap().shape(), [2, 2]);
        assert_eq!(theirs.tensor("c").unwrap().data(), b"bytes");
    }

    #[test]
    fn a_header_that_claims_too_much_is_an_error_and_not_an_allocation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let check = |length: u64, header: &str, expected: &str| {
            std::fs::write(&path, [&length.to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat()).unwrap();
            let error = ArrayFile::open(&path).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let array = |shape: &str, from: u64, to: u64| {
            format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}}}"#)
        };
        check(u64::MAX, "{}", "claims a header of 18446744073709551615 bytes");
        check(40, "{}", "claims a header of 40 bytes in a file of 26");
        check(2, "{]", "no header in JSON");
        for (shape, from, to, expected) in [
            ("[1000000000000]", 0, 4_000_000_000_000, "claims the bytes 0 to 4000000000000 of 16"),
            ("[4]", 12, 8, "claims the bytes 12 to 8"),
            ("[1000000000000]", 0, 16, "has shape [1000000000000] of F32 in 16 bytes"),
            ("[4611686018427387904, 4]", 0, 16, "in 16 bytes"),
            ("[-1]", 0, 16, "not of the format"),
        ] {
            let header = array(shape, from, to);
            check(header.len() as u64, &header, expected);
        }
    }

    #[test]
    fn floats_of_sixteen_bits() {
        // From the table of the format's Wikipedia page.
        for (bits, expected) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), expected, "{bits:x}");
        }
        assert!(half(0x7e00).is_nan());
        assert!(half(0x8000).is_sign_negative());
    }
}
