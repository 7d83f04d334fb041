//! A cell that looks at a memory at every step, with what it knows so far (Bahdanau et al., 2015, and for pictures Xu et al.,
//! "Show, attend and tell", 2015, <https://arxiv.org/abs/1502.03044>).
//!
//! ```text
//! context, w = attention(h, memory)              h (n, H)   memory (n, L, M)   context (n, V)   w (n, L)
//! (state', y) = cell(state, [x, context])        x (n, D)
//! ```
//!
//! h is the first part of the cell's state. The memory is a part of the state too, and handed on as it is, so that what
//! is made of it alone, such as its keys, is computed once and not in every step.

use tape::{Bundle, Var, concat, scan};

use super::{Attention, Memory};
use crate::cell::{Cell, each_part};
use crate::sequence::Sequence;

/// A cell whose inputs are widened by a context; its state is the cell's own and the memory.
///
/// From a hidden state alone it starts with an empty memory, whose context is zero. To give it one, build the state by
/// [`start_over`](Attentive::start_over) and hand it to [`unroll_from`](crate::unroll_from):
///
/// ```
/// use nn::{AdditiveAttention, Attentive, Layout, Lstm, Memory, Params, Sequence, unroll_from, zero_state};
/// use tape::DType;
///
/// let (words, hidden, features) = (3, 8, 5);
/// let mut params = Params::new(DType::F32);
/// let attention = AdditiveAttention::new(params.scope("attention"), hidden, features, 6);
/// let cell = Lstm::new(params.scope("lstm"), words + features, hidden);
/// let cell = Attentive::new(cell, attention);
///
/// // Two captions, of four words and of two, over nine places in each picture.
/// let tape = params.tape();
/// let captions = Sequence::pack(tape.number(1.0).expand([2, 4, words]), &Layout::new(4, &[4, 2]));
/// let memory = Memory::new(tape.number(1.0).expand([2, 9, features]));
/// let state = cell.start_over(zero_state(&tape, 2, hidden), memory);
/// let (outputs, _) = unroll_from(&cell, &captions, state.clone());
/// assert_eq!(outputs.rows.shape().sizes()[..], [6, 8]);
///
/// // The same, with where each step looked.
/// let (_, weights) = cell.unroll_with_weights(&captions, &state);
/// assert_eq!(weights.to_padded().shape().sizes()[..], [2, 4, 9]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Attentive<C, A> {
    /// The cell, which sees inputs (n, D + V).
    pub cell: C,
    /// How it looks at the memory, with queries (n, H).
    pub attention: A,
}

impl<C: Cell, A: Attention> Attentive<C, A> {
    /// A cell and the attention that widens its inputs, both declared already.
    pub fn new(cell: C, attention: A) -> Attentive<C, A> {
        Attentive { cell, attention }
    }

    /// The state before the first step, from a hidden state (N, H) and a memory for each sequence, in the order of the
    /// batch.
    pub fn start_over<'t>(&self, h0: Var<'t>, memory: Memory<'t>) -> (C::State<'t>, Memory<'t>) {
        (self.cell.start(h0), memory)
    }

    /// A step that also gives the weights (n, L) with which it looked.
    pub fn step_with_weights<'t>(
        &self,
        (state, memory): (C::State<'t>, Memory<'t>),
        x: Var<'t>,
    ) -> ((C::State<'t>, Memory<'t>), Var<'t>, Var<'t>) {
        let h = *state.parts().first().expect("the first part of a state is the hidden state");
        let (context, weights) = self.attention.attend(h, memory);
        let (state, output) = self.cell.step(state, concat(&[x, context], 1));
        ((state, memory), output, weights)
    }

    /// Runs the cell as [`unroll_from`](crate::unroll_from) does: its outputs, and the weights (R, L) of all steps.
    ///
    /// # Panics
    /// As [`unroll_from`](crate::unroll_from) does.
    #[track_caller]
    pub fn unroll_with_weights<'t>(
        &self,
        inputs: &Sequence<'t>,
        state: &(C::State<'t>, Memory<'t>),
    ) -> (Sequence<'t>, Sequence<'t>) {
        let Sequence { rows, layout } = inputs;
        let state = each_part(state, |part| layout.sort(part));
        let (_, (outputs, weights)) = scan(layout.packing(), state, *rows, |state, x| {
            let (state, output, weights) = self.step_with_weights(state, x);
            (state, (output, weights))
        });
        (Sequence::new(outputs, layout), Sequence::new(weights, layout))
    }
}

impl<C: Cell, A: Attention> Cell for Attentive<C, A> {
    type State<'t> = (C::State<'t>, Memory<'t>);

    /// With an empty memory.
    fn start<'t>(&self, h0: Var<'t>) -> (C::State<'t>, Memory<'t>) {
        self.start_over(h0, Memory::empty(h0, self.attention.memory_width(h0.tape())))
    }

    fn step<'t>(
        &self,
        state: (C::State<'t>, Memory<'t>),
        x: Var<'t>,
    ) -> ((C::State<'t>, Memory<'t>), Var<'t>) {
        let (state, output, _) = self.step_with_weights(state, x);
        (state, output)
    }
}
