//! The minimal GRU (Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs all we needed?", 2024,
//! <https://arxiv.org/abs/2410.01201>): gate and candidate see the input alone.
//!
//! ```text
//! z  = σ(x Wz + bz)                       x (n, D)   h (n, H)
//! n  = x Wn + bn
//! h' = (1 - z) h + z n
//! ```
//!
//! Blocks of H columns lie in the order z, n. Unlike in a GRU, z lets the new in, and the candidate has no `tanh`. This is
//! the paper's plain form; the one that it computes in logarithms makes candidates positive, and is another function.
//! Both products leave the loop: what a step carries is elementwise.

use tape::Var;

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::scope::Scope;

/// The cell of the equations above; the output is h.
#[derive(Clone, Copy, Debug)]
pub struct MinGru {
    /// From the input, (D, 2H): z, n.
    pub wx: Param,
    /// The biases, (2H): z, n.
    pub b: Param,
}

impl MinGru {
    /// Declares `wx`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> MinGru {
        MinGru {
            wx: scope.weight("wx", [inputs, 2 * hidden], init::fan_in()),
            b: scope.weight("b", [2 * hidden], init::zeros()),
        }
    }
}

impl Cell for MinGru {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [z, n] = (x.dot(self.wx) + self.b).split();
        let h = h + z.sigmoid() * (n - h);
        (h, h)
    }
}
