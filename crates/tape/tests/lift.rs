//! How many matrix products a loop repeats in every step after lifting: what a cell's equations force, however
//! they are written.

mod common;

use common::agreement::by_both;
use common::spread;
use tape::{DType, Dim, Engine, Packing, ScanOptions, Segments, Tape, Var, grad, scan, scan_with};

const HIDDEN: usize = 3;
const INPUTS: usize = 2;

/// A step from the state (h, c), the inputs, and for each gate the weights of inputs and state and a bias.
type Step = for<'t> fn([Var<'t>; 2], Var<'t>, &[[Var<'t>; 3]]) -> [Var<'t>; 2];

/// A cell with so many gates, one of which may be as wide as several.
struct Cell {
    gates: usize,
    width: usize,
    step: Step,
}

const fn cell(gates: usize, step: Step) -> Cell {
    Cell { gates, width: HIDDEN, step }
}

const RNN: Cell = cell(1, |[h, c], x, w| {
    let [[wx, wh, b]] = *w else { panic!("one gate") };
    [(x.dot(wx) + h.dot(wh) + b).tanh(), c]
});

/// As it is taught: a product of the inputs and one of the state for each gate.
const LSTM: Cell = cell(4, |[h, c], x, w| {
    let gate = |number: usize| x.dot(w[number][0]) + h.dot(w[number][1]) + w[number][2];
    let c = gate(1).sigmoid() * c + gate(0).sigmoid() * gate(3).tanh();
    [gate(2).sigmoid() * c.tanh(), c]
});

/// As libraries write it: all gates from one product.
const FUSED_LSTM: Cell = Cell {
    gates: 1,
    width: 4 * HIDDEN,
    step: |[h, c], x, w| {
        let [i, f, o, new] = (x.dot(w[0][0]) + h.dot(w[0][1]) + w[0][2]).split();
        let c = f.sigmoid() * c + i.sigmoid() * new.tanh();
        [o.sigmoid() * c.tanh(), c]
    },
};

/// Cho et al. 2014: the reset gate is applied before the product.
const GRU_BEFORE: Cell = cell(3, |[h, c], x, w| {
    let gate = |number: usize| (x.dot(w[number][0]) + h.dot(w[number][1]) + w[number][2]).sigmoid();
    let (reset, update) = (gate(0), gate(1));
    let new = (x.dot(w[2][0]) + (reset * h).dot(w[2][1]) + w[2][2]).tanh();
    [update * h + (1.0 - update) * new, c]
});

/// cuDNN: the reset gate is applied after the product.
const GRU_AFTER: Cell = cell(3, |[h, c], x, w| {
    let gate = |number: usize| (x.dot(w[number][0]) + h.dot(w[number][1]) + w[number][2]).sigmoid();
    let (reset, update) = (gate(0), gate(1));
    let new = (x.dot(w[2][0]) + reset * (h.dot(w[2][1]) + w[2][2])).tanh();
    [update * h + (1.0 - update) * new, c]
});

/// Zhou et al. 2016: one gate.
const MGU: Cell = cell(2, |[h, c], x, w| {
    let f = (x.dot(w[0][0]) + h.dot(w[0][1]) + w[0][2]).sigmoid();
    let g = (x.dot(w[1][0]) + (f * h).dot(w[1][1]) + w[1][2]).tanh();
    [h + f * (g - h), c]
});

/// Feng et al. 2024: gate and candidate see the inputs only.
const MIN_GRU: Cell = cell(2, |[h, c], x, w| {
    let z = (x.dot(w[0][0]) + w[0][2]).sigmoid();
    let new = (x.dot(w[1][0]) + w[1][2]).tanh();
    [(1.0 - z) * h + z * new, c]
});

/// A number made of a cell's outputs and last states, and what it depends on.
fn number<'t>(
    tape: &'t Tape,
    cell: &Cell,
    lengths: &[usize],
    options: ScanOptions,
) -> (Var<'t>, Vec<Var<'t>>) {
    let mut salt = 0;
    let mut leaf = |shape: &[usize]| {
        salt += 1;
        tape.input(spread(shape, salt, tape.dtype()))
    };
    let rows = lengths.iter().sum();
    let [h0, c0] = [(); 2].map(|()| leaf(&[lengths.len(), HIDDEN]));
    let (x, out) = (leaf(&[rows, INPUTS]), leaf(&[HIDDEN, 5]));
    let gate = |_| [leaf(&[INPUTS, cell.width]), leaf(&[HIDDEN, cell.width]), leaf(&[cell.width])];
    let weights: Vec<[Var<'t>; 3]> = (0..cell.gates).map(gate).collect();
    let ([h, _], y) = scan_with(&Packing::ragged(lengths), options, [h0, c0], x, |state, x| {
        let [h, c] = (cell.step)(state, x, &weights);
        ([h, c], h.dot(out))
    });
    let all = [h0, x, out].into_iter().chain(weights.into_iter().flatten());
    (y.square().sum() + h.sum(), all.collect())
}

/// The products that stay in loops; the engine must find the numbers of the interpreter.
fn products(wanted: &[Var<'_>]) -> Vec<usize> {
    let mut engine = Engine::new();
    by_both(&mut engine, wanted);
    engine.run(wanted).expect("it ran before").plan().products_in_loops()
}

/// The products that stay in the loops of a cell, forward and backward, for equal and for different lengths.
#[track_caller]
fn check(cell: &Cell, expected: &[usize]) {
    for lengths in [&[4, 4, 4][..], &[4, 2, 1]] {
        let tape = Tape::new(DType::F64);
        let (value, all) = number(&tape, cell, lengths, ScanOptions::default());
        // Minus gradients of weights that a cell does not have.
        let gradients = tape::try_grad(value, &all).expect("a number").into_iter().flatten();
        let wanted: Vec<Var<'_>> = std::iter::once(value).chain(gradients).collect();
        assert_eq!(products(&wanted), expected, "{lengths:?}");
    }
}

#[test]
fn a_vanilla_rnn_repeats_one_product_each_way() {
    check(&RNN, &[1, 1]);
}

#[test]
fn an_lstm_repeats_one_product_each_way_however_it_is_written() {
    check(&FUSED_LSTM, &[1, 1]);
    check(&LSTM, &[1, 1]);
}

#[test]
fn a_gru_that_resets_before_the_product_repeats_two_each_way() {
    // Forward, the product of the new value takes the reset state, which takes a product of the state. Backward,
    // the gradient of the reset gate takes the product that the gradient of the reset state is, and the
    // gradient of the state takes a product of that of the gate. In both, the update gate shares one of the two.
    check(&GRU_BEFORE, &[2, 2]);
}

#[test]
fn a_gru_that_resets_after_the_product_repeats_one_each_way() {
    // All three products take the state itself; backward, all three are terms of the gradient of the state.
    check(&GRU_AFTER, &[1, 1]);
}

#[test]
fn a_minimal_gated_unit_repeats_two_each_way() {
    // The second product takes the forgotten state, which takes the first; backward it is the other way round.
    check(&MGU, &[2, 2]);
}

#[test]
fn a_minimal_gru_repeats_none() {
    check(&MIN_GRU, &[0, 0]);
}

#[test]
fn segments_repeat_what_the_whole_does() {
    for (recompute, truncate) in [(true, false), (false, true), (true, true)] {
        let tape = Tape::new(DType::F64);
        let segments = Some(Segments { length: 2, recompute, truncate });
        let options = ScanOptions { segments, ..ScanOptions::default() };
        let (value, all) = number(&tape, &LSTM, &[4, 3, 1], options);
        let wanted: Vec<Var<'_>> = std::iter::once(value).chain(grad(value, &all)).collect();
        let loops = if recompute { 6 } else { 4 };
        assert_eq!(products(&wanted), vec![1; loops], "recompute {recompute}, truncate {truncate}");
    }
}

#[test]
fn loops_within_steps_repeat_what_they_must() {
    let tape = Tape::new(DType::F64);
    let [h0, x, w, u] = [(0, [2, 3]), (1, [6, 3]), (2, [3, 3]), (3, [3, 3])]
        .map(|(salt, shape)| tape.input(spread(&shape, salt, DType::F64)));
    let (last, y) = scan(&Packing::uniform(3, 2), h0, x, |h, x| {
        let (h, y) = scan(&Packing::uniform(4, Dim::ROWS), h, (), |h, ()| {
            ((h.dot(w).tanh() * h.dot(u).sigmoid() + x.dot(w)).tanh(), h * x)
        });
        (h, h + y.reshape([Dim::new(4), Dim::ROWS, Dim::new(3)]).sum_along(&[0]))
    });
    let value = last.sum() + y.square().sum();
    let wanted: Vec<Var<'_>> = std::iter::once(value).chain(grad(value, &[x, w, u])).collect();
    // Forward; backward the inner loop runs again, and its gradient. Outside of these one product for the weights
    // is left in the outer one, whose sum is over rows of rows.
    assert_eq!(products(&wanted), [0, 1, 1, 1, 1]);
}

#[test]
fn gradients_of_gradients_repeat_one_product_in_each_loop() {
    for cell in [&RNN, &LSTM, &FUSED_LSTM] {
        let tape = Tape::new(DType::F64);
        let (value, all) = number(&tape, cell, &[4, 3, 1], ScanOptions::default());
        let first = grad(value, &all);
        let norm = first.iter().fold(tape.number(0.0), |sum, gradient| sum + gradient.square().sum());
        let wanted: Vec<Var<'_>> = std::iter::once(norm).chain(grad(norm, &all)).collect();
        assert_eq!(products(&wanted), [1, 1, 1, 1]);
    }
}
