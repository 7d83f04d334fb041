//! Additive attention (Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate",
//! 2015, <https://arxiv.org/abs/1409.0473>).
//!
//! ```text
//! s_l = v · tanh(query Wq + m_l Wk)        query (n, Q)   m (n, L, M)   Wq (Q, A)   Wk (M, A)   v (A, 1)
//! w = softmax(s)                           over the entries there are
//! context = Σ_l w_l m_l                    context (n, M)   w (n, L)
//! ```

use tape::{Tape, Var};

use super::{Attention, Memory, masked_softmax, with_axis, without_axis};
use crate::init;
use crate::param::Param;
use crate::scope::Scope;

/// Attention by a small network that sees query and entry.
#[derive(Clone, Copy, Debug)]
pub struct AdditiveAttention {
    /// From queries, (Q, A).
    pub wq: Param,
    /// From the memory, (M, A).
    pub wk: Param,
    /// From what both make to a score, (A, 1).
    pub v: Param,
}

impl AdditiveAttention {
    /// Declares `wq`, `wk` and `v`, normal with deviation `1 / sqrt(rows)`, for these widths Q, M and A.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, query: usize, memory: usize, hidden: usize) -> AdditiveAttention {
        AdditiveAttention {
            wq: scope.weight("wq", [query, hidden], init::fan_in()),
            wk: scope.weight("wk", [memory, hidden], init::fan_in()),
            v: scope.weight("v", [hidden, 1], init::fan_in()),
        }
    }
}

impl Attention for AdditiveAttention {
    fn attend<'t>(&self, query: Var<'t>, memory: Memory<'t>) -> (Var<'t>, Var<'t>) {
        let Memory { values, mask } = memory;
        let seen = (with_axis(query.dot(self.wq), 1) + values.dot(self.wk)).tanh();
        let weights = masked_softmax(without_axis(seen.dot(self.v), 2), mask);
        let context = with_axis(weights, 1).dot(values);
        (without_axis(context, 1), weights)
    }

    fn memory_width(&self, tape: &Tape) -> usize {
        self.wk.on(tape).dim(0).at(0)
    }
}
