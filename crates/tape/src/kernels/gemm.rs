//! Matrix products by the `gemm` crate, rows shared out to threads by ourselves.
//!
//! Rows are cut into blocks of a fixed size, whatever the number of threads, and each block is a serial
//! product: so every element is computed in the same way and has the same bits on one thread or many.
#![allow(unsafe_code, reason = "the gemm crate takes pointers and strides")]

use rayon::prelude::*;

use super::Threads;
use crate::dtype::Real;
use crate::ops::{Dot, ProductSize};

/// Rows of one block: enough that packing the right operand again for each is cheap beside it.
const BLOCK_ROWS: usize = 128;

/// Products of fewer multiplications than this are not worth a second thread.
const SERIAL_BELOW: usize = 2_000_000;

/// An operand's elements with the distances between neighbours in a column and in a row.
#[derive(Clone, Copy)]
struct Matrix<'a, T> {
    elements: &'a [T],
    down: usize,
    across: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A matrix of (rows, columns) as it is used, stored the other way round if `transposed`.
    fn new(elements: &'a [T], rows: usize, columns: usize, transposed: bool) -> Self {
        assert_eq!(elements.len(), rows * columns);
        let (down, across) = if transposed { (1, rows) } else { (columns, 1) };
        Matrix { elements, down, across }
    }
}

/// What becomes of the elements that are there before a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Overwritten,
    Kept,
}

/// `out = left · right` for every product of the batch.
pub(crate) fn product<T: Real>(dot: Dot, size: ProductSize, left: &[T], right: &[T], out: &mut [T], threads: Threads) {
    if size.k == 0 {
        return out.fill(T::zero());
    }
    products(dot, size, left, right, out, Before::Overwritten, threads);
}

/// `out += left · right`, of matrices (m, k) and (k, n), by the kernel that the engine multiplies with.
///
/// An operand that `dot` takes transposed lies as (k, m) or (n, k). Rows are shared out to the threads of
/// the present [`rayon`] pool; results do not depend on their number. For what stands beside the tape and
/// should multiply as fast as it, such as gradients by hand that it is measured against.
///
/// ```
/// use tape::add_product;
/// use tape::ops::Dot;
///
/// // Aᵀ B with A (2, 1) and B (2, 3).
/// let dot = Dot { transpose_left: true, transpose_right: false };
/// let mut out = [100.0, 0.0, 0.0];
/// add_product(dot, [1, 2, 3], &[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut out);
/// assert_eq!(out, [109.0, 12.0, 15.0]);
/// ```
///
/// # Panics
/// If a slice has not as many elements as its matrix.
#[track_caller]
pub fn add_product<T: Real>(dot: Dot, [m, k, n]: [usize; 3], left: &[T], right: &[T], out: &mut [T]) {
    let lengths = [left.len(), right.len(), out.len()];
    assert!(
        lengths == [m * k, k * n, m * n],
        "slices of {lengths:?} elements do not hold matrices ({m}, {k}), ({k}, {n}) and ({m}, {n})"
    );
    if k > 0 {
        products(dot, ProductSize { batch: 1, m, k, n }, left, right, out, Before::Kept, Threads::All);
    }
}

pub(crate) fn packed_len<T: Real>(k: usize, n: usize) -> usize {
    k * n
}

pub(crate) fn pack<T: Real>(k: usize, n: usize, right: &[T], transposed: bool, to: &mut [T]) {
    for l in 0..k {
        for j in 0..n {
            to[l * n + j] = if transposed { right[j * k + l] } else { right[l * n + j] };
        }
    }
}

pub(crate) fn product_packed<T: Real>(
    transpose_left: bool,
    [m, k, n]: [usize; 3],
    left: &[T],
    packed: &[T],
    out: &mut [T],
    threads: Threads,
) {
    let dot = Dot { transpose_left, transpose_right: false };
    product(dot, ProductSize { batch: 1, m, k, n }, left, packed, out, threads);
}

fn products<T: Real>(dot: Dot, size: ProductSize, left: &[T], right: &[T], out: &mut [T], before: Before, threads: Threads) {
    let ProductSize { batch, m, k, n } = size;
    assert_eq!(out.len(), batch * m * n);
    if out.is_empty() {
        return;
    }
    for (p, out) in out.chunks_exact_mut(m * n).enumerate() {
        let left = Matrix::new(&left[p * m * k..][..m * k], m, k, dot.transpose_left);
        let right = Matrix::new(&right[p * k * n..][..k * n], k, n, dot.transpose_right);
        let block =
            |(index, out): (usize, &mut [T])| serial(index * BLOCK_ROWS, out, left, right, [k, n], before);
        if threads == Threads::One || m * n * k < SERIAL_BELOW {
            out.chunks_mut(BLOCK_ROWS * n).enumerate().for_each(block);
        } else {
            out.par_chunks_mut(BLOCK_ROWS * n).enumerate().for_each(block);
        }
    }
}

/// The rows from `first` on that `out` has room for.
fn serial<T: Real>(
    first: usize,
    out: &mut [T],
    left: Matrix<'_, T>,
    right: Matrix<'_, T>,
    [k, n]: [usize; 2],
    before: Before,
) {
    let rows = out.len() / n;
    let stride = |distance: usize| isize::try_from(distance).expect("a matrix fits into memory");
    let left_elements = &left.elements[first * left.down..];
    // The last element that the product touches of each operand lies within it.
    assert!((rows - 1) * left.down + (k - 1) * left.across < left_elements.len());
    assert!((k - 1) * right.down + (n - 1) * right.across < right.elements.len());
    // SAFETY: the strides address `rows · n` elements of `out`, which is borrowed mutably and holds that
    // many, and elements of the operands up to the last ones, which the assertions above have found
    // inside them. The operands are shared borrows and so do not overlap `out`.
    unsafe {
        gemm::gemm(
            rows,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            before == Before::Kept,
            left_elements.as_ptr(),
            stride(left.across),
            stride(left.down),
            right.elements.as_ptr(),
            stride(right.across),
            stride(right.down),
            if before == Before::Kept { T::one() } else { T::zero() },
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_plain_loops_for_every_layout() {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (130, 7, 33), (257, 64, 20), (2, 0, 3)] {
            for flags in 0..4 {
                let dot = Dot { transpose_left: flags & 1 == 1, transpose_right: flags & 2 == 2 };
                let spread = |len: usize, step: f64| -> Vec<f64> {
                    (0..len).map(|i| ((i + 1) as f64 * step).fract() - 0.5).collect()
                };
                let (left, right) = (spread(m * k, 0.618), spread(k * n, 0.755));
                let (mut out, mut sum) = (vec![f64::NAN; m * n], vec![3.0; m * n]);
                product(dot, ProductSize { batch: 1, m, k, n }, &left, &right, &mut out, Threads::All);
                add_product(dot, [m, k, n], &left, &right, &mut sum);
                for i in 0..m {
                    for j in 0..n {
                        let a = |l| if dot.transpose_left { left[l * m + i] } else { left[i * k + l] };
                        let b = |l| if dot.transpose_right { right[j * k + l] } else { right[l * n + j] };
                        let expected: f64 = (0..k).map(|l| a(l) * b(l)).sum();
                        assert!((out[i * n + j] - expected).abs() < 1e-12, "{dot:?} {m} {k} {n}");
                        assert!((sum[i * n + j] - 3.0 - expected).abs() < 1e-12, "{dot:?} {m} {k} {n}");
                    }
                }
            }
        }
    }
}
