//! The cells that are measured: those of `nn`, and one that a user might write.

use unspool::nn::{AnyCell, Cell, GruResetAfter, GruResetBefore, Lstm, Param, Scope, VanillaRnn, init};
use unspool::tape::Var;

use super::{Declared, Workload};

/// A minimal gated unit (Zhou et al., 2016), as somebody writes it who knows nothing of how it is run: its parameters
/// and its equations.
pub struct Mgu {
    wf: Param,
    uf: Param,
    bf: Param,
    wg: Param,
    ug: Param,
    bg: Param,
}

impl Mgu {
    fn new(mut scope: Scope<'_>, inputs: usize, hidden: usize) -> Mgu {
        Mgu {
            wf: scope.weight("wf", [inputs, hidden], init::fan_in()),
            uf: scope.weight("uf", [hidden, hidden], init::fan_in()),
            bf: scope.weight("bf", [hidden], init::zeros()),
            wg: scope.weight("wg", [inputs, hidden], init::fan_in()),
            ug: scope.weight("ug", [hidden, hidden], init::fan_in()),
            bg: scope.weight("bg", [hidden], init::zeros()),
        }
    }
}

impl Cell for Mgu {
    type State<'t> = Var<'t>;

    fn step<'t>(&self, h: Var<'t>, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        let f = (x.dot(self.wf) + h.dot(self.uf) + self.bf).sigmoid();
        let g = (x.dot(self.wg) + (f * h).dot(self.ug) + self.bg).tanh();
        let h = h + f * (g - h);
        (h, h)
    }
}

/// Blocks f, g.
pub fn declare_mgu(scope: Scope<'_>, workload: Workload) -> Declared<Mgu> {
    let cell = Mgu::new(scope, workload.d, workload.h);
    let Mgu { wf, uf, bf, wg, ug, bg } = cell;
    Declared { cell, wx: vec![wf, wg], wh: vec![uf, ug], b: vec![bf, bg], recurrent: &[1, 1] }
}

/// A vanilla cell or an LSTM, as programs have them that choose a cell by name: one block, or i, f, o, g.
pub fn declare_any(scope: Scope<'_>, workload: Workload, name: &str) -> Declared<AnyCell> {
    let (inputs, hidden) = (workload.d, workload.h);
    let (cell, wx, wh, b, recurrent): (_, _, _, _, &[usize]) = match name {
        "rnn" => {
            let cell = VanillaRnn::new(scope, inputs, hidden);
            (AnyCell::new(cell), cell.wx, cell.wh, cell.b, &[1])
        }
        "lstm" => {
            let cell = Lstm::new(scope, inputs, hidden);
            (AnyCell::new(cell), cell.wx, cell.wh, cell.b, &[4])
        }
        _ => panic!("`{name}` has no formulas by hand to be measured beside"),
    };
    Declared { cell, wx: vec![wx], wh: vec![wh], b: vec![b], recurrent }
}

/// Blocks r, z, n.
pub fn declare_gru(scope: Scope<'_>, workload: Workload) -> Declared<GruResetBefore> {
    let cell = GruResetBefore::new(scope, workload.d, workload.h);
    Declared { cell, wx: vec![cell.wx], wh: vec![cell.wh, cell.whn], b: vec![cell.b], recurrent: &[2, 1] }
}

/// Blocks r, z, n, and the fourth block of b is what is reset with the product.
pub fn declare_gru_after(scope: Scope<'_>, workload: Workload) -> Declared<GruResetAfter> {
    let cell = GruResetAfter::new(scope, workload.d, workload.h);
    Declared { cell, wx: vec![cell.wx], wh: vec![cell.wh], b: vec![cell.b, cell.chn], recurrent: &[3] }
}
