//! Attention: a weighted mean of what a memory holds, by how well each of its entries answers a query.
//!
//! ```text
//! w = softmax(s + (mask - 1) 1e30) mask        scores s, weights w (…, L)
//! context = Σ_l w_l values_l                   values (…, L, V)   context (…, V)
//! ```
//!
//! The mask is 1 where there is an entry and 0 where there is padding. The large number takes padding out of the
//! softmax, to the last bit. Where all is padding it leaves equal weights, which the factor makes zero: then the context
//! is zero, and no gradient reaches the memory.

mod additive;
mod attentive;
mod memory;
mod multi_head;
mod scaled_dot;

pub use additive::AdditiveAttention;
pub use attentive::Attentive;
pub use memory::Memory;
pub use multi_head::MultiHeadAttention;
pub use scaled_dot::{ScaledDotAttention, scaled_dot_weights};

use tape::{Dim, Shape, Tape, Var};

/// How a query looks at a memory.
pub trait Attention {
    /// From queries (n, Q) and a memory with values (n, L, M) the contexts (n, V) and the weights (n, L).
    fn attend<'t>(&self, query: Var<'t>, memory: Memory<'t>) -> (Var<'t>, Var<'t>);

    /// The width M of the memory that it looks at.
    fn memory_width(&self, tape: &Tape) -> usize;
}

/// The weights of scores (…, L) with a mask of ones and zeros that is repeated to their shape: each row adds up to one, or
/// is zero where its mask is.
#[track_caller]
pub fn masked_softmax<'t>(scores: Var<'t>, mask: Var<'t>) -> Var<'t> {
    (scores + (mask - 1.0) * 1e30).softmax() * mask
}

/// The same elements with an axis of extent 1 before this one.
#[track_caller]
fn with_axis(value: Var<'_>, axis: usize) -> Var<'_> {
    let shape = value.shape();
    let (before, after) = shape.dims().split_at(axis);
    value.reshape(before.iter().copied().chain([Dim::new(1)]).chain(after.iter().copied()).collect::<Shape>())
}

/// The same elements without an axis, whose extent is 1.
#[track_caller]
fn without_axis(value: Var<'_>, axis: usize) -> Var<'_> {
    let shape = value.shape();
    let (before, after) = (&shape.dims()[..axis], &shape.dims()[axis + 1..]);
    value.reshape(before.iter().chain(after).copied().collect::<Shape>())
}
