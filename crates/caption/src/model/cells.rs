//! The built-in cells behind one type, so that a program can choose one by its name.

use nn::{Cell, Lstm, LstmState, Scope, VanillaRnn};
use serde::{Deserialize, Serialize};
use tape::{Bundle, Var, Vars};

/// The name of a built-in cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// `h' = tanh(x Wx + h Wh + b)`.
    Rnn,
    /// Long short-term memory.
    Lstm,
}

/// A built-in cell.
#[derive(Clone, Copy, Debug)]
pub enum AnyCell {
    /// See [`VanillaRnn`].
    Rnn(VanillaRnn),
    /// See [`Lstm`].
    Lstm(Lstm),
}

/// The state of a built-in cell.
#[derive(Clone, Copy, Debug)]
pub enum AnyState<'t> {
    /// h.
    Rnn(Var<'t>),
    /// h and c.
    Lstm(LstmState<'t>),
}

impl AnyCell {
    /// Declares the cell of a kind.
    pub fn new(kind: CellKind, scope: Scope<'_>, inputs: usize, hidden: usize) -> AnyCell {
        match kind {
            CellKind::Rnn => AnyCell::Rnn(VanillaRnn::new(scope, inputs, hidden)),
            CellKind::Lstm => AnyCell::Lstm(Lstm::new(scope, inputs, hidden)),
        }
    }
}

impl Cell for AnyCell {
    type State<'t> = AnyState<'t>;

    fn hidden(&self) -> usize {
        match self {
            AnyCell::Rnn(cell) => cell.hidden(),
            AnyCell::Lstm(cell) => cell.hidden(),
        }
    }

    fn start<'t>(&self, h0: Var<'t>) -> AnyState<'t> {
        match self {
            AnyCell::Rnn(cell) => AnyState::Rnn(cell.start(h0)),
            AnyCell::Lstm(cell) => AnyState::Lstm(cell.start(h0)),
        }
    }

    #[track_caller]
    fn step<'t>(&self, state: AnyState<'t>, x: Var<'t>) -> (AnyState<'t>, Var<'t>) {
        match (self, state) {
            (AnyCell::Rnn(cell), AnyState::Rnn(state)) => {
                let (state, output) = cell.step(state, x);
                (AnyState::Rnn(state), output)
            }
            (AnyCell::Lstm(cell), AnyState::Lstm(state)) => {
                let (state, output) = cell.step(state, x);
                (AnyState::Lstm(state), output)
            }
            _ => panic!("the state is that of another cell"),
        }
    }
}

impl<'t> Bundle<'t> for AnyState<'t> {
    fn flatten(&self, to: &mut Vars<'t>) {
        match self {
            AnyState::Rnn(state) => state.flatten(to),
            AnyState::Lstm(state) => state.flatten(to),
        }
    }

    fn rebuild(&self, from: &mut impl Iterator<Item = Var<'t>>) -> Self {
        match self {
            AnyState::Rnn(state) => AnyState::Rnn(state.rebuild(from)),
            AnyState::Lstm(state) => AnyState::Lstm(state.rebuild(from)),
        }
    }
}
