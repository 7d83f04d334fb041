//! A path past a cell (He et al., "Deep residual learning for image recognition", 2016, <https://arxiv.org/abs/1512.03385>).
//!
//! ```text
//! (state', y) = cell(state, x)        the output is x + y, both (n, H)
//! ```

use tape::Var;

use crate::cell::Cell;

/// A cell whose output is added to its input.
#[derive(Clone, Copy, Debug)]
pub struct Residual<C> {
    /// The cell beside the path.
    pub cell: C,
}

impl<C: Cell> Residual<C> {
    /// A cell whose output must be as wide as its input.
    pub fn new(cell: C) -> Residual<C> {
        Residual { cell }
    }
}

impl<C: Cell> Cell for Residual<C> {
    type State<'t> = C::State<'t>;

    fn start<'t>(&self, h0: Var<'t>) -> C::State<'t> {
        self.cell.start(h0)
    }

    /// # Panics
    /// If the output is not as wide as the input.
    #[track_caller]
    fn step<'t>(&self, state: C::State<'t>, x: Var<'t>) -> (C::State<'t>, Var<'t>) {
        let (state, y) = self.cell.step(state, x);
        let (input, output) = (x.shape(), y.shape());
        assert!(
            input == output,
            "a residual connection adds an input of {input} to an output of {output}: make them as wide, or leave it \
             out of this layer"
        );
        (state, x + y)
    }
}
