//! First-fit placement of values whose lives are known.

use crate::kernels::arena::ALIGNMENT;

/// Hands out ranges of an arena and takes them back.
#[derive(Debug, Default)]
pub(super) struct Allocator {
    /// Free ranges below `end` as (start, length), sorted and never adjacent.
    free: Vec<(usize, usize)>,
    end: usize,
}

impl Allocator {
    /// The lowest free range of at least `bytes`; its first byte.
    pub fn take(&mut self, bytes: usize) -> usize {
        let bytes = rounded(bytes);
        if let Some(index) = self.free.iter().position(|(_, length)| *length >= bytes) {
            let (start, length) = self.free[index];
            match length - bytes {
                0 => drop(self.free.remove(index)),
                rest => self.free[index] = (start + bytes, rest),
            }
            return start;
        }
        // A free range at the end may grow.
        let start = match self.free.last() {
            Some((start, length)) if start + length == self.end => {
                let start = *start;
                self.free.pop();
                start
            }
            _ => self.end,
        };
        self.end = start + bytes;
        start
    }

    /// Takes back a range that [`Allocator::take`] gave.
    pub fn give_back(&mut self, start: usize, bytes: usize) {
        let mut range = (start, rounded(bytes));
        let next = self.free.partition_point(|(other, _)| *other < start);
        if self.free.get(next).is_some_and(|(other, _)| range.0 + range.1 == *other) {
            range.1 += self.free.remove(next).1;
        }
        match next.checked_sub(1).map(|before| &mut self.free[before]) {
            Some((other, length)) if *other + *length == range.0 => *length += range.1,
            _ => self.free.insert(next, range),
        }
    }

    /// The bytes in use when most were.
    pub fn peak(&self) -> usize {
        self.end
    }
}

/// Whole cache lines, at least one, so that no two values share one.
fn rounded(bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_ranges_are_joined_and_used_again() {
        let mut allocator = Allocator::default();
        let [a, b, c] = [100, 64, 1].map(|bytes| allocator.take(bytes));
        assert_eq!([a, b, c], [0, 128, 192]);
        allocator.give_back(a, 100);
        allocator.give_back(b, 64);
        assert_eq!(allocator.take(192), 0);
        allocator.give_back(c, 1);
        assert_eq!(allocator.take(200), 192);
        assert_eq!(allocator.peak(), 448);
    }
}
