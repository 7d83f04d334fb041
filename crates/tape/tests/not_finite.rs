//! The first value that is not finite is named with operation, line, place, time step and operands; faults are planted.

use std::sync::Arc;

use tape::{DType, Leaf, NotFinite, Packing, Tape, Tensor, Var, first_not_finite, grad, scan, scan_reverse};

/// What is found, which there must be.
#[track_caller]
fn find(of: &[Var<'_>]) -> NotFinite {
    first_not_finite(of).expect("the program runs").expect("a value that is not finite")
}

fn leaf(name: &str, numbers: &[f64]) -> Leaf {
    let shape = [numbers.len()];
    Leaf { name: name.into(), value: Tensor::new(shape, numbers.to_vec()) }
}

#[test]
fn a_logarithm_of_zero_in_a_step_is_named_with_parameter_step_and_row() {
    let tape = Tape::with_leaves(DType::F64, Arc::new(vec![leaf("cell/w", &[1.0, 2.0])]));
    // Three sequences of 4, 3 and 1 steps, whose rows lie step by step: 3, 2, 2, 1. Zero is row 1 of step 2.
    let packing = Packing::ragged(&[4, 3, 1]);
    let rows: Vec<f64> =
        (0..16).map(|k| if k == 2 * (3 + 2 + 1) + 1 { 0.0 } else { 1.0 + k as f64 }).collect();
    let x = tape.input(Tensor::new([8, 2], rows));
    let start = tape.input(Tensor::new([3, 2], vec![0.0; 6]));
    let mut line = 0;
    let (last, _) = tape.scope("mine", || {
        scan(&packing, start, x, |h, x| {
            line = line!() + 1;
            let h = h + (x * tape.leaf(0)).ln();
            (h, ())
        })
    });
    let found = find(&[last.sum()]);
    assert_eq!((found.op.as_str(), found.value, &found.index), ("ln", f64::NEG_INFINITY, &vec![1, 1]));
    assert_eq!((found.steps.as_slice(), found.scope.as_str()), (&[2][..], "mine"));
    assert_eq!((found.location.file(), found.location.line()), (file!(), line));
    let text = found.to_string();
    for expected in
        ["is -inf, element [1, 1] of ln", "not_finite.rs", "in `mine`", "at time step 2", "mul recorded at"]
    {
        assert!(text.contains(expected), "{expected:?} is missing in {text}");
    }

    // One operation later the parameter is an operand itself.
    tape.set(x, Tensor::new([8, 2], vec![f64::MAX; 16]));
    let found = find(&[last.sum()]);
    assert_eq!((found.op.as_str(), found.steps.as_slice(), &found.index), ("mul", &[0][..], &vec![0, 1]));
    let operands: Vec<&str> = found.operands.iter().map(|operand| operand.what.as_str()).collect();
    assert_eq!(operands, ["what comes from around the step", "`cell/w`"]);
    assert_eq!(found.operands[1].range, Some((1.0, 2.0)));
}

#[test]
fn a_planted_parameter_and_a_planted_input_are_named_before_all_that_use_them() {
    let leaves = vec![leaf("fine", &[1.0]), leaf("spoilt", &[1.0, f64::NAN])];
    let tape = Tape::with_leaves(DType::F64, Arc::new(leaves));
    let x = tape.input(Tensor::new([2], vec![3.0, 4.0]));
    let y = (tape.leaf(0) * x).square() + tape.leaf(1);
    let found = find(&[y]);
    assert_eq!((found.name.as_deref(), &found.index), (Some("spoilt"), &vec![1]));
    assert!(found.to_string().contains("NaN, element [1] of the parameter `spoilt` [2]"), "{found}");

    tape.set(x, Tensor::new([2], vec![f64::INFINITY, 4.0]));
    let found = find(&[y]);
    assert_eq!((found.name.as_deref(), found.op.as_str(), found.index), (None, "input", vec![0]));
}

#[test]
fn a_gradient_has_the_line_of_what_it_is_the_gradient_of() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([2], vec![4.0, 0.0]));
    let line = line!() + 1;
    let root = tape.scope("norm", || x.sqrt());
    let loss = root.sum();
    assert_eq!(first_not_finite(&[loss]), Ok(None));
    let found = find(&[loss, grad(loss, &[x])[0]]);
    assert_eq!((found.scope.as_str(), found.location.line(), found.index), ("grad/norm", line, vec![1]));
}

#[test]
fn an_infinity_that_is_hidden_later_is_found() {
    let tape = Tape::new(DType::F32);
    let x = tape.input(Tensor::new([1], vec![100.0f32]));
    let hidden = 1.0 / (1.0 + x.exp());
    assert_eq!(hidden.value().to_f64(), [0.0]);
    assert_eq!(find(&[hidden]).op, "exp");
}

#[test]
fn loops_are_followed_in_the_order_in_which_they_run_and_into_one_another() {
    let tape = Tape::new(DType::F64);
    let (outer, inner) = (Packing::uniform(3, 2), Packing::uniform(2, tape::Dim::ROWS));
    let start = tape.input(Tensor::new([2, 1], vec![1.0, 2.0]));
    // Backwards, each step takes the tenth power of the state twice: above 1e308 in the second step, its last power.
    let (last, ()) = scan_reverse(&outer, start, (), |h, ()| {
        let (h, ()) = scan(&inner, h, (), |h, ()| (h.pow(30.0), ()));
        (h, ())
    });
    let found = find(&[last]);
    assert_eq!((found.op.as_str(), found.steps, found.index), ("pow", vec![1, 0], vec![1, 0]));
}

#[test]
fn a_sum_over_time_that_overflows_is_found_where_it_leaves_the_loop() {
    let tape = Tape::new(DType::F64);
    let w = tape.input(Tensor::new([1], vec![0.5]));
    let x = tape.input(Tensor::new([2, 1], vec![1e308, 1e308]));
    let start = tape.input(Tensor::new([1, 1], vec![0.0]));
    let (_, y) = scan(&Packing::uniform(2, 1), start, x, |h, x| (h, x * w));
    // The gradient of w is the sum of x over the steps, 2e308, and the loss is half of that.
    let loss = y.sum();
    let found = find(&[loss, grad(loss, &[w])[0]]);
    assert_eq!((found.op.as_str(), found.value), ("summed", f64::INFINITY));
    assert!(found.steps.is_empty() && found.scope.starts_with("grad"), "{found}");
}

#[test]
fn a_program_of_finite_values_has_none() {
    let tape = Tape::new(DType::F64);
    let x = tape.input(Tensor::new([3], vec![1.0, 2.0, 3.0]));
    assert_eq!(first_not_finite(&[x.ln().sum()]), Ok(None));
    assert_eq!(first_not_finite(&[]), Ok(None));
}
