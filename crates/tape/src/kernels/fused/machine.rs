//! The machine that runs the steps: pieces shared out to threads, tiles within a piece, a loop for each step.
#![allow(unsafe_code, reason = "tiles of several values are read and written in places that a plan chose")]

use std::ops::Range;

use rayon::prelude::*;

use super::code::{Code, Entropy, Form, Home, Initial, Place, Step};
use super::loops::{LANES, Pairs, Vector, add_to_lanes, largest, sum_exp, unary, write_exp};
use super::{Source, Target};
use crate::fused::Stride;
use crate::kernels::Threads;
use crate::kernels::scratch::Scratch;
use crate::kernels::simd::{Job, Width, widest};
use crate::ops::checked;

/// Bytes of a tile: a dozen of them fit into the first-level cache.
const TILE_BYTES: usize = 4096;

/// Elements of a piece: a few microseconds of work.
const PIECE: usize = 16 * 1024;

/// A sum over rows has a partial row for each piece, so there are no more than this.
const PIECES_OF_ROW_SUMS: usize = 32;

/// Work of fewer elements times steps than this is not worth a second thread.
const SERIAL_BELOW: usize = 400_000;

/// Sums in partial results.
#[derive(Clone, Copy)]
struct Partials {
    /// Where those of the first piece begin.
    start: *mut u8,
    /// Elements for each piece.
    len: usize,
}

/// What all pieces share.
struct Shared<'a> {
    code: &'a Code,
    inputs: &'a [Source],
    results: &'a [Target],
    partials: Partials,
    rows: usize,
    width: usize,
    /// Rows and columns of a piece; one of the two is that of the domain.
    piece: [usize; 2],
    pieces: usize,
}

// SAFETY: the pointers in it address inputs, which nothing writes but the pieces themselves, and results
// and partial sums, of which each piece writes only those of its own rows and columns. The plan gives results
// places apart from each other, and apart from inputs or exactly theirs with the same size (which `Kernel::run`
// asserts in debug builds); there a piece reads the elements that it writes, and no other piece does.
unsafe impl Sync for Shared<'_> {}

/// Runs steps over a domain of `[rows, width]`.
pub(super) fn run<T: Vector>(
    code: &Code,
    [rows, width]: [usize; 2],
    inputs: &[Source],
    results: &mut [Target],
    threads: Threads,
) -> Result<(), String> {
    let (rows, width) = if code.flat { (1, rows * width) } else { (rows, width) };
    check_indices(code, rows, width, inputs)?;
    let sums_rows = code.sums.iter().any(|sum| sum.over_rows);
    let elements = rows * width;
    let parallel = threads == Threads::All && elements * code.tile.len() >= SERIAL_BELOW;
    let piece = if code.sums.is_empty() && !parallel {
        [rows, width]
    } else if rows == 1 && !sums_rows && !code.whole_rows {
        [1, PIECE]
    } else {
        let least = if sums_rows { rows.div_ceil(PIECES_OF_ROW_SUMS) } else { 1 };
        [least.max(PIECE / width.max(1)), width]
    };
    let pieces = match elements {
        0 => 0,
        _ if piece == [rows, width] => 1,
        _ => rows.div_ceil(piece[0]) * width.div_ceil(piece[1]),
    };
    if pieces == 1 && code.sums.is_empty() {
        let partials = Partials { start: std::ptr::null_mut(), len: 0 };
        run_piece::<T>(&Shared { code, inputs, results, partials, rows, width, piece, pieces }, 0);
        return Ok(());
    }
    let partial_len = code.sums.iter().map(|sum| if sum.over_rows { width } else { 1 }).sum::<usize>();
    PARTIALS.with(|scratch| {
        scratch.lend(pieces * partial_len * size_of::<T>(), |start: *mut u8| {
            let partials = Partials { start, len: partial_len };
            let results = &*results;
            let shared = Shared { code, inputs, results, partials, rows, width, piece, pieces };
            if parallel && pieces > 1 {
                let shared = &shared;
                (0..pieces).into_par_iter().for_each(|index| run_piece::<T>(shared, index));
            } else {
                (0..pieces).for_each(|index| run_piece::<T>(&shared, index));
            }
            combine::<T>(&shared);
        });
    });
    Ok(())
}

/// The first index that is outside the scores, in words.
fn check_indices(code: &Code, rows: usize, width: usize, inputs: &[Source]) -> Result<(), String> {
    for step in &code.tile {
        let Step::CrossEntropy(entropy) = step else { continue };
        let indices = inputs[usize::from(entropy.indices)].start.cast::<i32>();
        for row in 0..rows {
            // SAFETY: the indices have one element for each row, as the shape rule of cross entropy says.
            checked(unsafe { *indices.add(row) }, row, width)?;
        }
    }
    Ok(())
}

/// Adds the partial sums of the pieces in their order, and writes the sums.
fn combine<T: Vector>(shared: &Shared<'_>) {
    let mut start = 0;
    let partials = shared.partials.start.cast::<T>();
    for sum in &shared.code.sums {
        let len = if sum.over_rows { shared.width } else { 1 };
        let target = &shared.results[usize::from(sum.result)];
        debug_assert_eq!(target.len, len);
        // SAFETY: the target has `len` elements, since its shape is the row or the number that the sum is;
        // nothing else is borrowed of it, and all pieces have ended. Partial sums lie in their own scratch
        // memory, `partials.len` for each piece, of which this sum has `len` from `start` on.
        unsafe {
            let to = std::slice::from_raw_parts_mut(target.start.cast::<T>(), len);
            to.fill(T::zero());
            for piece in 0..shared.pieces {
                let from = partials.add(piece * shared.partials.len + start);
                let from = std::slice::from_raw_parts(from, len);
                if piece == 0 {
                    to.copy_from_slice(from);
                } else {
                    to.iter_mut().zip(from).for_each(|(to, x)| *to += *x);
                }
            }
        }
        start += len;
    }
}

thread_local! {
    /// Registers, numbers and running sums of the piece that a thread is at.
    static REGISTERS: Scratch = const { Scratch::new() };
    /// The partial sums of the work that a thread has begun.
    static PARTIALS: Scratch = const { Scratch::new() };
}

/// Runs one piece.
fn run_piece<T: Vector>(shared: &Shared<'_>, index: usize) {
    let Shared { code, rows, width, piece, .. } = *shared;
    let part = |index: usize, piece: usize, extent: usize| index * piece..extent.min((index + 1) * piece);
    let (row_range, column_range) = match shared.pieces {
        // Divisions take as long as all else of a small step.
        1 => (0..rows, 0..width),
        _ => {
            let across = width.div_ceil(piece[1]);
            (part(index / across, piece[0], rows), part(index % across, piece[1], width))
        }
    };
    let most = TILE_BYTES / size_of::<T>();
    let columns = match column_range.len() {
        all if code.whole_rows || all <= most + most / 2 => all,
        all => all.div_ceil(all.div_ceil(most)).next_multiple_of(LANES),
    };
    let tile_rows = match row_range.len() {
        all if all * columns <= most => all,
        all => (most / columns).clamp(1, all),
    };
    let capacity = (columns * tile_rows).next_multiple_of(LANES);

    // Everything lies in one block: pointers of slots, numbers, running sums, registers.
    let lines = |elements: usize, bytes: usize| (elements * bytes).next_multiple_of(64);
    let pointers = lines(code.homes.len(), size_of::<*mut T>());
    let numbers = lines(code.numbers.len(), size_of::<T>());
    let running = code.sums.iter().map(|sum| if sum.over_rows { columns.max(LANES) } else { LANES });
    let running = lines(running.sum(), size_of::<T>());
    let registers = code.registers * capacity * size_of::<T>();
    let bytes = pointers + numbers + running + registers;
    REGISTERS.with(|scratch| {
        scratch.lend(bytes, |start: *mut u8| {
            // SAFETY: the block has room for all four areas, as their sizes were just added up.
            let machine = unsafe {
                Machine::<T> {
                    shared,
                    piece: index,
                    slots: start.cast(),
                    numbers: start.add(pointers).cast(),
                    running: start.add(pointers + numbers).cast(),
                    registers: start.add(pointers + numbers + running).cast(),
                    capacity,
                    rows: row_range,
                    columns: column_range,
                    tile: [tile_rows, columns],
                }
            };
            widest(machine);
        });
    });
}

/// The machine at one piece.
struct Machine<'a, T> {
    shared: &'a Shared<'a>,
    piece: usize,
    /// For each slot, where its elements are at the present tile.
    slots: *mut *mut T,
    numbers: *mut T,
    running: *mut T,
    registers: *mut T,
    capacity: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    tile: [usize; 2],
}

/// The tile that a step works on.
#[derive(Clone, Copy)]
struct Tile {
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
}

/// What the machine does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Once,
    Columns,
    Tile,
}

impl<T: Vector> Job for Machine<'_, T> {
    #[inline(always)]
    fn run(self, width: Width) {
        match width {
            Width::Wide => self.piece::<true>(),
            Width::Baseline => self.piece::<false>(),
        }
    }
}

impl<T: Vector> Machine<'_, T> {
    #[inline(always)]
    fn piece<const WIDE: bool>(&self) {
        self.start();
        let code = self.shared.code;
        let whole = self.tile[0];
        let mut tile = Tile { row: self.rows.start, column: self.columns.start, rows: whole, columns: 0 };
        let mut phase = Phase::Once;
        // One loop for all phases, so that the loops of the steps are compiled once.
        loop {
            let steps = match phase {
                Phase::Once => &code.once,
                Phase::Columns => {
                    tile.columns = self.tile[1].min(self.columns.end - tile.column);
                    (tile.row, tile.rows) = (self.rows.start, whole);
                    self.clear_row_sums(tile.columns);
                    &code.columns
                }
                Phase::Tile => {
                    tile.rows = whole.min(self.rows.end - tile.row);
                    &code.tile
                }
            };
            let len = if phase == Phase::Once { 1 } else { tile.rows * tile.columns };
            for step in steps {
                // SAFETY: the argument stands at `step`.
                unsafe { self.step::<WIDE>(step, tile, len) };
            }
            match phase {
                Phase::Once => phase = Phase::Columns,
                Phase::Columns => phase = Phase::Tile,
                Phase::Tile => {
                    tile.row += tile.rows;
                    if tile.row == self.rows.end {
                        self.end_row_sums(tile);
                        tile.column += tile.columns;
                        if tile.column == self.columns.end {
                            break;
                        }
                        phase = Phase::Columns;
                    }
                }
            }
        }
        self.end_sums();
    }

    /// Points slots at their numbers and registers.
    #[inline(always)]
    fn start(&self) {
        let code = self.shared.code;
        // SAFETY: each area has an element, or `capacity` of them, for each number, slot, sum and register,
        // as `run_piece` has made room for. Inputs have at least one element where a number is read of them,
        // since a number is a view of one of their elements, which the shape rules have found to be there.
        unsafe {
            for (slot, home) in code.homes.iter().enumerate() {
                *self.slots.add(slot) = match home {
                    Home::Number(number) => self.numbers.add(usize::from(*number)),
                    Home::Register(register) => self.registers.add(usize::from(*register) * self.capacity),
                };
            }
            for (number, initial) in code.numbers.iter().enumerate() {
                match *initial {
                    Initial::Constant(value) => *self.numbers.add(number) = T::from_f64(value),
                    Initial::Input { input, start } => {
                        *self.numbers.add(number) =
                            *self.shared.inputs[usize::from(input)].start.cast::<T>().add(start);
                    }
                    Initial::Computed => {}
                }
            }
            let mut start = 0;
            for sum in &code.sums {
                if !sum.over_rows {
                    std::slice::from_raw_parts_mut(self.running.add(start), LANES).fill(T::zero());
                }
                start += self.running_len(sum.over_rows);
            }
        }
    }

    fn running_len(&self, over_rows: bool) -> usize {
        if over_rows { self.tile[1].max(LANES) } else { LANES }
    }

    /// Where the running sum of a number begins.
    #[inline(always)]
    fn running(&self, sum: u16) -> usize {
        self.shared.code.sums[..usize::from(sum)].iter().map(|sum| self.running_len(sum.over_rows)).sum()
    }

    /// Where a piece's partial sum of a number begins.
    fn partial(&self, sum: usize) -> usize {
        let len = |over_rows: bool| if over_rows { self.shared.width } else { 1 };
        let before: usize = self.shared.code.sums[..sum].iter().map(|sum| len(sum.over_rows)).sum();
        self.piece * self.shared.partials.len + before
    }

    #[inline(always)]
    fn clear_row_sums(&self, columns: usize) {
        for (number, sum) in self.shared.code.sums.iter().enumerate() {
            if sum.over_rows {
                // SAFETY: a running sum over rows has room for the columns of a tile.
                unsafe {
                    let running = self.running.add(self.running(number as u16));
                    std::slice::from_raw_parts_mut(running, columns).fill(T::zero());
                }
            }
        }
    }

    /// Keeps the sums over the rows of the piece for the columns of a tile.
    #[inline(always)]
    fn end_row_sums(&self, tile: Tile) {
        for (number, sum) in self.shared.code.sums.iter().enumerate() {
            if sum.over_rows {
                // SAFETY: a partial sum over rows has the width of the domain, which the columns of a tile
                // lie within, and no other piece writes that of this one.
                unsafe {
                    let running = self.running.add(self.running(number as u16));
                    let to = self.shared.partials.start.cast::<T>().add(self.partial(number) + tile.column);
                    std::ptr::copy_nonoverlapping(running, to, tile.columns);
                }
            }
        }
    }

    /// Keeps the sums over everything.
    #[inline(always)]
    fn end_sums(&self) {
        for (number, sum) in self.shared.code.sums.iter().enumerate() {
            if !sum.over_rows {
                // SAFETY: such a running sum has `LANES` elements, and its partial sum one.
                unsafe {
                    let running = self.running.add(self.running(number as u16));
                    let total = std::slice::from_raw_parts(running, LANES).iter().copied().sum();
                    *self.shared.partials.start.cast::<T>().add(self.partial(number)) = total;
                }
            }
        }
    }

    /// Where the tile of an input begins, and how far its rows are apart.
    #[inline(always)]
    unsafe fn place(&self, place: Place, tile: Tile) -> (*mut T, usize) {
        let stride = match place.stride {
            Stride::Dense => self.shared.width,
            Stride::Apart(stride) => stride,
        };
        let start = self.shared.inputs[usize::from(place.input)].start.cast::<T>().cast_mut();
        (unsafe { start.add(place.start + tile.row * stride + tile.column) }, stride)
    }

    /// Runs one step on a tile, on `len` elements where it works on elements alone.
    ///
    /// # Safety
    /// The tile must lie within the rows and columns of the domain. Then everything that is addressed lies
    /// within what it belongs to:
    ///
    /// - registers have `capacity` elements, and a tile has no more; numbers have one, and `len` is 1 where
    ///   only numbers are worked on; a step never writes a register that it reads, as `assign_registers`
    ///   has seen to, and registers lie apart from inputs and results;
    /// - a view of an input was found by the shape rules to lie within the shape of the input, of which the plan
    ///   has given it the elements; so with results;
    /// - slices of inputs are only formed while nothing is written but registers, and results are written by
    ///   copies from registers. Where a result lies in the place of an input, another piece neither reads nor
    ///   writes the elements of this one.
    #[inline(always)]
    unsafe fn step<const WIDE: bool>(&self, step: &Step, tile: Tile, len: usize) {
        let Shared { results, .. } = *self.shared;
        unsafe {
            let slot = |slot: u16| *self.slots.add(usize::from(slot));
            let read = |from: u16| std::slice::from_raw_parts(slot(from).cast_const(), len);
            let write = |to: u16| std::slice::from_raw_parts_mut(slot(to), len);
            match *step {
                Step::Unary { op, from, to } => unary::<T, WIDE>(op, read(from), write(to)),
                Step::Binary { op, form, left, right, to } => {
                    let one = |side: u16| std::slice::from_raw_parts(slot(side).cast_const(), 1);
                    let left = if form == Form::NumberLeft { one(left) } else { read(left) };
                    let right = if form == Form::NumberRight { one(right) } else { read(right) };
                    op.with(Pairs { form, left, right, to: write(to) });
                }
                Step::Load { place, to } | Step::Copy { place, to } => {
                    let (from, stride) = self.place(place, tile);
                    let is_dense = tile.rows == 1 || stride == tile.columns;
                    if is_dense && matches!(step, Step::Load { .. }) {
                        *self.slots.add(usize::from(to)) = from;
                    } else {
                        let register = self.register(to);
                        for row in 0..tile.rows {
                            let to = register.add(row * tile.columns);
                            std::ptr::copy_nonoverlapping(from.add(row * stride), to, tile.columns);
                        }
                        *self.slots.add(usize::from(to)) = register;
                    }
                }
                Step::Row { place, to } => {
                    let (from, _) = self.place(place, Tile { row: 0, ..tile });
                    if tile.rows == 1 {
                        *self.slots.add(usize::from(to)) = from;
                    } else {
                        let register = self.register(to);
                        for row in 0..tile.rows {
                            let to = register.add(row * tile.columns);
                            std::ptr::copy_nonoverlapping(from, to, tile.columns);
                        }
                        *self.slots.add(usize::from(to)) = register;
                    }
                }
                Step::Column { place, to } => {
                    let from = self.column(place, tile);
                    let stride = column_stride(place);
                    for (row, to) in write(to).chunks_exact_mut(tile.columns).enumerate() {
                        to.fill(*from.add(row * stride));
                    }
                }
                Step::Short { place, to } => {
                    let from = self.column(place, tile);
                    let (stride, register) = (column_stride(place), self.register(to));
                    (0..tile.rows).for_each(|row| *register.add(row) = *from.add(row * stride));
                }
                Step::Fill { from, to } => {
                    let number = *slot(from);
                    std::slice::from_raw_parts_mut(slot(to), self.capacity).fill(number);
                }
                Step::CrossEntropy(entropy) => self.cross_entropy::<WIDE>(entropy, tile),
                Step::SumAll { from, sum } => {
                    let lanes = &mut *self.running.add(self.running(sum)).cast::<[T; LANES]>();
                    add_to_lanes(read(from), lanes);
                }
                Step::SumRows { from, sum } => {
                    let running = self.running.add(self.running(sum));
                    let running = std::slice::from_raw_parts_mut(running, tile.columns);
                    for row in read(from).chunks_exact(tile.columns) {
                        running.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
                    }
                }
                Step::Store { from, result, part, parts } => {
                    let width = self.shared.width;
                    let stride = width * usize::from(parts);
                    let to = results[usize::from(result)].start.cast::<T>();
                    let to = to.add(tile.row * stride + usize::from(part) * width + tile.column);
                    let from = slot(from);
                    if tile.rows == 1 || stride == tile.columns {
                        std::ptr::copy_nonoverlapping(from, to, len);
                    } else {
                        for row in 0..tile.rows {
                            let from = from.add(row * tile.columns);
                            std::ptr::copy_nonoverlapping(from, to.add(row * stride), tile.columns);
                        }
                    }
                }
                Step::StoreColumn { from, result } => {
                    let to = results[usize::from(result)].start.cast::<T>().add(tile.row);
                    std::ptr::copy_nonoverlapping(slot(from), to, tile.rows);
                }
            }
        }
    }

    /// The register of a slot that may point elsewhere at present.
    #[inline(always)]
    unsafe fn register(&self, slot: u16) -> *mut T {
        let Home::Register(register) = self.shared.code.homes[usize::from(slot)] else {
            unreachable!("tiles lie in registers")
        };
        unsafe { self.registers.add(usize::from(register) * self.capacity) }
    }

    /// Where the part of a column begins that belongs to a tile.
    #[inline(always)]
    unsafe fn column(&self, place: Place, tile: Tile) -> *const T {
        let start = self.shared.inputs[usize::from(place.input)].start.cast::<T>();
        unsafe { start.add(place.start + tile.row * column_stride(place)) }
    }

    /// Cross entropy of the rows of a tile, which are whole, and its gradient: the exponentials of a row are
    /// written where the gradient goes, added up, and scaled there.
    ///
    /// # Safety
    /// As for a step; indices are within the rows, as `check_indices` has found.
    #[inline(always)]
    unsafe fn cross_entropy<const WIDE: bool>(&self, entropy: Entropy, tile: Tile) {
        let width = tile.columns;
        unsafe {
            let slot = |slot: u16| *self.slots.add(usize::from(slot));
            let indices = self.shared.inputs[usize::from(entropy.indices)].start.cast::<i32>().add(tile.row);
            for row in 0..tile.rows {
                let scores =
                    std::slice::from_raw_parts(slot(entropy.scores).add(row * width).cast_const(), width);
                let right = *indices.add(row) as usize;
                let largest = largest(scores);
                let sum = match entropy.gradient {
                    None => sum_exp::<T, WIDE>(scores, largest),
                    Some(gradient) => {
                        let to = std::slice::from_raw_parts_mut(slot(gradient.to).add(row * width), width);
                        write_exp::<T, WIDE>(scores, largest, to);
                        let mut lanes = [T::zero(); LANES];
                        add_to_lanes(to, &mut lanes);
                        let sum = lanes.into_iter().sum::<T>();
                        let homes = &self.shared.code.homes;
                        let upstream = match homes[usize::from(gradient.upstream)] {
                            Home::Number(_) => *slot(gradient.upstream),
                            Home::Register(_) => *slot(gradient.upstream).add(row),
                        };
                        let share = upstream / sum;
                        to.iter_mut().for_each(|d| *d *= share);
                        to[right] += T::zero() - upstream;
                        sum
                    }
                };
                if let Some(value) = entropy.value {
                    *slot(value).add(row) = largest + sum.ln() - scores[right];
                }
            }
        }
    }
}

fn column_stride(place: Place) -> usize {
    match place.stride {
        Stride::Dense => 1,
        Stride::Apart(stride) => stride,
    }
}
