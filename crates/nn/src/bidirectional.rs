//! A sequence read in both directions (Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997).
//!
//! ```text
//! y_t = [forward output_t, backward output_t]        (n, F + B)
//! ```
//!
//! The backward cell begins at each sequence's own last step, so that sequences of other lengths change nothing.

use tape::{Var, concat};

use crate::cell::{Cell, unroll, unroll_reverse};
use crate::sequence::Sequence;

/// Runs one cell from the first step to the last and one from the last to the first, from hidden states (N, F) and
/// (N, B): the outputs side by side, and the states after the last step of each direction, in the order of the batch.
///
/// ```
/// use nn::{GruResetAfter, Layout, Params, Sequence, bidirectional, zero_state};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let forward = GruResetAfter::new(params.scope("forward"), 3, 4);
/// let backward = GruResetAfter::new(params.scope("backward"), 3, 5);
///
/// let tape = params.tape();
/// let words = Sequence::pack(tape.number(1.0).expand([2, 6, 3]), &Layout::new(6, &[6, 2]));
/// let starts = [4, 5].map(|hidden| zero_state(&tape, 2, hidden));
/// let (outputs, _) = bidirectional(&forward, &backward, &words, starts);
/// assert_eq!(outputs.rows.shape().sizes()[..], [8, 9]);
/// ```
///
/// # Panics
/// As [`unroll`] does.
#[track_caller]
pub fn bidirectional<'t, F: Cell, B: Cell>(
    forward: &F,
    backward: &B,
    inputs: &Sequence<'t>,
    starts: [Var<'t>; 2],
) -> (Sequence<'t>, (F::State<'t>, B::State<'t>)) {
    let (ahead, last) = unroll(forward, inputs, starts[0]);
    let (back, first) = unroll_reverse(backward, inputs, starts[1]);
    (Sequence::new(concat(&[ahead.rows, back.rows], 1), &inputs.layout), (last, first))
}
