//! Cells with dropout around them: masks on what a step sees of the input and of the state.
//!
//! ```text
//! (state', y) = cell((h mh, …), x mx)        mx, mh: masks as Dropout draws them
//! ```
//!
//! The mask of the state is on its first part, the hidden state. It belongs to cells in which that enters products only,
//! such as the vanilla cell and the LSTM, whose memory c it leaves alone. Where a gate hands h on, as in a GRU, what is
//! handed on is masked at every step too: drop the inputs of such a cell only.

use tape::{Bundle, Var};

use crate::cell::Cell;
use crate::dropout::Dropout;

/// A cell with new masks at every step.
///
/// ```
/// use nn::{Lstm, Params, StepDropout, output_width};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// // A fifth of the inputs, none of the state.
/// let cell = StepDropout::new(Lstm::new(params.scope("lstm"), 3, 4), 0.2, 0.0);
/// assert_eq!(output_width(&params, &cell, 3, 4), 4);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StepDropout<C> {
    cell: C,
    input: Dropout,
    state: Dropout,
}

impl<C: Cell> StepDropout<C> {
    /// A cell with these rates of dropout of its input and of its state.
    ///
    /// # Panics
    /// Unless both rates are at least 0 and less than 1.
    #[track_caller]
    pub fn new(cell: C, input_rate: f64, state_rate: f64) -> StepDropout<C> {
        StepDropout { cell, input: Dropout::new(input_rate), state: Dropout::new(state_rate) }
    }
}

impl<C: Cell> Cell for StepDropout<C> {
    type State<'t> = C::State<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> C::State<'t> {
        self.cell.start(h0)
    }

    fn step<'t>(&self, state: C::State<'t>, x: Var<'t>) -> (C::State<'t>, Var<'t>) {
        let state = with_first(&state, |h| self.state.apply(h));
        self.cell.step(state, self.input.apply(x))
    }
}

/// A cell with one mask of the input and one of the state for all steps of a sequence (Gal and Ghahramani, 2016,
/// <https://arxiv.org/abs/1512.05287>): a unit that is dropped stays so until the end.
#[derive(Clone, Copy, Debug)]
pub struct VariationalDropout<C> {
    cell: C,
    input: Dropout,
    state: Dropout,
}

impl<C: Cell> VariationalDropout<C> {
    /// A cell with these rates of dropout of its input and of its state.
    ///
    /// # Panics
    /// Unless both rates are at least 0 and less than 1.
    #[track_caller]
    pub fn new(cell: C, input_rate: f64, state_rate: f64) -> VariationalDropout<C> {
        VariationalDropout { cell, input: Dropout::new(input_rate), state: Dropout::new(state_rate) }
    }
}

impl<C: Cell> Cell for VariationalDropout<C> {
    type State<'t> = C::State<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> C::State<'t> {
        self.cell.start(h0)
    }

    /// # Panics
    /// Outside a scan, on a tape with noise: there a step does not know which sequences its rows belong to.
    fn step<'t>(&self, state: C::State<'t>, x: Var<'t>) -> (C::State<'t>, Var<'t>) {
        let state = with_first(&state, |h| self.state.apply_by_sequence(h));
        self.cell.step(state, self.input.apply_by_sequence(x))
    }
}

/// A state with its first part changed.
fn with_first<'t, S: Bundle<'t>>(state: &S, change: impl FnOnce(Var<'t>) -> Var<'t>) -> S {
    let mut parts = state.parts();
    if let Some(first) = parts.first_mut() {
        *first = change(*first);
    }
    state.rebuild(&mut parts.into_iter())
}
