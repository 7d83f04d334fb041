//! An array as numpy saves it.
//!
//! ```text
//! \x93NUMPY, version 1.0 (2.0, 3.0), length of the header in 2 (4) bytes
//! {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//! the numbers, row-major
//! ```
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use lab::files::{FileError, plain_length};

use super::{Array, Channels, FeatureTable};
use crate::data::DataError;
use crate::data::arrays::half;

/// How such a file begins.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header; numpy writes 118 bytes for an array of numbers.
const LONGEST_HEADER: u32 = 1 << 16;

/// Numbers decoded at a time: what is reserved follows what was read, and not what the header claims.
const WINDOW: usize = 1 << 16;

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    /// `<`, `>` or `|`, a letter, and a number: `<f4`.
    descr: String,
    shape: Vec<usize>,
}

/// What an array holds.
pub(super) enum Content {
    /// Numbers.
    Numbers(Vec<usize>, Vec<f32>),
    /// Texts.
    Texts(Vec<String>),
}

pub(super) fn read(path: &Path, channels: Option<Channels>) -> Result<FeatureTable, DataError> {
    let place = path.display().to_string();
    let length = plain_length(path)?;
    let file = File::open(path).map_err(|error| FileError::system(path, "read", &error))?;
    match decode(&mut BufReader::new(file), length).map_err(|problem| DataError::new(&place, problem))? {
        Content::Numbers(shape, data) => FeatureTable::whole(place, Array { shape, data }, None, channels),
        Content::Texts(_) => Err(DataError::new(place, "holds texts; expected floats")),
    }
}

/// Decodes an array out of at most `most` bytes.
pub(super) fn decode(from: &mut dyn Read, most: u64) -> Result<Content, String> {
    let mut prefix = [0; 8];
    from.read_exact(&mut prefix).map_err(cut)?;
    if !prefix.starts_with(MAGIC) {
        return Err("does not begin like a numpy array".into());
    }
    let length = if prefix[6] == 1 {
        let mut bytes = [0; 2];
        from.read_exact(&mut bytes).map_err(cut)?;
        u32::from(u16::from_le_bytes(bytes))
    } else {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes).map_err(cut)?;
        u32::from_le_bytes(bytes)
    };
    if length > LONGEST_HEADER {
        return Err(format!("claims a header of {length} bytes; expected at most {LONGEST_HEADER}"));
    }
    let mut header = vec![0; length as usize];
    from.read_exact(&mut header).map_err(cut)?;
    let Header { descr, shape } = parse(&String::from_utf8_lossy(&header))?;

    let big = descr.starts_with('>');
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    let count = shape.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent));
    let size = kind[1..]
        .parse::<usize>()
        .ok()
        .and_then(|size| if kind.starts_with('U') { size.checked_mul(4) } else { Some(size) });
    let claimed = count.zip(size).and_then(|(count, size)| count.checked_mul(size));
    let (Some(count), Some(size), Some(claimed)) = (count, size, claimed) else {
        return Err(format!("has shape {shape:?} of `{descr}`, more than any file can hold"));
    };
    if claimed as u64 > most {
        return Err(format!(
            "has shape {shape:?} of `{descr}` by its header, {claimed} bytes, more than the {most} that are there"
        ));
    }
    let number: fn([u8; 8]) -> f32 = match kind {
        "f2" => |bytes| half(u16::from_le_bytes([bytes[0], bytes[1]])),
        "f4" => |bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        "f8" => |bytes| f64::from_le_bytes(bytes) as f32,
        _ if kind.starts_with('U') && size > 0 => return texts(from, count, size, big).map(Content::Texts),
        _ => {
            let advice = "Save it as floats, `numpy.save(FILE, features.astype('float32'))`";
            return Err(format!("holds `{descr}`; expected floats of 16, 32 or 64 bits. {advice}"));
        }
    };
    let mut data = Vec::new();
    let mut bytes = vec![0; WINDOW * size];
    while data.len() < count {
        let some = &mut bytes[..(count - data.len()).min(WINDOW) * size];
        from.read_exact(some).map_err(cut)?;
        data.extend(some.chunks_exact(size).map(|chunk| {
            let mut eight = [0; 8];
            eight[..size].copy_from_slice(chunk);
            if big {
                eight[..size].reverse();
            }
            number(eight)
        }));
    }
    Ok(Content::Numbers(shape, data))
}

/// What an array is that cannot be read to its end.
fn cut(error: std::io::Error) -> String {
    format!("is cut short or damaged ({error}). Make it again")
}

/// Texts of fixed width, four bytes a character, filled up with zeros.
fn texts(from: &mut dyn Read, count: usize, size: usize, big: bool) -> Result<Vec<String>, String> {
    // An array of no text, or an archive that lies about its sizes, may claim any width: only what is there is held.
    let mut bytes = Vec::new();
    let mut texts = Vec::new();
    for _ in 0..count {
        bytes.clear();
        let read = (&mut *from).take(size as u64).read_to_end(&mut bytes);
        let found = read.map_err(cut)?;
        if found < size {
            return Err(format!("is cut short: a text has {found} of its {size} bytes. Make it again"));
        }
        let codes = bytes
            .as_chunks()
            .0
            .iter()
            .map(|code| if big { u32::from_be_bytes(*code) } else { u32::from_le_bytes(*code) });
        let text: Option<String> = codes.take_while(|code| *code != 0).map(char::from_u32).collect();
        texts.push(text.ok_or("holds a text with a number that is no character")?);
    }
    Ok(texts)
}

/// Reads the header, a dictionary as Python writes it with exactly three keys.
fn parse(text: &str) -> Result<Header, String> {
    let strange = || format!("has a header that is not of the format: {}", text.trim());
    let after = |key: &str| {
        text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start()).ok_or_else(strange)
    };
    let descr =
        after("descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).ok_or_else(|| {
            "holds records or objects; expected floats. Save it as one array of floats".to_string()
        })?;
    let descr = descr.0.to_string();
    let kind = descr.trim_start_matches(['<', '>', '|', '=']);
    if kind == "O" {
        return Err("holds Python objects; expected floats. Save it as one array of floats".into());
    }
    if kind.len() < 2 || !kind.is_ascii() {
        return Err(strange());
    }
    let order = after("fortran_order")?;
    let tuple =
        after("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(strange)?.0;
    let extents = tuple.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    let shape: Vec<usize> =
        extents.map(|extent| extent.parse().map_err(|_| strange())).collect::<Result<_, _>>()?;
    // The order of the numbers only matters where there are rows and columns.
    if order.starts_with("True") && shape.iter().filter(|extent| **extent != 1).count() > 1 {
        return Err("is in Fortran's order; expected C's. `numpy.save(FILE, numpy.ascontiguousarray(features))` converts it".into());
    }
    if !order.starts_with("True") && !order.starts_with("False") {
        return Err(strange());
    }
    Ok(Header { descr, shape })
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use super::*;

    /// An array as numpy 2 writes it.
    pub(in crate::data) fn bytes(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        header.extend(std::iter::repeat_n(' ', 64 - (header.len() + 11) % 64));
        header.push('\n');
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    fn numbers(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
        match decode(&mut &*bytes, bytes.len() as u64)? {
            Content::Numbers(shape, data) => Ok((shape, data)),
            Content::Texts(texts) => Err(texts.join(",")),
        }
    }

    #[test]
    fn floats_of_all_widths_and_both_ends() {
        let check = |descr: &str, data: &[u8]| {
            let expected = (vec![1, 2], vec![1.0, -2.5]);
            assert_eq!(numbers(&bytes(descr, "(1, 2)", data)).unwrap(), expected, "{descr}");
        };
        check("<f4", &[1f32.to_le_bytes(), (-2.5f32).to_le_bytes()].concat());
        check(">f4", &[1f32.to_be_bytes(), (-2.5f32).to_be_bytes()].concat());
        check("<f8", &[1f64.to_le_bytes(), (-2.5f64).to_le_bytes()].concat());
        check(">f8", &[1f64.to_be_bytes(), (-2.5f64).to_be_bytes()].concat());
        check("<f2", &[0x00, 0x3c, 0x00, 0xc1]);
    }

    #[test]
    fn more_numbers_than_fit_a_window() {
        let count = WINDOW + 3;
        let data: Vec<u8> = (0..count).flat_map(|at| (at as f32).to_le_bytes()).collect();
        let (shape, found) = numbers(&bytes("<f4", &format!("({count},)"), &data)).unwrap();
        assert_eq!(shape, [count]);
        assert!(found.iter().enumerate().all(|(at, number)| *number == at as f32));
    }

    #[test]
    fn texts_are_names() {
        let name = |text: &str| {
            text.chars()
                .chain(['\0'; 5])
                .take(5)
                .flat_map(|c| u32::from(c).to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let data = [name("a.jpg"), name("개")].concat();
        assert_eq!(numbers(&bytes("<U5", "(2,)", &data)).unwrap_err(), "a.jpg,개");
    }

    #[test]
    fn headers_that_cannot_be_are_errors() {
        let check = |file: &[u8], expected: &str| {
            let error = numbers(file).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(&bytes("<f4", "(1000000000000, 512)", &[0; 8]), "2048000000000000 bytes, more than the");
        check(&bytes("<f4", "(9223372036854775807, 9)", &[0; 8]), "more than any file can hold");
        check(&bytes("<f4", "(4,)", &[0; 8]), "cut short");
        check(&bytes("<i8", "(1,)", &[0; 8]), "holds `<i8`; expected floats");
        check(&bytes("|O", "(1,)", &[0; 8]), "holds Python objects");
        check(&bytes("|f", "(1,)", &[0; 8]), "not of the format");
        check(&bytes("<f4", "(-1,)", &[0; 8]), "not of the format");
        check(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "claims a header of 4294967295 bytes");
        check(b"\x93NUMPY\x01\x00\x40\x00{", "cut short");
        check(&bytes("<U99999999999999", "(1,)", &[0; 8]), "more than");
    }

    #[test]
    fn damaged_files_never_panic() {
        let whole = bytes("<f4", "(2, 3)", &[7; 24]);
        for at in 0..whole.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                let _ = numbers(&damaged);
            }
            let _ = numbers(&whole[..at]);
        }
    }
}
