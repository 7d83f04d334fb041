//! The vanilla recurrent cell (Elman, "Finding structure in time", 1990).
//!
//! ```text
//! h' = tanh(x Wx + h Wh + b)        x (n, D)   h (n, H)   Wx (D, H)   Wh (H, H)   b (H)
//! ```

use tape::Var;

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch, recurrent};
use crate::scope::Scope;

/// `h' = tanh(x Wx + h Wh + b)`; the output is the state.
#[derive(Clone, Copy, Debug)]
pub struct VanillaRnn {
    /// From the input, (D, H).
    pub wx: Param,
    /// From the state, (H, H).
    pub wh: Param,
    /// The bias, (H).
    pub b: Param,
}

impl VanillaRnn {
    /// Declares `wx` and `wh`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> VanillaRnn {
        VanillaRnn {
            wx: scope.weight("wx", [inputs, hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, hidden], init::fan_in()),
            b: scope.weight("b", [hidden], init::zeros()),
        }
    }

    /// [`new`](VanillaRnn::new) with an orthogonal `wh`, under which states neither vanish nor explode before the `tanh`
    /// (Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014,
    /// <https://arxiv.org/abs/1312.6120>).
    #[track_caller]
    pub fn orthogonal(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> VanillaRnn {
        VanillaRnn {
            wx: scope.weight("wx", [inputs, hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, hidden], init::orthogonal(1.0)),
            b: scope.weight("b", [hidden], init::zeros()),
        }
    }
}

impl Cell for VanillaRnn {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let h = (x.dot(self.wx) + h.dot(self.wh) + self.b).tanh();
        (h, h)
    }
}

/// `nn.RNNCell` with `nonlinearity="tanh"`.
impl PyTorch for VanillaRnn {
    fn mappings(&self) -> Vec<Mapping> {
        recurrent([self.wx, self.wh, self.b], |param| [param.into()])
    }
}
