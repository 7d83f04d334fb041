//! Matrix products by packed micro-kernels, in `f32` and `f64`, for AVX-512, AVX2 and whatever else there is.
//!
//! * `product`: what is asked for, and how lengths are cut;
//! * `vector`: the few instructions that a kernel is written over;
//! * `kernel`: the micro-kernels, and the law that makes bits independent of everything else;
//! * `pack`, `panels`: operands laid out as kernels read them;
//! * `packed`: a right operand that is packed once for many products;
//! * `blocks`: the loops around the kernels;
//! * `share`: rows and columns to threads, where a product is large by itself.
#![allow(unsafe_code, reason = "kernels take pointers, and instructions that not every processor has")]

mod blocks;
mod kernel;
mod pack;
mod packed;
mod panels;
mod product;
mod share;
mod vector;

pub use kernel::Multiply;
pub use packed::PackedMatrix;

use rayon::prelude::*;

use product::{Product, Right};

use super::Threads;
use super::simd::Level;
use crate::dtype::Real;
use crate::ops::{Dot, ProductSize};

/// `out = left · right` for every product of the batch.
pub(crate) fn product<T: Real>(
    dot: Dot,
    size: ProductSize,
    left: &[T],
    right: &[T],
    out: &mut [T],
    threads: Threads,
) {
    let ProductSize { batch, m, k, n } = size;
    let kernels = T::kernels(Level::of_processor());
    let one = |p: usize, out: &mut [T], threads| {
        let (left, right) = (&left[p * m * k..][..m * k], &right[p * k * n..][..k * n]);
        let right = Right::plain(right, dot.transpose_right);
        let product =
            Product { kernels, m, k, n, left, left_transposed: dot.transpose_left, right, fresh: true };
        share::compute(&product, out, threads);
    };
    if batch == 1 {
        return one(0, out, threads);
    }
    assert_eq!(out.len(), batch * m * n);
    if out.is_empty() {
        return;
    }
    if threads == Threads::All && m * k * n < share::SERIAL_BELOW && batch * m * k * n >= share::SERIAL_BELOW
    {
        // Products that are small by themselves, such as the heads of an attention, are shared out whole.
        let products = out.par_chunks_exact_mut(m * n).enumerate();
        return products.for_each(|(p, out)| one(p, out, Threads::One));
    }
    out.chunks_exact_mut(m * n).enumerate().for_each(|(p, out)| one(p, out, threads));
}

/// `out += left · right`, of matrices (m, k) and (k, n), by the kernel that the engine multiplies with.
///
/// An operand that `dot` takes transposed lies as (k, m) or (n, k). Rows and columns are shared out to the
/// threads of the present [`rayon`] pool; results do not depend on their number. For what stands beside the
/// tape and should multiply as fast as it, such as gradients by hand that it is measured against.
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
    let kernels = T::kernels(Level::of_processor());
    let right = Right::plain(right, dot.transpose_right);
    let product =
        Product { kernels, m, k, n, left, left_transposed: dot.transpose_left, right, fresh: false };
    share::compute(&product, out, Threads::All);
}

/// How many elements a packed right operand (k, n) takes.
pub(crate) fn packed_len<T: Real>(k: usize, n: usize) -> usize {
    T::kernels(Level::of_processor()).packed_len(k, n)
}

/// Lays a right operand (k, n), or (n, k) if it is to be taken transposed, out for [`product_packed`]. It is
/// read fastest where `to` begins at a cache line.
pub(crate) fn pack<T: Real>(k: usize, n: usize, right: &[T], transposed: bool, to: &mut [T]) {
    let (kernels, right) = (T::kernels(Level::of_processor()), Right::plain(right, transposed));
    let product = Product { kernels, m: 0, k, n, left: &[], left_transposed: false, right, fresh: true };
    product.check(0);
    assert_eq!(to.len(), kernels.packed_len(k, n), "room for a packed operand ({k}, {n})");
    // SAFETY: the operand and the room have the lengths that were just checked.
    unsafe { product.panels(&(0..n), &(0..k), true, to.as_mut_ptr()) };
}

/// `out = left · right` by a right operand that was packed. The bits are those of [`product`].
pub(crate) fn product_packed<T: Real>(
    left_transposed: bool,
    [m, k, n]: [usize; 3],
    left: &[T],
    packed: &[T],
    out: &mut [T],
    threads: Threads,
) {
    let (kernels, right) = (T::kernels(Level::of_processor()), Right::Packed(packed));
    share::compute(&Product { kernels, m, k, n, left, left_transposed, right, fresh: true }, out, threads);
}

/// Computes fused multiply-adds in registers alone, by the widest vectors there are, and returns how many
/// floating-point operations these were: timed by the caller, the most that a product could reach on one thread.
///
/// ```
/// assert!(tape::multiply_in_registers::<f32>(10) > 0);
/// ```
pub fn multiply_in_registers<T: Real>(rounds: usize) -> usize {
    let kernels = T::kernels(Level::of_processor());
    // SAFETY: the kernels were chosen by asking the processor.
    std::hint::black_box(unsafe { (kernels.spin)(rounds, std::hint::black_box(T::from_f64(0.5))) });
    2 * rounds * kernel::CHAINS * kernels.lanes
}

#[cfg(test)]
mod tests;
