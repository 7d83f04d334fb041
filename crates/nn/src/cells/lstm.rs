//! Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gates by Gers et al., 2000).
//!
//! ```text
//! [i f o g] = x Wx + h Wh + b        x (n, D)   h, c (n, H)   Wx (D, 4H)   Wh (H, 4H)   b (4H)
//! c' = σ(f) c + σ(i) tanh(g)
//! h' = σ(o) tanh(c')
//! ```
//!
//! The gates lie in the order i, f, o, g, as in CS231n. The memory c starts from zero.

use rand::rngs::ChaCha8Rng;
use tape::{Var, bundle};

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::pytorch::{Block, Mapping, PyTorch, recurrent};
use crate::scope::Scope;

/// The cell of the equations above; the output is h.
#[derive(Clone, Copy, Debug)]
pub struct Lstm {
    /// From the input, (D, 4H).
    pub wx: Param,
    /// From the hidden state, (H, 4H).
    pub wh: Param,
    /// The biases, (4H).
    pub b: Param,
}

/// What an [`Lstm`] carries from step to step.
#[derive(Clone, Copy, Debug)]
pub struct LstmState<'t> {
    /// The hidden state (n, H).
    pub h: Var<'t>,
    /// The memory (n, H).
    pub c: Var<'t>,
}

bundle!(LstmState { h, c });

impl Lstm {
    /// Declares `wx` and `wh`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(scope: Scope<'_>, inputs: usize, hidden: usize) -> Lstm {
        Lstm::with_forget_bias(scope, inputs, hidden, 0.0)
    }

    /// [`new`](Lstm::new) with the biases of the forget gates at `forget`: with 1 the gates are open at first, and
    /// gradients reach further back (Jozefowicz et al., "An empirical exploration of recurrent network architectures",
    /// 2015).
    #[track_caller]
    pub fn with_forget_bias(mut scope: Scope<'_>, inputs: usize, hidden: usize, forget: f64) -> Lstm {
        let forget_gates = move |shape: &[usize], _: &mut ChaCha8Rng| {
            let is_forget = |k: usize| (hidden..2 * hidden).contains(&k);
            (0..shape[0]).map(|k| if is_forget(k) { forget } else { 0.0 }).collect()
        };
        Lstm {
            wx: scope.weight("wx", [inputs, 4 * hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, 4 * hidden], init::fan_in()),
            b: scope.weight("b", [4 * hidden], forget_gates),
        }
    }
}

impl Cell for Lstm {
    type State<'t> = LstmState<'t>;

    fn step<'t>(&self, state: LstmState<'t>, x: Var<'t>) -> (LstmState<'t>, Var<'t>) {
        let LstmState { h, c } = state;
        let [i, f, o, g] = (x.dot(self.wx) + h.dot(self.wh) + self.b).split();
        let c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        let h = o.sigmoid() * c.tanh();
        (LstmState { h, c }, h)
    }
}

/// `nn.LSTMCell`, whose gates lie in the order i, f, g, o.
impl PyTorch for Lstm {
    fn mappings(&self) -> Vec<Mapping> {
        let gates = |param| [0, 1, 3, 2].map(|gate| Block::part(param, gate, 4));
        recurrent([self.wx, self.wh, self.b], gates)
    }
}
