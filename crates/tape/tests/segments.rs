//! Scans in segments: the same numbers as the plain scan, gradients that are cut where they should be,
//! and the memory that is the reason for all of it.

mod common;

use common::agreement::by_both;
use common::spread;
use tape::plan::Plan;
use tape::program::Program;
use tape::{
    DType, Dim, Engine, NodeId, Packing, ScanOptions, Segments, Tape, Tensor, Var, grad, scan_with, try_grad,
};

const STATE: usize = 2;

fn options(reverse: bool, segments: Option<Segments>) -> ScanOptions {
    ScanOptions { reverse, segments }
}

/// Two states, a sequence, weights, a memory of each sequence, and outputs; the state after the last step
/// and the outputs as one number.
fn number<'t>(packing: &Packing, options: ScanOptions, v: &[Var<'t>]) -> Var<'t> {
    let [h0, c0, x, wx, wh, memory] = *v else { panic!("six operands") };
    let ((h, c), y) = scan_with(packing, options, (h0, c0), x, |(h, c), x| {
        let new = (x.dot(wx) + h.dot(wh) + memory.rows() * c).tanh();
        ((new, c * 0.5 + new.square()), new * h)
    });
    h.sum() * 0.7 + c.square().sum() + (y * y.tanh()).sum()
}

fn operands(lengths: &[usize]) -> Vec<Tensor> {
    let (rows, count) = (lengths.iter().sum(), lengths.len());
    [
        vec![count, STATE],
        vec![count, STATE],
        vec![rows, 3],
        vec![3, STATE],
        vec![STATE, STATE],
        vec![count, STATE],
    ]
    .iter()
    .enumerate()
    .map(|(salt, shape)| spread(shape, salt, DType::F64))
    .collect()
}

/// A number, its gradients, and gradients of these, by the interpreter and the engine, which must agree.
fn values(lengths: &[usize], options: ScanOptions, second: bool) -> Vec<f64> {
    let tape = Tape::new(DType::F64);
    let v: Vec<Var<'_>> = operands(lengths).into_iter().map(|operand| tape.input(operand)).collect();
    let value = number(&Packing::ragged(lengths), options, &v);
    let found = |of| try_grad(of, &v).expect("a number").into_iter().flatten().collect::<Vec<_>>();
    let first = found(value);
    let mixed = first.iter().fold(value * 0.0, |sum, gradient| sum + gradient.square().sum());
    let mut wanted = vec![value];
    wanted.extend(&first);
    wanted.extend(if second { found(mixed) } else { Vec::new() });
    by_both(&mut Engine::new(), &wanted).iter().flat_map(Tensor::to_f64).collect()
}

#[track_caller]
fn agree(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{a} is not {b}");
    }
}

#[test]
fn a_recomputed_scan_has_the_numbers_of_the_plain_one() {
    for lengths in [&[5, 5, 5][..], &[7, 4, 4, 1], &[3, 0], &[1], &[0, 0], &[]] {
        for reverse in [false, true] {
            let plain = values(lengths, options(reverse, None), true);
            for (length, recompute) in [(1, true), (2, true), (3, true), (9, true), (2, false)] {
                let segments = Segments { length, recompute, truncate: false };
                agree(&values(lengths, options(reverse, Some(segments)), true), &plain);
            }
        }
    }
}

#[test]
fn truncation_at_full_length_is_none() {
    for lengths in [&[5, 5][..], &[6, 2, 1]] {
        let plain = values(lengths, options(false, None), true);
        for recompute in [false, true] {
            let segments = Segments { length: lengths[0], recompute, truncate: true };
            agree(&values(lengths, options(false, Some(segments)), true), &plain);
        }
    }
}

#[test]
fn a_truncated_gradient_is_that_of_each_segment_by_itself() {
    let lengths = [5, 3, 2];
    let (packing, length) = (Packing::ragged(&lengths), 2);
    let tape = Tape::new(DType::F64);
    let v: Vec<Var<'_>> = operands(&lengths).into_iter().map(|operand| tape.input(operand)).collect();
    let segments = Segments::truncated(length);
    let whole = grad(number(&packing, options(false, Some(segments)), &v), &v[2..]);

    // By hand: a segment after the other, from the value of the state and not from the state.
    let [mut h, mut c, x, wx, wh, memory] = [v[0], v[1], v[2], v[3], v[4], v[5]];
    let (mut start, mut total) = (0, tape.number(0.0));
    for begin in (0..5).step_by(length) {
        let part = packing.segment(begin..5.min(begin + length));
        let rows = part.total().at(0);
        let y;
        [h, c] = [h, c].map(|state| tape.input(state.value()));
        ((h, c), y) =
            scan_with(&part, ScanOptions::default(), (h, c), x.slice(0, start..start + rows), |(h, c), x| {
                let new = (x.dot(wx) + h.dot(wh) + memory.rows() * c).tanh();
                ((new, c * 0.5 + new.square()), new * h)
            });
        total = total + (y * y.tanh()).sum();
        start += rows;
    }
    let by_hand = grad(h.sum() * 0.7 + c.square().sum() + total, &v[2..]);
    for (found, expected) in whole.iter().zip(&by_hand) {
        agree(&found.value().to_f64(), &expected.value().to_f64());
    }
}

#[test]
fn a_scan_within_a_step_can_be_cut_too() {
    let inner = |options: ScanOptions| {
        let tape = Tape::new(DType::F64);
        let [h0, x, w] = [(0, [3, 2]), (1, [7, 2]), (2, [2, 2])]
            .map(|(salt, shape)| tape.input(spread(&shape, salt, DType::F64)));
        let (last, _) = scan_with(&Packing::ragged(&[4, 2, 1]), ScanOptions::default(), h0, x, |h, x| {
            let (h, y) = scan_with(&Packing::uniform(5, Dim::ROWS), options, h, (), |h, ()| {
                let h = (h.dot(w) + x).tanh();
                (h, h)
            });
            (h + y.reshape([Dim::new(5), Dim::ROWS, Dim::new(2)]).sum_along(&[0]), ())
        });
        let wanted: Vec<Var<'_>> =
            std::iter::once(last.sum()).chain(grad(last.square().sum(), &[h0, x, w])).collect();
        by_both(&mut Engine::new(), &wanted).iter().flat_map(Tensor::to_f64).collect::<Vec<f64>>()
    };
    let plain = inner(options(false, None));
    for recompute in [false, true] {
        let segments = Segments { length: 2, recompute, truncate: false };
        agree(&inner(options(false, Some(segments))), &plain);
    }
}

#[test]
fn the_second_run_is_to_be_seen_in_dumps() {
    let tape = Tape::new(DType::F64);
    let v: Vec<Var<'_>> = operands(&[4, 4]).into_iter().map(|operand| tape.input(operand)).collect();
    let segments = Segments { length: 2, recompute: true, truncate: false };
    let value = number(&Packing::uniform(4, 2), options(false, Some(segments)), &v);
    grad(value, &v);
    let text = tape.dump();
    let scans =
        |what: &str| text.lines().filter(|line| line.contains("= scan") && line.contains(what)).count();
    // Two segments: forward, again, and backward.
    assert_eq!([scans("recompute"), scans("reverse"), scans("")], [2, 2, 6], "{text}");
    // Two states, a sequence and the memory of each begin the second runs.
    assert_eq!(text.matches("= barrier").count(), 8, "{text}");
    assert!(tape::text::parse(&text).expect("a dump").graph == *tape.graph());
}

#[test]
#[should_panic(expected = "a segment needs a step at least")]
fn segments_without_steps_are_refused() {
    let tape = Tape::new(DType::F64);
    let h = tape.input(spread(&[1, 1], 0, DType::F64));
    let options = options(false, Some(Segments::truncated(0)));
    scan_with(&Packing::uniform(2, 1), options, h, (), |h, ()| (h, ()));
}

/// The bytes of the plan for a number and its gradients with respect to weights, which do not grow; of a
/// recurrence with inputs, or without.
fn bytes(steps: usize, segments: Option<Segments>, inputs: bool) -> usize {
    let tape = Tape::new(DType::F32);
    let leaf = |shape: &[usize]| tape.input(Tensor::zeros(DType::F32, tape::Shape::from(shape)));
    let (h0, rows) = (leaf(&[4, WIDTH]), if inputs { vec![leaf(&[4 * steps, WIDTH])] } else { Vec::new() });
    let weights = [leaf(&[WIDTH, WIDTH]), leaf(&[WIDTH, WIDTH]), leaf(&[WIDTH])];
    let packing = Packing::uniform(steps, 4);
    let (last, ()) = scan_with(&packing, options(false, segments), h0, rows, |h, x: Vec<Var<'_>>| {
        let x = x.first().map_or(h, |x| x.dot(weights[1]));
        ((x + h.dot(weights[0]) + weights[2]).tanh(), ())
    });
    let loss = last.square().sum();
    let wrt = [weights[0], weights[2]];
    let outputs: Vec<NodeId> = std::iter::once(loss).chain(grad(loss, &wrt)).map(|var| var.id()).collect();
    Plan::new(Program { graph: tape.graph().clone(), outputs }).bytes()
}

const WIDTH: usize = 8;

#[test]
fn recomputed_gradients_need_memory_as_the_root_of_the_steps() {
    let sizes = [100, 400, 1600, 6400];
    let plain = sizes.map(|steps| bytes(steps, None, false));
    let recomputed = sizes.map(|steps| bytes(steps, Some(Segments::recomputed(steps)), false));
    for index in 1..sizes.len() {
        // Four times the steps: four times the memory, and twice.
        let growth = |bytes: &[usize; 4]| bytes[index] as f64 / bytes[index - 1] as f64;
        assert!(growth(&plain) > 3.8, "{plain:?}");
        assert!(growth(&recomputed) < 2.2, "{recomputed:?}");
    }
    for (steps, without) in sizes.iter().zip(recomputed) {
        let with = bytes(*steps, Some(Segments::recomputed(*steps)), true);
        let rows = steps * 4 * WIDTH * size_of::<f32>();
        assert!(
            with < rows + 2 * without,
            "{steps} steps: {with} bytes, {rows} of them the inputs in pieces"
        );
    }
}
