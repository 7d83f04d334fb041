//! How many matrix products a loop repeats in every step after lifting: what a cell's equations force.

use tape::{DType, Engine, Packing, Tape, Tensor, Var, grad, scan};

const HIDDEN: usize = 3;

fn leaf<'t>(tape: &'t Tape, shape: &[usize]) -> Var<'t> {
    let len = shape.iter().product::<usize>();
    tape.input(Tensor::new(shape, (0..len).map(|i| (i as f64 * 0.618).fract() - 0.5).collect::<Vec<_>>()))
}

/// The products that stay in the loops of a cell's forward and backward pass, for equal and for
/// different lengths.
fn check(
    gates: usize,
    expected: &[usize],
    step: impl for<'t> Fn([Var<'t>; 2], Var<'t>, &[Var<'t>]) -> [Var<'t>; 2],
) {
    for lengths in [&[4, 4, 4][..], &[4, 2, 1]] {
        let packing = Packing::ragged(lengths);
        let tape = Tape::new(DType::F64);
        let rows = lengths.iter().sum();
        let (h0, x) = (leaf(&tape, &[lengths.len(), HIDDEN]), leaf(&tape, &[rows, 2]));
        let mut weights = Vec::new();
        for _ in 0..gates {
            weights.push(leaf(&tape, &[2, HIDDEN]));
            weights.push(leaf(&tape, &[HIDDEN, HIDDEN]));
            weights.push(leaf(&tape, &[HIDDEN]));
        }
        let out = leaf(&tape, &[HIDDEN, 5]);
        let (_, y) = scan(&packing, [h0, h0], x, |state, x| {
            let state = step(state, x, &weights);
            (state, state[0].dot(out))
        });
        let loss = y.square().sum();
        let wrt: Vec<Var<'_>> = weights.iter().copied().chain([h0, x, out]).collect();
        let wanted: Vec<Var<'_>> = std::iter::once(loss).chain(grad(loss, &wrt)).collect();
        let mut engine = Engine::new();
        let run = engine.run(&wanted).expect("the program runs");
        assert_eq!(run.plan().products_in_loops(), expected, "{lengths:?}\n{}", run.plan().dump());
    }
}

#[test]
fn a_vanilla_rnn_repeats_one_product_each_way() {
    check(1, &[1, 1], |[h, c], x, w| [(x.dot(w[0]) + h.dot(w[1]) + w[2]).tanh(), c]);
}

#[test]
fn a_minimal_gated_unit_repeats_two_each_way() {
    // The second product needs the gate, which needs the first.
    check(2, &[2, 2], |[h, c], x, w| {
        let f = (x.dot(w[0]) + h.dot(w[1]) + w[2]).sigmoid();
        let g = (x.dot(w[3]) + (f * h).dot(w[4]) + w[5]).tanh();
        [h + f * (g - h), c]
    });
}

#[test]
fn a_linear_recurrence_repeats_none() {
    check(1, &[0, 0], |[h, c], x, w| {
        let f = (x.dot(w[0]) + w[2]).sigmoid();
        [f * h + (1.0 - f) * x.dot(w[0]).dot(w[1]), c]
    });
}
