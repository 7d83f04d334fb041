//! Gated recurrent units (Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014,
//! <https://arxiv.org/abs/1406.1078>), with the reset gate before or after the product of the state.
//!
//! ```text
//! r  = σ(x Wxr + h Whr + br)                 x (n, D)   h (n, H)
//! z  = σ(x Wxz + h Whz + bz)
//! n  = tanh(x Wxn + (r h) Whn + bn)          before: Cho et al.
//! n  = tanh(x Wxn + r (h Whn + chn) + bn)    after: cuDNN, PyTorch and Keras (`reset_after`)
//! h' = (1 - z) n + z h
//! ```
//!
//! Blocks of H columns lie in the order r, z, n, as in PyTorch, where z keeps the old state. (In the paper z keeps it
//! too; some later texts exchange z and 1 - z.) With the reset before it, the product of the candidate needs r, so a
//! step has two products one after the other; with the reset after it, all three blocks are one product.

use tape::Var;

use crate::cell::Cell;
use crate::init;
use crate::param::Param;
use crate::pytorch::{Block, Mapping, PyTorch};
use crate::scope::Scope;

/// The unit of the paper: the state is reset, then multiplied. The output is h.
#[derive(Clone, Copy, Debug)]
pub struct GruResetBefore {
    /// From the input, (D, 3H): r, z, n.
    pub wx: Param,
    /// From the state to the gates, (H, 2H): r, z.
    pub wh: Param,
    /// From the reset state to the candidate, (H, H).
    pub whn: Param,
    /// The biases, (3H): r, z, n.
    pub b: Param,
}

impl GruResetBefore {
    /// Declares `wx`, `wh` and `whn`, normal with deviation `1 / sqrt(rows)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> GruResetBefore {
        GruResetBefore {
            wx: scope.weight("wx", [inputs, 3 * hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, 2 * hidden], init::fan_in()),
            whn: scope.weight("whn", [hidden, hidden], init::fan_in()),
            b: scope.weight("b", [3 * hidden], init::zeros()),
        }
    }
}

impl Cell for GruResetBefore {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [xr, xz, xn] = (x.dot(self.wx) + self.b).split();
        let [hr, hz] = h.dot(self.wh).split();
        let (r, z) = ((xr + hr).sigmoid(), (xz + hz).sigmoid());
        let n = (xn + (r * h).dot(self.whn)).tanh();
        let h = n + z * (h - n);
        (h, h)
    }
}

/// The variant of cuDNN and PyTorch: the state is multiplied, then reset. The output is h.
#[derive(Clone, Copy, Debug)]
pub struct GruResetAfter {
    /// From the input, (D, 3H): r, z, n.
    pub wx: Param,
    /// From the state, (H, 3H): r, z, n.
    pub wh: Param,
    /// The biases, (3H): r, z, n. Of PyTorch's two biases of a gate this is the sum.
    pub b: Param,
    /// The bias that is reset with the product, (H).
    pub chn: Param,
}

impl GruResetAfter {
    /// Declares `wx` and `wh`, normal with deviation `1 / sqrt(rows)`, and `b` and `chn`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> GruResetAfter {
        GruResetAfter {
            wx: scope.weight("wx", [inputs, 3 * hidden], init::fan_in()),
            wh: scope.weight("wh", [hidden, 3 * hidden], init::fan_in()),
            b: scope.weight("b", [3 * hidden], init::zeros()),
            chn: scope.weight("chn", [hidden], init::zeros()),
        }
    }
}

impl Cell for GruResetAfter {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let [xr, xz, xn] = (x.dot(self.wx) + self.b).split();
        let [hr, hz, hn] = h.dot(self.wh).split();
        let (r, z) = ((xr + hr).sigmoid(), (xz + hz).sigmoid());
        let n = (xn + r * (hn + self.chn)).tanh();
        let h = n + z * (h - n);
        (h, h)
    }
}

/// `nn.GRUCell`. Its two biases of r, and of z, are only ever added; those of n are not.
impl PyTorch for GruResetAfter {
    fn mappings(&self) -> Vec<Mapping> {
        let [r, z] = [0, 1].map(|gate| Block::part(self.b, gate, 3).added());
        vec![
            Mapping::new("weight_ih", [self.wx]),
            Mapping::new("weight_hh", [self.wh]),
            Mapping::new("bias_ih", [self.b]),
            Mapping::new("bias_hh", [r, z, self.chn.into()]),
        ]
    }
}
