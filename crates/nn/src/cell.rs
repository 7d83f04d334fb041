//! What a recurrent cell is: its parameters and one step.

use tape::{Bundle, ScanOptions, Segments, Tape, Var, Vars, scan_with};

use crate::params::Params;
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
///         }
///     }
/// }
///
/// impl Cell for Mgu {
///     type State<'t> = Var<'t>;
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
/// assert_eq!(nn::output_width(&params, &cell, 4, 5), 5);
/// ```
pub trait Cell {
    /// What is carried from step to step: a value, or several with names (see [`tape::bundle!`]). The first
    /// is the hidden state.
    type State<'t>: Bundle<'t>;

    /// The state before the first step, from a hidden state (N, H): it is the first part of the state, and
    /// the others are zeros of its shape, unless the cell says otherwise.
    fn start<'t>(&self, h0: Var<'t>) -> Self::State<'t> {
        Bundle::starting(h0)
    }

    /// One step: from the state and inputs (n, D) the next state and outputs (n, …).
    fn step<'t>(&self, state: Self::State<'t>, x: Var<'t>) -> (Self::State<'t>, Var<'t>);
}

/// Runs a cell through time from a hidden state (N, H): the outputs of all steps, and the state after
/// the last step of each sequence, its rows in the order of the batch.
///
/// # Panics
/// If `h0` has not a row for each sequence, or state and inputs do not fit the cell.
#[track_caller]
pub fn unroll<'t, C: Cell>(cell: &C, inputs: &Sequence<'t>, h0: Var<'t>) -> (Sequence<'t>, C::State<'t>) {
    unroll_with(cell, inputs, cell.start(inputs.layout.sort(h0)), ScanOptions::default())
}

/// Like [`unroll`], from a state that is given whole, its rows in the order of the batch.
///
/// # Panics
/// As [`unroll`] does.
#[track_caller]
pub fn unroll_from<'t, C: Cell>(
    cell: &C,
    inputs: &Sequence<'t>,
    state: C::State<'t>,
) -> (Sequence<'t>, C::State<'t>) {
    let sorted = each_part(&state, |part| inputs.layout.sort(part));
    unroll_with(cell, inputs, sorted, ScanOptions::default())
}

/// Like [`unroll`], from the last step of each sequence to its first.
///
/// # Panics
/// As [`unroll`] does.
#[track_caller]
pub fn unroll_reverse<'t, C: Cell>(
    cell: &C,
    inputs: &Sequence<'t>,
    h0: Var<'t>,
) -> (Sequence<'t>, C::State<'t>) {
    let options = ScanOptions { reverse: true, ..ScanOptions::default() };
    unroll_with(cell, inputs, cell.start(inputs.layout.sort(h0)), options)
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
    let options = ScanOptions { segments: Some(segments), ..ScanOptions::default() };
    unroll_with(cell, inputs, cell.start(inputs.layout.sort(h0)), options)
}

/// From a state whose rows lie as those of the scan.
#[track_caller]
fn unroll_with<'t, C: Cell>(
    cell: &C,
    inputs: &Sequence<'t>,
    state: C::State<'t>,
    options: ScanOptions,
) -> (Sequence<'t>, C::State<'t>) {
    let Sequence { rows, layout } = inputs;
    let (last, outputs) = scan_with(layout.packing(), options, state, *rows, |state, x| cell.step(state, x));
    (Sequence::new(outputs, layout), each_part(&last, |part| layout.restore(part)))
}

/// A hidden state (`sequences`, `hidden`) of zeros.
#[track_caller]
pub fn zero_state(tape: &Tape, sequences: usize, hidden: usize) -> Var<'_> {
    tape.number(0.0).expand([sequences, hidden])
}

/// How wide the outputs of a cell are, from inputs and a hidden state of these widths: seen by recording a
/// step, of which nothing is computed.
///
/// # Panics
/// If the widths do not fit the cell.
#[track_caller]
pub fn output_width<C: Cell>(params: &Params, cell: &C, inputs: usize, hidden: usize) -> usize {
    let tape = params.tape();
    let (_, output) = cell.step(cell.start(zero_state(&tape, 1, hidden)), zero_state(&tape, 1, inputs));
    let shape = output.shape();
    assert!(shape.rank() == 2, "the output of a cell must be (rows, width), not {shape}");
    shape.dim(1).at(1)
}

/// The same structure with each value changed.
#[track_caller]
pub(crate) fn each_part<'t, S: Bundle<'t>>(state: &S, change: impl Fn(Var<'t>) -> Var<'t>) -> S {
    let mut parts = Vars::new();
    state.flatten(&mut parts);
    let changed: Vars<'t> = parts.into_iter().map(change).collect();
    state.rebuild(&mut changed.into_iter())
}
