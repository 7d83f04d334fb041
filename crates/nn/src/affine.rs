//! Affine map.
//!
//! ```text
//! y = x W + b        x (…, D)   W (D, M)   b (M)   y (…, M)
//! ```

use tape::Var;

use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch};
use crate::scope::Scope;

/// `y = x W + b`.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    /// The matrix W (D, M).
    pub w: Param,
    /// The offset b (M).
    pub b: Param,
}

impl Affine {
    /// Declares `w`, normal with deviation `1 / sqrt(inputs)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Affine {
        Affine {
            w: scope.weight("w", [inputs, outputs], init::fan_in()),
            b: scope.weight("b", [outputs], init::zeros()),
        }
    }

    /// From (…, D) to (…, M).
    #[track_caller]
    pub fn apply<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.dot(self.w) + self.b
    }
}

/// `nn.Linear`.
impl PyTorch for Affine {
    fn mappings(&self) -> Vec<Mapping> {
        vec![Mapping::new("weight", [self.w]), Mapping::new("bias", [self.b])]
    }
}
