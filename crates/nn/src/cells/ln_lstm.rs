//! The layer-normalised LSTM (Ba, Kiros and Hinton, "Layer normalization", 2016, <https://arxiv.org/abs/1607.06450>,
//! equations 20 to 22).
//!
//! ```text
//! [i f o g] = norm(x Wx) gx + norm(h Wh) gh + b        x (n, D)   h, c (n, H)   Wx (D, 4H)   Wh (H, 4H)
//! c' = σ(f) c + σ(i) tanh(g)
//! h' = σ(o) tanh(norm(c') gc + bc)                     gx, gh, b (4H)   gc, bc (H)
//! ```
//!
//! `norm` makes mean 0 and variance 1 of a row, all four gates together. The gates lie in the order i, f, o, g, as in
//! [`Lstm`](super::Lstm). Of the paper's three offsets of the gates b is the sum. What is carried is c', before its norm.

use tape::Var;

use super::lstm::LstmState;
use crate::cell::Cell;
use crate::init;
use crate::layer_norm::{LayerNorm, normalized};
use crate::param::Param;
use crate::scope::Scope;

/// The cell of the equations above; the output is h.
#[derive(Clone, Copy, Debug)]
pub struct LayerNormLstm {
    /// From the input, (D, 4H).
    pub wx: Param,
    /// From the hidden state, (H, 4H).
    pub wh: Param,
    /// The gain of what comes from the input, (4H).
    pub gx: Param,
    /// The gain of what comes from the hidden state, (4H).
    pub gh: Param,
    /// The biases, (4H).
    pub b: Param,
    /// The norm of the memory, with gc and bc.
    pub memory: LayerNorm,
}

impl LayerNormLstm {
    /// Declares `wx` and `wh`, normal with deviation `1 / sqrt(rows)`; gains, one; and offsets, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> LayerNormLstm {
        LayerNormLstm {
            wx: scope.weight("wx", [inputs, 4 * hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, 4 * hidden], init::fan_in()),
            gx: scope.weight("gx", [4 * hidden], init::constant(1.0)),
            gh: scope.weight("gh", [4 * hidden], init::constant(1.0)),
            b: scope.weight("b", [4 * hidden], init::zeros()),
            memory: LayerNorm::new(scope.scope("memory"), hidden),
        }
    }
}

impl Cell for LayerNormLstm {
    type State<'t> = LstmState<'t>;

    fn step<'t>(&self, state: LstmState<'t>, x: Var<'t>) -> (LstmState<'t>, Var<'t>) {
        let LstmState { h, c } = state;
        let epsilon = self.memory.epsilon;
        let from_x = normalized(x.dot(self.wx), epsilon) * self.gx;
        let from_h = normalized(h.dot(self.wh), epsilon) * self.gh;
        let [i, f, o, g] = (from_x + from_h + self.b).split();
        let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        let h = o.sigmoid() * self.memory.apply(c).tanh();
        (LstmState { h, c }, h)
    }
}
