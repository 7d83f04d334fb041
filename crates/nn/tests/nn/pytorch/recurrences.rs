//! Cells in steps, through time, in layers and in both directions, and gates in the wrong order.

use nn::pytorch::{Block, BothDirections, Mapping, PyTorch};
use nn::{
    Cell, GruResetAfter, Lstm, LstmState, ReluRnn, Scope, Sequence, Stack, VanillaRnn, bidirectional,
    unroll_from,
};
use tape::{Bundle, Tensor, Var, Vars, concat};

use super::{File, Given, HIDDEN, INPUTS, Outputs, check, results, stack};

#[test]
fn steps_of_cells_are_those_of_pytorch() {
    fn step<'t>(cell: &impl for<'s> Cell<State<'s> = Var<'s>>, given: &Given<'t>) -> Outputs<'t> {
        vec![("h", cell.step(given.get("h"), given.get("x")).0)]
    }
    check("rnn_cell", |scope| VanillaRnn::new(scope, INPUTS, HIDDEN), step);
    check("gru_cell", |scope| GruResetAfter::new(scope, INPUTS, HIDDEN), step);
    check(
        "lstm_cell",
        |scope| Lstm::new(scope, INPUTS, HIDDEN),
        |cell, given| {
            let state = LstmState { h: given.get("h"), c: given.get("c") };
            let (LstmState { h, c }, _) = cell.step(state, given.get("x"));
            vec![("h", h), ("c", c)]
        },
    );
}

/// States (N, H) as PyTorch gives them, (L, N, H).
fn together<'t>(states: &[Var<'t>]) -> Var<'t> {
    let one = |state: &Var<'t>| {
        let [rows, width] = state.shape().sizes()[..] else { panic!("(N, H)") };
        state.reshape([1, rows, width])
    };
    concat(&states.iter().map(one).collect::<Vec<_>>(), 0)
}

/// The parts of the states of all layers, part by part.
fn parts<'t, S: Bundle<'t>>(states: &[S]) -> Vec<Vec<Var<'t>>> {
    let flat: Vec<Vars<'t>> = states.iter().map(Bundle::parts).collect();
    (0..flat[0].len()).map(|part| flat.iter().map(|parts| parts[part]).collect()).collect()
}

/// What the states of all layers and directions are called, with the outputs before them.
fn outputs<'t, S: Bundle<'t>>(y: &Sequence<'t>, states: &[S]) -> Outputs<'t> {
    let states = ["h", "c"].into_iter().zip(parts(states)).map(|(name, part)| (name, together(&part)));
    [("y", y.to_padded())].into_iter().chain(states).collect()
}

/// A stack whose states are given whole, as parts h and perhaps c of each layer.
fn unrolled<'t, C: Cell>(stack: &Stack<C>, given: &Given<'t>) -> Outputs<'t> {
    let inputs = given.sequence();
    let names = ["h", "c"].into_iter().filter(|name| given.0.contains_key(*name));
    let given_parts: Vec<Vec<Var<'t>>> = names.map(|name| given.states(name)).collect();
    let start = |(layer, cell): (usize, &C)| {
        let form = cell.start(given_parts[0][layer]);
        form.rebuild(&mut given_parts.iter().map(|part| part[layer]))
    };
    let (y, last) = unroll_from(stack, &inputs, stack.layers.iter().enumerate().map(start).collect());
    outputs(&y, &last)
}

#[test]
fn recurrences_are_those_of_pytorch() {
    check("rnn_tanh", stack(1, VanillaRnn::new), unrolled);
    check("rnn_relu", stack(1, ReluRnn::new), unrolled);
    check("lstm", stack(1, Lstm::new), unrolled);
    check("gru", stack(1, GruResetAfter::new), unrolled);
    check("lstm_two_layers", stack(2, Lstm::new), unrolled);
}

#[test]
fn packed_sequences_of_other_lengths_are_those_of_pytorch() {
    check("lstm_ragged", stack(1, Lstm::new), unrolled);
    check("gru_ragged", stack(1, GruResetAfter::new), unrolled);
}

#[test]
fn both_directions_are_those_of_pytorch() {
    check(
        "gru_bidirectional_ragged",
        |mut scope| {
            let mut cell = |name| GruResetAfter::new(scope.scope(name), INPUTS, HIDDEN);
            BothDirections(vec![[cell("forward"), cell("backward")]])
        },
        |BothDirections(layers), given| {
            let (starts, [forward, backward]) = (given.states("h"), &layers[0]);
            let (y, (last, first)) =
                bidirectional(forward, backward, &given.sequence(), [starts[0], starts[1]]);
            outputs(&y, &[last, first])
        },
    );
}

#[test]
fn layers_of_both_directions_are_those_of_pytorch() {
    check(
        "lstm_bidirectional_two_layers_ragged",
        |mut scope| {
            let mut cell = |name, inputs| Lstm::new(scope.scope(name), inputs, HIDDEN);
            let first = [cell("forward0", INPUTS), cell("backward0", INPUTS)];
            // The second layer sees the outputs of both directions of the first.
            BothDirections(vec![first, [cell("forward1", 2 * HIDDEN), cell("backward1", 2 * HIDDEN)]])
        },
        |BothDirections(layers), given| {
            let starts = given.states("h");
            let (mut value, mut states) = (given.sequence(), Vec::new());
            for ([forward, backward], starts) in layers.iter().zip(starts.chunks(2)) {
                let (y, (last, first)) = bidirectional(forward, backward, &value, [starts[0], starts[1]]);
                value = y;
                states.extend([last, first]);
            }
            outputs(&value, &states)
        },
    );
}

/// The blocks of rows of a tensor of PyTorch's, two of them exchanged.
fn exchanged(tensor: &Tensor, blocks: usize, [a, b]: [usize; 2]) -> Tensor {
    let elements = tensor.to_f64();
    let mut order: Vec<usize> = (0..blocks).collect();
    order.swap(a, b);
    let block = elements.len() / blocks;
    let moved = order.into_iter().flat_map(|from| &elements[from * block..][..block]).copied();
    Tensor::new(tensor.shape(), moved.collect::<Vec<f64>>())
}

/// Whether every exchange of two gates, in any one tensor, changes the outputs by more than rounding could.
#[track_caller]
fn every_gate_has_its_place<L: PyTorch>(
    name: &str,
    gates: usize,
    declare: impl Fn(Scope<'_>) -> L,
    record: impl for<'t> Fn(&L, &Given<'t>) -> Outputs<'t>,
) {
    let file = File::read(name);
    let weights = file.part("weight/");
    for (tensor, value) in &weights {
        for (a, b) in (0..gates).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let mut wrong = weights.clone();
            wrong.insert(tensor.clone(), exchanged(value, gates, [a, b]));
            let y = &results(&file, &wrong, &declare, &record)["output/y"].to_f64();
            let far = y.iter().zip(file.0["output/y"].to_f64()).any(|(a, b)| (a - b).abs() > 1e-3);
            assert!(
                far,
                "{tensor} of {name} with gates {a} and {b} exchanged is not told from the right one"
            );
        }
    }
}

#[test]
fn gates_in_another_order_are_not_taken_for_the_right_ones() {
    every_gate_has_its_place("lstm", 4, |scope| stack(1, Lstm::new)(scope), unrolled);
    every_gate_has_its_place("gru", 3, |scope| stack(1, GruResetAfter::new)(scope), unrolled);
}

/// An LSTM whose author thought that PyTorch's gates lie as ours.
struct InOurOrder(Lstm);

impl PyTorch for InOurOrder {
    fn mappings(&self) -> Vec<Mapping> {
        let Lstm { wx, wh, b } = self.0;
        vec![
            Mapping::new("weight_ih", [wx]),
            Mapping::new("weight_hh", [wh]),
            Mapping::new("bias_ih", [b]),
            Mapping::new("bias_hh", [Block::from(b).added()]),
        ]
    }
}

#[test]
#[should_panic(expected = "entry 0: ")]
fn a_cell_that_leaves_the_gates_in_our_order_is_caught() {
    check(
        "lstm_cell",
        |scope| InOurOrder(Lstm::new(scope, INPUTS, HIDDEN)),
        |cell, given| {
            let state = LstmState { h: given.get("h"), c: given.get("c") };
            let (LstmState { h, c }, _) = cell.0.step(state, given.get("x"));
            vec![("h", h), ("c", c)]
        },
    );
}
