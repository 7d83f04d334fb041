//! Loops over time: values by hand, gradients by differences, ragged batches against single sequences.

mod common;

use common::agreement::by_both;
use tape::{DType, Engine, Packing, Tape, Tensor, Var, check, concat, grad, interpret, scan, scan_reverse};

fn spread(shape: &[usize], salt: usize) -> Tensor {
    common::spread(shape, salt, DType::F64)
}

/// A tanh recurrence with a captured weight, bias and a per-row memory.
fn recurrence<'t>(packing: &Packing, v: &[Var<'t>]) -> (Var<'t>, Var<'t>) {
    let [h0, x, wx, wh, b, memory] = *v else { panic!("six operands") };
    scan(packing, h0, x, |h, x| {
        let h = (x.dot(wx) + h.dot(wh) + b + memory.rows() * h).tanh();
        (h, h * x.sum_along(&[1]).reshape([tape::Dim::ROWS, 1usize.into()]))
    })
}

fn operands(lengths: &[usize]) -> Vec<Tensor> {
    let rows = lengths.iter().sum();
    [vec![lengths.len(), 3], vec![rows, 2], vec![2, 3], vec![3, 3], vec![3], vec![lengths.len(), 3]]
        .iter()
        .enumerate()
        .map(|(salt, shape)| spread(shape, salt))
        .collect()
}

#[test]
fn gradients_through_time_agree_with_differences() {
    for lengths in [&[3, 3][..], &[4, 2, 1], &[2, 0], &[1], &[0, 0]] {
        let packing = Packing::ragged(lengths);
        check::grad(&operands(lengths), |v| {
            let (last, outputs) = recurrence(&packing, v);
            last.sum() * 0.7 + outputs.sum()
        })
        .unwrap_or_else(|error| panic!("{lengths:?}: {error}"));
    }
}

#[test]
fn second_order_goes_through_time() {
    for lengths in [&[2, 2][..], &[3, 1]] {
        let packing = Packing::ragged(lengths);
        check::second_order(&operands(lengths), |v| {
            let (last, outputs) = recurrence(&packing, v);
            last.square().sum() + outputs.sum()
        })
        .unwrap_or_else(|error| panic!("{lengths:?}: {error}"));
    }
}

#[test]
fn reversed_scans_have_gradients_too() {
    let packing = Packing::ragged(&[3, 2]);
    check::grad(&[spread(&[2, 2], 0), spread(&[5, 2], 1), spread(&[2, 2], 2)], |v| {
        let (last, outputs) = scan_reverse(&packing, v[0], v[1], |h, x| {
            let h = (h.dot(v[2]) + x).tanh();
            (h, h)
        });
        last.sum() + outputs.square().sum()
    })
    .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_ragged_batch_equals_its_sequences_one_by_one() {
    let lengths = [4, 2, 1];
    let all = operands(&lengths);
    let tape = Tape::new(DType::F64);
    let v: Vec<Var<'_>> = all.iter().map(|x| tape.input(x.clone())).collect();
    let packing = Packing::ragged(&lengths);
    let (last, outputs) = recurrence(&packing, &v);
    let places: Vec<(usize, usize)> = packing.places().collect();
    for (sequence, length) in lengths.into_iter().enumerate() {
        let row = |var: Var<'_>, at: usize| var.value().to_f64()[at * 3..][..3].to_vec();
        let x: Vec<f64> = places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.0 == sequence)
            .flat_map(|(at, _)| all[1].to_f64()[at * 2..][..2].to_vec())
            .collect();
        let alone = [
            tape.input(Tensor::new([1, 3], row(v[0], sequence))),
            tape.input(Tensor::new([length, 2], x)),
            v[2],
            v[3],
            v[4],
            tape.input(Tensor::new([1, 3], row(v[5], sequence))),
        ];
        let (last_alone, outputs_alone) = recurrence(&Packing::uniform(length, 1), &alone);
        assert_eq!(row(last, sequence), row(last_alone, 0));
        for (at, place) in places.iter().enumerate().filter(|(_, place)| place.0 == sequence) {
            assert_eq!(row(outputs, at), row(outputs_alone, place.1));
        }
    }
}

#[test]
fn a_scan_inside_a_scan_has_gradients() {
    let outer = Packing::ragged(&[2, 1]);
    let all = [spread(&[2, 2], 0), spread(&[3, 2], 1), spread(&[2, 2], 2)];
    check::grad(&all, |v| {
        let w = v[2];
        let (last, _) = scan(&outer, v[0], v[1], |h, x| {
            // Three refinements of the state before the next input.
            let (h, _) = scan(&Packing::uniform(3, tape::Dim::ROWS), h, (), |h, ()| {
                let h = (h.dot(w) + x).tanh();
                (h, ())
            });
            (h, h)
        });
        last.square().sum()
    })
    .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_gradient_inside_a_step_can_be_differentiated() {
    // Each step moves the state down the slope of an energy, as an optimiser unrolled through time.
    let packing = Packing::uniform(3, 2);
    check::grad(&[spread(&[2, 2], 0), spread(&[6, 2], 1), spread(&[2, 2], 2)], |v| {
        let w = v[2];
        let (last, _) = scan(&packing, v[0], v[1], |h, x| {
            let energy = ((h.dot(w) - x).square() + h.square()).sum();
            let h = h - 0.1 * grad(energy, &[h])[0];
            (h, h)
        });
        last.square().sum()
    })
    .unwrap_or_else(|error| panic!("{error}"));
}

/// A recurrence of whose step the scores are, those of each row with each other (n, n).
fn look<'t>(packing: &Packing, v: &[Var<'t>]) -> Var<'t> {
    let (last, _) = scan(packing, v[0], v[1], |h, x| {
        let h = (h.dot(x.t()).tanh().dot(h) + x).tanh();
        (h, h)
    });
    last.square().sum()
}

#[test]
fn rows_may_look_at_each_other_within_a_step() {
    // There are fewer scores in every step that fewer sequences reach.
    for lengths in [&[2, 2][..], &[3, 1], &[3, 2, 1]] {
        let packing = Packing::ragged(lengths);
        let total = lengths.iter().sum();
        let operands = [spread(&[lengths.len(), 2], 0), spread(&[total, 2], 1)];
        check::grad(&operands, |v| look(&packing, v)).unwrap_or_else(|error| panic!("{lengths:?}: {error}"));
        check::second_order(&operands, |v| look(&packing, v))
            .unwrap_or_else(|error| panic!("{lengths:?}: {error}"));
        let tape = Tape::new(DType::F64);
        let v = operands.map(|value| tape.input(value));
        let value = look(&packing, &v);
        let wanted: Vec<Var<'_>> = [value].into_iter().chain(grad(value, &v)).collect();
        by_both(&mut Engine::new(), &wanted);
    }
}

#[test]
#[should_panic(
    expected = "scan of [n, n]: an output of a step needs the rows of the step as its leading axis, and \
    along no other: their number changes"
)]
fn what_has_the_rows_of_a_step_twice_does_not_leave_it() {
    let tape = Tape::new(DType::F64);
    let [h, x] = [spread(&[2, 3], 0), spread(&[4, 3], 1)].map(|value| tape.input(value));
    scan(&Packing::uniform(2, 2), h, x, |h, x| (h, h.dot(x.t())));
}

#[test]
#[should_panic(
    expected = "add of [n, 3] and [4, 3]: aligned at the last axis, two extents are neither equal nor 1; \
    if an axis of the one without n is the batch, take it into the step by `.rows()`"
)]
fn a_batch_used_in_a_step_is_pointed_to_rows() {
    let tape = Tape::new(DType::F64);
    let (h, x, memory) = (spread(&[4, 3], 0), spread(&[8, 3], 1), spread(&[4, 3], 2));
    let [h, x, memory] = [h, x, memory].map(|value| tape.input(value));
    scan(&Packing::uniform(2, 4), h, x, |h, x| (h + memory, x));
}

#[test]
#[should_panic(expected = "a value of a scan's step was used after the scan")]
fn a_value_of_a_step_does_not_leave_it() {
    let tape = Tape::new(DType::F64);
    let h = tape.input(spread(&[4, 3], 0));
    let mut leaked = h;
    scan(&Packing::uniform(2, 4), h, (), |h, ()| {
        leaked = h * 2.0;
        (leaked, ())
    });
    let _ = leaked + 1.0;
}

#[test]
#[should_panic(expected = "inside a scan nothing has a value yet")]
fn a_value_inside_a_step_is_refused() {
    let tape = Tape::new(DType::F64);
    let h = tape.input(spread(&[4, 3], 0));
    scan(&Packing::uniform(2, 4), h, (), |h, ()| {
        h.value();
        (h, ())
    });
}

#[test]
fn parts_of_states_may_change_places() {
    // What is written over a present state must not be what another next state is still made of.
    let tape = Tape::new(DType::F64);
    let [a, b] = [1, 2].map(|salt| tape.input(spread(&[3, 4], salt)));
    let x = tape.input(spread(&[6, 4], 3));
    let ((a, b), y) = scan(&Packing::ragged(&[3, 2, 1]), (a, b), x, |(a, b), x| {
        let turned = concat(&[a.slice(1, 2..4), a.slice(1, 0..2)], 1);
        ((turned + 0.0 * x, (b + x).tanh() * turned), a * b)
    });
    let ((c, d), z) = scan(&Packing::ragged(&[3, 2, 1]), (a, b), y, |(c, d), y| ((d, c * y), c));
    let wanted = [a, b, y, c, d, z];
    let plain = interpret(&wanted).expect("numbers");
    let mut engine = Engine::new();
    let run = engine.run(&wanted).expect("numbers");
    for (index, plain) in plain.iter().enumerate() {
        assert_eq!(run.tensor(index).to_f64(), plain.to_f64(), "value {index}");
    }
}
