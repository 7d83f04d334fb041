//! The minimal gated unit (Zhou, Wu, Zhang and Zhou, "Minimal gated unit for recurrent neural networks", 2016,
//! <https://arxiv.org/abs/1603.09420>): one gate that both resets and updates.
//!
//! ```text
//! f  = σ(x Wxf + h Whf + bf)              x (n, D)   h (n, H)
//! n  = tanh(x Wxn + (f h) Whn + bn)
//! h' = (1 - f) h + f n
//! ```
//!
//! Blocks of H columns lie in the order f, n. The candidate needs f, so a step has two products one after the other.

use tape::Var;

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::scope::Scope;

/// The cell of the equations above; the output is h.
#[derive(Clone, Copy, Debug)]
pub struct Mgu {
    /// From the input, (D, 2H): f, n.
    pub wx: Param,
    /// From the state to the gate, (H, H).
    pub whf: Param,
    /// From the gated state to the candidate, (H, H).
    pub whn: Param,
    /// The biases, (2H): f, n.
    pub b: Param,
}

impl Mgu {
    /// Declares `wx`, `whf` and `whn`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Mgu {
        Mgu {
            wx: scope.weight("wx", [inputs, 2 * hidden], init::fan_in()),
            whf: scope.weight("whf", [hidden, hidden], init::fan_in()),
            whn: scope.weight("whn", [hidden, hidden], init::fan_in()),
            b: scope.weight("b", [2 * hidden], init::zeros()),
        }
    }
}

impl Cell for Mgu {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [xf, xn] = (x.dot(self.wx) + self.b).split();
        let f = (xf + h.dot(self.whf)).sigmoid();
        let n = (xn + (f * h).dot(self.whn)).tanh();
        let h = h + f * (n - h);
        (h, h)
    }
}
