//! Cross entropy over the time steps that count.
//!
//! With `p = softmax(x)` over the vocabulary, `loss = -1/N Σₙₜ mask[n, t] log p[n, t, y[n, t]]`: a sum over steps and a
//! mean over sequences, so a longer caption weighs more. The gradient is `dx = mask (p - onehot(y)) / N`.

use super::Real;
use super::arrays::{expect_indices, expect_len, zeros};

/// What the loss reads.
#[derive(Debug, Clone, Copy)]
pub struct TemporalSoftmax<'a, F> {
    /// Sequences of the batch, N.
    pub n: usize,
    /// Time steps, T.
    pub t: usize,
    /// Words of the vocabulary, V.
    pub v: usize,
    /// Scores (N, T, V).
    pub x: &'a [F],
    /// The right words as vocabulary indices, (N, T).
    pub y: &'a [i32],
    /// Whether a step counts, (N, T).
    pub mask: &'a [bool],
}

/// The loss and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct TemporalSoftmaxLoss<F> {
    /// Cross entropy summed over the steps that count, divided by N.
    pub loss: F,
    /// The gradient of the scores, (N, T, V).
    pub dx: Vec<F>,
}

/// `loss = -1/N Σ mask log softmax(x)[y]` and `dx = mask (softmax(x) - onehot(y)) / N`.
///
/// CS231n `rnn_layers.py`, `temporal_softmax_loss`. The largest score is subtracted first, which changes nothing but
/// keeps the exponentials finite.
pub fn temporal_softmax_loss<F: Real>(inputs: &TemporalSoftmax<F>) -> TemporalSoftmaxLoss<F> {
    let TemporalSoftmax { n, t, v, x, y, mask } = *inputs;
    expect_len("x", x, &[n, t, v]);
    expect_len("y", y, &[n, t]);
    expect_len("mask", mask, &[n, t]);
    expect_indices("y", y, v);
    let (mut loss, mut dx) = (F::zero(), zeros(n * t * v));
    for step in (0..n * t).filter(|step| mask[*step]) {
        let scores = &x[step * v..][..v];
        let right = y[step] as usize;
        let largest = scores.iter().copied().fold(F::neg_infinity(), F::max);
        let total: F = scores.iter().map(|score| (*score - largest).exp()).sum();
        loss += total.ln() - (scores[right] - largest);
        let dx = &mut dx[step * v..][..v];
        for (word, score) in scores.iter().enumerate() {
            dx[word] = (*score - largest).exp() / total / F::of(n);
        }
        dx[right] -= F::one() / F::of(n);
    }
    TemporalSoftmaxLoss { loss: loss / F::of(n.max(1)), dx }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::differences::{Draw, agree};

    #[test]
    fn gradients_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, t, v] = draw.sizes();
            let (x, y) = (draw.array(n * t * v), draw.indices(n * t, v));
            let mask: Vec<bool> = draw.indices(n * t, 2).iter().map(|bit| *bit == 1).collect();
            let at = TemporalSoftmax { n, t, v, x: &x, y: &y, mask: &mask };
            agree("dx", &temporal_softmax_loss(&at).dx, &x, |x| {
                temporal_softmax_loss(&TemporalSoftmax { x, ..at }).loss
            });
        }
    }

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_vocabulary_for_each_step_that_counts() {
        // Three of the four steps count and there are two sequences: 3 ln 10 / 2.
        let (x, y, mask) = ([5.0_f64; 40], [0, 3, 9, 1], [true, false, true, true]);
        let loss =
            temporal_softmax_loss(&TemporalSoftmax { n: 2, t: 2, v: 10, x: &x, y: &y, mask: &mask }).loss;
        assert!((loss - 1.5 * 10_f64.ln()).abs() < 1e-14, "{loss}");
    }

    #[test]
    fn scores_far_apart_stay_finite() {
        let inputs = TemporalSoftmax { n: 1, t: 1, v: 2, x: &[1000.0_f32, -1000.0], y: &[1], mask: &[true] };
        assert_eq!(temporal_softmax_loss(&inputs), TemporalSoftmaxLoss { loss: 2000.0, dx: vec![1.0, -1.0] });
    }
}
