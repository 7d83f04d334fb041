//! The same affine map at every step of every sequence, as from hidden states to scores of words.
//!
//! ```text
//! y[n, t] = x[n, t] W + b        x (N, T, D)   W (D, M)   b (M)   y (N, T, M)
//! ```
//!
//! Packed sequences make it one product of all R rows.

use crate::affine::Affine;
use crate::pytorch::{Mapping, PyTorch};
use crate::scope::Scope;
use crate::sequence::Sequence;

/// `y = x W + b` at every step.
#[derive(Clone, Copy, Debug)]
pub struct TemporalAffine {
    /// The map.
    pub affine: Affine,
}

impl TemporalAffine {
    /// Declares `w`, normal with deviation `1 / sqrt(inputs)`, and `b`, zero.
    #[track_caller]
    pub fn new(scope: Scope<'_>, inputs: usize, outputs: usize) -> TemporalAffine {
        TemporalAffine { affine: Affine::new(scope, inputs, outputs) }
    }

    /// From rows (R, D) to rows (R, M).
    #[track_caller]
    pub fn apply<'t>(&self, x: &Sequence<'t>) -> Sequence<'t> {
        Sequence::new(self.affine.apply(x.rows), &x.layout)
    }
}

/// `nn.Linear`.
impl PyTorch for TemporalAffine {
    fn mappings(&self) -> Vec<Mapping> {
        self.affine.mappings()
    }
}
