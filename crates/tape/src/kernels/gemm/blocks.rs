//! A product, or some rows and columns of it, on one thread: cut into blocks that stay in the caches, and these
//! into tiles.
//!
//! The order is that of Goto and van de Geijn ("Anatomy of High-Performance Matrix Multiplication", 2008):
//! strips of columns, parts of the inner extent, bands of rows, panels, tiles. How a product is cut depends on
//! its sizes alone, and bits do not even depend on that (see [`super::kernel`]).

use std::ops::Range;

use num_traits::Zero;

use super::kernel::{Kernel, Tile};
use super::pack;
use super::panels::Panels;
use super::product::{Parts, Product, Right};
use crate::kernels::scratch::Scratch;

/// The most of the inner extent that is done at once: a panel of it then stays in the second cache.
const DEPTH: usize = 512;

/// About how many rows of the left operand are done before the next panel: over `DEPTH`, half of the second
/// cache.
const BAND: usize = 256;

/// Columns that are packed together where they are needed for several bands.
const STRIP: usize = 1024;

/// A transposed left operand with longer lines than this is packed: its columns, which a kernel reads, fall upon
/// each other in the first cache.
const LONG_LINE: usize = 64;

/// A right operand that lies in rows is read so many times where it lies before packing it is worth the while:
/// with 50 rows by (512, 512) packing costs a tenth.
const UNPACKED_TILES: usize = 4;

/// Distances of whole multiples of so many bytes lead to the same place of the first cache.
const CACHE_WAY: usize = 4096;

/// The most elements of a tile, for any kernel.
const TILE: usize = 512;

thread_local! {
    /// The operands that a thread packs.
    static PACKED: Scratch = const { Scratch::new() };
}

/// Lends room for packed operands.
fn with_room<T: Copy, R>(elements: usize, work: impl FnOnce(*mut T) -> R) -> R {
    PACKED.with(|scratch| scratch.lend(elements, work))
}

/// How one thread goes through its rows and columns.
struct Walk {
    tiles: Parts,
    /// Tiles of each band.
    bands: Parts,
    depths: Parts,
    /// Columns of a strip.
    strip: usize,
    packs_left: bool,
    packs_right: bool,
    /// Whether two panels are done at once.
    wide: bool,
}

impl Walk {
    fn new<T>(product: &Product<'_, T>, rows: usize, columns: usize) -> Walk {
        let (lanes, panel) = (product.kernels.lanes, product.kernels.panel());
        let tiles = Parts::at_most(rows, product.kernels.rows());
        let bands = Parts::new(tiles.count, rows.div_ceil(BAND).min(tiles.count));
        let wide = tiles.largest() <= product.kernels.wide.len();
        let packs_left = match product.left_transposed {
            true => columns > panel && product.m > LONG_LINE,
            false => columns >= 8 * panel && (product.k * size_of::<T>()).is_multiple_of(CACHE_WAY),
        };
        // Packing is for reading again, and rows as long as a panel is wide lie as they would be packed.
        let packs_right = match product.right {
            Right::Rows(_) => tiles.count > UNPACKED_TILES && product.n != panel && product.n != lanes,
            Right::Columns(_) => true,
            Right::Packed(_) => false,
        };
        let strip = match packs_right {
            true if packs_left || bands.count > 1 => STRIP,
            true => 4 * panel,
            false => columns,
        };
        let depths = Parts::at_most(product.k, DEPTH);
        Walk { tiles, bands, depths, strip, packs_left, packs_right, wide }
    }

    /// Elements that a band of the left operand takes when packed.
    fn left_room(&self) -> usize {
        let rows = self.bands.largest() * self.tiles.largest();
        let slack = self.bands.largest() * pack::SLACK;
        if self.packs_left { (rows * self.depths.largest() + slack).next_multiple_of(pack::SLACK) } else { 0 }
    }

    /// Elements that are packed of the right operand: a strip, or one panel that is not full.
    fn right_room(&self, panel: usize) -> usize {
        let columns = if self.packs_right { self.strip.next_multiple_of(panel) } else { panel };
        columns * self.depths.largest()
    }
}

impl<T: Copy + Zero> Product<'_, T> {
    /// Computes rows and columns of the result. There is at least one of each, and of the inner extent; columns
    /// begin at a whole panel.
    ///
    /// # Safety
    /// `out` points to `m · n` elements, and nobody else touches those of these rows and columns. The
    /// processor has the instructions of the kernels. Operands have as many elements as their matrices.
    pub(super) unsafe fn compute(&self, out: *mut T, rows: Range<usize>, columns: Range<usize>) {
        if rows.len() <= self.kernels.rows() && self.n <= self.kernels.panel() && self.k <= DEPTH {
            // SAFETY: the caller's promises are passed on.
            return unsafe { self.one_tile(out, rows) };
        }
        let walk = Walk::new(self, rows.len(), columns.len());
        let left_room = walk.left_room();
        let needed = left_room + walk.right_room(self.kernels.panel());
        with_room(needed, |room: *mut T| {
            for first in columns.clone().step_by(walk.strip) {
                let columns = first..columns.end.min(first + walk.strip);
                for inner in walk.depths.iter() {
                    // SAFETY: the caller promises the operands; there is room for the largest band and strip.
                    unsafe {
                        let panels = self.panels(&columns, &inner, walk.packs_right, room.add(left_room));
                        for tiles in walk.bands.iter() {
                            let first = rows.start;
                            let band = Band { product: self, walk: &walk, first, tiles, inner: &inner, room };
                            band.compute(out, &columns, &panels);
                        }
                    }
                }
            }
        });
    }

    /// A product of one tile, without the loops: they would take longer than the kernel.
    ///
    /// # Safety
    /// As for [`Product::compute`].
    #[inline]
    unsafe fn one_tile(&self, out: *mut T, rows: Range<usize>) {
        let Product { k, n, kernels, .. } = *self;
        let (list, width) = match n <= kernels.lanes {
            true => (kernels.narrow, kernels.lanes),
            false => (kernels.full, kernels.panel()),
        };
        let (left, left_row, left_step) = self.left_at(rows.start, 0);
        let out = out.wrapping_add(rows.start * n);
        // SAFETY: the caller promises operands and result; the right operand is as wide as the kernel.
        let run = |right: *const T| unsafe {
            let tile = Tile {
                depth: k,
                left,
                left_row,
                left_step,
                right,
                right_step: width,
                right_pair: 0,
                out,
                out_row: n,
                fresh: self.fresh,
            };
            finish(list[rows.len() - 1], tile, rows.len(), n, width);
        };
        match self.right {
            Right::Packed(right) => run(right.as_ptr()),
            Right::Rows(right) if n == width => run(right.as_ptr()),
            _ => with_room(k * width, |room| {
                // SAFETY: there is room for one panel, and the caller promises the operand.
                let panels = unsafe { self.panels(&(0..n), &(0..k), true, room) };
                run(if n < kernels.panel() { panels.last.0 } else { panels.start });
            }),
        }
    }
}

/// Tiles below each other, over one part of the inner extent.
struct Band<'a, T: 'static> {
    product: &'a Product<'a, T>,
    walk: &'a Walk,
    /// The row that tiles are counted from.
    first: usize,
    tiles: Range<usize>,
    inner: &'a Range<usize>,
    /// Where the left operand is packed to.
    room: *mut T,
}

impl<T: Copy + Zero> Band<'_, T> {
    /// Computes the band's rows of these columns.
    ///
    /// # Safety
    /// As for [`Product::compute`]; there is room for the band where it is packed.
    unsafe fn compute(&self, out: *mut T, columns: &Range<usize>, panels: &Panels<T>) {
        let Product { kernels, n, fresh, .. } = *self.product;
        let (lanes, panel) = (kernels.lanes, kernels.panel());
        if self.walk.packs_left {
            // SAFETY: the caller promises the operand and the room.
            unsafe { self.pack() }
        }
        let mut done = 0;
        while done < columns.len() {
            let left_over = columns.len() - done;
            let whole = panels.start.wrapping_add(done / panel * panels.apart);
            let (list, right, right_step, count) = match left_over {
                _ if self.walk.wide && left_over >= 2 * panel => {
                    (kernels.wide, whole, panels.step, 2 * panel)
                }
                _ if left_over >= panel => (kernels.full, whole, panels.step, panel),
                _ if left_over > lanes => (kernels.full, panels.last.0, panels.last.1, left_over),
                _ => (kernels.narrow, panels.last.0, panels.last.1, left_over),
            };
            for tile in self.tiles.clone() {
                let rows = self.walk.tiles.range(tile);
                let (left, left_row, left_step) = match self.walk.packs_left {
                    true => (self.packed(tile).cast_const(), 1, rows.len()),
                    false => self.product.left_at(self.first + rows.start, self.inner.start),
                };
                let place = (self.first + rows.start) * n + columns.start + done;
                let tile = Tile {
                    depth: self.inner.len(),
                    left,
                    left_row,
                    left_step,
                    right,
                    right_step,
                    right_pair: panels.apart,
                    out: out.wrapping_add(place),
                    out_row: n,
                    fresh: fresh && self.inner.start == 0,
                };
                // SAFETY: rows, columns and inner indices lie within the operands, which the caller promises.
                unsafe {
                    finish(list[rows.len() - 1], tile, rows.len(), count, count.next_multiple_of(lanes))
                }
            }
            done += count;
        }
    }

    /// Where the rows of a tile lie when packed.
    fn packed(&self, tile: usize) -> *mut T {
        let start = |tile: usize| self.walk.tiles.range(tile).start;
        let rows = start(tile) - start(self.tiles.start);
        self.room.wrapping_add(rows * self.inner.len() + (tile - self.tiles.start) * pack::SLACK)
    }

    /// Lays the left operand out in tiles.
    ///
    /// # Safety
    /// The operand has as many elements as its matrix, and there is room for the band.
    unsafe fn pack(&self) {
        let (depth, tiles) = (self.inner.len(), &self.walk.tiles);
        // SAFETY: rows and inner indices lie within the operand.
        unsafe {
            if self.product.left_transposed {
                let (from, ..) = self.product.left_at(self.first, self.inner.start);
                return pack::split(from, self.product.m, depth, tiles, self.tiles.clone(), self.room);
            }
            for tile in self.tiles.clone() {
                let rows = tiles.range(tile);
                let (from, line, _) = self.product.left_at(self.first + rows.start, self.inner.start);
                pack::turn(from, line, [rows.len(), depth], self.packed(tile), rows.len());
            }
        }
    }
}

/// Runs a kernel of `width` columns, of which the result has `count`: where these are fewer, by way of a tile of
/// its own.
///
/// # Safety
/// Operands can be read as the tile says, and the result written in `rows` rows of `count`.
#[inline(always)]
unsafe fn finish<T: Copy + Zero>(
    kernel: Kernel<T>,
    mut tile: Tile<T>,
    rows: usize,
    count: usize,
    width: usize,
) {
    if count == width {
        // SAFETY: passed on.
        return unsafe { kernel(&tile) };
    }
    let mut elements = [T::zero(); TILE];
    assert!(rows * width <= TILE);
    let (out, out_row) = (tile.out, tile.out_row);
    (tile.out, tile.out_row) = (elements.as_mut_ptr(), width);
    // SAFETY: the tile of its own has room for all columns of the kernel, as was just asserted; of the result
    // only `count` columns are touched.
    unsafe {
        if !tile.fresh {
            pack::copy_some(out, out_row, [rows, count], tile.out, width);
        }
        kernel(&tile);
        for i in 0..rows {
            out.add(i * out_row).copy_from_nonoverlapping(tile.out.add(i * width), count);
        }
    }
}
