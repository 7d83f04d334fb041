//! Layer normalisation (Ba, Kiros and Hinton, "Layer normalization", 2016, <https://arxiv.org/abs/1607.06450>).
//!
//! ```text
//! μ = Σ x / D        v = Σ (x - μ)² / D        over the last axis
//! y = (x - μ) / sqrt(v + ε) g + b              x, y (…, D)   g, b (D)
//! ```
//!
//! The variance is the biased one, and ε stands inside the root, as in PyTorch.

use tape::{Dim, Var};

use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch};
use crate::scope::Scope;

/// Rows with mean 0 and variance 1, then scaled and moved by what is learned.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// The gain g (D).
    pub g: Param,
    /// The offset b (D).
    pub b: Param,
    /// Keeps the root from zero, ε.
    pub epsilon: f64,
}

impl LayerNorm {
    /// Declares `g`, one, and `b`, zero, with ε 1e-5.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, width: usize) -> LayerNorm {
        LayerNorm {
            g: scope.weight("g", [width], init::constant(1.0)),
            b: scope.weight("b", [width], init::zeros()),
            epsilon: 1e-5,
        }
    }

    /// From (…, D) to (…, D).
    #[track_caller]
    pub fn apply<'t>(&self, x: Var<'t>) -> Var<'t> {
        normalized(x, self.epsilon) * self.g + self.b
    }
}

/// `nn.LayerNorm`.
impl PyTorch for LayerNorm {
    fn mappings(&self) -> Vec<Mapping> {
        vec![Mapping::new("weight", [self.g]), Mapping::new("bias", [self.b])]
    }
}

/// Rows (…, D) with mean 0 and variance 1: `(x - μ) / sqrt(v + ε)`.
#[track_caller]
pub fn normalized(x: Var<'_>, epsilon: f64) -> Var<'_> {
    let centred = x - mean_of_rows(x);
    centred * (mean_of_rows(centred.square()) + epsilon).sqrt().recip()
}

/// From (…, D) the means (…, 1).
#[track_caller]
fn mean_of_rows(x: Var<'_>) -> Var<'_> {
    let shape = x.shape();
    let axis = shape.rank().checked_sub(1).expect("layer normalisation is of rows, not of a single number");
    x.mean_along(&[axis]).reshape(shape.with_dim(axis, Dim::new(1)))
}
