//! The loss of the captioner and all eight gradients, composed of the other formulas.
//!
//! ```text
//! h0     = features W_proj + b_proj
//! x      = W_embed[captions without the last word]
//! h      = RNN(x, h0) or LSTM(x, h0)
//! scores = h W_vocab + b_vocab
//! loss   = cross entropy of scores against captions without the first word, where that is not <NULL>
//! ```
//!
//! Backward goes through the same lines from the last to the first.

use super::arrays::{expect_indices, expect_len};
use super::{
    Affine, Lstm, Products, Real, Rnn, TemporalAffine, TemporalSoftmax, WordEmbedding, affine_backward,
    affine_forward, lstm_backward, lstm_forward, rnn_backward, rnn_forward, temporal_affine_backward,
    temporal_affine_forward, temporal_softmax_loss, word_embedding_backward, word_embedding_forward,
};
use crate::data::NULL;

/// What carries a captioner from word to word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The `tanh` recurrence.
    Rnn,
    /// Long short-term memory.
    Lstm,
}

impl Cell {
    /// How many blocks of H the weights of this cell have: 1 or 4.
    pub fn blocks(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Lstm => 4,
        }
    }
}

/// The sizes of a captioner and its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptioningSizes {
    /// Pictures of the batch, N.
    pub n: usize,
    /// Entries of a picture's features, D.
    pub d: usize,
    /// Entries of a word vector, W.
    pub w: usize,
    /// Entries of the state, H.
    pub h: usize,
    /// Words of the vocabulary, V.
    pub v: usize,
    /// Words of a caption, padding included, T.
    pub t: usize,
}

impl CaptioningSizes {
    /// How many elements each parameter has.
    pub fn lengths(&self, cell: Cell) -> PerParameter<usize> {
        let CaptioningSizes { d, w, h, v, .. } = *self;
        let k = cell.blocks();
        PerParameter {
            w_proj: d * h,
            b_proj: h,
            w_embed: v * w,
            wx: w * k * h,
            wh: h * k * h,
            b: k * h,
            w_vocab: h * v,
            b_vocab: v,
        }
    }
}

/// Something for each of the captioner's eight parameters; k is 1 for the RNN and 4 for the LSTM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerParameter<T> {
    /// Weights from features to the first state, (D, H).
    pub w_proj: T,
    /// Bias of the first state, (H).
    pub b_proj: T,
    /// A vector for each word, (V, W).
    pub w_embed: T,
    /// Weights from a word vector to the state, (W, kH).
    pub wx: T,
    /// Weights from state to state, (H, kH).
    pub wh: T,
    /// Bias of the recurrence, (kH).
    pub b: T,
    /// Weights from the state to scores, (H, V).
    pub w_vocab: T,
    /// Bias of the scores, (V).
    pub b_vocab: T,
}

impl<T> PerParameter<T> {
    /// Each with the name that the assignment gives it.
    pub fn named(&self) -> [(&'static str, &T); 8] {
        [
            ("W_proj", &self.w_proj),
            ("b_proj", &self.b_proj),
            ("W_embed", &self.w_embed),
            ("Wx", &self.wx),
            ("Wh", &self.wh),
            ("b", &self.b),
            ("W_vocab", &self.w_vocab),
            ("b_vocab", &self.b_vocab),
        ]
    }

    /// The same for each parameter.
    pub fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> PerParameter<U> {
        PerParameter {
            w_proj: f(&self.w_proj),
            b_proj: f(&self.b_proj),
            w_embed: f(&self.w_embed),
            wx: f(&self.wx),
            wh: f(&self.wh),
            b: f(&self.b),
            w_vocab: f(&self.w_vocab),
            b_vocab: f(&self.b_vocab),
        }
    }
}

/// What the captioner's loss reads.
#[derive(Debug, Clone, Copy)]
pub struct Captioning<'a, F> {
    /// What carries it from word to word.
    pub cell: Cell,
    /// All sizes.
    pub sizes: CaptioningSizes,
    /// Features of the pictures, (N, D).
    pub features: &'a [F],
    /// Captions as vocabulary indices, (N, T), padded with `<NULL>`.
    pub captions: &'a [i32],
    /// The parameters, row-major.
    pub parameters: PerParameter<&'a [F]>,
}

impl<F> Captioning<'_, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        let CaptioningSizes { n, d, v, t, .. } = self.sizes;
        assert!(t > 0, "a caption has at least its first word, so `t` is at least 1");
        expect_len("features", self.features, &[n, d]);
        expect_len("captions", self.captions, &[n, t]);
        expect_indices("captions", self.captions, v);
        let lengths = self.sizes.lengths(self.cell);
        for ((name, parameter), (_, length)) in self.parameters.named().into_iter().zip(lengths.named()) {
            expect_len(name, parameter, &[*length]);
        }
    }
}

/// The captioner's loss and the gradients of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptioningLoss<F> {
    /// Cross entropy summed over the words that are not `<NULL>`, divided by N.
    pub loss: F,
    /// The gradient of each parameter, of its shape.
    pub gradients: PerParameter<Vec<F>>,
}

/// The loss of a batch of captions and the gradients of all parameters.
///
/// CS231n `classifiers/rnn.py`, `CaptioningRNN.loss`.
pub fn captioning_loss<F: Real>(products: &dyn Products<F>, inputs: &Captioning<F>) -> CaptioningLoss<F> {
    inputs.expect_lengths();
    let CaptioningSizes { n, d, w, h, v, t } = inputs.sizes;
    let Captioning { features, captions, parameters, .. } = *inputs;
    let steps = t - 1;
    let read: Vec<i32> = captions.chunks(t).flat_map(|caption| &caption[..steps]).copied().collect();
    let predict: Vec<i32> = captions.chunks(t).flat_map(|caption| &caption[1..]).copied().collect();
    let mask: Vec<bool> = predict.iter().map(|word| *word != NULL).collect();

    let project = Affine { n, d, m: h, x: features, w: parameters.w_proj, b: parameters.b_proj };
    let h0 = affine_forward(products, &project);
    let embed = WordEmbedding { n, t: steps, v, d: w, x: &read, w: parameters.w_embed };
    let x = word_embedding_forward(&embed);

    let (wx, wh, b) = (parameters.wx, parameters.wh, parameters.b);
    let rnn = Rnn { n, t: steps, d: w, h, x: &x, h0: &h0, wx, wh, b };
    let lstm = Lstm { n, t: steps, d: w, h, x: &x, h0: &h0, wx, wh, b };
    let score = |states: &[F]| {
        let to_words = TemporalAffine {
            n,
            t: steps,
            d: h,
            m: v,
            x: states,
            w: parameters.w_vocab,
            b: parameters.b_vocab,
        };
        let scores = temporal_affine_forward(products, &to_words);
        let softmax =
            temporal_softmax_loss(&TemporalSoftmax { n, t: steps, v, x: &scores, y: &predict, mask: &mask });
        (softmax.loss, temporal_affine_backward(products, &to_words, &softmax.dx))
    };
    let (loss, vocab, dx, dh0, dwx, dwh, db) = match inputs.cell {
        Cell::Rnn => {
            let states = rnn_forward(products, &rnn);
            let (loss, vocab) = score(&states);
            let back = rnn_backward(products, &rnn, &states, &vocab.dx);
            (loss, vocab, back.dx, back.dh0, back.dwx, back.dwh, back.db)
        }
        Cell::Lstm => {
            let values = lstm_forward(products, &lstm);
            let (loss, vocab) = score(&values.states);
            let back = lstm_backward(products, &lstm, &values, &vocab.dx);
            (loss, vocab, back.dx, back.dh0, back.dwx, back.dwh, back.db)
        }
    };

    let w_embed = word_embedding_backward(&embed, &dx);
    let project = affine_backward(products, &project, &dh0);
    CaptioningLoss {
        loss,
        gradients: PerParameter {
            w_proj: project.dw,
            b_proj: project.db,
            w_embed,
            wx: dwx,
            wh: dwh,
            b: db,
            w_vocab: vocab.dw,
            b_vocab: vocab.db,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::PlainLoops;
    use crate::handwritten::differences::{Draw, agree};

    /// Calls `check` with random sizes, features, captions and parameters for both cells.
    fn for_random_captioners(
        mut check: impl FnMut(Cell, CaptioningSizes, &[f64], &[i32], &PerParameter<Vec<f64>>),
    ) {
        for (seed, cell) in (0..4).flat_map(|seed| [(seed, Cell::Rnn), (seed, Cell::Lstm)]) {
            let mut draw = Draw::new(seed);
            let [n, d, w, h, v, t] = draw.sizes();
            let sizes = CaptioningSizes { n, d, w, h, v: v + 1, t: t + 1 };
            let (features, captions) = (draw.array(n * d), draw.indices(n * sizes.t, sizes.v));
            check(cell, sizes, &features, &captions, &sizes.lengths(cell).map(|length| draw.array(*length)));
        }
    }

    #[test]
    fn all_eight_gradients_agree_with_differences() {
        for_random_captioners(|cell, sizes, features, captions, parameters| {
            let at =
                Captioning { cell, sizes, features, captions, parameters: parameters.map(Vec::as_slice) };
            let gradients = captioning_loss(&PlainLoops, &at).gradients;
            let value = |parameters: PerParameter<&[f64]>| {
                captioning_loss(&PlainLoops, &Captioning { parameters, ..at }).loss
            };
            let p = at.parameters;
            agree("W_proj", &gradients.w_proj, p.w_proj, |w_proj| value(PerParameter { w_proj, ..p }));
            agree("b_proj", &gradients.b_proj, p.b_proj, |b_proj| value(PerParameter { b_proj, ..p }));
            agree("W_embed", &gradients.w_embed, p.w_embed, |w_embed| value(PerParameter { w_embed, ..p }));
            agree("Wx", &gradients.wx, p.wx, |wx| value(PerParameter { wx, ..p }));
            agree("Wh", &gradients.wh, p.wh, |wh| value(PerParameter { wh, ..p }));
            agree("b", &gradients.b, p.b, |b| value(PerParameter { b, ..p }));
            agree("W_vocab", &gradients.w_vocab, p.w_vocab, |w_vocab| value(PerParameter { w_vocab, ..p }));
            agree("b_vocab", &gradients.b_vocab, p.b_vocab, |b_vocab| value(PerParameter { b_vocab, ..p }));
        });
    }

    #[test]
    fn single_precision_says_the_same() {
        let narrow = |array: &[f64]| array.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        for_random_captioners(|cell, sizes, features, captions, parameters| {
            let in_double =
                Captioning { cell, sizes, features, captions, parameters: parameters.map(Vec::as_slice) };
            let in_double = captioning_loss(&PlainLoops, &in_double);
            let (features, parameters) = (&*narrow(features), parameters.map(|array| narrow(array)));
            let in_single =
                Captioning { cell, sizes, features, captions, parameters: parameters.map(Vec::as_slice) };
            let in_single = captioning_loss(&PlainLoops, &in_single);
            assert!((in_double.loss - f64::from(in_single.loss)).abs() < 1e-5 * in_double.loss.max(1.0));
            for ((name, double), (_, single)) in
                in_double.gradients.named().into_iter().zip(in_single.gradients.named())
            {
                for (double, single) in double.iter().zip(single) {
                    assert!((double - f64::from(*single)).abs() < 1e-5, "{name}: {double} and {single}");
                }
            }
        });
    }

    #[test]
    fn captions_of_padding_cost_nothing() {
        let sizes = CaptioningSizes { n: 2, d: 1, w: 1, h: 1, v: 2, t: 3 };
        let ones = sizes.lengths(Cell::Rnn).map(|length| vec![1.0_f64; *length]);
        let loss = captioning_loss(
            &PlainLoops,
            &Captioning {
                cell: Cell::Rnn,
                sizes,
                features: &[1.0; 2],
                captions: &[NULL; 6],
                parameters: ones.map(Vec::as_slice),
            },
        );
        assert_eq!(loss.loss, 0.0);
        assert!(
            loss.gradients.named().iter().all(|(_, gradient)| gradient.iter().all(|entry| *entry == 0.0))
        );
    }
}
