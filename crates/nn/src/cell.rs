//! What a recurrent cell is: its parameters and one step.

use tape::{Bundle, ScanOptions, Segments, Tape, Var, Vars, scan_with};

use crate::layout::Layout;
use crate::sequence::Sequence;

/// A recurrence `(state, input) -> (state, output)`.
///
/// A cell holds handles of parameters; the step is its equations.
///
/// ```
/// use nn::{Cell, Param, Params, Scope, init};
/// use tape::{DType, Var};
///
/// /// A minimal gated unit: f = σ(x Wf + h Uf + bf), g = tanh(x Wg + (f h) Ug + bg), h' = h + f (g - h).
/// struct Mgu {
///     wf: Param,
///     uf: Param,
///     bf: Param,
///     wg: Param,
///     ug: Param,
///     bg: Param,
///     hidden: usize,
/// }
///
/// impl Mgu {
///     fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Mgu {
///         Mgu {
///             wf: scope.weight("wf", [inputs, hidden], init::fan_in()),
///             uf: scope.weight("uf", [hidden, hidden], init::fan_in()),
///             bf: scope.weight("bf", [hidden], init::zeros()),
///             wg: scope.weight("wg", [inputs, hidden], init::fan_in()),
///             ug: scope.weight("ug", [hidden, hidden], init::fan_in()),
///             bg: scope.weight("bg", [hidden], init::zeros()),
///             hidden,
///         }
///     }
/// }
///
/// impl Cell for Mgu {
///     type State<'t> = Var<'t>;
///
///     fn hidden(&self) -> usize {
///         self.hidden
///     }
///
///     fn start<'t>(&self, h0: Var<'t>) -> Var<'t> {
///         h0
///     }
///
///     fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
///         let f = (x.dot(self.wf) + h.dot(self.uf) + self.bf).sigmoid();
///         let g = (x.dot(self.wg) + (f * h).dot(self.ug) + self.bg).tanh();
///         let h = h + f * (g - h);
///         (h, h)
///     }
/// }
///
/// let mut params = Params::new(DType::F32);
/// let cell = Mgu::new(params.scope("mgu"), 4, 5);
/// assert_eq!(cell.hidden(), 5);
/// ```
pub trait Cell {
    /// What is carried from step to step: a value, or several with names (see [`tape::bundle!`]).
    type State<'t>: Bundle<'t>;

    /// The width of the first hidden state and of the outputs, H.
    fn hidden(&self) -> usize;

    /// The state before the first step, from a hidden state (N, H).
    fn start<'t>(&self, h0: Var<'t>) -> Self::State<'t>;

    /// One step: from the state and inputs (n, D) the next state and outputs (n, H).
    fn step<'t>(&self, state: Self::State<'t>, x: Var<'t>) -> (Self::State<'t>, Var<'t>);
}

/// Runs a cell through time from a hidden state (N, H): the outputs of all steps, and the state after
/// the last step of each sequence, its rows in the order of the batch.
///
/// # Panics
/// If `h0` is not (N, H), or the inputs do not fit the cell.
#[track_caller]
pub fn unroll<'t, C: Cell>(cell: &C, inputs: &Sequence<'t>, h0: Var<'t>) -> (Sequence<'t>, C::State<'t>) {
    unroll_with(cell, inputs, h0, ScanOptions::default())
}

/// Like [`unroll`], in segments of time: with gradients that are recomputed, to need less memory, or
/// truncated.
///
/// # Panics
/// As [`unroll`] does, and if a segment is to have no steps.
#[track_caller]
pub fn unroll_in_segments<'t, C: Cell>(
    cell: &C,
    inputs: &Sequence<'t>,
    h0: Var<'t>,
    segments: Segments,
) -> (Sequence<'t>, C::State<'t>) {
    unroll_with(cell, inputs, h0, ScanOptions { segments: Some(segments), ..ScanOptions::default() })
}

#[track_caller]
fn unroll_with<'t, C: Cell>(
    cell: &C,
    inputs: &Sequence<'t>,
    h0: Var<'t>,
    options: ScanOptions,
) -> (Sequence<'t>, C::State<'t>) {
    let Sequence { rows, layout } = inputs;
    let (shape, hidden) = (h0.shape(), cell.hidden());
    assert!(
        shape.rank() == 2 && shape.dim(0) == layout.sequences() && shape.dim(1) == hidden,
        "a first hidden state of {shape}: there are {} sequences and {hidden} hidden units",
        layout.sequences()
    );
    let start = cell.start(layout.sort(h0));
    let (last, outputs) = scan_with(layout.packing(), options, start, *rows, |state, x| cell.step(state, x));
    (Sequence::new(outputs, layout), restore(layout, &last))
}

/// A hidden state (`sequences`, `hidden`) of zeros.
#[track_caller]
pub fn zero_state(tape: &Tape, sequences: usize, hidden: usize) -> Var<'_> {
    tape.number(0.0).expand([sequences, hidden])
}

/// A state with its rows in the order of the batch.
#[track_caller]
fn restore<'t, S: Bundle<'t>>(layout: &Layout, state: &S) -> S {
    let mut parts = Vars::new();
    state.flatten(&mut parts);
    let restored: Vars<'t> = parts.into_iter().map(|part| layout.restore(part)).collect();
    state.rebuild(&mut restored.into_iter())
}
