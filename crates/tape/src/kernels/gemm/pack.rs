//! Operands laid out as the kernels read them.
//!
//! The right operand (k, n) becomes panels of two vectors' columns; a panel is k rows, one after the other.
//! The last panel is one vector wide if that is enough, and is filled up with zeros. The left operand
//! becomes tiles, each its columns one after the other.

use std::ops::Range;

use num_traits::Zero;

use super::product::Parts;

/// Steps done of some lines before the next lines: a cache line of `f32`, so that none is fetched twice where
/// lines fall upon each other in the cache.
const STRIP: usize = 16;

/// Panels that are filled at the same time, so that what is read of a line is more than a few cache lines.
const TOGETHER: usize = 4;

/// Writes `steps` rows of `width` elements: element `(l, j)` is the `l`-th of the `j`-th line of `from`, zero
/// for lines from `lines` on. So lines become columns.
///
/// # Safety
/// `steps` elements can be read at each of `lines` places `line` apart, and `steps · width` written at `to`.
pub(super) unsafe fn turn<T: Copy + Zero>(
    from: *const T,
    line: usize,
    [lines, steps]: [usize; 2],
    to: *mut T,
    width: usize,
) {
    let whole = lines / 4 * 4;
    // SAFETY: every `j` is below `lines` and every `l` below `steps` where `from` is read, and every `j` is
    // below `width` where `to` is written; the caller promises both.
    unsafe {
        for strip in (0..steps).step_by(STRIP) {
            let end = steps.min(strip + STRIP);
            let fours = strip + (end - strip) / 4 * 4;
            for j in (0..whole).step_by(4) {
                for l in (strip..fours).step_by(4) {
                    turn_square(from.add(j * line + l), line, to.add(l * width + j), width);
                }
                for l in fours..end {
                    for j in j..j + 4 {
                        to.add(l * width + j).write(from.add(j * line + l).read());
                    }
                }
            }
            for l in strip..end {
                for j in whole..width {
                    let element = if j < lines { from.add(j * line + l).read() } else { T::zero() };
                    to.add(l * width + j).write(element);
                }
            }
        }
    }
}

/// Exchanges rows and columns of four by four elements.
///
/// # Safety
/// Four elements can be read at each of four places `line` apart, and written at four places `width` apart.
#[inline(always)]
unsafe fn turn_square<T: Copy>(from: *const T, line: usize, to: *mut T, width: usize) {
    #[cfg(target_arch = "x86_64")]
    if size_of::<T>() == size_of::<f32>() {
        use std::arch::x86_64::*;
        let (from, to) = (from.cast::<f32>(), to.cast::<f32>());
        // SAFETY: the caller promises the places; elements of four bytes are moved as they are; every
        // processor of the target has these instructions.
        unsafe {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| _mm_loadu_ps(from.add(j * line)));
            let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
            _mm_storeu_ps(to, _mm_movelh_ps(ab, cd));
            _mm_storeu_ps(to.add(width), _mm_movehl_ps(cd, ab));
            let (ab, cd) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
            _mm_storeu_ps(to.add(2 * width), _mm_movelh_ps(ab, cd));
            _mm_storeu_ps(to.add(3 * width), _mm_movehl_ps(cd, ab));
        }
        return;
    }
    // SAFETY: the caller promises the places.
    unsafe {
        let [a, b, c, d] = [0, 1, 2, 3].map(|j| from.add(j * line).cast::<[T; 4]>().read());
        for l in 0..4 {
            to.add(l * width).cast::<[T; 4]>().write([a[l], b[l], c[l], d[l]]);
        }
    }
}

/// Writes `steps` rows of `width` elements for each of `panels`, which lie `apart`: the lines of `from`, cut
/// into pieces of `width`.
///
/// # Safety
/// `panels · width` elements can be read at each of `steps` places `line` apart, and `steps · width` written
/// at each of `panels` places `apart`.
pub(super) unsafe fn copy<T: Copy>(
    from: *const T,
    line: usize,
    [steps, panels]: [usize; 2],
    to: *mut T,
    [width, apart]: [usize; 2],
) {
    // SAFETY: the caller promises the places; a width is a multiple of four.
    unsafe {
        for first in (0..panels).step_by(TOGETHER) {
            for l in 0..steps {
                for p in first..panels.min(first + TOGETHER) {
                    let (from, to) = (from.add(l * line + p * width), to.add(p * apart + l * width));
                    for j in (0..width).step_by(4) {
                        to.add(j).cast::<[T; 4]>().write(from.add(j).cast::<[T; 4]>().read());
                    }
                }
            }
        }
    }
}

/// Elements from where one tile's rows end to where the next one's begin: rows are copied in pieces of this
/// size, the rest of which the next row overwrites.
pub(super) const SLACK: usize = 16;

/// Writes rows `band` of a left operand that lies as (k, m), from the place `from` on: tile after tile, of each
/// tile the columns one after the other, and [`SLACK`] between tiles.
///
/// # Safety
/// The tiles' elements can be read at each of `steps` places `line` apart, and as many be written at `to` as
/// tiles and slack take.
pub(super) unsafe fn split<T: Copy>(
    from: *const T,
    line: usize,
    steps: usize,
    tiles: &Parts,
    band: Range<usize>,
    to: *mut T,
) {
    let origin = tiles.range(band.start).start;
    let end = tiles.range(band.end - 1).end;
    // SAFETY: a piece is read whole only where the operand goes on for as many elements; what it writes too
    // much is in the same tile's next column or in the slack behind its last.
    unsafe {
        for l in 0..steps {
            let from = from.add(l * line);
            let readable = (steps - 1 - l) * line + end;
            for (index, tile) in band.clone().enumerate() {
                let tile = tiles.range(tile);
                let to = to.add((tile.start - origin) * steps + index * SLACK + l * tile.len());
                let from = from.add(tile.start);
                if tile.start + SLACK <= readable {
                    to.cast::<[T; SLACK]>().write(from.cast::<[T; SLACK]>().read());
                } else {
                    to.copy_from_nonoverlapping(from, tile.len());
                }
            }
        }
    }
}

/// Writes `steps` rows of `width` elements: the first `count` of each line of `from`, then zeros.
///
/// # Safety
/// `count` elements can be read at each of `steps` places `line` apart, and `steps · width` written at `to`.
pub(super) unsafe fn copy_some<T: Copy + Zero>(
    from: *const T,
    line: usize,
    [steps, count]: [usize; 2],
    to: *mut T,
    width: usize,
) {
    // SAFETY: reads stay below `count` of a line and writes below `width` of a row, as the caller promises.
    unsafe {
        for l in 0..steps {
            let (from, to) = (from.add(l * line), to.add(l * width));
            let whole = count / 4 * 4;
            for j in (0..whole).step_by(4) {
                to.add(j).cast::<[T; 4]>().write(from.add(j).cast::<[T; 4]>().read());
            }
            for j in whole..count {
                to.add(j).write(from.add(j).read());
            }
            for j in count..width {
                to.add(j).write(T::zero());
            }
        }
    }
}
