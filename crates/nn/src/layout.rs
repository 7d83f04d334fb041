//! Which sequence and which step each packed row belongs to, for sequences in any order.
//!
//! A [`Packing`] wants the longest sequence first. A [`Layout`] takes lengths as they come, holds the
//! order that sorts them, and translates between the padded form (N, T, …), where step `t` of sequence
//! `n` is at `[n, t]`, and the packed one (R, …), where `R` is the sum of the lengths:
//!
//! ```text
//! lengths 1 3 2      padded  a . .      packed  b0 c0 a0   b1 c1   b2
//!                            b b b              step 0     step 1  step 2
//!                            c c .
//! ```

use std::sync::Arc;

use tape::{Packing, Tape, Var};

/// The places of a batch of sequences of different lengths. Clones share what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout(Arc<Inner>);

/// No sequences at all.
impl Default for Layout {
    fn default() -> Layout {
        Layout::new(0, &[])
    }
}

#[derive(Debug, PartialEq)]
struct Inner {
    /// Steps of the padded form.
    steps: usize,
    lengths: Vec<usize>,
    packing: Packing,
    /// Where they do not come from long to short.
    sorting: Option<Sorting>,
}

#[derive(Debug, PartialEq)]
struct Sorting {
    /// The sequences from long to short.
    order: Vec<usize>,
    /// The place of each sequence in that order.
    place: Vec<usize>,
}

impl Layout {
    /// Sequences of these lengths, which stand in rows of `steps` steps where they are padded.
    ///
    /// # Panics
    /// If a sequence is longer than `steps`.
    #[track_caller]
    pub fn new(steps: usize, lengths: &[usize]) -> Layout {
        if let Some((n, length)) = lengths.iter().enumerate().find(|(_, length)| **length > steps) {
            panic!("sequence {n} has {length} steps, but the padded rows have {steps}");
        }
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|n| std::cmp::Reverse(lengths[*n]));
        let sorted: Vec<usize> = order.iter().map(|n| lengths[*n]).collect();
        let packing = Packing::ragged(&sorted);
        let sorting = (!order.is_sorted()).then(|| {
            let mut place = vec![0; order.len()];
            order.iter().enumerate().for_each(|(sorted, n)| place[*n] = sorted);
            Sorting { order, place }
        });
        Layout(Arc::new(Inner { steps, lengths: lengths.into(), packing, sorting }))
    }

    /// `sequences` sequences that all have `steps` steps.
    pub fn full(sequences: usize, steps: usize) -> Layout {
        Layout::new(steps, &vec![steps; sequences])
    }

    /// The same sequences, padded only as far as the longest of them, and to a step at least.
    pub fn tight(&self) -> Layout {
        let steps = self.0.packing.steps().max(1);
        if steps == self.0.steps { self.clone() } else { Layout::new(steps, self.lengths()) }
    }

    /// Sequences that end with their last marked step, from marks (N, T) in row-major order. A step
    /// before it that is not marked is a hole: it is part of the sequence.
    ///
    /// # Panics
    /// If the marks do not fill whole rows.
    #[track_caller]
    pub fn from_mask(sequences: usize, steps: usize, mask: &[bool]) -> Layout {
        assert!(
            mask.len() == sequences * steps,
            "a mask of {} marks does not fit {sequences} rows of {steps} steps",
            mask.len()
        );
        let row = |n: usize| &mask[n * steps..][..steps];
        let length = |n| row(n).iter().rposition(|marked| *marked).map_or(0, |last| last + 1);
        Layout::new(steps, &(0..sequences).map(length).collect::<Vec<_>>())
    }

    /// The number of sequences, N.
    pub fn sequences(&self) -> usize {
        self.0.lengths.len()
    }

    /// The steps of the padded form, T.
    pub fn steps(&self) -> usize {
        self.0.steps
    }

    /// The length of each sequence.
    pub fn lengths(&self) -> &[usize] {
        &self.0.lengths
    }

    /// The sequences from long to short, as the rows of a step lie.
    pub fn order(&self) -> Vec<usize> {
        let as_they_come = || (0..self.0.lengths.len()).collect();
        self.0.sorting.as_ref().map_or_else(as_they_come, |sorting| sorting.order.clone())
    }

    /// The number of packed rows, R: the sum of the lengths.
    pub fn rows(&self) -> usize {
        self.0.lengths.iter().sum()
    }

    /// How the rows lie, for [`scan`](tape::scan()).
    pub fn packing(&self) -> &Packing {
        &self.0.packing
    }

    /// The common length, where all sequences have one.
    pub(crate) fn common_length(&self) -> Option<usize> {
        let longest = self.0.packing.steps();
        self.0.lengths.iter().all(|length| *length == longest).then_some(longest)
    }

    /// For each packed row, its place among the N · T rows of the padded form.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let Inner { steps, packing, sorting, .. } = &*self.0;
        let sequence = move |sorted: usize| sorting.as_ref().map_or(sorted, |sorting| sorting.order[sorted]);
        packing.places().map(move |(sorted, t)| sequence(sorted) * steps + t)
    }

    /// The packed form of numbers (N, T) that lie in row-major order: those within the lengths.
    ///
    /// # Panics
    /// If there are not N · T of them.
    #[track_caller]
    pub fn pack<T: Copy>(&self, padded: &[T]) -> Vec<T> {
        self.check_padded(padded.len());
        self.places().map(|place| padded[place]).collect()
    }

    /// Panics unless there are N · T of what is in the padded form.
    #[track_caller]
    pub(crate) fn check_padded(&self, count: usize) {
        let (sequences, steps) = (self.sequences(), self.steps());
        assert!(count == sequences * steps, "{count} numbers do not fill {sequences} rows of {steps} steps");
    }

    /// The rows of a value (N, …) in the order in which a scan over this layout has its states.
    ///
    /// # Panics
    /// If there are not as many rows as sequences.
    #[track_caller]
    pub fn sort<'t>(&self, rows: Var<'t>) -> Var<'t> {
        self.taken(rows, |sorting| &sorting.order)
    }

    /// The rows of a value (N, …) that is ordered as the states of a scan, in the order of the batch.
    ///
    /// # Panics
    /// If there are not as many rows as sequences.
    #[track_caller]
    pub fn restore<'t>(&self, rows: Var<'t>) -> Var<'t> {
        self.taken(rows, |sorting| &sorting.place)
    }

    /// The rows of a value, one for each sequence, in another order; as they are where sequences come sorted.
    #[track_caller]
    fn taken<'t>(&self, rows: Var<'t>, order: impl Fn(&Sorting) -> &[usize]) -> Var<'t> {
        let (shape, sequences) = (rows.shape(), self.sequences());
        assert!(
            shape.rank() > 0 && shape.dim(0) == sequences,
            "a value of {shape} for {sequences} sequences: its leading axis must be the sequences"
        );
        match self.0.sorting.as_ref().map(order) {
            None => rows,
            Some(order) => rows.gather(indices(rows.tape(), order.len(), order.iter().copied())),
        }
    }
}

/// Row numbers as an input of a tape.
#[track_caller]
pub(crate) fn indices(tape: &Tape, count: usize, rows: impl IntoIterator<Item = usize>) -> Var<'_> {
    let number = |row| i32::try_from(row).expect("fewer than 2^31 rows");
    integers(tape, count, rows.into_iter().map(number))
}

/// Whole numbers as an input of a tape.
#[track_caller]
pub(crate) fn integers(tape: &Tape, count: usize, numbers: impl Iterator<Item = i32>) -> Var<'_> {
    tape.input_with([count], |elements: &mut [i32]| {
        elements.iter_mut().zip(numbers).for_each(|(element, number)| *element = number);
    })
}
