//! What a product is asked to do, and how lengths are cut.

use std::ops::Range;

use super::kernel::Kernels;

/// The right operand of a product.
#[derive(Clone, Copy)]
pub(super) enum Right<'a, T> {
    /// As (k, n).
    Rows(&'a [T]),
    /// As (n, k).
    Columns(&'a [T]),
    /// In panels, as [`super::pack`] lays it out.
    Packed(&'a [T]),
}

impl<'a, T> Right<'a, T> {
    /// An operand that has not been packed.
    pub(super) fn plain(elements: &'a [T], transposed: bool) -> Self {
        if transposed { Right::Columns(elements) } else { Right::Rows(elements) }
    }
}

/// One product of (m, k) by (k, n).
#[derive(Clone, Copy)]
pub(super) struct Product<'a, T: 'static> {
    pub kernels: &'static Kernels<T>,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub left: &'a [T],
    /// Whether the left operand lies as (k, m).
    pub left_transposed: bool,
    pub right: Right<'a, T>,
    /// Whether what is in the result is overwritten, not added to.
    pub fresh: bool,
}

impl<T> Product<'_, T> {
    /// # Panics
    /// If a slice has not as many elements as its matrix.
    pub(super) fn check(&self, out: usize) {
        let Product { m, k, n, .. } = *self;
        let right = match self.right {
            Right::Rows(right) | Right::Columns(right) => right.len() == k * n,
            Right::Packed(right) => right.len() == self.kernels.packed_len(k, n),
        };
        let fit = self.left.len() == m * k && right && out == m * n;
        assert!(fit, "operands do not fit a product of ({m}, {k}) by ({k}, {n})");
    }

    /// An element of the left operand, as a pointer, with the distances to the next row and the next column.
    pub(super) fn left_at(&self, row: usize, inner: usize) -> (*const T, usize, usize) {
        match self.left_transposed {
            true => (self.left.as_ptr().wrapping_add(inner * self.m + row), 1, self.m),
            false => (self.left.as_ptr().wrapping_add(row * self.k + inner), self.k, 1),
        }
    }
}

/// Some length in near-equal parts.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// How many parts there are.
    pub count: usize,
    each: usize,
    longer: usize,
}

impl Parts {
    /// `length` in `count` parts, the first of them longer by one where it does not divide.
    pub(super) fn new(length: usize, count: usize) -> Parts {
        Parts { count, each: length / count, longer: length % count }
    }

    /// `length` in as few parts as have at most so much each.
    pub(super) fn at_most(length: usize, most: usize) -> Parts {
        Parts::new(length, length.div_ceil(most))
    }

    /// The largest part.
    pub(super) fn largest(&self) -> usize {
        self.each + usize::from(self.longer > 0)
    }

    /// One of the parts.
    pub(super) fn range(&self, part: usize) -> Range<usize> {
        let start = |part: usize| part * self.each + part.min(self.longer);
        start(part)..start(part + 1)
    }

    /// All parts, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(move |part| self.range(part))
    }
}
