//! From outputs to scores of words.
//!
//! ```text
//! s = y Wv + bv        y (…, O)   Wv (O, V)   bv (V)   s (…, V)
//! s = y Weᵀ + bv       tied: We (V, W) are the words' vectors, and O is W
//! ```
//!
//! Where they are tied, a word's vector learns from where the word is read and from where it is said (Press and Wolf,
//! "Using the output embedding to improve language models", 2017, <https://arxiv.org/abs/1608.05859>).

use nn::{Affine, Embedding, Params, init};
use tape::{Tensor, Var};

/// A score for each word.
#[derive(Clone, Copy, Debug)]
pub struct WordScores {
    /// The map; where scores are tied, its `w` is the table of the words' vectors, which lies the other way.
    pub affine: Affine,
    /// Whether they are tied.
    pub tied: bool,
}

impl WordScores {
    /// Declares `scores/w` (O, V) and `scores/b` (V).
    #[track_caller]
    pub fn new(params: &mut Params, outputs: usize, words: usize) -> WordScores {
        WordScores { affine: Affine::new(params.scope("scores"), outputs, words), tied: false }
    }

    /// Declares `scores/b` (V), for scores that are tied to the words' vectors.
    ///
    /// # Panics
    /// If the outputs are not as wide as the vectors.
    #[track_caller]
    pub fn tied_to(params: &mut Params, outputs: usize, embed: Embedding) -> WordScores {
        let sizes = params[embed.w].shape().sizes();
        let (words, width) = (sizes[0], sizes[1]);
        assert!(
            outputs == width,
            "outputs of width {outputs} do not fit words' vectors of width {width}, to which their scores are tied"
        );
        let b = params.scope("scores").weight("b", [words], init::zeros());
        WordScores { affine: Affine { w: embed.w, b }, tied: true }
    }

    /// From outputs (…, O) to scores (…, V).
    #[track_caller]
    pub fn apply<'t>(&self, y: Var<'t>) -> Var<'t> {
        if self.tied {
            y.dot(self.affine.w.on(y.tape()).transpose(&[1, 0])) + self.affine.b
        } else {
            self.affine.apply(y)
        }
    }

    /// Starts `b` from the logarithms of how frequent the words are, so that scores of nothing are those of the language
    /// without pictures: the first steps need not learn that (Karpathy's NeuralTalk does so). A word that never comes
    /// counts as if it had come once.
    ///
    /// # Panics
    /// If there is not a count for each word.
    #[track_caller]
    pub fn start_from_counts(&self, params: &mut Params, counts: &[u64]) {
        let counts: Vec<f64> = counts.iter().map(|count| (*count).max(1) as f64).collect();
        let total: f64 = counts.iter().sum();
        let logarithms: Vec<f64> = counts.iter().map(|count| (count / total).ln()).collect();
        let bias = Tensor::from_f64(params.dtype(), [logarithms.len()], &logarithms);
        params.write(self.affine.b, bias.slice());
    }
}
