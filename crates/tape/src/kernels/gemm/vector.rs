//! What a micro-kernel asks of vector instructions, for each kind of them that a machine may have.
//!
//! A kernel is written once over [`Vector`] and inlined into a function with the target feature, where the
//! intrinsics become single instructions.

use std::array;

use num_traits::Float;

/// A few elements that one instruction works on.
pub(super) trait Vector: Copy {
    /// One element.
    type Element: Float;
    /// The number of elements.
    const LANES: usize;

    /// All lanes zero.
    ///
    /// # Safety
    /// The processor has the vector's instructions; so for each of these functions.
    unsafe fn zero() -> Self;

    /// # Safety
    /// `LANES` elements can be read at `from`.
    unsafe fn load(from: *const Self::Element) -> Self;

    /// The same element in all lanes.
    ///
    /// # Safety
    /// One element can be read at `from`.
    unsafe fn repeat(from: *const Self::Element) -> Self;

    /// # Safety
    /// `LANES` elements can be written at `to`.
    unsafe fn store(self, to: *mut Self::Element);

    /// `self · factor + sum`, rounded once.
    ///
    /// # Safety
    /// The processor has the vector's instructions.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
}

/// An array that the compiler makes vectors of, where there are no intrinsics of ours.
///
/// Products are only fused where that is one instruction and not a call of the library; elsewhere a product
/// and a sum are rounded each.
#[derive(Clone, Copy)]
pub(super) struct Portable<T>([T; 8]);

impl<T: Float> Vector for Portable<T> {
    type Element = T;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Portable([T::zero(); 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller promises that so many elements can be read; an array has the alignment of one.
        Portable(unsafe { from.cast::<[T; 8]>().read() })
    }

    #[inline(always)]
    unsafe fn repeat(from: *const T) -> Self {
        // SAFETY: the caller promises that an element can be read.
        Portable([unsafe { from.read() }; 8])
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller promises that so many elements can be written.
        unsafe { to.cast::<[T; 8]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        Portable(array::from_fn(|i| {
            let (a, b, c) = (self.0[i], factor.0[i], sum.0[i]);
            if fused { a.mul_add(b, c) } else { a * b + c }
        }))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    macro_rules! vector {
        ($vector:ident, $element:ident, $lanes:literal, $zero:ident, $load:ident, $repeat:ident, $store:ident, $add:ident) => {
            impl Vector for $vector {
                type Element = $element;
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: the caller has asked the processor for the instruction.
                    unsafe { $zero() }
                }

                #[inline(always)]
                unsafe fn load(from: *const $element) -> Self {
                    // SAFETY: as above, and the elements can be read; the load asks for no alignment.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn repeat(from: *const $element) -> Self {
                    // SAFETY: as above, and an element can be read.
                    unsafe { $repeat(*from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $element) {
                    // SAFETY: as above, and the elements can be written; the store asks for no alignment.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                    // SAFETY: the caller has asked the processor for the instruction.
                    unsafe { $add(self, factor, sum) }
                }
            }
        };
    }

    vector!(
        __m512,
        f32,
        16,
        _mm512_setzero_ps,
        _mm512_loadu_ps,
        _mm512_set1_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps
    );
    vector!(
        __m512d,
        f64,
        8,
        _mm512_setzero_pd,
        _mm512_loadu_pd,
        _mm512_set1_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd
    );
    vector!(
        __m256,
        f32,
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps
    );
    vector!(
        __m256d,
        f64,
        4,
        _mm256_setzero_pd,
        _mm256_loadu_pd,
        _mm256_set1_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd
    );
}
