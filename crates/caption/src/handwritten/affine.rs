//! `out = x W + b` for rows, and its gradients: `dx = dout Wᵀ`, `dW = xᵀ dout`, `db = Σₙ dout`.

use super::arrays::{expect_len, repeat_row, sum_rows, zeros};
use super::{Products, Real};

/// What an affine layer reads.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a, F> {
    /// Rows of the batch, N.
    pub n: usize,
    /// Entries of a row, D.
    pub d: usize,
    /// Entries of an output row, M.
    pub m: usize,
    /// Rows (N, D).
    pub x: &'a [F],
    /// Weights (D, M).
    pub w: &'a [F],
    /// Bias (M).
    pub b: &'a [F],
}

impl<F> Affine<'_, F> {
    #[track_caller]
    fn expect_lengths(&self) {
        expect_len("x", self.x, &[self.n, self.d]);
        expect_len("w", self.w, &[self.d, self.m]);
        expect_len("b", self.b, &[self.m]);
    }
}

/// The gradients of an affine layer, each of its input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineGradients<F> {
    /// Of the rows, (N, D), or (N, T, D) through time.
    pub dx: Vec<F>,
    /// Of the weights, (D, M).
    pub dw: Vec<F>,
    /// Of the bias, (M).
    pub db: Vec<F>,
}

/// `out = x W + b`, (N, M).
///
/// CS231n `layers.py`, `affine_forward`, with x already flattened to rows.
pub fn affine_forward<F: Real>(products: &dyn Products<F>, inputs: &Affine<F>) -> Vec<F> {
    inputs.expect_lengths();
    let Affine { n, d, m, x, w, b } = *inputs;
    let mut out = repeat_row(b, n);
    products.ab(n, d, m, x, w, &mut out);
    out
}

/// `dx = dout Wᵀ`, `dW = xᵀ dout`, `db = Σₙ dout`, where `dout` is (N, M).
///
/// CS231n `layers.py`, `affine_backward`.
pub fn affine_backward<F: Real>(
    products: &dyn Products<F>,
    inputs: &Affine<F>,
    dout: &[F],
) -> AffineGradients<F> {
    inputs.expect_lengths();
    let Affine { n, d, m, x, w, .. } = *inputs;
    expect_len("dout", dout, &[n, m]);
    let (mut dx, mut dw) = (zeros(n * d), zeros(d * m));
    products.abt(n, m, d, dout, w, &mut dx);
    products.atb(d, n, m, x, dout, &mut dw);
    AffineGradients { dx, dw, db: sum_rows(dout, m) }
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
            let [n, d, m] = draw.sizes();
            let (x, w, b) = (draw.array(n * d), draw.array(d * m), draw.array(m));
            let dout = draw.array(n * m);
            let gradients = affine_backward(&PlainLoops, &Affine { n, d, m, x: &x, w: &w, b: &b }, &dout);
            let value = |x: &[f64], w: &[f64], b: &[f64]| {
                dot(&affine_forward(&PlainLoops, &Affine { n, d, m, x, w, b }), &dout)
            };
            agree("dx", &gradients.dx, &x, |x| value(x, &w, &b));
            agree("dw", &gradients.dw, &w, |w| value(&x, w, &b));
            agree("db", &gradients.db, &b, |b| value(&x, &w, b));
        }
    }
}
