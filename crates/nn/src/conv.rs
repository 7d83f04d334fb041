//! Convolution of pictures, as one matrix product over their windows.
//!
//! ```text
//! y[n, i, j, f] = b[f] + Σ_u Σ_v Σ_c x[n, s i + u - p, s j + v - p, c] w[u, v, c, f]
//!
//! x (N, H, W, C)   w (size · size · C, F)   b (F)   y (N, H', W', F)   H' = (H + 2p - size) / s + 1
//! ```
//!
//! `x` is zero outside the picture; `s` is the stride and `p` the padding of the [`Windows`].

use tape::{Var, Windows};

use crate::init;
use crate::param::Param;
use crate::pytorch::{Mapping, PyTorch};
use crate::scope::Scope;

/// A convolution with square windows.
#[derive(Clone, Copy, Debug)]
pub struct Conv2d {
    /// The filters (size · size · C, F): rows of a window, then its columns, then channels.
    pub w: Param,
    /// The biases (F).
    pub b: Param,
    /// The windows.
    pub windows: Windows,
}

impl Conv2d {
    /// Declares `w`, normal with deviation `1 / sqrt(size · size · channels)`, and `b`, zero.
    #[track_caller]
    pub fn new(mut scope: Scope<'_>, windows: Windows, channels: usize, filters: usize) -> Conv2d {
        let inputs = usize::from(windows.size).pow(2) * channels;
        Conv2d {
            w: scope.weight("w", [inputs, filters], init::fan_in()),
            b: scope.weight("b", [filters], init::zeros()),
            windows,
        }
    }

    /// From pictures (N, H, W, C) to (N, H', W', F).
    #[track_caller]
    pub fn apply<'t>(&self, pictures: Var<'t>) -> Var<'t> {
        pictures.unfold(self.windows).dot(self.w) + self.b
    }
}

/// `nn.Conv2d`.
impl PyTorch for Conv2d {
    fn mappings(&self) -> Vec<Mapping> {
        vec![Mapping::filters("weight", self.w, self.windows.size.into()), Mapping::new("bias", [self.b])]
    }
}
