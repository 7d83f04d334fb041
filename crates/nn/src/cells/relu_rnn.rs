//! The vanilla cell with a rectifier, and its start from the identity (Le, Jaitly and Hinton, "A simple way to initialize
//! recurrent networks of rectified linear units", 2015, <https://arxiv.org/abs/1504.00941>).
//!
//! ```text
//! h' = max(0, x Wx + h Wh + b)        x (n, D)   h (n, H)   Wx (D, H)   Wh (H, H)   b (H)
//! ```

use tape::Var;

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch, recurrent};
use crate::scope::Scope;

/// `h' = max(0, x Wx + h Wh + b)`; the output is the state.
#[derive(Clone, Copy, Debug)]
pub struct ReluRnn {
    /// From the input, (D, H).
    pub wx: Param,
    /// From the state, (H, H).
    pub wh: Param,
    /// The bias, (H).
    pub b: Param,
}

impl ReluRnn {
    /// Declares `wx` and `wh`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> ReluRnn {
        ReluRnn {
            wx: scope.weight("wx", [inputs, hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, hidden], init::fan_in()),
            b: scope.weight("b", [hidden], init::zeros()),
        }
    }

    /// The IRNN of the paper: `wh` is the identity, so that a state without input stays as it is; `wx` is normal with
    /// deviation 0.001, and `b` zero.
    #[track_caller]
    pub fn irnn(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> ReluRnn {
        ReluRnn {
            wx: scope.weight("wx", [inputs, hidden], init::normal(0.001)),
            wh: scope.weight("wh", [hidden, hidden], init::identity(1.0)),
            b: scope.weight("b", [hidden], init::zeros()),
        }
    }
}

impl Cell for ReluRnn {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = (x.dot(self.wx) + h.dot(self.wh) + self.b).relu();
        (h, h)
    }
}

/// `nn.RNNCell` with `nonlinearity="relu"`.
impl PyTorch for ReluRnn {
    fn mappings(&self) -> Vec<Mapping> {
        recurrent([self.wx, self.wh, self.b], |param| [param.into()])
    }
}
