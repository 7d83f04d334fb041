//! The block of memory that a plan's values lie in.
//!
//! Values are found by byte offsets that the plan has chosen; what is typed here as slices is only bytes
//! there. Every byte is initialised, and every pattern of bits is a value of the element types.
#![allow(unsafe_code, reason = "elements of three types are seen in one block of bytes")]

use crate::dtype::DType;
use crate::tensor::{Slice, SliceMut};

/// Distances between values are multiples of this, so that each begins on a cache line of its own.
pub(crate) const ALIGNMENT: usize = 64;

/// A cache line of bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line([u8; ALIGNMENT]);

impl Line {
    /// All bytes zero.
    pub const ZERO: Line = Line([0; ALIGNMENT]);
}

/// A block of bytes that only grows.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    lines: Vec<Line>,
}

impl Arena {
    /// Makes room for `bytes`. What lay in it stays, elsewhere perhaps.
    pub fn reserve(&mut self, bytes: usize) {
        let lines = bytes.div_ceil(ALIGNMENT);
        if lines > self.lines.len() {
            self.lines.resize(lines, Line::ZERO);
        }
    }

    /// The bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.lines.len() * ALIGNMENT
    }

    /// A value for reading: `len` elements from byte `offset` on.
    ///
    /// # Panics
    /// If it does not lie within the arena, or begins between two elements.
    pub fn read(&self, offset: usize, len: usize, dtype: DType) -> Slice<'_> {
        let end = offset + len * dtype.bytes();
        assert!(end <= self.bytes(), "a value ends at byte {end} of {}", self.bytes());
        assert!(offset.is_multiple_of(dtype.bytes()), "a value begins between two elements");
        let base: *const u8 = self.lines.as_ptr().cast();
        // SAFETY: the region lies within the initialised lines and is aligned, both checked above, and the
        // arena is borrowed for as long as the slice lives.
        unsafe { slice(base.add(offset), len, dtype) }
    }

    /// Where the arena begins, for a plan that is being run.
    pub fn start(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }
}

/// Elements for reading.
///
/// # Safety
/// From `start` on there must be `len` initialised elements of the type, aligned, that nothing writes for `'a`.
pub(super) unsafe fn slice<'a>(start: *const u8, len: usize, dtype: DType) -> Slice<'a> {
    // SAFETY: what the caller has promised.
    unsafe {
        match dtype {
            DType::F32 => Slice::F32(elements(start, len)),
            DType::F64 => Slice::F64(elements(start, len)),
            DType::I32 => Slice::I32(elements(start, len)),
        }
    }
}

/// Elements for writing.
///
/// # Safety
/// From `start` on there must be `len` initialised elements of the type, aligned, that nothing else reads or
/// writes for `'a`.
pub(super) unsafe fn slice_mut<'a>(start: *mut u8, len: usize, dtype: DType) -> SliceMut<'a> {
    // SAFETY: what the caller has promised.
    unsafe {
        match dtype {
            DType::F32 => SliceMut::F32(elements_mut(start, len)),
            DType::F64 => SliceMut::F64(elements_mut(start, len)),
            DType::I32 => SliceMut::I32(elements_mut(start, len)),
        }
    }
}

/// Elements of a known type for reading.
///
/// # Safety
/// As for [`slice`].
pub(super) unsafe fn elements<'a, T>(start: *const u8, len: usize) -> &'a [T] {
    // SAFETY: what the caller has promised.
    unsafe { std::slice::from_raw_parts(start.cast(), len) }
}

/// Elements of a known type for writing.
///
/// # Safety
/// As for [`slice_mut`].
pub(super) unsafe fn elements_mut<'a, T>(start: *mut u8, len: usize) -> &'a mut [T] {
    // SAFETY: what the caller has promised.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut arena = Arena::default();
        arena.reserve(100);
        assert_eq!(arena.bytes(), 128);
        // SAFETY: the 16 bytes from 64 on lie within the arena, and nothing else uses them.
        let mut out = unsafe { slice_mut(arena.start().add(64), 4, DType::F32) };
        out.copy_from(Slice::F32(&[1.0, 2.0, 3.0, 4.0]));
        assert_eq!(arena.read(64, 4, DType::F32).typed::<f32>(), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "a value ends at byte 136 of 128")]
    fn the_end_is_guarded() {
        let mut arena = Arena::default();
        arena.reserve(128);
        arena.read(128, 1, DType::F64);
    }
}
