//! A right operand that is laid out once for many products.

use super::{pack, packed_len, product_packed};
use crate::dtype::Real;
use crate::kernels::Threads;

/// A matrix (k, n) laid out as the kernels read it, for products that have it on their right.
///
/// ```
/// use tape::PackedMatrix;
///
/// let matrix = PackedMatrix::new([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], false);
/// let mut out = [0.0; 3];
/// matrix.product(1, &[1.0, 2.0], &mut out);
/// assert_eq!(out, [9.0, 12.0, 15.0]);
/// ```
#[derive(Clone, Debug)]
pub struct PackedMatrix<T> {
    size: [usize; 2],
    /// Where the panels begin, so that it is at a cache line.
    start: usize,
    elements: Vec<T>,
}

impl<T: Real> PackedMatrix<T> {
    /// Packs a matrix (k, n), which lies as (n, k) if it is to be taken transposed.
    ///
    /// # Panics
    /// If the slice has not as many elements as the matrix.
    pub fn new([k, n]: [usize; 2], elements: &[T], transposed: bool) -> Self {
        let len = packed_len::<T>(k, n);
        let mut packed = vec![T::zero(); len + LINE / size_of::<T>()];
        let address = packed.as_ptr().addr();
        let start = (address.next_multiple_of(LINE) - address) / size_of::<T>();
        pack(k, n, elements, transposed, &mut packed[start..][..len]);
        PackedMatrix { size: [k, n], start, elements: packed }
    }

    /// `out = left · self` for a left operand (m, k), by the threads of the present [`rayon`] pool if it is large.
    ///
    /// # Panics
    /// If a slice has not as many elements as its matrix.
    pub fn product(&self, m: usize, left: &[T], out: &mut [T]) {
        let [k, n] = self.size;
        let packed = &self.elements[self.start..][..packed_len::<T>(k, n)];
        product_packed(false, [m, k, n], left, packed, out, Threads::All);
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;
