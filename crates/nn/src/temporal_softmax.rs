//! Cross entropy over the steps that count.
//!
//! ```text
//! loss = -1/N Σ_n Σ_t mask[n, t] ln softmax(scores[n, t])[words[n, t]]
//!
//! scores (N, T, V)   words (N, T)   mask (N, T)
//! ```
//!
//! A sum over steps and a mean over sequences, as in CS231n: a longer caption weighs more. Most other
//! programs report the mean over the words instead; [`TemporalSoftmax`] has both.

use tape::{Shape, Tensor, Var};

use crate::sequence::Sequence;

/// The cross entropy of a batch.
#[derive(Clone, Copy, Debug)]
pub struct TemporalSoftmax<'t> {
    /// Summed over all steps that count.
    pub sum: Var<'t>,
    /// How many steps count.
    pub words: usize,
    /// How many sequences there are, N.
    pub sequences: usize,
}

/// The cross entropy of scores with rows (R, V) for the right words (N, T), at the steps (N, T) that
/// the mask marks. Words at other steps are not looked at.
///
/// # Panics
/// If the words or the mask do not fit the layout of the scores, or the mask marks a step beyond the
/// length of its sequence.
#[track_caller]
pub fn temporal_softmax<'t>(scores: &Sequence<'t>, words: &[i32], mask: &[bool]) -> TemporalSoftmax<'t> {
    let Sequence { rows, layout } = scores;
    let (words, marks) = (layout.pack(words), layout.pack(mask));
    let count = marks.iter().filter(|marked| **marked).count();
    let marked = mask.iter().filter(|marked| **marked).count();
    assert!(marked == count, "the mask marks {} steps beyond the lengths of their sequences", marked - count);

    let tape = rows.tape();
    let right: Vec<i32> =
        words.iter().zip(&marks).map(|(word, marked)| if *marked { *word } else { 0 }).collect();
    let right = tape.input(Tensor::new([right.len()], right));
    let terms = rows.cross_entropy(right);
    // Without holes every packed row counts, and there is nothing to mask.
    let terms = if count == marks.len() {
        terms
    } else {
        let weights: Vec<f64> = marks.iter().map(|marked| f64::from(u8::from(*marked))).collect();
        terms * tape.input(Tensor::from_f64(tape.dtype(), [weights.len()], &weights))
    };
    TemporalSoftmax { sum: terms.sum(), words: count, sequences: layout.sequences() }
}

impl<'t> TemporalSoftmax<'t> {
    /// The loss of CS231n: the sum divided by the number of sequences.
    #[track_caller]
    pub fn per_sequence(&self) -> Var<'t> {
        self.over(self.sequences)
    }

    /// The mean over the steps that count; its exponential is the perplexity.
    #[track_caller]
    pub fn per_word(&self) -> Var<'t> {
        self.over(self.words)
    }

    /// The divisor is an input, so that batches with other counts run the same program.
    #[track_caller]
    fn over(&self, count: usize) -> Var<'t> {
        let tape = self.sum.tape();
        let share = 1.0 / count.max(1) as f64;
        self.sum * tape.input(Tensor::from_f64(tape.dtype(), Shape::scalar(), &[share]))
    }
}
