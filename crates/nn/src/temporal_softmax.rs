//! Cross entropy over the steps that count.
//!
//! ```text
//! loss = -1/N Σ_n Σ_t mask[n, t] ln softmax(scores[n, t])[words[n, t]]
//!
//! scores (N, T, V)   words (N, T)   mask (N, T)
//! ```
//!
//! With smoothing ε the right word keeps 1 - ε of the probability and all V words share the rest evenly, so that the loss asks
//! for no certainty (Szegedy et al., "Rethinking the inception architecture for computer vision", 2016,
//! <https://arxiv.org/abs/1512.00567>):
//!
//! ```text
//! -ln p[word]    becomes    -(1 - ε) ln p[word] - ε/V Σ_v ln p[v]        p = softmax(scores[n, t])
//! ```
//!
//! A sum over steps and a mean over sequences, as in CS231n: a longer caption weighs more. Most other
//! programs report the mean over the words instead; [`TemporalSoftmax`] has both.

use tape::Var;

use crate::layout::integers;
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
    smoothed_temporal_softmax(scores, words, mask, 0.0)
}

/// The same with the right words smoothed by ε.
///
/// ```
/// use nn::{Layout, Sequence, smoothed_temporal_softmax};
/// use tape::{DType, Tape, Tensor};
///
/// // One word of two, with the probabilities 3/4 and 1/4.
/// let tape = Tape::new(DType::F64);
/// let scores = tape.input(Tensor::new([1, 2], vec![3f64.ln(), 0.0]));
/// let scores = Sequence::new(scores, &Layout::full(1, 1));
/// let loss = smoothed_temporal_softmax(&scores, &[0], &[true], 0.2).sum.value().number();
/// assert!((loss + 0.9 * 0.75f64.ln() + 0.1 * 0.25f64.ln()).abs() < 1e-12);
/// ```
///
/// # Panics
/// As [`temporal_softmax`] does, and unless `0 <= smoothing < 1`.
#[track_caller]
pub fn smoothed_temporal_softmax<'t>(
    scores: &Sequence<'t>,
    words: &[i32],
    mask: &[bool],
    smoothing: f64,
) -> TemporalSoftmax<'t> {
    assert!((0.0..1.0).contains(&smoothing), "a smoothing of {smoothing}: it is at least 0 and less than 1");
    let Sequence { rows, layout } = scores;
    layout.check_padded(words.len());
    layout.check_padded(mask.len());
    let count = layout.places().filter(|place| mask[*place]).count();
    let marked = mask.iter().filter(|marked| **marked).count();
    assert!(marked == count, "the mask marks {} steps beyond the lengths of their sequences", marked - count);

    let tape = rows.tape();
    let right = layout.places().map(|place| if mask[place] { words[place] } else { 0 });
    let right = integers(tape, layout.rows(), right);
    let terms = rows.cross_entropy(right);
    let terms = if smoothing == 0.0 {
        terms
    } else {
        terms * (1.0 - smoothing) - rows.log_softmax().mean_along(&[1]) * smoothing
    };
    // Without holes every packed row counts, and there is nothing to mask.
    let terms = if count == layout.rows() {
        terms
    } else {
        let weights = layout.places().map(|place| f64::from(u8::from(mask[place])));
        terms * tape.input_numbers([layout.rows()], weights)
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

    /// The sum divided by a count, such as that of the sequences of a batch of which this is a part. The divisor is an input, so
    /// that batches with other counts run the same program.
    #[track_caller]
    pub fn over(&self, count: usize) -> Var<'t> {
        self.sum * self.sum.tape().input_number(1.0 / count.max(1) as f64)
    }
}
