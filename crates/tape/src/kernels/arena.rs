//! The one block of memory that a plan's values lie in.
//!
//! Values are found by byte offsets that the plan has chosen. The arena hands out one of them for
//! writing and any number for reading at the same time, and checks that they do not overlap, so that
//! a mistake in a plan is a panic and never a wild write.
#![allow(unsafe_code, reason = "elements of three types are seen in one block of bytes")]

use std::marker::PhantomData;

use super::fused::{Source, Target};
use crate::dtype::DType;
use crate::tensor::{Slice, SliceMut};

/// Distances between values are multiples of this, so that each begins on a cache line of its own.
pub(crate) const ALIGNMENT: usize = 64;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; ALIGNMENT]);

/// A block of bytes that only grows.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    lines: Vec<Line>,
}

/// Where a value lies: `len` elements from byte `offset` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    pub offset: usize,
    pub len: usize,
    pub dtype: DType,
}

impl Region {
    fn end(self) -> usize {
        self.offset + self.len * self.dtype.bytes()
    }

    fn check(self, size: usize) {
        assert!(self.end() <= size, "a value ends at byte {} of {size}", self.end());
        assert!(self.offset.is_multiple_of(self.dtype.bytes()), "a value begins between two elements");
    }
}

/// An arena in which several values are read and written at the same time, by a kernel that has checked
/// where they lie.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    base: *mut u8,
    size: usize,
    arena: PhantomData<&'a mut Arena>,
}

impl<'a> Window<'a> {
    /// A value to be read.
    pub fn source(&self, region: Region) -> Source<'a> {
        region.check(self.size);
        Source::at(self.base.wrapping_add(region.offset), region)
    }

    /// A value to be written.
    pub fn target(&self, region: Region) -> Target<'a> {
        region.check(self.size);
        Target::at(self.base.wrapping_add(region.offset), region)
    }
}

/// Reads from an arena in which one region is being written.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    base: *const u8,
    size: usize,
    written: (usize, usize),
    arena: PhantomData<&'a Arena>,
}

impl Arena {
    /// Makes room for `bytes`. What lay in it stays.
    pub fn reserve(&mut self, bytes: usize) {
        let lines = bytes.div_ceil(ALIGNMENT);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line([0; ALIGNMENT]));
        }
    }

    /// The bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.lines.len() * ALIGNMENT
    }

    /// A value for reading.
    pub fn read(&self, region: Region) -> Slice<'_> {
        let reader = Reader {
            base: self.lines.as_ptr().cast(),
            size: self.bytes(),
            written: (0, 0),
            arena: PhantomData,
        };
        reader.read(region)
    }

    /// Any values for a kernel.
    pub fn window(&mut self) -> Window<'_> {
        Window { base: self.lines.as_mut_ptr().cast(), size: self.bytes(), arena: PhantomData }
    }

    /// One value for writing, and a reader for any others.
    pub fn open(&mut self, region: Region) -> (SliceMut<'_>, Reader<'_>) {
        let size = self.bytes();
        region.check(size);
        let base: *mut u8 = self.lines.as_mut_ptr().cast();
        let reader = Reader { base, size, written: (region.offset, region.end()), arena: PhantomData };
        // SAFETY: the region lies within the lines and begins at a multiple of the element's size from
        // an address that is a multiple of 64, both checked above. Every byte was initialised by
        // `reserve`, and every pattern of bits is a value of these types. The arena is borrowed mutably
        // for as long as the slice lives; the only other access in that time is through the reader,
        // which refuses regions that overlap this one.
        let slice = unsafe {
            let start = base.add(region.offset);
            match region.dtype {
                DType::F32 => SliceMut::F32(std::slice::from_raw_parts_mut(start.cast(), region.len)),
                DType::F64 => SliceMut::F64(std::slice::from_raw_parts_mut(start.cast(), region.len)),
                DType::I32 => SliceMut::I32(std::slice::from_raw_parts_mut(start.cast(), region.len)),
            }
        };
        (slice, reader)
    }
}

impl<'a> Reader<'a> {
    /// A value for reading.
    ///
    /// # Panics
    /// If it overlaps the one that is being written.
    pub fn read(&self, region: Region) -> Slice<'a> {
        region.check(self.size);
        let apart = region.end() <= self.written.0 || self.written.1 <= region.offset;
        assert!(apart || region.len == 0, "a plan reads {region:?} while it writes {:?}", self.written);
        // SAFETY: as in `open`, the region lies within initialised memory and is aligned; it does not
        // overlap the region that is being written, and the arena stays borrowed for 'a.
        unsafe {
            let start = self.base.add(region.offset);
            match region.dtype {
                DType::F32 => Slice::F32(std::slice::from_raw_parts(start.cast(), region.len)),
                DType::F64 => Slice::F64(std::slice::from_raw_parts(start.cast(), region.len)),
                DType::I32 => Slice::I32(std::slice::from_raw_parts(start.cast(), region.len)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(offset: usize, len: usize, dtype: DType) -> Region {
        Region { offset, len, dtype }
    }

    #[test]
    fn one_region_is_written_while_others_are_read() {
        let mut arena = Arena::default();
        arena.reserve(256);
        arena.open(region(0, 4, DType::F32)).0.copy_from(Slice::F32(&[1.0, 2.0, 3.0, 4.0]));
        let (mut out, reader) = arena.open(region(64, 4, DType::F32));
        out.copy_from(reader.read(region(0, 4, DType::F32)));
        assert_eq!(arena.read(region(64, 4, DType::F32)).typed::<f32>(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "while it writes")]
    fn an_overlap_is_refused() {
        let mut arena = Arena::default();
        arena.reserve(256);
        let (_out, reader) = arena.open(region(64, 16, DType::F32));
        reader.read(region(0, 17, DType::F32));
    }

    #[test]
    #[should_panic(expected = "a value ends at byte 264 of 256")]
    fn the_end_is_guarded() {
        let mut arena = Arena::default();
        arena.reserve(256);
        arena.read(region(256, 1, DType::F64));
    }
}
