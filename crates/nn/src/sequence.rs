//! Batches of sequences: (N, T, …) at the edge, packed without padding inside.

use smallvec::SmallVec;
use tape::{Shape, Tape, Var};

use crate::layout::{Layout, indices, integers};

/// A batch of sequences on a tape, packed: the rows of all first steps, then of all second steps, …
///
/// ```
/// use nn::{Layout, Sequence};
/// use tape::{DType, Tape, Tensor};
///
/// let tape = Tape::new(DType::F64);
/// let padded = tape.input(Tensor::new([2, 3, 1], vec![1.0, 9.0, 9.0, 2.0, 3.0, 4.0]));
/// let sequence = Sequence::pack(padded, &Layout::new(3, &[1, 3]));
/// assert_eq!(sequence.rows.value().as_slice::<f64>(), [2.0, 1.0, 3.0, 4.0]);
/// assert_eq!(sequence.to_padded().value().as_slice::<f64>(), [1.0, 0.0, 0.0, 2.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Sequence<'t> {
    /// The packed rows (R, …).
    pub rows: Var<'t>,
    /// Which sequence and step each row belongs to.
    pub layout: Layout,
}

impl<'t> Sequence<'t> {
    /// Rows (R, …) that lie as the layout says.
    ///
    /// # Panics
    /// If there are not as many rows as in the layout.
    #[track_caller]
    pub fn new(rows: Var<'t>, layout: &Layout) -> Sequence<'t> {
        let shape = rows.shape();
        assert!(
            shape.rank() > 0 && shape.dim(0) == layout.rows(),
            "a sequence of {shape}: the layout has {} rows",
            layout.rows()
        );
        Sequence { rows, layout: layout.clone() }
    }

    /// Packs a padded value (N, T, …); what lies beyond a sequence's length is left out.
    ///
    /// # Panics
    /// If the first two axes are not those of the layout.
    #[track_caller]
    pub fn pack(padded: Var<'t>, layout: &Layout) -> Sequence<'t> {
        let shape = padded.shape();
        let (sequences, steps) = (layout.sequences(), layout.steps());
        assert!(
            shape.rank() >= 2 && shape.dim(0) == sequences && shape.dim(1) == steps,
            "a padded sequence of {shape}: the layout has {sequences} rows of {steps} steps"
        );
        let rest = &shape.dims()[2..];
        let with = |rows: usize| -> Shape { [rows.into()].into_iter().chain(rest.iter().copied()).collect() };
        let rows = match layout.common_length() {
            Some(length) => {
                let cut = if length == steps { padded } else { padded.slice(1, 0..length) };
                swap_first(cut).reshape(with(layout.rows()))
            }
            None => {
                let places = indices(padded.tape(), layout.rows(), layout.places());
                padded.reshape(with(sequences * steps)).gather(places)
            }
        };
        Sequence::new(rows, layout)
    }

    /// Sequences of words, from numbers (N, T) in row-major order: rows (R) of type `i32`.
    ///
    /// # Panics
    /// If there are not N · T numbers.
    #[track_caller]
    pub fn words(tape: &'t Tape, words: &[i32], layout: &Layout) -> Sequence<'t> {
        layout.check_padded(words.len());
        let packed = layout.places().map(|place| words[place]);
        Sequence::new(integers(tape, layout.rows(), packed), layout)
    }

    /// The padded form (N, T, …), with zeros beyond the lengths.
    #[track_caller]
    pub fn to_padded(&self) -> Var<'t> {
        let (rows, layout) = (self.rows, &self.layout);
        let (sequences, steps) = (layout.sequences(), layout.steps());
        let shape = rows.shape();
        let with = |first: usize, second: usize| -> Shape {
            [first.into(), second.into()].into_iter().chain(shape.dims()[1..].iter().copied()).collect()
        };
        match layout.common_length() {
            Some(length) => swap_first(rows.reshape(with(length, sequences))).pad(1, 0, steps - length),
            None => {
                let places = indices(rows.tape(), layout.rows(), layout.places());
                rows.scatter_add(places, sequences * steps).reshape(with(sequences, steps))
            }
        }
    }

    /// The sequences that `f` makes of all rows at once.
    ///
    /// # Panics
    /// If it does not give a row for each row.
    #[track_caller]
    pub fn map(&self, f: impl FnOnce(Var<'t>) -> Var<'t>) -> Sequence<'t> {
        Sequence::new(f(self.rows), &self.layout)
    }
}

/// The first two axes exchanged.
#[track_caller]
fn swap_first(value: Var<'_>) -> Var<'_> {
    let mut order: SmallVec<[usize; 8]> = (0..value.shape().rank()).collect();
    order.swap(0, 1);
    value.transpose(&order)
}
