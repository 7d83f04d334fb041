//! The micro-kernels: a few rows by one, two or four vectors of columns, held in registers over all of `k`.
//!
//! Every element is one chain of fused multiply-adds in the order of the inner index. The chain begins with
//! zero or with what the element was, and goes on where another kernel left it. So an element has the same
//! bits whatever tile, block or thread it falls into, and however wide the vectors are.

use super::vector::{Portable, Vector};
use crate::kernels::simd::Level;

/// Where a kernel finds its operands. Distances are in elements.
#[derive(Debug)]
pub struct Tile<T> {
    /// The inner extent.
    pub depth: usize,
    /// The first element of the left operand, with the distances to the next row and the next column.
    pub left: *const T,
    pub left_row: usize,
    pub left_step: usize,
    /// The first element of the right operand, with the distance to the next row. Vectors lie side by side
    /// in pairs; the second pair is `right_pair` from the first.
    pub right: *const T,
    pub right_step: usize,
    pub right_pair: usize,
    /// The first element of the result, with the distance to the next row.
    pub out: *mut T,
    pub out_row: usize,
    /// Whether sums begin with zero and not with what is there.
    pub fresh: bool,
}

/// A kernel for some number of rows and vectors.
///
/// # Safety
/// The processor has the kernel's instructions; every element that the tile's distances lead to can be read,
/// and of the result written.
pub type Kernel<T> = unsafe fn(&Tile<T>);

/// The kernels for one kind of vectors. Each list begins with that for one row.
#[derive(Debug)]
pub struct Kernels<T: 'static> {
    /// Elements of a vector.
    pub lanes: usize,
    /// One vector of columns.
    pub narrow: &'static [Kernel<T>],
    /// Two vectors of columns: one panel.
    pub full: &'static [Kernel<T>],
    /// Four vectors of columns. With few rows, two would leave the adders waiting for each other.
    pub wide: &'static [Kernel<T>],
    /// So many rounds of [`CHAINS`] multiply-adds that depend on nothing but themselves, from a number on.
    pub spin: unsafe fn(usize, T) -> T,
}

impl<T> Kernels<T> {
    /// Columns of a panel.
    pub(super) fn panel(&self) -> usize {
        2 * self.lanes
    }

    /// Elements that a right operand takes in panels.
    pub(super) fn packed_len(&self, k: usize, n: usize) -> usize {
        k * n.next_multiple_of(self.lanes)
    }

    /// Rows of the largest tile.
    pub(super) fn rows(&self) -> usize {
        self.full.len()
    }
}

#[inline(always)]
unsafe fn compute<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
    if tile.left_row == 1 {
        // SAFETY: the caller's promises are passed on; the distance is known here, and costs no register.
        unsafe { accumulate::<V, ROWS, VECTORS>(tile, 1) }
    } else {
        // SAFETY: as above.
        unsafe { accumulate::<V, ROWS, VECTORS>(tile, tile.left_row) }
    }
}

#[inline(always)]
unsafe fn accumulate<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &Tile<V::Element>,
    left_row: usize,
) {
    // SAFETY: the caller promises the instructions, and that elements at these distances can be read and
    // written. Pointers that run ahead of the last element wrap and are not followed.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        if !tile.fresh {
            for (i, row) in sums.iter_mut().enumerate() {
                for (c, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(tile.out.add(i * tile.out_row + c * V::LANES));
                }
            }
        }
        let (mut left, mut right) = (tile.left, tile.right);
        for _ in 0..tile.depth {
            let mut vectors = [V::zero(); VECTORS];
            for (c, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(right.add((c / 2) * tile.right_pair + (c % 2) * V::LANES));
            }
            for (i, row) in sums.iter_mut().enumerate() {
                let factor = V::repeat(left.add(i * left_row));
                for (sum, vector) in row.iter_mut().zip(&vectors) {
                    *sum = factor.multiply_add(*vector, *sum);
                }
            }
            left = left.wrapping_add(tile.left_step);
            right = right.wrapping_add(tile.right_step);
        }
        for (i, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                sum.store(tile.out.add(i * tile.out_row + c * V::LANES));
            }
        }
    }
}

/// A kernel by what every machine of the target has.
unsafe fn baseline<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
    // SAFETY: the caller's promises are passed on.
    unsafe { compute::<V, ROWS, VECTORS>(tile) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
unsafe fn avx512<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
    // SAFETY: the caller's promises are passed on.
    unsafe { compute::<V, ROWS, VECTORS>(tile) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
    // SAFETY: the caller's promises are passed on.
    unsafe { compute::<V, ROWS, VECTORS>(tile) }
}

/// Chains of multiply-adds that [`Kernels::spin`] keeps in registers: enough to have none wait.
pub(super) const CHAINS: usize = 12;

#[inline(always)]
unsafe fn chains<V: Vector>(rounds: usize, number: V::Element) -> V::Element {
    // SAFETY: the caller promises the instructions; reads and writes are of variables here, an array as long as
    // the longest vector.
    unsafe {
        let factor = V::repeat(&raw const number);
        let mut sums = [factor; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = factor.multiply_add(*sum, factor);
            }
        }
        let mut last = sums[0];
        for sum in &sums[1..] {
            last = factor.multiply_add(*sum, last);
        }
        let mut elements = [number; 16];
        last.store(elements.as_mut_ptr());
        elements[0]
    }
}

macro_rules! spin {
    ($name:ident $(, $attribute:meta)*) => {
        $(#[$attribute])*
        unsafe fn $name<V: Vector>(rounds: usize, number: V::Element) -> V::Element {
            // SAFETY: the caller's promise is passed on.
            unsafe { chains::<V>(rounds, number) }
        }
    };
}

spin!(spin_baseline);
#[cfg(target_arch = "x86_64")]
spin!(spin_avx512, target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma"));
#[cfg(target_arch = "x86_64")]
spin!(spin_avx2, target_feature(enable = "avx2,fma"));

macro_rules! kernels {
    ($name:ident: $element:ident by $function:ident, $spin:ident of $vector:ty, [$($rows:literal)*], [$($few:literal)*]) => {
        static $name: Kernels<$element> = Kernels {
            lanes: <$vector>::LANES,
            narrow: &[$($function::<$vector, $rows, 1>),*],
            full: &[$($function::<$vector, $rows, 2>),*],
            wide: &[$($function::<$vector, $few, 4>),*],
            spin: $spin::<$vector>,
        };
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};

    use super::*;

    // Of 32 registers, 28 hold sums, two the right operand's vectors and one an element of the left.
    kernels!(AVX512_F32: f32 by avx512, spin_avx512 of __m512, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], [1 2 3 4 5 6]);
    kernels!(AVX512_F64: f64 by avx512, spin_avx512 of __m512d, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], [1 2 3 4 5 6]);
    // Of 16 registers, 12.
    kernels!(AVX2_F32: f32 by avx2, spin_avx2 of __m256, [1 2 3 4 5 6], [1 2]);
    kernels!(AVX2_F64: f64 by avx2, spin_avx2 of __m256d, [1 2 3 4 5 6], [1 2]);

    pub(super) static F32: [&Kernels<f32>; 3] = [&BASELINE_F32, &AVX2_F32, &AVX512_F32];
    pub(super) static F64: [&Kernels<f64>; 3] = [&BASELINE_F64, &AVX2_F64, &AVX512_F64];
}
#[cfg(target_arch = "x86_64")]
use x86::{F32, F64};

kernels!(BASELINE_F32: f32 by baseline, spin_baseline of Portable<f32>, [1 2 3 4 5 6], [1 2]);
kernels!(BASELINE_F64: f64 by baseline, spin_baseline of Portable<f64>, [1 2 3], [1]);

#[cfg(not(target_arch = "x86_64"))]
static F32: [&Kernels<f32>; 3] = [&BASELINE_F32; 3];
#[cfg(not(target_arch = "x86_64"))]
static F64: [&Kernels<f64>; 3] = [&BASELINE_F64; 3];

/// An element type that there are kernels for.
pub trait Multiply: Copy {
    /// The kernels for these instructions, which the processor must have where they are called.
    #[doc(hidden)]
    fn kernels(level: Level) -> &'static Kernels<Self>;
}

impl Multiply for f32 {
    fn kernels(level: Level) -> &'static Kernels<f32> {
        F32[level as usize]
    }
}

impl Multiply for f64 {
    fn kernels(level: Level) -> &'static Kernels<f64> {
        F64[level as usize]
    }
}
