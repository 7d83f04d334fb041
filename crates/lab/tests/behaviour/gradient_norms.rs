//! How gradients go back through time.

use lab::behaviour::{Trajectory, gradient_norms};
use nn::{Cell, GruResetBefore, Layout, Lru, Lstm, Params, Stack};
use tape::{Bundle, DType, Tensor, Var, Vars, concat, grad, interpret};

use crate::{Linear, close, norm, nothing, numbers, shown};

#[test]
fn gradients_of_a_linear_cell_are_powers_of_its_matrix() {
    let mut params = Params::seeded(DType::F64, 4);
    let cell = Linear::new(params.scope(""), 1, 3);
    let steps = 6;
    let mut trajectory = Trajectory::follow(&cell, &params, 3, nothing(steps, 1)).unwrap();
    // L = p · h_T, so dL/dh_t = W^(T - t) p.
    let p = [0.5, -1.0, 2.0];
    let found = gradient_norms(&mut trajectory, |outputs| {
        let last = outputs.rows.slice(0, steps - 1..steps);
        (last * last.tape().input_numbers([1, 3], p)).sum()
    })
    .unwrap();
    let w = params[cell.w].to_f64();
    let mut gradient = p.to_vec();
    let mut expected = vec![norm(&gradient)];
    for _ in 0..steps {
        gradient = (0..3).map(|i| (0..3).map(|j| w[3 * i + j] * gradient[j]).sum()).collect();
        expected.insert(0, norm(&gradient));
    }
    close(&found.hidden, &expected, 1e-13);
    assert_eq!(found.hidden, found.state);
}

/// The norms of gradients, and the same by a loop in Rust in which every state is a value.
#[track_caller]
fn check_norms<C: Cell>(cell: &C, params: &Params, lengths: &[usize], inputs: usize, hidden: usize) {
    let layout = Layout::new(*lengths.iter().max().unwrap(), lengths);
    let weights = |rows: Var<'_>| Tensor::new(rows.shape(), numbers(rows.shape().len(), 8));
    let mut trajectory = Trajectory::follow(cell, params, hidden, shown(&layout, inputs)).unwrap();
    let found = gradient_norms(&mut trajectory, |outputs| {
        let (rows, tape) = (outputs.rows, outputs.rows.tape());
        (rows.square() * tape.input(weights(rows))).sum()
    })
    .unwrap();

    let tape = params.tape();
    let sequence = shown(&layout, inputs)(&tape);
    let packing = layout.packing();
    // Layers begin with the same value; here each has its own.
    let start = cell.start(tape.number(0.0).expand([lengths.len(), hidden]));
    let own = |part: Var<'_>| tape.input_numbers(part.shape(), vec![0.0; part.shape().len()]);
    let mut state = start.rebuild(&mut start.parts().into_iter().map(own));
    let (mut states, mut outputs) = (vec![state.parts()], Vec::new());
    for t in 0..packing.steps() {
        let (first, running) = (packing.offset(t, 0), packing.running(t, 0));
        let still: Vars<'_> = state.parts().into_iter().map(|part| part.slice(0, 0..running)).collect();
        let x = sequence.rows.slice(0, first..first + running);
        let (next, output) = cell.step(state.rebuild(&mut still.into_iter()), x);
        states.push(next.parts());
        outputs.push(output);
        state = next;
    }
    let rows = concat(&outputs, 0);
    let loss = (rows.square() * tape.input(weights(rows))).sum();
    for (t, parts) in states.iter().enumerate() {
        let gradients = interpret(&grad(loss, parts)).unwrap();
        let rows = gradients[0].shape().dim(0).at(0);
        let of_row = |gradient: &Tensor, row: usize| -> Vec<f64> {
            gradient.to_f64().chunks(gradient.shape().len() / rows).nth(row).unwrap().to_vec()
        };
        let hidden = (0..rows).map(|row| norm(&of_row(&gradients[0], row))).sum::<f64>() / rows as f64;
        let whole = |row| norm(&gradients.iter().flat_map(|part| of_row(part, row)).collect::<Vec<_>>());
        let whole = (0..rows).map(whole).sum::<f64>() / rows as f64;
        close(&[found.hidden[t], found.state[t]], &[hidden, whole], 1e-12);
    }
    assert_eq!(found.hidden.len(), states.len());
}

#[test]
fn gradient_norms_are_those_of_a_loop_in_rust() {
    let mut params = Params::seeded(DType::F64, 2);
    check_norms(&Lstm::new(params.scope("lstm"), 2, 3), &params, &[5, 5], 2, 3);
    check_norms(&Lstm::new(params.scope("ragged"), 2, 3), &params, &[2, 6, 1, 4], 2, 3);
    check_norms(&GruResetBefore::new(params.scope("gru"), 2, 3), &params, &[2, 6], 2, 3);
    // Its output is not its state, and the last state has an influence only through it.
    check_norms(&Lru::new(params.scope("lru"), 2, 3), &params, &[4, 6], 2, 3);
    check_norms(&Stack::new(params.scope("stack"), 2, 2, 3, Lstm::new), &params, &[4, 6], 2, 3);
}
