//! The same small network at every step (Vaswani et al., 2017).
//!
//! ```text
//! y = drop(max(x W1 + b1, 0)) W2 + b2        x, y (…, D)   W1 (D, F)   W2 (F, D)
//! ```

use tape::Var;

use crate::affine::Affine;
use crate::dropout::Dropout;
use crate::scope::Scope;

/// Two affine maps with a rectifier between them.
#[derive(Clone, Copy, Debug)]
pub struct FeedForward {
    /// From D to F.
    pub inner: Affine,
    /// From F to D.
    pub outer: Affine,
    /// What falls on the hidden units.
    pub dropout: Dropout,
}

impl FeedForward {
    /// Declares the maps `inner` and `outer` for these widths D and F.
    ///
    /// # Panics
    /// If the rate is not one of [`Dropout`].
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, width: usize, hidden: usize, dropout: f64) -> FeedForward {
        FeedForward {
            inner: Affine::new(scope.scope("inner"), width, hidden),
            outer: Affine::new(scope.scope("outer"), hidden, width),
            dropout: Dropout::new(dropout),
        }
    }

    /// From (…, D) to (…, D).
    #[track_caller]
    pub fn apply<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.outer.apply(self.dropout.apply(self.inner.apply(x).relu()))
    }
}
