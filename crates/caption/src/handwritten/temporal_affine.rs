//! `out[n, t] = x[n, t] W + b`: the affine layer at every time step, with the same weights.

use super::{Affine, AffineGradients, Products, Real, affine_backward, affine_forward};

/// What an affine layer reads at every time step.
#[derive(Debug, Clone, Copy)]
pub struct TemporalAffine<'a, F> {
    /// Sequences of the batch, N.
    pub n: usize,
    /// Time steps, T.
    pub t: usize,
    /// Entries of an input vector, D.
    pub d: usize,
    /// Entries of an output vector, M.
    pub m: usize,
    /// Vectors (N, T, D).
    pub x: &'a [F],
    /// Weights (D, M).
    pub w: &'a [F],
    /// Bias (M).
    pub b: &'a [F],
}

impl<'a, F> TemporalAffine<'a, F> {
    /// (N, T, D) lies in memory as (N T, D): to the weights, time steps are more rows of the batch.
    fn as_rows(&self) -> Affine<'a, F> {
        Affine { n: self.n * self.t, d: self.d, m: self.m, x: self.x, w: self.w, b: self.b }
    }
}

/// `out = x W + b` at every time step, (N, T, M).
///
/// CS231n `rnn_layers.py`, `temporal_affine_forward`.
pub fn temporal_affine_forward<F: Real>(products: &dyn Products<F>, inputs: &TemporalAffine<F>) -> Vec<F> {
    affine_forward(products, &inputs.as_rows())
}

/// `dx = dout Wᵀ`, `dW = Σₜ xᵀ dout`, `db = Σₙₜ dout`, where `dout` is (N, T, M).
///
/// CS231n `rnn_layers.py`, `temporal_affine_backward`.
pub fn temporal_affine_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &TemporalAffine<F>,
    dout: &[F],
) -> AffineGradients<F> {
    affine_backward(products, &inputs.as_rows(), dout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handwritten::PlainLoops;
    use crate::handwritten::differences::{Draw, agree, dot};

    #[test]
    fn gradients_agree_with_differences() {
        for seed in 0..5 {
            let mut draw = Draw::new(seed);
            let [n, t, d, m] = draw.sizes();
            let (x, w, b) = (draw.array(n * t * d), draw.array(d * m), draw.array(m));
            let dout = draw.array(n * t * m);
            let inputs = TemporalAffine { n, t, d, m, x: &x, w: &w, b: &b };
            let gradients = temporal_affine_backward(&PlainLoops, &inputs, &dout);
            let value = |x: &[f64], w: &[f64], b: &[f64]| {
                dot(&temporal_affine_forward(&PlainLoops, &TemporalAffine { n, t, d, m, x, w, b }), &dout)
            };
            agree("dx", &gradients.dx, &x, |x| value(x, &w, &b));
            agree("dw", &gradients.dw, &w, |w| value(&x, w, &b));
            agree("db", &gradients.db, &b, |b| value(&x, &w, b));
        }
    }
}
