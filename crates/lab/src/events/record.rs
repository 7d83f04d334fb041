//! The framing of TFRecord files: a record is
//!
//! ```text
//! length       u64, little-endian
//! checksum     u32 of the length's eight bytes
//! data         so many bytes
//! checksum     u32 of the data
//! ```
//!
//! A checksum is a CRC-32C that is turned and moved, so that a checksum of bytes that hold one is not weak
//! (<https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>).

use crc32c::crc32c;

/// Bytes of a record beside its data.
const FRAME: usize = 16;

fn checksum(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Data as a record.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let sums = [&length, data].map(|bytes| checksum(bytes).to_le_bytes());
    [&length, &sums[0][..], data, &sums[1]].concat()
}

/// The data of all records that are whole, with where each one begins; what follows a torn or damaged one is not read.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let data = whole(&bytes[start..])?;
        let record = (start, data);
        start += data.len() + FRAME;
        Some(record)
    })
}

/// How many bytes of a file are whole records.
pub(super) fn whole_length(bytes: &[u8]) -> usize {
    records(bytes).last().map_or(0, |(start, data)| start + data.len() + FRAME)
}

/// The data of the record that bytes begin with.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let data = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let last = rest[data.len()..].first_chunk::<4>()?;
    let is_sound = |sum: &[u8; 4], of: &[u8]| u32::from_le_bytes(*sum) == checksum(of);
    (is_sound(sum, length) && is_sound(last, data)).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_what_is_torn_or_damaged() {
        let parts: [&[u8]; 3] = [b"first", b"", b"third, and longer"];
        let whole: Vec<u8> = parts.iter().flat_map(|data| framed(data)).collect();
        let check = |bytes: &[u8], expected: usize| {
            let read: Vec<&[u8]> = records(bytes).map(|(_, data)| data).collect();
            assert_eq!(read, parts[..expected]);
            let lengths: usize = parts[..expected].iter().map(|data| data.len() + 16).sum();
            assert_eq!(whole_length(bytes), lengths);
        };
        check(&whole, 3);
        for cut in 0..whole.len() {
            check(&whole[..cut], usize::from(cut >= 21) + usize::from(cut >= 37));
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            check(&damaged, usize::from(place >= 21) + usize::from(place >= 37));
        }
    }
}
