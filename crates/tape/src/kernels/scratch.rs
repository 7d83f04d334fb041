//! Memory that a thread keeps for what it works in: it only grows, so that a step like the last one allocates nothing.

use std::cell::Cell;

use super::arena::{ALIGNMENT, Line};

/// Memory that is lent for one piece of work after another. What lies in it is left from before.
pub(super) struct Scratch(Cell<Vec<Line>>);

impl Scratch {
    /// No memory yet.
    pub const fn new() -> Scratch {
        Scratch(Cell::new(Vec::new()))
    }

    /// Lends room for so many elements, at the start of a cache line.
    pub fn lend<T: Copy, R>(&self, elements: usize, work: impl FnOnce(*mut T) -> R) -> R {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        // Taken out, so that work which this thread takes up while it waits finds other memory.
        let mut lines = self.0.take();
        let needed = (elements * size_of::<T>()).div_ceil(ALIGNMENT);
        if lines.len() < needed {
            lines.resize(needed, Line::ZERO);
        }
        let result = work(lines.as_mut_ptr().cast());
        self.0.set(lines);
        result
    }
}
