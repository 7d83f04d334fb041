//! What attention looks at.

use tape::{Shape, Var, bundle};

use super::with_axis;
use crate::sequence::Sequence;

/// A memory for each sequence of a batch: its entries, and which of them there are.
///
/// It can be part of a cell's state, handed on as it is: then every step of a sequence sees the same, and what can
/// be computed of it once leaves the loop. Such a cell says itself how its state starts (see
/// [`Cell::start`](crate::Cell::start)).
#[derive(Clone, Copy, Debug)]
pub struct Memory<'t> {
    /// The entries (N, L, M).
    pub values: Var<'t>,
    /// 1 for each entry and 0 for padding, (N, L).
    pub mask: Var<'t>,
}

bundle!(Memory { values, mask });

impl<'t> Memory<'t> {
    /// Entries (N, L, M) without padding.
    ///
    /// # Panics
    /// If these are not three axes, or L is zero: a memory of nothing is one of which all is padding.
    #[track_caller]
    pub fn new(values: Var<'t>) -> Memory<'t> {
        Memory::with_mask(values, values.tape().number(1.0))
    }

    /// Entries (N, L, M) of which the first `lengths[n]` of each sequence count.
    ///
    /// # Panics
    /// As [`new`](Memory::new) does, and if there is not a length for each sequence or one is above L.
    #[track_caller]
    pub fn with_lengths(values: Var<'t>, lengths: &[usize]) -> Memory<'t> {
        let shape = values.shape();
        let entries = shape.dims().get(1).map_or(0, |entries| entries.at(0));
        let fits = shape.rank() == 3 && shape.dim(0) == lengths.len();
        assert!(
            fits && lengths.iter().all(|length| *length <= entries),
            "a memory of {shape} with lengths {lengths:?}: its axes must be these sequences, entries for the longest, and \
             a width"
        );
        let marks =
            lengths.iter().flat_map(|length| (0..entries).map(move |l| f64::from(u8::from(l < *length))));
        Memory::with_mask(values, values.tape().input_numbers([lengths.len(), entries], marks))
    }

    /// One entry for each sequence, from rows (N, M), such as the features of a picture.
    #[track_caller]
    pub fn row(values: Var<'t>) -> Memory<'t> {
        assert!(
            values.shape().rank() == 2,
            "one entry for each sequence is (sequences, width), not {}",
            values.shape()
        );
        Memory::new(with_axis(values, 1))
    }

    /// The steps of sequences (R, M), such as what an encoder makes of them.
    #[track_caller]
    pub fn of(sequence: &Sequence<'t>) -> Memory<'t> {
        Memory::with_lengths(sequence.to_padded(), sequence.layout.lengths())
    }

    /// A memory of which all is padding, for rows like these (N, …).
    #[track_caller]
    pub fn empty(rows: Var<'t>, width: usize) -> Memory<'t> {
        let zero = rows.tape().number(0.0);
        Memory::with_mask(zero.expand([rows.dim(0), 1.into(), width.into()]), zero)
    }

    /// Entries and a mask that is repeated to their places.
    #[track_caller]
    fn with_mask(values: Var<'t>, mask: Var<'t>) -> Memory<'t> {
        let shape = values.shape();
        assert!(
            shape.rank() == 3 && shape.dim(1) != 0,
            "a memory of {shape}: its axes must be sequences, one or more entries, and a width"
        );
        let places: Shape = shape.dims()[..2].iter().copied().collect();
        Memory { values, mask: mask.expand(places) }
    }
}
