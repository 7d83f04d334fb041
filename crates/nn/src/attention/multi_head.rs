//! Attention by several heads, over the steps before or over a memory (Vaswani et al., "Attention is all you need", 2017,
//! <https://arxiv.org/abs/1706.03762>).
//!
//! ```text
//! q_t = x_t Wq + bq    k_l = m_l Wk + bk    v_l = m_l Wv + bv        each cut in h heads of width d = D / h
//! w[t, l] = softmax_l(q_t · k_l / sqrt(d))                           for each head
//! y_t = [Σ_l w[t, l] v_l of each head] Wo + bo
//!
//! x, y (N, T, D)   m (N, L, M)   Wq, Wo (D, D)   Wk, Wv (M, D)   biases (D)   w (N, h, T, L)
//! ```
//!
//! In causal attention m is x, and a step sees itself and those before it. Padding comes after them, so that lengths need
//! no mask there; the weights of steps beyond a sequence's end mean nothing. Dropout falls on the weights, as in CS231n and
//! PyTorch.

use tape::{Shape, Var};

use super::{Memory, scaled_dot_weights, with_axis};
use crate::affine::Affine;
use crate::dropout::Dropout;
use crate::pytorch::{Mapping, PyTorch, within};
use crate::scope::Scope;
use crate::sequence::Sequence;

/// Attention by several heads.
///
/// ```
/// use nn::{Layout, Memory, MultiHeadAttention, Params, Sequence};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let attention = MultiHeadAttention::new(params.scope("attention"), 8, 8, 2, 0.1);
///
/// let tape = params.tape();
/// let x = Sequence::pack(tape.number(1.0).expand([2, 4, 8]), &Layout::new(4, &[4, 3]));
/// let (y, weights) = attention.causal(&x);
/// assert_eq!(y.to_padded().shape().sizes()[..], [2, 4, 8]);
/// assert_eq!(weights.shape().sizes()[..], [2, 2, 4, 4]);
///
/// // Each step sees all steps of its sequence, as in an encoder.
/// let (y, _) = attention.over(&x, Memory::of(&x));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MultiHeadAttention {
    /// To queries, from D to D.
    pub q: Affine,
    /// To keys, from M to D.
    pub k: Affine,
    /// To values, from M to D.
    pub v: Affine,
    /// From the heads side by side to the output, from D to D.
    pub out: Affine,
    /// The number of heads, h.
    pub heads: usize,
    /// What falls on the weights.
    pub dropout: Dropout,
}

impl MultiHeadAttention {
    /// Declares the affine maps `q`, `k`, `v` and `out` for a width D and a memory of width M, which is D where a
    /// sequence looks at itself.
    ///
    /// # Panics
    /// If the heads do not divide the width, or the rate is not one of [`Dropout`].
    #[track_caller]
    pub fn new(
        mut scope: Scope<'_>,
        width: usize,
        memory: usize,
        heads: usize,
        dropout: f64,
    ) -> MultiHeadAttention {
        let divides = heads > 0 && width.is_multiple_of(heads);
        assert!(divides, "{heads} heads do not share a width of {width} evenly");
        MultiHeadAttention {
            q: Affine::new(scope.scope("q"), width, width),
            k: Affine::new(scope.scope("k"), memory, width),
            v: Affine::new(scope.scope("v"), memory, width),
            out: Affine::new(scope.scope("out"), width, width),
            heads,
            dropout: Dropout::new(dropout),
        }
    }

    /// Each step over itself and the steps before it: the outputs, and the weights (N, h, T, T) for the T steps of the
    /// longest sequence.
    #[track_caller]
    pub fn causal<'t>(&self, x: &Sequence<'t>) -> (Sequence<'t>, Var<'t>) {
        let steps = x.layout.tight().steps();
        let seen = (0..steps).flat_map(|t| (0..steps).map(move |l| f64::from(u8::from(l <= t))));
        let mask = x.rows.tape().input_numbers([steps, steps], seen);
        let (keys, values) = (self.padded(self.k, x), self.padded(self.v, x));
        self.whole(x, [keys, values], mask)
    }

    /// Each step over a memory of its sequence: the outputs, and the weights (N, h, T, L) for the T steps of the longest
    /// sequence.
    ///
    /// # Panics
    /// If there is not a memory for each sequence, or it has another width.
    #[track_caller]
    pub fn over<'t>(&self, x: &Sequence<'t>, memory: Memory<'t>) -> (Sequence<'t>, Var<'t>) {
        let (shape, sequences) = (memory.values.shape(), x.layout.sequences());
        assert!(shape.dim(0) == sequences, "a memory of {shape} for {sequences} sequences");
        self.whole(x, self.keys_and_values(memory.values), for_heads(memory.mask))
    }

    /// One row for each sequence, (n, D), over keys and values (n, h, L, d) with a mask (n, L): outputs (n, D), and the
    /// weights (n, h, 1, L).
    #[track_caller]
    pub(crate) fn step<'t>(&self, x: Var<'t>, kept: [Var<'t>; 2], mask: Var<'t>) -> (Var<'t>, Var<'t>) {
        let queries = self.split(with_axis(self.q.apply(x), 1));
        let (mixed, weights) = self.mix(queries, kept, for_heads(mask));
        (self.out.apply(mixed.reshape(x.shape())), weights)
    }

    /// Keys and values (n, h, L, d) with those of one more row (n, D) at a place (n, L), a one among zeros.
    #[track_caller]
    pub(crate) fn remember<'t>(&self, x: Var<'t>, kept: [Var<'t>; 2], place: Var<'t>) -> [Var<'t>; 2] {
        let place = with_axis(with_axis(place, 1), 3);
        let [key, value] = self.keys_and_values(with_axis(x, 1));
        [kept[0] + place * key, kept[1] + place * value]
    }

    /// Keys and values (n, h, L, d) of entries (n, L, M).
    #[track_caller]
    pub(crate) fn keys_and_values<'t>(&self, entries: Var<'t>) -> [Var<'t>; 2] {
        [self.split(self.k.apply(entries)), self.split(self.v.apply(entries))]
    }

    /// From steps over keys and values (N, h, L, d) to outputs and weights.
    #[track_caller]
    fn whole<'t>(&self, x: &Sequence<'t>, kept: [Var<'t>; 2], mask: Var<'t>) -> (Sequence<'t>, Var<'t>) {
        let (mixed, weights) = self.mix(self.padded(self.q, x), kept, mask);
        let rows = Sequence::pack(mixed, &x.layout.tight()).rows;
        (Sequence::new(self.out.apply(rows), &x.layout), weights)
    }

    /// From queries (n, h, T, d) and keys and values (n, h, L, d) the heads side by side, (n, T, D), and the weights.
    #[track_caller]
    fn mix<'t>(&self, queries: Var<'t>, [keys, values]: [Var<'t>; 2], mask: Var<'t>) -> (Var<'t>, Var<'t>) {
        let weights = scaled_dot_weights(queries, keys, mask);
        let mixed = self.dropout.apply(weights).dot(values).transpose(&[0, 2, 1, 3]);
        let shape = mixed.shape();
        let width = shape.dim(2).at(0) * shape.dim(3).at(0);
        (mixed.reshape([shape.dim(0), shape.dim(1), width.into()]), weights)
    }

    /// The heads (N, h, T, d) that a map makes of steps, padded as far as the longest sequence.
    #[track_caller]
    fn padded<'t>(&self, map: Affine, x: &Sequence<'t>) -> Var<'t> {
        self.split(Sequence::new(map.apply(x.rows), &x.layout.tight()).to_padded())
    }

    /// The heads (n, h, L, d) of rows (n, L, D).
    #[track_caller]
    fn split<'t>(&self, rows: Var<'t>) -> Var<'t> {
        let shape = rows.shape();
        let width = shape.last().at(0) / self.heads;
        let cut: Shape = [shape.dim(0), shape.dim(1), self.heads.into(), width.into()].into();
        rows.reshape(cut).transpose(&[0, 2, 1, 3])
    }
}

/// A mask (n, L) for all heads and steps, (n, 1, 1, L).
#[track_caller]
fn for_heads(mask: Var<'_>) -> Var<'_> {
    with_axis(with_axis(mask, 1), 1)
}

/// `nn.MultiheadAttention`, with a memory of width D.
impl PyTorch for MultiHeadAttention {
    fn mappings(&self) -> Vec<Mapping> {
        let MultiHeadAttention { q, k, v, out, .. } = self;
        let joined = vec![
            Mapping::new("in_proj_weight", [q.w, k.w, v.w]),
            Mapping::new("in_proj_bias", [q.b, k.b, v.b]),
        ];
        [joined, within("out_proj", out)].concat()
    }
}
