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
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

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
        let running = (0..steps).map(|t| lengths.partition_point(|length| *length > t)).collect();
        Packing::of_running(running, lengths.len())
    }

    /// Sequences of which the given numbers run in each step.
    fn of_running(running: Vec<usize>, sequences: usize) -> Packing {
        let steps = running.len();
        if running.iter().all(|running| *running == sequences) {
            return Packing::uniform(steps, sequences);
        }
        let offsets = running
            .iter()
            .scan(0, |sum, running| {
                let offset = *sum;
                *sum += running;
                Some(offset)
            })
            .collect();
        Packing { steps, sequences: Dim::new(sequences), ragged: Some(Arc::new(Ragged { running, offsets })) }
    }

    /// Reads a packing as dumps have it from the start of a text; also returns what follows.
    pub(crate) fn parse(text: &str) -> Option<(Packing, &str)> {
        let word = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
        let Some(ragged) = text.strip_prefix('{') else {
            let (packing, rest) = text.split_at(word(text));
            let (steps, sequences) = packing.split_once('x')?;
            let (steps, sequences) = (Dim::try_new(steps.parse().ok()?)?, Dim::parse(sequences)?);
            sequences.times(steps)?;
            return Some((Packing::uniform(steps.known()?, sequences), rest));
        };
        let (running, mut rest) = ragged.split_once('}')?;
        let number = |text: &str| Dim::parse(text.trim())?.known();
        let running: Vec<usize> = match running.trim() {
            "" => Vec::new(),
            running => running.split(',').map(number).collect::<Option<_>>()?,
        };
        let mut sequences = running.first().copied().unwrap_or(0);
        if let Some(count) = rest.strip_prefix(" of ") {
            let (count, after) = count.split_at(word(count));
            (sequences, rest) = (number(count)?, after);
        }
        let falls = running.is_sorted_by(|a, b| a >= b) && !running.contains(&0);
        let fits = running.first().is_none_or(|first| *first <= sequences);
        Dim::try_new(running.iter().sum())?;
        (falls && fits).then(|| (Packing::of_running(running, sequences), rest))
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

    /// The sequences cut into runs with about as many rows each: where each run ends.
    pub(crate) fn shares(&self, count: usize) -> SmallVec<[usize; 16]> {
        let sequences = self.sequences.at(0);
        // The rows of the first sequences together.
        let rows = |first: usize| match &self.ragged {
            Some(ragged) => ragged.running.iter().map(|running| (*running).min(first)).sum(),
            None => self.steps * first,
        };
        let total = rows(sequences);
        let mut ends: SmallVec<[usize; 16]> = SmallVec::new();
        for share in 1..=count {
            let (mut low, mut high) = (ends.last().copied().unwrap_or(0), sequences);
            while low < high {
                let middle = (low + high) / 2;
                if rows(middle) * count < total * share { low = middle + 1 } else { high = middle }
            }
            ends.push(if share == count { sequences } else { low });
        }
        ends
    }

    /// Some of the steps, for as many sequences as before: those that have ended have no step in it.
    ///
    /// # Panics
    /// If there are not as many steps.
    #[track_caller]
    pub fn segment(&self, steps: Range<usize>) -> Packing {
        assert!(steps.end <= self.steps, "steps {steps:?} of {self}");
        if steps == (0..self.steps) {
            return self.clone();
        }
        match &self.ragged {
            _ if steps.len() == self.steps => self.clone(),
            Some(ragged) => Packing::of_running(ragged.running[steps].to_vec(), self.sequences.at(0)),
            None => Packing::uniform(steps.len(), self.sequences),
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
    /// `4x50` for 4 steps of 50 sequences; `{3, 2, 1}` for the sequences running in each step, and
    /// `{3, 2, 1} of 5` where further ones have no step at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ragged {
            None => write!(f, "{}x{}", self.steps, self.sequences),
            Some(ragged) => {
                let running: Vec<String> = ragged.running.iter().map(usize::to_string).collect();
                write!(f, "{{{}}}", running.join(", "))?;
                match ragged.running.first() {
                    Some(first) if self.sequences == *first => Ok(()),
                    _ => write!(f, " of {}", self.sequences),
                }
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
        assert_eq!(packing.to_string(), "{3, 2, 1} of 4");
        assert_eq!(packing.total(), 6);
        assert_eq!(packing.sequences(), 4);
        let places: Vec<_> = packing.places().collect();
        assert_eq!(places, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2)]);
    }

    #[test]
    fn packings_are_read_as_they_are_written() {
        let check = |packing: Packing| {
            let text = format!("{packing} reverse");
            assert_eq!(Packing::parse(&text), Some((packing, " reverse")));
        };
        check(Packing::uniform(4, 50));
        check(Packing::uniform(3, Dim::ROWS));
        check(Packing::uniform(0, 0));
        check(Packing::ragged(&[3, 2, 1]));
        check(Packing::ragged(&[2, 2, 0, 0]));
        check(Packing::ragged(&[0, 0]));
        for wrong in ["", "4", "x", "4xx", "{1, 2}", "{2, 0}", "{3} of 2", "{1, 1", "65536x65536", "nx2"] {
            assert_eq!(Packing::parse(wrong), None, "{wrong}");
        }
        for wrong in ["{2147483648}", "{2000000000, 2000000000}", "99999999999999999999x1"] {
            assert_eq!(Packing::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn shares_have_about_as_many_rows_each() {
        assert_eq!(Packing::uniform(3, 10).shares(3).as_slice(), [4, 7, 10]);
        // 4 + 3 rows, 2 + 1 + 1 rows.
        assert_eq!(Packing::ragged(&[4, 3, 2, 1, 1]).shares(2).as_slice(), [2, 5]);
        assert_eq!(Packing::ragged(&[4, 0, 0]).shares(2).as_slice(), [1, 3]);
        assert_eq!(Packing::uniform(0, 2).shares(2).as_slice(), [0, 2]);
    }

    #[test]
    fn a_segment_has_all_sequences() {
        let packing = Packing::ragged(&[4, 3, 1]);
        let segment = |steps| packing.segment(steps).to_string();
        assert_eq!([segment(0..1), segment(1..3), segment(3..4)], ["1x3", "{2, 2} of 3", "{1} of 3"]);
        assert_eq!(Packing::uniform(5, Dim::ROWS).segment(3..5), Packing::uniform(2, Dim::ROWS));
    }

    #[test]
    fn equal_lengths_are_the_uniform_packing() {
        assert_eq!(Packing::ragged(&[2, 2]), Packing::uniform(2, 2));
        assert_eq!(Packing::ragged(&[]).total(), 0);
    }
}
