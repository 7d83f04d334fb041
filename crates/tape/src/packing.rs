//! How sequences of different lengths lie in one array without padding.
//!
//! Sequences are ordered from the longest to the shortest. Step `t` owns the rows
//! `offset(t) .. offset(t) + running(t)`, one for each sequence that is longer than `t`, so that the
//! sequences still running are always the first ones:
//!
//! ```text
//! lengths 3 2 1      step 0   step 1   step 2
//!                    a b c    a b      a          rows 0..6, padding: none
//! ```

use std::fmt;
use std::sync::Arc;

use crate::shape::Dim;

/// The rows of each step of a batch of sequences.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Packing {
    steps: usize,
    sequences: Dim,
    ragged: Option<Arc<Ragged>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Ragged {
    running: Vec<usize>,
    offsets: Vec<usize>,
}

impl Packing {
    /// Sequences that all have `steps` steps. Inside a scan, `sequences` may be [`Dim::ROWS`].
    #[track_caller]
    pub fn uniform(steps: usize, sequences: impl Into<Dim>) -> Packing {
        Packing { steps, sequences: sequences.into(), ragged: None }
    }

    /// Sequences of the given lengths, which must not increase. Sequences of length 0 are allowed.
    ///
    /// # Panics
    /// If a length is greater than the one before it.
    #[track_caller]
    pub fn ragged(lengths: &[usize]) -> Packing {
        assert!(
            lengths.is_sorted_by(|a, b| a >= b),
            "lengths must be sorted from long to short: {lengths:?}"
        );
        let steps = lengths.first().copied().unwrap_or(0);
        if lengths.iter().all(|length| *length == steps) {
            return Packing::uniform(steps, lengths.len());
        }
        let running: Vec<usize> = (0..steps).map(|t| lengths.partition_point(|length| *length > t)).collect();
        let offsets = running
            .iter()
            .scan(0, |sum, running| {
                let offset = *sum;
                *sum += running;
                Some(offset)
            })
            .collect();
        Packing {
            steps,
            sequences: Dim::new(lengths.len()),
            ragged: Some(Arc::new(Ragged { running, offsets })),
        }
    }

    /// The number of steps: the length of the longest sequence.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The number of sequences.
    pub fn sequences(&self) -> Dim {
        self.sequences
    }

    /// The number of rows of all steps together, where it can be written as a [`Dim`].
    pub fn total(&self) -> Dim {
        match &self.ragged {
            Some(ragged) => Dim::new(ragged.running.iter().sum()),
            None => self.sequences.times(Dim::new(self.steps)).expect("fewer than 2^31 rows"),
        }
    }

    /// How many sequences run in step `t`, where the step around this scan has `rows` rows.
    pub fn running(&self, t: usize, rows: usize) -> usize {
        match &self.ragged {
            Some(ragged) => ragged.running[t],
            None => self.sequences.at(rows),
        }
    }

    /// The first row of step `t`, where the step around this scan has `rows` rows.
    pub fn offset(&self, t: usize, rows: usize) -> usize {
        match &self.ragged {
            Some(ragged) => ragged.offsets[t],
            None => t * self.sequences.at(rows),
        }
    }

    /// For each packed row its sequence and its step. All sequences must be counted by a number.
    pub fn places(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.steps).flat_map(move |t| (0..self.running(t, 0)).map(move |sequence| (sequence, t)))
    }
}

impl fmt::Debug for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Packing {
    /// `4x50` for 4 steps of 50 sequences, `{3, 2, 1}` for the sequences running in each step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ragged {
            None => write!(f, "{}x{}", self.steps, self.sequences),
            Some(ragged) => {
                let running: Vec<String> = ragged.running.iter().map(usize::to_string).collect();
                write!(f, "{{{}}}", running.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_running_sequences_lie_side_by_side() {
        let packing = Packing::ragged(&[3, 2, 1, 0]);
        assert_eq!(packing.to_string(), "{3, 2, 1}");
        assert_eq!(packing.total(), 6);
        assert_eq!(packing.sequences(), 4);
        let places: Vec<_> = packing.places().collect();
        assert_eq!(places, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)]);
    }

    #[test]
    fn equal_lengths_are_the_uniform_packing() {
        assert_eq!(Packing::ragged(&[2, 2]), Packing::uniform(2, 2));
        assert_eq!(Packing::ragged(&[]).total(), 0);
    }
}
