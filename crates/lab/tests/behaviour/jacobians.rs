//! How far a state depends on an earlier one.

use lab::behaviour::{Trajectory, jacobian, jacobians, singular_values};
use nn::{
    AnyCell, Cell, GruResetAfter, Layout, Lru, Lstm, Params, Scope, Stack, StepDropout, VanillaRnn,
    VariationalDropout,
};
use tape::{DType, Tensor, Vars, interpret};

use crate::{Linear, close, norm, nothing, shown};

/// A Jacobian along random inputs, and the central differences of the same steps run from states that were moved.
#[track_caller]
fn check_jacobian(declare: impl Fn(Scope<'_>) -> AnyCell, size: usize) {
    let (inputs, hidden) = (2, 3);
    let mut params = Params::seeded(DType::F32, 6);
    let cell = declare(params.scope("cell"));
    let layout = Layout::new(7, &[4, 7]);
    let mut trajectory = Trajectory::follow(&cell, &params, hidden, shown(&layout, inputs)).unwrap();
    assert_eq!(trajectory.state_size(), size);
    let steps = 2..6;
    let found = jacobian(&mut trajectory, 1, steps.clone()).unwrap();

    let params = params.cast(DType::F64);
    let tape = params.tape();
    let rows = trajectory.rows_of(1);
    let sequence = shown(&layout, inputs)(&tape);
    let x = |t: usize| sequence.rows.slice(0, rows[t]..rows[t] + 1);
    let zero = tape.input_numbers([1, hidden], vec![0.0; hidden]);
    let before = (0..steps.start).fold(cell.start(zero), |state, t| cell.step(state, x(t)).0);
    let before = interpret(&before).unwrap();
    let run = |moved: Option<(usize, f64)>| -> Vec<f64> {
        let mut parts = before.clone();
        if let Some((number, by)) = moved {
            let width = parts[0].shape().len();
            parts[number / width].as_mut_slice::<f64>()[number % width] += by;
        }
        let start: Vars<'_> = parts.into_iter().map(|part| tape.input(part)).collect();
        let state = steps.clone().fold(start, |state, t| cell.step(state, x(t)).0);
        interpret(&state).unwrap().iter().flat_map(Tensor::to_f64).collect()
    };
    let by = 1e-5;
    let mut expected = vec![0.0; size * size];
    for column in 0..size {
        let (plus, minus) = (run(Some((column, by))), run(Some((column, -by))));
        for row in 0..size {
            expected[row * size + column] = (plus[row] - minus[row]) / (2.0 * by);
        }
    }
    close(&found, &expected, 1e-8);
    assert!(norm(&found) > 1e-3, "nothing to compare");
}

#[test]
fn jacobians_are_central_differences_of_the_whole_state() {
    check_jacobian(|scope| AnyCell::new(VanillaRnn::new(scope, 2, 3)), 3);
    check_jacobian(|scope| AnyCell::new(Lstm::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(nn::LayerNormLstm::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(GruResetAfter::new(scope, 2, 3)), 3);
    check_jacobian(|scope| AnyCell::new(Lru::new(scope, 2, 3)), 6);
    check_jacobian(|scope| AnyCell::new(Stack::new(scope, 2, 2, 3, Lstm::new)), 12);
    check_jacobian(|scope| AnyCell::new(StepDropout::new(Lstm::new(scope, 2, 3), 0.5, 0.5)), 6);
    check_jacobian(|scope| AnyCell::new(VariationalDropout::new(Lstm::new(scope, 2, 3), 0.5, 0.5)), 6);
}

#[test]
fn singular_values_are_those_of_known_matrices() {
    close(&singular_values(2, &[0.0, 3.0, -4.0, 0.0]), &[4.0, 3.0], 1e-15);
    // [[1, 1], [0, 1]]: the golden ratio and its inverse.
    let golden = (1.0 + 5f64.sqrt()) / 2.0;
    close(&singular_values(2, &[1.0, 1.0, 0.0, 1.0]), &[golden, 1.0 / golden], 1e-15);
    close(&singular_values(3, &[1e-150, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), &[1.0, 0.0, 0.0], 1e-15);
    assert!(singular_values(2, &[1.0, f64::NAN, 0.0, 1.0]).iter().all(|value| value.is_nan()));
    assert!(singular_values(0, &[]).is_empty());
}

#[test]
fn jacobians_over_more_steps_than_there_are_are_left_out() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Linear::new(params.scope(""), 1, 2);
    params.set("w", Tensor::new([2, 2], vec![0.5, 0.0, 0.0, -2.0])).unwrap();
    let mut trajectory = Trajectory::follow(&cell, &params, 2, nothing(3, 1)).unwrap();
    let found = jacobians(&mut trajectory, 0, &[4, 3, 1]).unwrap();
    assert_eq!(found.iter().map(|jacobian| jacobian.steps).collect::<Vec<_>>(), [1, 3]);
    close(&found[0].singular_values, &[2.0, 0.5], 1e-15);
    close(&found[1].singular_values, &[8.0, 0.125], 1e-15);
}
