//! The three matrix products that the formulas are made of.
//!
//! Everything else in the formulas is a loop over elements. A benchmark implements [`Products`] with a fast library and
//! so measures the formulas rather than these loops.

use super::Real;
use super::arrays::expect_len;

/// Adds matrix products to what is there: `c` is (m, n), `k` is the axis that is summed over.
pub trait Products<F> {
    /// `C += A B` with A (m, k) and B (k, n).
    fn ab(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]);
    /// `C += Aᵀ B` with A (k, m) and B (k, n).
    fn atb(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]);
    /// `C += A Bᵀ` with A (m, k) and B (n, k).
    fn abt(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]);
}

/// Matrix products as three nested loops.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainLoops;

impl<F: Real> Products<F> for PlainLoops {
    fn ab(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]) {
        expect_len("a", a, &[m, k]);
        expect_len("b", b, &[k, n]);
        expect_len("c", c, &[m, n]);
        for row in 0..m {
            for inner in 0..k {
                for column in 0..n {
                    c[row * n + column] += a[row * k + inner] * b[inner * n + column];
                }
            }
        }
    }

    fn atb(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]) {
        expect_len("a", a, &[k, m]);
        expect_len("b", b, &[k, n]);
        expect_len("c", c, &[m, n]);
        for inner in 0..k {
            for row in 0..m {
                for column in 0..n {
                    c[row * n + column] += a[inner * m + row] * b[inner * n + column];
                }
            }
        }
    }

    fn abt(&self, m: usize, k: usize, n: usize, a: &[F], b: &[F], c: &mut [F]) {
        expect_len("a", a, &[m, k]);
        expect_len("b", b, &[n, k]);
        expect_len("c", c, &[m, n]);
        for row in 0..m {
            for column in 0..n {
                for inner in 0..k {
                    c[row * n + column] += a[row * k + inner] * b[column * k + inner];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A = [1 2 3; 4 5 6] and B = [1 0; 2 1; 0 3], so AB = [5 11; 14 23]; C starts at one.
    const AB_PLUS_ONE: [f64; 4] = [6.0, 12.0, 15.0, 24.0];

    #[test]
    fn the_three_products_agree_and_add() {
        let (a, a_transposed) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let (b, b_transposed) = ([1.0, 0.0, 2.0, 1.0, 0.0, 3.0], [1.0, 2.0, 0.0, 0.0, 1.0, 3.0]);
        let [mut ab, mut atb, mut abt] = [[1.0; 4]; 3];
        PlainLoops.ab(2, 3, 2, &a, &b, &mut ab);
        PlainLoops.atb(2, 3, 2, &a_transposed, &b, &mut atb);
        PlainLoops.abt(2, 3, 2, &a, &b_transposed, &mut abt);
        assert_eq!([ab, atb, abt], [AB_PLUS_ONE; 3]);
    }

    #[test]
    #[should_panic(expected = "`b` has 5 elements where shape [3, 2] needs 6")]
    fn a_wrong_length_names_the_array() {
        PlainLoops.ab(2, 3, 2, &[0.0; 6], &[0.0; 5], &mut [0.0; 4]);
    }
}
