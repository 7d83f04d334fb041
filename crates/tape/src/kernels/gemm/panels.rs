//! The right operand as kernels find it: in panels, packed before, packed now, or where it lies.

use std::ops::Range;

use num_traits::Zero;

use super::pack;
use super::product::{Product, Right};

/// Panels over one part of the inner extent.
pub(super) struct Panels<T> {
    /// The first element.
    pub start: *const T,
    /// From one panel to the next.
    pub apart: usize,
    /// From a row to the next.
    pub step: usize,
    /// The panel after the last whole one, if columns are left for it, with its own step.
    pub last: (*const T, usize),
}

impl<T: Copy + Zero> Product<'_, T> {
    /// The panels of these columns, which begin at a whole panel, over this part of the inner extent. They are
    /// packed to `room` where `packs` says so; otherwise at most the last one is.
    ///
    /// # Safety
    /// The operand has as many elements as its matrix. `room` has place for what is packed: as many rows as
    /// `inner` is long, of all columns filled up to vectors, or of one panel.
    pub(super) unsafe fn panels(
        &self,
        columns: &Range<usize>,
        inner: &Range<usize>,
        packs: bool,
        room: *mut T,
    ) -> Panels<T> {
        let (lanes, panel) = (self.kernels.lanes, self.kernels.panel());
        let depth = inner.len();
        let (whole, rest) = (columns.len() / panel, columns.len() % panel);
        let width = if rest <= lanes { lanes } else { panel };
        let rest_start = columns.start + whole * panel;
        // SAFETY: columns and inner indices lie within the operand, and so do the places they lead to.
        unsafe {
            match self.right {
                Right::Packed(packed) => {
                    let at = |column: usize, step: usize| {
                        packed.as_ptr().wrapping_add(column * self.k + inner.start * step)
                    };
                    let last = (at(rest_start, width), width);
                    Panels { start: at(columns.start, panel), apart: panel * self.k, step: panel, last }
                }
                Right::Rows(right) => {
                    let from = right.as_ptr().add(inner.start * self.n + columns.start);
                    let (start, apart, step, rest_room) = match packs {
                        true => (room.cast_const(), panel * depth, panel, room.add(whole * panel * depth)),
                        false => (from, panel, self.n, room),
                    };
                    if packs {
                        pack::copy(from, self.n, [depth, whole], room, [panel, panel * depth]);
                    }
                    let mut last = (from.add(whole * panel), self.n);
                    // A panel that is not full must not be read where it lies, beyond its columns.
                    if rest > 0 && (packs || rest < width) {
                        pack::copy_some(last.0, self.n, [depth, rest], rest_room, width);
                        last = (rest_room.cast_const(), width);
                    }
                    Panels { start, apart, step, last }
                }
                Right::Columns(right) => {
                    let from = right.as_ptr().add(inner.start);
                    for p in 0..whole {
                        let from = from.add((columns.start + p * panel) * self.k);
                        pack::turn(from, self.k, [panel, depth], room.add(p * panel * depth), panel);
                    }
                    let last = room.add(whole * panel * depth);
                    if rest > 0 {
                        pack::turn(from.add(rest_start * self.k), self.k, [rest, depth], last, width);
                    }
                    Panels { start: room, apart: panel * depth, step: panel, last: (last, width) }
                }
            }
        }
    }
}
