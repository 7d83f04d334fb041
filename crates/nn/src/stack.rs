//! Cells on top of one another: the output of each is the input of the next.
//!
//! ```text
//! (s1', y1) = cell1(s1, x)    (s2', y2) = cell2(s2, y1)    …    y = y of the last
//! ```

use tape::Var;

use crate::cell::Cell;
use crate::pytorch::{Mapping, PyTorch, with_suffix};
use crate::scope::Scope;

/// Layers of cells as one cell; its state is that of each layer, the lowest first.
///
/// ```
/// use nn::{AnyCell, GruResetAfter, Lstm, Params, Residual, Stack, output_width};
/// use tape::DType;
///
/// let mut params = Params::new(DType::F32);
/// let deep = Stack::new(params.scope("deep"), 3, 5, 8, Lstm::new);
/// assert_eq!(params.name(deep.layers[2].wh), "deep/layer2/wh");
/// assert_eq!(output_width(&params, &deep, 5, 8), 8);
///
/// // Layers of different kinds.
/// let mixed = Stack::of(vec![
///     AnyCell::new(Lstm::new(params.scope("mixed/lstm"), 5, 8)),
///     AnyCell::new(Residual::new(GruResetAfter::new(params.scope("mixed/gru"), 8, 8))),
/// ]);
/// assert_eq!(output_width(&params, &mixed, 5, 8), 8);
/// ```
#[derive(Clone, Debug)]
pub struct Stack<C> {
    /// The cells, the lowest first.
    pub layers: Vec<C>,
}

impl<C: Cell> Stack<C> {
    /// Declares so many layers by a cell's constructor, in the scopes `layer0`, `layer1`, …: the lowest sees the
    /// inputs, the others the `hidden` outputs of the one below.
    ///
    /// # Panics
    /// If there is no layer.
    #[track_caller]
    pub fn new(
        mut scope: Scope<'_>,
        layers: usize,
        inputs: usize,
        hidden: usize,
        declare: impl Fn(Scope<'_>, usize, usize) -> C,
    ) -> Stack<C> {
        let width = |layer| if layer == 0 { inputs } else { hidden };
        let one = |layer| declare(scope.scope(&format!("layer{layer}")), width(layer), hidden);
        Stack::of((0..layers).map(one).collect())
    }

    /// Cells that are declared already, the lowest first.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn of(layers: Vec<C>) -> Stack<C> {
        assert!(!layers.is_empty(), "a stack needs a layer at least");
        Stack { layers }
    }
}

impl<C: Cell> Cell for Stack<C> {
    type State<'t> = Vec<C::State<'t>>;

    /// Every layer starts from the same hidden state.
    fn start<'t>(&self, h0: Var<'t>) -> Vec<C::State<'t>> {
        self.layers.iter().map(|cell| cell.start(h0)).collect()
    }

    fn step<'t>(&self, state: Vec<C::State<'t>>, x: Var<'t>) -> (Vec<C::State<'t>>, Var<'t>) {
        let mut value = x;
        let mut one = |(cell, state): (&C, _)| {
            let (state, output) = cell.step(state, value);
            value = output;
            state
        };
        let state = self.layers.iter().zip(state).map(&mut one).collect();
        (state, value)
    }
}

/// `nn.RNN`, `nn.LSTM` or `nn.GRU`, with as many layers.
impl<C: PyTorch> PyTorch for Stack<C> {
    fn mappings(&self) -> Vec<Mapping> {
        let one = |(layer, cell)| with_suffix(&format!("_l{layer}"), cell);
        self.layers.iter().enumerate().flat_map(one).collect()
    }
}
