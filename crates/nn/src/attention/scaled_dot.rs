//! Scaled dot-product attention (Vaswani et al., "Attention is all you need", 2017, <https://arxiv.org/abs/1706.03762>).
//!
//! ```text
//! q = query Wq    k_l = m_l Wk    v_l = m_l Wv        query (n, Q)   m (n, L, M)
//! s_l = q · k_l / sqrt(A)                             Wq (Q, A)   Wk (M, A)   Wv (M, V)
//! w = softmax(s)                                      over the entries there are
//! context = Σ_l w_l v_l                               context (n, V)   w (n, L)
//! ```

use tape::{Tape, Var};

use super::{Attention, Memory, masked_softmax, with_axis, without_axis};
use crate::init;
use crate::param::Param;
use crate::scope::Scope;

/// Attention by the product of query and keys.
///
/// ```
/// use nn::{Attention, Memory, Params, ScaledDotAttention};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F64);
/// let attention = ScaledDotAttention::new(params.scope("attention"), 5, 3, 8, 4);
///
/// // Two sequences, of which the second has a single entry to look at.
/// let tape = params.tape();
/// let memory = Memory::with_lengths(tape.number(1.0).expand([2, 6, 3]), &[6, 1]);
/// let (context, weights) = attention.attend(tape.number(1.0).expand([2, 5]), memory);
/// assert_eq!(context.shape().sizes()[..], [2, 4]);
/// assert_eq!(weights.value().to_f64()[6..], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ScaledDotAttention {
    /// From queries, (Q, A).
    pub wq: Param,
    /// From the memory to keys, (M, A).
    pub wk: Param,
    /// From the memory to values, (M, V).
    pub wv: Param,
}

impl ScaledDotAttention {
    /// Declares `wq`, `wk` and `wv`, normal with deviation `1 / sqrt(rows)`, for these widths Q, M, A and V.
    #[track_caller]
    pub fn new(
        mut scope: Scope<'_>,
        query: usize,
        memory: usize,
        keys: usize,
        values: usize,
    ) -> ScaledDotAttention {
        ScaledDotAttention {
            wq: scope.weight("wq", [query, keys], init::fan_in()),
            wk: scope.weight("wk", [memory, keys], init::fan_in()),
            wv: scope.weight("wv", [memory, values], init::fan_in()),
        }
    }
}

impl Attention for ScaledDotAttention {
    fn attend<'t>(&self, query: Var<'t>, memory: Memory<'t>) -> (Var<'t>, Var<'t>) {
        let Memory { values, mask } = memory;
        let query = with_axis(query.dot(self.wq), 1);
        let weights = scaled_dot_weights(query, values.dot(self.wk), with_axis(mask, 1));
        let context = weights.dot(values.dot(self.wv));
        (without_axis(context, 1), without_axis(weights, 1))
    }

    fn memory_width(&self, tape: &Tape) -> usize {
        self.wk.on(tape).dim(0).at(0)
    }
}

/// The weights (…, T, L) with which queries (…, T, A) look at keys (…, L, A): `softmax(q kᵀ / sqrt(A))`, with a mask of
/// ones and zeros that is repeated to (…, T, L).
#[track_caller]
pub fn scaled_dot_weights<'t>(queries: Var<'t>, keys: Var<'t>, mask: Var<'t>) -> Var<'t> {
    let width = keys.shape().last().at(0) as f64;
    masked_softmax(queries.dot(keys.t()) * width.sqrt().recip(), mask)
}
