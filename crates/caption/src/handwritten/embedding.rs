//! `out[n, t] = W[x[n, t]]`: rows of a table picked by index. The gradient adds each row back to where it came from.

use super::Real;
use super::arrays::{add, expect_indices, expect_len, zeros};

/// What a word embedding reads.
#[derive(Debug, Clone, Copy)]
pub struct WordEmbedding<'a, F> {
    /// Sequences of the batch, N.
    pub n: usize,
    /// Time steps, T.
    pub t: usize,
    /// Words of the vocabulary, V.
    pub v: usize,
    /// Entries of a word vector, D.
    pub d: usize,
    /// Words as vocabulary indices, (N, T).
    pub x: &'a [i32],
    /// A vector for each word, (V, D).
    pub w: &'a [F],
}

impl<F> WordEmbedding<'_, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.t]);
        expect_len("w", self.w, &[self.v, self.d]);
        expect_indices("x", self.x, self.v);
    }
}

/// `out[n, t] = W[x[n, t]]`, (N, T, D).
///
/// CS231n `rnn_layers.py`, `word_embedding_forward`.
pub fn word_embedding_forward<F: Real>(inputs: &WordEmbedding<F>) -> Vec<F> {
    inputs.expect_lengths();
    let WordEmbedding { d, x, w, .. } = *inputs;
    x.iter().flat_map(|word| w[*word as usize * d..][..d].iter().copied()).collect()
}

/// `dW[x[n, t]] += dout[n, t]`, (V, D): a word that occurs twice gets both gradients. `dout` is (N, T, D).
///
/// CS231n `rnn_layers.py`, `word_embedding_backward`.
pub fn word_embedding_backward<F: Real>(inputs: &WordEmbedding<F>, dout: &[F]) -> Vec<F> {
    inputs.expect_lengths();
    let WordEmbedding { n, t, v, d, x, .. } = *inputs;
    expect_len("dout", dout, &[n, t, d]);
    let mut dw = zeros(v * d);
    for (position, word) in x.iter().enumerate() {
        add(&mut dw[*word as usize * d..][..d], &dout[position * d..][..d]);
    }
    dw
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::differences::{Draw, agree, dot};

    #[test]
    fn gradients_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, t, v, d] = draw.sizes();
            let (x, w, dout) = (draw.indices(n * t, v), draw.array(v * d), draw.array(n * t * d));
            let dw = word_embedding_backward(&WordEmbedding { n, t, v, d, x: &x, w: &w }, &dout);
            agree("dw", &dw, &w, |w| {
                dot(&word_embedding_forward(&WordEmbedding { n, t, v, d, x: &x, w }), &dout)
            });
        }
    }

    #[test]
    fn a_word_that_occurs_twice_gets_both_gradients() {
        let inputs = WordEmbedding { n: 1, t: 3, v: 2, d: 1, x: &[1, 0, 1], w: &[0.0, 0.0] };
        assert_eq!(word_embedding_backward(&inputs, &[1.0, 10.0, 100.0]), [10.0, 101.0]);
    }

    #[test]
    #[should_panic(expected = "`x` holds the index 2, which is none of 2 rows")]
    fn an_index_outside_the_table_is_named() {
        word_embedding_forward(&WordEmbedding { n: 1, t: 1, v: 2, d: 1, x: &[2], w: &[0.0, 0.0] });
    }
}
