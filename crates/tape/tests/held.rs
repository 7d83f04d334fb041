//! What a step of a scan takes from around it: values it hands on unchanged, and rows of its own.

use tape::{
    DType, Packing, ScanOptions, Segments, Tape, Tensor, Var, grad, interpret, ops::Op, scan, scan_with,
};

fn numbers(tape: &Tape, shape: [usize; 2], from: f64) -> Var<'_> {
    tape.input(Tensor::new(
        shape,
        (0..shape[0] * shape[1]).map(|i| from + 0.1 * i as f64).collect::<Vec<_>>(),
    ))
}

fn values(vars: &[Var<'_>]) -> Vec<Vec<f64>> {
    interpret(vars).expect("a program of this tape").iter().map(Tensor::to_f64).collect()
}

#[test]
fn a_state_that_is_handed_on_unchanged_is_not_carried() {
    let packing = Packing::ragged(&[3, 2]);
    let run = |tape: &Tape, hand_on: bool| {
        let (h, memory, x) =
            (numbers(tape, [2, 2], 0.3), numbers(tape, [2, 2], -0.7), numbers(tape, [5, 2], 0.1));
        let ((last, kept), outputs) = scan(&packing, (h, memory), x, |(h, memory), x| {
            let h = (h * memory + x).tanh();
            // Times one is the same number, but not the same value.
            ((h, if hand_on { memory } else { memory * 1.0 }), h)
        });
        let loss = (last * kept).sum() + outputs.square().sum();
        let gradients = grad(loss, &[h, memory, x]);
        let carried = tape.graph().nodes.iter().find_map(|node| match &node.op {
            Op::Scan(scan) => Some(scan.next.len()),
            _ => None,
        });
        (carried, values(&[last, kept, outputs, gradients[0], gradients[1], gradients[2]]))
    };
    let (held, carried) = (Tape::new(DType::F64), Tape::new(DType::F64));
    let ((one, held), (two, carried)) = (run(&held, true), run(&carried, false));
    assert_eq!((one, two), (Some(1), Some(2)));
    for (a, b) in held.iter().flatten().zip(carried.iter().flatten()) {
        assert!((a - b).abs() < 1e-14, "{a} {b}");
    }
}

#[test]
fn rows_of_the_step_are_a_sequence_in_segments_too() {
    let packing = Packing::ragged(&[5, 3, 3]);
    let of = |segments: Option<Segments>, reverse: bool, as_input: bool| {
        let tape = Tape::new(DType::F64);
        let (h, x, noise) =
            (numbers(&tape, [3, 2], 0.3), numbers(&tape, [11, 2], 0.1), numbers(&tape, [11, 2], -0.5));
        let options = ScanOptions { reverse, segments };
        let (last, outputs) = scan_with(&packing, options, h, (x, noise), |h, (x, given)| {
            assert_eq!(tape.packing().as_ref(), Some(&packing));
            let h = (h * x + if as_input { given } else { noise.at_step() }).tanh();
            (h, h * h)
        });
        let gradients = grad(last.sum() + outputs.sum(), &[h, x, noise]);
        values(&[last, outputs, gradients[0], gradients[1], gradients[2]])
    };
    for reverse in [false, true] {
        let plain = of(None, reverse, true);
        for segments in [None, Some(Segments { length: 2, recompute: true, truncate: false })] {
            let found = of(segments, reverse, false);
            for (a, b) in found.iter().flatten().zip(plain.iter().flatten()) {
                assert!((a - b).abs() < 1e-14, "{a} {b}");
            }
        }
    }
}

#[test]
fn noise_is_counted_and_absent_without_a_seed() {
    assert_eq!(Tape::new(DType::F32).noise(), None);
    let tape = Tape::new(DType::F32).with_noise(7);
    assert_eq!([tape.noise(), tape.noise()], [Some((7, 0)), Some((7, 1))]);
    assert_eq!(tape.packing(), None);
}
