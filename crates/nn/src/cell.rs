//! What a recurrent cell is: its parameters and one step.
//!
//! [`Cell`] has a whole one. What else a cell may be, each a program that passes [`check_cell`](crate::check_cell()):
//!
//! **A state of several parts** is a struct with names, by [`tape::bundle!`]. The first part is the hidden state; the
//! others start from zeros of its shape.
//!
//! ```
//! use nn::{Cell, Param, Scope, check_cell, init};
//! use tape::{Var, bundle};
//!
//! /// h' = tanh(x W + h U + slow V), and slow follows h by a tenth of the way.
//! struct TwoSpeeds([Param; 3]);
//!
//! #[derive(Clone, Copy)]
//! struct Speeds<'t> {
//!     h: Var<'t>,
//!     slow: Var<'t>,
//! }
//! bundle!(Speeds { h, slow });
//!
//! impl Cell for TwoSpeeds {
//!     type State<'t> = Speeds<'t>;
//!
//!     fn step<'t>(&self, Speeds { h, slow }: Speeds<'t>, x: Var<'t>) -> (Speeds<'t>, Var<'t>) {
//!         let [w, u, v] = self.0;
//!         let h = (x.dot(w) + h.dot(u) + slow.dot(v)).tanh();
//!         (Speeds { h, slow: slow + 0.1 * (h - slow) }, h)
//!     }
//! }
//!
//! let declare = |mut scope: Scope<'_>, inputs, hidden| {
//!     let rows = [("w", inputs), ("u", hidden), ("v", hidden)];
//!     TwoSpeeds(rows.map(|(name, rows)| scope.weight(name, [rows, hidden], init::fan_in())))
//! };
//! check_cell(declare).ok()?;
//! # Ok::<(), nn::CellFault>(())
//! ```
//!
//! **An output that is not the state**, of any width.
//!
//! ```
//! # use nn::{Cell, Param, Scope, check_cell, init};
//! # use tape::Var;
//! /// h' = tanh(x W + h U), y = h' V
//! struct Readout([Param; 3]);
//!
//! impl Cell for Readout {
//!     type State<'t> = Var<'t>;
//!
//!     fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
//!         let [w, u, v] = self.0;
//!         let h = (x.dot(w) + h.dot(u)).tanh();
//!         (h, h.dot(v))
//!     }
//! }
//!
//! let declare = |mut scope: Scope<'_>, inputs, hidden| {
//!     let sizes = [("w", [inputs, hidden]), ("u", [hidden, hidden]), ("v", [hidden, 2])];
//!     Readout(sizes.map(|(name, size)| scope.weight(name, size, init::fan_in())))
//! };
//! check_cell(declare).ok()?;
//! # Ok::<(), nn::CellFault>(())
//! ```
//!
//! **A state that starts from learned numbers**: [`start`](Cell::start) makes it from the hidden state h0 that the caller
//! has, which is zero where there is none. The battery then says that a state of zeros is not applicable, and why.
//!
//! ```
//! # use nn::{Cell, Lstm, LstmState, Param, Scope, check_cell, init};
//! # use tape::Var;
//! /// An LSTM whose memory starts from c0.
//! struct Primed {
//!     lstm: Lstm,
//!     c0: Param,
//! }
//!
//! impl Cell for Primed {
//!     type State<'t> = LstmState<'t>;
//!
//!     fn start<'t>(&self, h0: Var<'t>) -> LstmState<'t> {
//!         LstmState { h: h0, c: h0.zeros_like() + self.c0 }
//!     }
//!
//!     fn step<'t>(&self, state: LstmState<'t>, x: Var<'t>) -> (LstmState<'t>, Var<'t>) {
//!         self.lstm.step(state, x)
//!     }
//! }
//!
//! let report = check_cell(|mut scope: Scope<'_>, inputs, hidden| Primed {
//!     c0: scope.weight("c0", [hidden], init::zeros()),
//!     lstm: Lstm::new(scope, inputs, hidden),
//! });
//! report.ok()?;
//! assert!(report.to_string().contains("`start` begins part 2 of the state from `cell/c0`, which is learned"));
//! # Ok::<(), nn::CellFault>(())
//! ```
//!
//! **A state that is given whole**, such as that of another run: [`unroll_from`] takes it.
//!
//! ```
//! use nn::{Layout, Lstm, LstmState, Params, Sequence, unroll_from, zero_state};
//! use tape::{DType, Tensor};
//!
//! let mut params = Params::new(DType::F64);
//! let lstm = Lstm::new(params.scope("lstm"), 1, 1);
//! let tape = params.tape();
//! let whole = tape.input(Tensor::new([1, 4, 1], vec![0.5, -1.0, 2.0, 0.1]));
//! let run = |from, to, state| {
//!     let part = Sequence::pack(whole.slice(1, from..to), &Layout::full(1, to - from));
//!     unroll_from(&lstm, &part, state).1
//! };
//! let zeros = LstmState { h: zero_state(&tape, 1, 1), c: zero_state(&tape, 1, 1) };
//! let in_two_pieces = run(2, 4, run(0, 2, zeros));
//! assert_eq!(in_two_pieces.h.value(), run(0, 4, zeros).h.value());
//! ```
//!
//! **Noise in training**: [`Dropout`](crate::Dropout) in the step draws a new mask at each step, on tapes that have noise.
//! Around a whole cell, [`StepDropout`](crate::StepDropout) and [`VariationalDropout`](crate::VariationalDropout) do so.
//!
//! ```
//! # use nn::{Cell, Dropout, Param, Scope, check_cell, init};
//! # use tape::Var;
//! /// h' = h + dropout(tanh(x W + h U)): what is new is dropped, what is known stays.
//! struct Careful([Param; 2]);
//!
//! impl Cell for Careful {
//!     type State<'t> = Var<'t>;
//!
//!     fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
//!         let [w, u] = self.0;
//!         let h = h + Dropout::new(0.25).apply((x.dot(w) + h.dot(u)).tanh());
//!         (h, h)
//!     }
//! }
//!
//! let declare = |mut scope: Scope<'_>, inputs, hidden| {
//!     let rows = [("w", inputs), ("u", hidden)];
//!     Careful(rows.map(|(name, rows)| scope.weight(name, [rows, hidden], init::fan_in())))
//! };
//! check_cell(declare).ok()?;
//! # Ok::<(), nn::CellFault>(())
//! ```
//!
//! **A memory to attend to** is a part of the state, of any shape that leads with the sequences, that the step returns as
//! it got it: such a part is held, and not carried from step to step. Where it comes from elsewhere, as from pictures,
//! [`unroll_from`] is given it; here `start` makes it from the hidden state.
//!
//! ```
//! # use nn::{Cell, Param, Scope, check_cell, init};
//! # use tape::{Dim, Var, bundle};
//! const SLOTS: usize = 3; // L
//! const WIDTH: usize = 2; // M
//!
//! /// a = softmax(memory · h Q) over the slots, h' = tanh(x W + (Σ a memory) V)
//! struct Attends([Param; 4]);
//!
//! #[derive(Clone, Copy)]
//! struct Looking<'t> {
//!     h: Var<'t>,
//!     /// (n, L, M)
//!     memory: Var<'t>,
//! }
//! bundle!(Looking { h, memory });
//!
//! impl Cell for Attends {
//!     type State<'t> = Looking<'t>;
//!
//!     fn start<'t>(&self, h0: Var<'t>) -> Looking<'t> {
//!         let [spread, ..] = self.0;
//!         let shape = [h0.dim(0), SLOTS.into(), WIDTH.into()];
//!         Looking { h: h0, memory: h0.dot(spread).reshape(shape) }
//!     }
//!
//!     fn step<'t>(&self, Looking { h, memory }: Looking<'t>, x: Var<'t>) -> (Looking<'t>, Var<'t>) {
//!         let [_, q, w, v] = self.0;
//!         let (n, one) = (h.dim(0), Dim::new(1));
//!         let scores = (memory * h.dot(q).reshape([n, one, WIDTH.into()])).sum_along(&[2]);
//!         let a = scores.softmax().reshape([n, SLOTS.into(), one]);
//!         let seen = (memory * a).sum_along(&[1]);
//!         let h = (x.dot(w) + seen.dot(v)).tanh();
//!         (Looking { h, memory }, h)
//!     }
//! }
//!
//! let declare = |mut scope: Scope<'_>, inputs, hidden| {
//!     let (spread, q) = (("spread", [hidden, SLOTS * WIDTH]), ("q", [hidden, WIDTH]));
//!     let (w, v) = (("w", [inputs, hidden]), ("v", [WIDTH, hidden]));
//!     Attends([spread, q, w, v].map(|(name, size)| scope.weight(name, size, init::fan_in())))
//! };
//! check_cell(declare).ok()?;
//! # Ok::<(), nn::CellFault>(())
//! ```

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
    let changed: Vars<'t> = state.parts().into_iter().map(change).collect();
    state.rebuild(&mut changed.into_iter())
}
