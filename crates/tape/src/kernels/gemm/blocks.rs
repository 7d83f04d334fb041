//! A product, or some rows and columns of it, on one thread: cut into blocks that stay in the caches, and these
//! into tiles.
//!
//! The order is that of Goto and van de Geijn ("Anatomy of High-Performance Matrix Multiplication", 2008):
//! strips of columns, depths of the inner index, bands of rows, panels, tiles. How a product is cut depends on
//! its sizes alone, and bits do not depend on that (see [`super::kernel`]).

use std::ops::Range;

use super::kernel::{Kernel, Kernels, Tile};
use super::pack;
use super::scratch::with_scratch;
use crate::dtype::Real;

/// The most of the inner extent that is done at once: a panel of it then stays in the second cache.
const DEPTH: usize = 512;

/// About how many rows of the left operand are done before the next panel: with `DEPTH`, half of the second
/// cache.
const BAND: usize = 256;

/// Columns that are packed together where bands are many.
const STRIP: usize = 1024;

/// A left operand whose lines are further apart than this, in elements, is not read where it lies: lines would
/// fall upon each other in the first cache.
const KIND_LINE: usize = 64;

/// The most elements of a tile, for any kernel.
const TILE: usize = 512;

/// The right operand of a product.
#[derive(Clone, Copy)]
pub(super) enum Right<'a, T> {
    /// As (k, n).
    Rows(&'a [T]),
    /// As (n, k).
    Columns(&'a [T]),
    /// In panels.
    Packed(&'a [T]),
}

/// One product of (m, k) by (k, n).
#[derive(Clone, Copy)]
pub(super) struct Product<'a, T: 'static> {
    pub kernels: &'static Kernels<T>,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub left: &'a [T],
    pub left_transposed: bool,
    pub right: Right<'a, T>,
    /// Whether what is in the result is overwritten, not added to.
    pub fresh: bool,
}

/// Near-equal parts of some length.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub count: usize,
    each: usize,
    longer: usize,
}

impl Parts {
    /// `length` in `count` parts, the first of them longer by one where it does not divide.
    pub(super) fn new(length: usize, count: usize) -> Parts {
        Parts { count, each: length / count, longer: length % count }
    }

    fn start(&self, part: usize) -> usize {
        part * self.each + part.min(self.longer)
    }

    pub(super) fn range(&self, part: usize) -> Range<usize> {
        self.start(part)..self.start(part + 1)
    }
}

/// Panels of the right operand over one depth, as the kernels find them.
struct Panels<T> {
    start: *const T,
    /// From one panel to the next.
    apart: usize,
    /// From a row to the next.
    step: usize,
    /// The last panel where it is not whole, with its own step.
    last: (*const T, usize),
}

impl<'a, T: Real> Product<'a, T> {
    /// # Panics
    /// If a slice has not as many elements as its matrix.
    pub(super) fn check(&self, out: usize) {
        let Product { m, k, n, .. } = *self;
        let right = match self.right {
            Right::Rows(right) | Right::Columns(right) => right.len() == k * n,
            Right::Packed(right) => right.len() == k * n.next_multiple_of(self.kernels.lanes),
        };
        assert!(self.left.len() == m * k && right && out == m * n, "operands do not fit a product {m}, {k}, {n}");
    }

    /// Computes rows and columns of the result, whose first row begins at `out` and whose rows are `n` apart.
    /// Columns begin at a whole panel.
    ///
    /// # Safety
    /// `out` points to `m · n` elements, and nobody else touches those of these rows and columns. The
    /// processor has the instructions of the kernels. Operands have as many elements as their matrices.
    pub(super) unsafe fn compute(&self, out: *mut T, rows: Range<usize>, columns: Range<usize>) {
        // SAFETY: the caller's promises are passed on.
        if rows.len() <= self.kernels.rows() && self.n <= self.kernels.panel() && self.k <= DEPTH {
            return unsafe { self.small(out, rows) };
        }
        let (lanes, panel) = (self.kernels.lanes, self.kernels.panel());
        let tiles = Parts::new(rows.len(), rows.len().div_ceil(self.kernels.rows()));
        let bands = Parts::new(tiles.count, rows.len().div_ceil(BAND).min(tiles.count));
        let depths = Parts::new(self.k, self.k.div_ceil(DEPTH));
        let vectors = if tiles.each + usize::from(tiles.longer > 0) <= self.kernels.wide.len() { 4 } else { 2 };

        let packs_left = self.left_transposed && self.m > KIND_LINE && columns.len() > panel;
        // Packing is for reading again; and rows of a panel's width are packed as they lie.
        let packs_right = match self.right {
            Right::Rows(_) => tiles.count > 1 && self.n != panel && self.n != lanes,
            Right::Columns(_) => true,
            Right::Packed(_) => false,
        };
        let strip = match (packs_left || bands.count > 1, packs_right) {
            (true, true) => STRIP,
            (false, true) => vectors * lanes,
            (_, false) => columns.len(),
        };
        let depth = self.k.div_ceil(depths.count);
        let left_room = if packs_left { (tiles.range(bands.range(0).end - 1).end * depth).next_multiple_of(64) } else { 0 };
        let right_room = depth * if packs_right { strip.next_multiple_of(lanes) } else { lanes * 2 };
        with_scratch(left_room + right_room, |scratch: *mut T| {
            for first in columns.clone().step_by(strip) {
                let columns = first..columns.end.min(first + strip);
                for inner in (0..depths.count).map(|part| depths.range(part)) {
                    // SAFETY: the room was made for the largest depth, strip and band.
                    let panels = unsafe { self.panels(&columns, &inner, packs_right, scratch.add(left_room)) };
                    for band in (0..bands.count).map(|part| bands.range(part)) {
                        unsafe { self.band(out, &rows, &tiles, band, &columns, &inner, &panels, packs_left.then_some(scratch), vectors) }
                    }
                }
            }
        });
    }

    /// A product of one tile, without the loops: they would take longer than the kernel.
    #[inline]
    unsafe fn small(&self, out: *mut T, rows: Range<usize>) {
        let Product { m, k, n, .. } = *self;
        let lanes = self.kernels.lanes;
        let (list, width) = if n <= lanes { (self.kernels.narrow, lanes) } else { (self.kernels.full, 2 * lanes) };
        let (left, left_row, left_step) = match self.left_transposed {
            true => (self.left.as_ptr().wrapping_add(rows.start), 1, m),
            false => (self.left.as_ptr().wrapping_add(rows.start * k), k, 1),
        };
        let kernel = list[rows.len() - 1];
        let run = |right: *const T| unsafe {
            let tile = Tile {
                depth: k,
                left,
                left_row,
                left_step,
                right,
                right_step: width,
                right_pair: 0,
                out: out.add(rows.start * n),
                out_row: n,
                fresh: self.fresh,
            };
            if n == width { kernel(&tile) } else { edge(kernel, tile, rows.len(), n, width) }
        };
        match self.right {
            Right::Packed(right) => run(right.as_ptr()),
            Right::Rows(right) if n == width => run(right.as_ptr()),
            Right::Rows(right) => with_scratch(k * width, |to| unsafe {
                pack::copy(right.as_ptr(), n, [k, n], to, width);
                run(to);
            }),
            Right::Columns(right) => with_scratch(k * width, |to| unsafe {
                pack::turn(right.as_ptr(), k, [n, k], to, width);
                run(to);
            }),
        }
    }

    /// The panels of these columns over this part of the inner extent, packed where that is asked for.
    unsafe fn panels(&self, columns: &Range<usize>, inner: &Range<usize>, packs: bool, scratch: *mut T) -> Panels<T> {
        let (lanes, panel) = (self.kernels.lanes, self.kernels.panel());
        let depth = inner.len();
        let whole = columns.len() / panel;
        let rest = columns.len() % panel;
        let rest_width = if rest <= lanes { lanes } else { panel };
        let write = |j: usize, count: usize, to: *mut T, width: usize| unsafe {
            match self.right {
                Right::Rows(right) => pack::copy(right.as_ptr().add(inner.start * self.n + j), self.n, [depth, count], to, width),
                Right::Columns(right) => pack::turn(right.as_ptr().add(j * self.k + inner.start), self.k, [count, depth], to, width),
                Right::Packed(_) => unreachable!("it is packed"),
            }
        };
        unsafe {
            match self.right {
                Right::Packed(packed) => {
                    let start = packed.as_ptr().add(columns.start * self.k + inner.start * panel);
                    let last = packed.as_ptr().add((columns.start + whole * panel) * self.k + inner.start * rest_width);
                    Panels { start, apart: panel * self.k, step: panel, last: (last, rest_width) }
                }
                Right::Rows(right) if !packs => {
                    let start = right.as_ptr().add(inner.start * self.n + columns.start);
                    let last = if rest == 0 || rest == rest_width {
                        (start.add(whole * panel), self.n)
                    } else {
                        write(columns.start + whole * panel, rest, scratch, rest_width);
                        (scratch.cast_const(), rest_width)
                    };
                    Panels { start, apart: panel, step: self.n, last }
                }
                _ => {
                    for p in 0..whole {
                        write(columns.start + p * panel, panel, scratch.add(p * panel * depth), panel);
                    }
                    let last = scratch.add(whole * panel * depth);
                    if rest > 0 {
                        write(columns.start + whole * panel, rest, last, rest_width);
                    }
                    Panels { start: scratch, apart: panel * depth, step: panel, last: (last, rest_width) }
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    unsafe fn band(
        &self,
        out: *mut T,
        rows: &Range<usize>,
        tiles: &Parts,
        band: Range<usize>,
        columns: &Range<usize>,
        inner: &Range<usize>,
        panels: &Panels<T>,
        pack_left: Option<*mut T>,
        vectors: usize,
    ) {
        let (lanes, panel) = (self.kernels.lanes, self.kernels.panel());
        let depth = inner.len();
        let origin = tiles.start(band.start);
        if let Some(to) = pack_left {
            for tile in band.clone() {
                let range = tiles.range(tile);
                unsafe {
                    let from = self.left.as_ptr().add(inner.start * self.m + rows.start + range.start);
                    pack::copy(from, self.m, [depth, range.len()], to.add((range.start - origin) * depth), range.len());
                }
            }
        }
        let width = vectors * lanes;
        let mut j = 0;
        while j < columns.len() {
            let p = j / panel;
            let left_over = columns.len() - j;
            let (list, right, step, count) = if vectors == 4 && left_over >= width {
                (self.kernels.wide, panels.start.wrapping_add(p * panels.apart), panels.step, width)
            } else if left_over >= panel {
                (self.kernels.full, panels.start.wrapping_add(p * panels.apart), panels.step, panel)
            } else if left_over > lanes {
                (self.kernels.full, panels.last.0, panels.last.1, left_over)
            } else {
                (self.kernels.narrow, panels.last.0, panels.last.1, left_over)
            };
            for tile in band.clone() {
                let range = tiles.range(tile);
                let row = rows.start + range.start;
                unsafe {
                    let (left, left_row, left_step) = match (pack_left, self.left_transposed) {
                        (Some(packed), _) => (packed.add((range.start - origin) * depth).cast_const(), 1, range.len()),
                        (None, true) => (self.left.as_ptr().add(inner.start * self.m + row), 1, self.m),
                        (None, false) => (self.left.as_ptr().add(row * self.k + inner.start), self.k, 1),
                    };
                    let tile = Tile {
                        depth,
                        left,
                        left_row,
                        left_step,
                        right,
                        right_step: step,
                        right_pair: panels.apart,
                        out: out.add(row * self.n + columns.start + j),
                        out_row: self.n,
                        fresh: self.fresh && inner.start == 0,
                    };
                    let kernel = list[range.len() - 1];
                    if count.is_multiple_of(lanes) {
                        kernel(&tile);
                    } else {
                        edge(kernel, tile, range.len(), count, count.next_multiple_of(lanes));
                    }
                }
            }
            j += count;
        }
    }
}

/// Runs a kernel that is wider than what is left of the result, by way of a tile of its own.
unsafe fn edge<T: Real>(kernel: Kernel<T>, mut tile: Tile<T>, rows: usize, count: usize, width: usize) {
    let mut elements = [T::zero(); TILE];
    let (out, out_row) = (tile.out, tile.out_row);
    if !tile.fresh {
        for i in 0..rows {
            for j in 0..count {
                elements[i * width + j] = unsafe { *out.add(i * out_row + j) };
            }
        }
    }
    (tile.out, tile.out_row) = (elements.as_mut_ptr(), width);
    unsafe {
        kernel(&tile);
        for i in 0..rows {
            for j in 0..count {
                *out.add(i * out_row + j) = elements[i * width + j];
            }
        }
    }
}

/// Lays out all of a right operand in panels.
pub(super) fn pack_right<T: Real>(kernels: &'static Kernels<T>, k: usize, n: usize, right: Right<'_, T>, to: &mut [T]) {
    let product = Product { kernels, m: 0, k, n, left: &[], left_transposed: false, right, fresh: true };
    product.check(0);
    assert_eq!(to.len(), k * n.next_multiple_of(kernels.lanes), "room for a packed operand {k}, {n}");
    // SAFETY: the lengths are right, as was just checked.
    unsafe { product.panels(&(0..n), &(0..k), true, to.as_mut_ptr()) };
}
