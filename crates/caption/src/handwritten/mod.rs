//! The forward and backward formulas of CS231n's captioning assignment, written out by hand.
//!
//! Here nothing is recorded and nothing is derived: each backward formula stands beside its forward formula as plain
//! loops over slices, as the assignment's students write them. They are the witness against which the gradients of
//! the tape are held, so they share no code with it. Arrays are row-major and batch-major, (N, T, D) for N sequences of
//! T vectors of D entries, as in the source: <https://cs231n.github.io/assignments2023/assignment3/>, files
//! `cs231n/layers.py`, `cs231n/rnn_layers.py` and `cs231n/classifiers/rnn.py`.
//!
//! Each pair takes its sizes and inputs as one struct. The forward formula returns what the backward formula needs; the
//! backward formula takes the inputs again, those values, and the upstream gradient, and returns a gradient for each
//! input. Matrix products alone go through [`Products`], so that a fast product can be put under the same formulas.
//! A length that does not fit its shape panics with the name of the array.
//!
//! | file | formulas |
//! |---|---|
//! | `affine`, `temporal_affine` | `x W + b`, for rows and for (N, T, D) |
//! | `embedding` | rows of a table, picked by index |
//! | `rnn` | one `tanh` step, and steps through time |
//! | `lstm` | one LSTM step, and steps through time |
//! | `temporal_softmax` | cross entropy over the steps that count |
//! | `captioning` | the loss of the captioner, composed of the others |

mod affine;
mod arrays;
mod captioning;
#[cfg(test)]
mod differences;
mod embedding;
mod lstm;
mod products;
mod rnn;
mod temporal_affine;
mod temporal_softmax;

pub use affine::{Affine, AffineGradients, affine_backward, affine_forward};
pub use captioning::{Captioning, CaptioningLoss, CaptioningSizes, Cell, PerParameter, captioning_loss};
pub use embedding::{WordEmbedding, word_embedding_backward, word_embedding_forward};
pub use lstm::{
    Lstm, LstmGradients, LstmStep, LstmStepGradients, LstmStepValues, LstmValues, lstm_backward,
    lstm_forward, lstm_step_backward, lstm_step_forward,
};
pub use products::{PlainLoops, Products};
pub use rnn::{
    Rnn, RnnGradients, RnnStep, RnnStepGradients, rnn_backward, rnn_forward, rnn_step_backward,
    rnn_step_forward,
};
pub use temporal_affine::{TemporalAffine, temporal_affine_backward, temporal_affine_forward};
pub use temporal_softmax::{TemporalSoftmax, TemporalSoftmaxLoss, temporal_softmax_loss};

use std::fmt::Debug;
use std::iter::Sum;

/// The numbers that the formulas are written in: `f32` and `f64`.
pub trait Real: num_traits::Float + num_traits::NumAssign + Sum + Debug {
    /// A count as a number, to divide by.
    fn of(count: usize) -> Self;
}

impl Real for f32 {
    fn of(count: usize) -> Self {
        count as f32
    }
}

impl Real for f64 {
    fn of(count: usize) -> Self {
        count as f64
    }
}

/// Someone who knows the backward formulas.
///
/// Whoever compares gradients asks a `&dyn Witness`, not the functions of this module, so that a test can put a witness
/// with one false statement in their place and see the comparison fail. An overridden method speaks for itself alone:
/// the formulas that are composed of others call those of this module.
///
/// ```
/// use caption::handwritten::{ByHand, Products, RnnStep, RnnStepGradients, Witness};
///
/// struct Liar;
/// impl Witness<f64> for Liar {
///     fn rnn_step_backward(&self, inputs: &RnnStep<f64>, next: &[f64], dnext: &[f64]) -> RnnStepGradients<f64> {
///         let mut gradients = ByHand.rnn_step_backward(inputs, next, dnext);
///         gradients.db.iter_mut().for_each(|db| *db = -*db);
///         gradients
///     }
/// }
///
/// let inputs = RnnStep { n: 1, d: 1, h: 1, x: &[1.0], prev_h: &[0.0], wx: &[0.0], wh: &[0.0], b: &[0.0] };
/// assert_eq!(ByHand.rnn_step_backward(&inputs, &[0.0], &[1.0]).db, [1.0]);
/// assert_eq!(Liar.rnn_step_backward(&inputs, &[0.0], &[1.0]).db, [-1.0]);
/// ```
pub trait Witness<F: Real> {
    /// What multiplies the matrices: plain loops, unless something faster is to be measured.
    fn products(&self) -> &dyn Products<F> {
        &PlainLoops
    }

    /// See [`affine_backward`].
    fn affine_backward(&self, inputs: &Affine<F>, dout: &[F]) -> AffineGradients<F> {
        affine_backward(self.products(), inputs, dout)
    }

    /// See [`word_embedding_backward`].
    fn word_embedding_backward(&self, inputs: &WordEmbedding<F>, dout: &[F]) -> Vec<F> {
        word_embedding_backward(inputs, dout)
    }

    /// See [`rnn_step_backward`].
    fn rnn_step_backward(&self, inputs: &RnnStep<F>, next: &[F], dnext: &[F]) -> RnnStepGradients<F> {
        rnn_step_backward(self.products(), inputs, next, dnext)
    }

    /// See [`rnn_backward`].
    fn rnn_backward(&self, inputs: &Rnn<F>, states: &[F], dstates: &[F]) -> RnnGradients<F> {
        rnn_backward(self.products(), inputs, states, dstates)
    }

    /// See [`lstm_step_backward`].
    fn lstm_step_backward(
        &self,
        inputs: &LstmStep<F>,
        values: &LstmStepValues<F>,
        dnext_h: &[F],
        dnext_c: &[F],
    ) -> LstmStepGradients<F> {
        lstm_step_backward(self.products(), inputs, values, dnext_h, dnext_c)
    }

    /// See [`lstm_backward`].
    fn lstm_backward(&self, inputs: &Lstm<F>, values: &LstmValues<F>, dstates: &[F]) -> LstmGradients<F> {
        lstm_backward(self.products(), inputs, values, dstates)
    }

    /// See [`temporal_affine_backward`].
    fn temporal_affine_backward(&self, inputs: &TemporalAffine<F>, dout: &[F]) -> AffineGradients<F> {
        temporal_affine_backward(self.products(), inputs, dout)
    }

    /// See [`temporal_softmax_loss`].
    fn temporal_softmax_loss(&self, inputs: &TemporalSoftmax<F>) -> TemporalSoftmaxLoss<F> {
        temporal_softmax_loss(inputs)
    }

    /// See [`captioning_loss`].
    fn captioning_loss(&self, inputs: &Captioning<F>) -> CaptioningLoss<F> {
        captioning_loss(self.products(), inputs)
    }
}

/// The witness that says what the formulas of this module say.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByHand;

impl<F: Real> Witness<F> for ByHand {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell as Counter;

    /// A witness that counts its matrix products and adds each from the last element to the first.
    #[derive(Default)]
    struct Counting(Counter<usize>);

    impl Counting {
        fn add(&self, c: &mut [f64], n: usize, product: impl Fn(usize, usize) -> f64) {
            self.0.set(self.0.get() + 1);
            for at in (0..c.len()).rev() {
                c[at] += product(at / n, at % n);
            }
        }
    }

    impl Products<f64> for Counting {
        fn ab(&self, _: usize, k: usize, n: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
            self.add(c, n, |row, column| (0..k).map(|s| a[row * k + s] * b[s * n + column]).sum());
        }
        fn atb(&self, m: usize, k: usize, n: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
            self.add(c, n, |row, column| (0..k).map(|s| a[s * m + row] * b[s * n + column]).sum());
        }
        fn abt(&self, _: usize, k: usize, n: usize, a: &[f64], b: &[f64], c: &mut [f64]) {
            self.add(c, n, |row, column| (0..k).map(|s| a[row * k + s] * b[column * k + s]).sum());
        }
    }

    impl Witness<f64> for Counting {
        fn products(&self) -> &dyn Products<f64> {
            self
        }
    }

    #[test]
    fn other_products_go_under_the_same_formulas() {
        let sizes = CaptioningSizes { n: 2, d: 3, w: 4, h: 5, v: 6, t: 4 };
        let mut draw = differences::Draw::new(0);
        let (features, captions) = (draw.array(6), draw.indices(8, 6));
        for cell in [Cell::Rnn, Cell::Lstm] {
            let parameters = sizes.lengths(cell).map(|length| draw.array(*length));
            let parameters = parameters.map(Vec::as_slice);
            let inputs = Captioning { cell, sizes, features: &features, captions: &captions, parameters };
            let counting = Counting::default();
            let (expected, found) = (ByHand.captioning_loss(&inputs), counting.captioning_loss(&inputs));
            // Two affine layers and, in each of three steps, two weights; each is one product forward, two backward.
            assert_eq!(counting.0.get(), 3 * (2 + 3 * 2));
            assert!((found.loss - expected.loss).abs() < 1e-12);
            for ((name, found), (_, expected)) in
                found.gradients.named().into_iter().zip(expected.gradients.named())
            {
                let same = found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-12);
                assert!(same, "{name}: {found:?}, expected {expected:?}");
            }
        }
    }
}
