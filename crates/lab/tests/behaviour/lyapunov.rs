//! How fast states part: exponents that are known.

use lab::behaviour::{Trajectory, jacobian, lyapunov};
use nalgebra::DMatrix;
use nn::{Cell, Layout, Lru, Params, Sequence, VanillaRnn};
use tape::{DType, Tensor, Var};

use crate::{Linear, close, nothing, numbers, shown};

/// The exponent of h' = h W.
#[track_caller]
fn check_linear(w: &[f64], steps: usize, transient: usize, expected: f64, limit: f64) {
    let hidden = (w.len() as f64).sqrt() as usize;
    let mut params = Params::new(DType::F64);
    let cell = Linear::new(params.scope(""), 1, hidden);
    params.set("w", Tensor::new([hidden, hidden], w)).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, hidden, nothing(steps, 1)).unwrap();
    close(&[lyapunov(&mut trajectory, transient).unwrap()], &[expected], limit);
}

#[test]
fn exponents_of_linear_cells_are_known() {
    check_linear(&[0.7], 20, 0, 0.7f64.ln(), 1e-14);
    check_linear(&[-1.3], 20, 5, 1.3f64.ln(), 1e-14);
    let (sin, cos) = 0.3f64.sin_cos();
    check_linear(&[cos, sin, -sin, cos], 50, 5, 0.0, 1e-14);
    // The largest of two, and not of a matrix that is normal.
    check_linear(&[0.9, 5.0, 0.0, 0.3], 200, 60, 0.9f64.ln(), 1e-12);
    // A step that leaves nothing.
    check_linear(&[0.0, 1.0, 0.0, 0.0], 10, 4, f64::MIN_POSITIVE.ln(), 1e-14);
    // Too few steps for a transient.
    check_linear(&[0.7], 3, 10, 0.7f64.ln(), 1e-14);
}

#[test]
fn the_exponent_of_a_linear_recurrent_unit_is_its_largest_radius() {
    let mut params = Params::seeded(DType::F64, 3);
    let cell = Lru::new(params.scope("lru"), 2, 4);
    let radii = [0.5f64, 0.95, 0.7, 0.3];
    // |λ| = exp(-exp(ν)).
    params.set(cell.nu, Tensor::new([4], radii.map(|radius| (-radius.ln()).ln()))).unwrap();
    let layout = Layout::new(300, &[300, 250]);
    let mut trajectory = Trajectory::follow(&cell, &params, 4, shown(&layout, 2)).unwrap();
    close(&[lyapunov(&mut trajectory, 100).unwrap()], &[0.95f64.ln()], 1e-12);
}

#[test]
fn near_rest_the_exponent_of_a_vanilla_cell_is_that_of_its_matrix() {
    // W is normal with deviation g / sqrt(H); where h = 0 and x = 0, the Jacobian is W.
    for gain in [0.5, 1.0, 1.5] {
        let mut params = Params::seeded(DType::F64, 11);
        let cell = VanillaRnn::new(params.scope("rnn"), 1, 24);
        let w: Vec<f64> = params[cell.wh].to_f64().iter().map(|w| w * gain).collect();
        params.set(cell.wh, Tensor::new([24, 24], w.clone())).unwrap();
        let eigenvalues = DMatrix::from_row_slice(24, 24, &w).complex_eigenvalues();
        let radius = eigenvalues.iter().map(|value| value.norm()).fold(0.0, f64::max);
        let mut trajectory = Trajectory::follow(&cell, &params, 24, nothing(4000, 1)).unwrap();
        close(&[lyapunov(&mut trajectory, 500).unwrap()], &[radius.ln()], 2e-3);
    }
}

/// Hénon's map: x' = 1 - 1.4 x² + y, y' = 0.3 x.
struct Henon;

impl Cell for Henon {
    type State<'t> = [Var<'t>; 2];

    fn step<'t>(&self, [x, y]: [Var<'t>; 2], input: Var<'t>) -> ([Var<'t>; 2], Var<'t>) {
        let next = [1.0 - 1.4 * x.square() + y + input, 0.3 * x];
        (next, next[0])
    }
}

#[test]
fn the_exponent_of_a_chaotic_map_is_the_published_one() {
    // 0.41922 (Sprott, "Chaos and time-series analysis", 2003, appendix A), from 24 starts.
    let (sequences, steps) = (24, 600);
    let mut trajectory = Trajectory::follow(&Henon, &Params::new(DType::F64), 1, |tape| {
        let first = numbers(sequences, 5).into_iter().map(|number| 0.1 * number);
        let rows = first.chain(std::iter::repeat(0.0)).take(sequences * steps);
        Sequence::new(tape.input_numbers([sequences * steps, 1], rows), &Layout::full(sequences, steps))
    })
    .unwrap();
    close(&[lyapunov(&mut trajectory, 50).unwrap()], &[0.41922], 5e-3);
    // Areas shrink by 0.3 at each step.
    let matrix = jacobian(&mut trajectory, 2, 100..103).unwrap();
    close(&[matrix[0] * matrix[3] - matrix[1] * matrix[2]], &[-0.3f64.powi(3)], 1e-12);
}
