//! The products of a step and nothing else: the time that no implementation with this kernel can fall below.

use unspool::nn::Cell;
use unspool::tape::add_product;
use unspool::tape::ops::Dot;

use super::{Case, Workload};

/// A B, Aᵀ B and A Bᵀ.
pub(super) const PLAIN: Dot = Dot { transpose_left: false, transpose_right: false };
pub(super) const LEFT: Dot = Dot { transpose_left: true, transpose_right: false };
pub(super) const RIGHT: Dot = Dot { transpose_left: false, transpose_right: true };

/// The products of a step as an expert orders them: for inputs and words all rows at once without padding, in the loop
/// only what carries. Operands are found in one array each, so that nothing but products is timed.
pub struct Step {
    products: Vec<(Dot, [usize; 3])>,
    left: Vec<f32>,
    right: Vec<f32>,
    out: Vec<f32>,
}

impl Step {
    /// The products of a case.
    pub fn of<C: Cell>(case: &Case<C>) -> Step {
        let Workload { n, f, d, h, v, .. } = case.workload;
        let (packing, recurrent) = (case.batch.layout.packing(), case.weights.recurrent);
        let (rows, gh) = (case.batch.layout.rows(), case.weights.blocks() * h);
        let running = |t| packing.running(t, 0);
        let in_loop = |dot, size: fn(usize, usize, usize) -> [usize; 3]| {
            let step = move |t| recurrent.iter().map(move |blocks| (dot, size(running(t), h, blocks * h)));
            (0..case.batch.steps).flat_map(step)
        };
        let mut products = vec![(PLAIN, [n, f, h]), (PLAIN, [rows, d, gh])];
        products.extend(in_loop(PLAIN, |n, h, gh| [n, h, gh]));
        products.extend([(PLAIN, [rows, h, v]), (RIGHT, [rows, v, h]), (LEFT, [h, rows, v])]);
        products.extend(in_loop(RIGHT, |n, h, gh| [n, gh, h]));
        // The gradients of Wh, one for each product of the loop, of Wx, of the words' vectors and of W_proj.
        products.extend(recurrent.iter().map(|blocks| (LEFT, [h, rows, blocks * h])));
        products.extend([(LEFT, [d, rows, gh]), (RIGHT, [rows, gh, d]), (LEFT, [f, n, h])]);
        let longest = |elements: fn([usize; 3]) -> usize| {
            products.iter().map(|(_, size)| elements(*size)).max().unwrap_or(0)
        };
        let (left, right) = (longest(|[m, k, _]| m * k), longest(|[_, k, n]| k * n));
        let out = vec![0.0; longest(|[m, _, n]| m * n)];
        Step { left: vec![1e-3; left], right: vec![1e-3; right], out, products }
    }

    /// Multiplies.
    pub fn multiply(&mut self) {
        for (dot, [m, k, n]) in &self.products {
            let (left, right) = (&self.left[..m * k], &self.right[..k * n]);
            add_product(*dot, [*m, *k, *n], left, right, &mut self.out[..m * n]);
        }
    }
}
