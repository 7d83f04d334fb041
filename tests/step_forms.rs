//! What is timed against each other computes the same: a step from the tape and by the formulas written out by hand,
//! and a captioner that was drawn and one that was read from the files that other frameworks are given.

#[path = "../benches/common/mod.rs"]
mod common;

use std::path::Path;

use common::{ByHand, Case, Mgu, XS, declare_mgu};
use unspool::nn::Cell;
use unspool::tape::Engine;

/// The elements of a gradient differ by rounding of many sums; a wrong formula is off by a good part.
#[track_caller]
fn agree<C: Cell>(case: &Case<C>, by_hand: ByHand) {
    let mut engine = Engine::new();
    let run = case.autodiff(&mut engine);
    assert!((run.number(0) - f64::from(by_hand.loss)).abs() < 1e-5 * run.number(0));
    assert_eq!(by_hand.gradients.len(), case.weights.all.len());
    for (index, by_hand) in by_hand.gradients.iter().enumerate() {
        let from_tape: &[f32] = run.slice(index + 1).typed();
        let largest = from_tape.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        assert!(largest > 0.0 && from_tape.len() == by_hand.len(), "gradient {index}");
        let apart = from_tape.iter().zip(by_hand).fold(0.0_f32, |apart, (a, b)| apart.max((a - b).abs()));
        assert!(apart < 1e-3 * largest, "gradient {index}: {apart} apart, the largest entry is {largest}");
    }
}

#[test]
fn a_step_from_the_tape_is_the_one_by_hand() {
    for kind in ["rnn", "lstm"] {
        let case = Case::ragged(XS, kind);
        agree(&case, case.by_hand());
    }
    let case: Case<Mgu> = Case::ragged_with(XS, |scope| declare_mgu(scope, XS));
    agree(&case, case.by_hand());
}

#[test]
fn a_case_is_read_as_it_was_written() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("step_forms");
    std::fs::create_dir_all(&folder).expect("a folder of this test's own");
    let write =
        |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).expect("room for a file");
    let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();

    let case: Case<Mgu> = Case::ragged_with(XS, |scope| declare_mgu(scope, XS));
    let columns = |index: usize| case.elements(index).len() / rows(index);
    for (name, parts) in case.weights.grouped(0..case.weights.all.len()) {
        let row = |row: usize| {
            let part = |index: &usize| &case.elements(*index)[row * columns(*index)..][..columns(*index)];
            parts.iter().flat_map(part).copied().collect::<Vec<f32>>()
        };
        write(&format!("{name}.f32"), floats(&(0..rows(parts[0])).flat_map(row).collect::<Vec<f32>>()));
    }
    write("features.f32", floats(&XS.draw_features()));
    let captions = XS.draw_captions(XS.t / 2..=XS.t);
    write("captions.i32", captions.iter().flat_map(|word| word.to_le_bytes()).collect());

    let read = Case::read(&folder, XS, |scope| declare_mgu(scope, XS)).expect("files of the right sizes");
    assert_eq!(read.batch, case.batch);
    for index in 0..case.weights.all.len() {
        assert_eq!(read.elements(index), case.elements(index), "weight {index}");
    }

    write("b.f32", vec![0; 4]);
    let error =
        Case::read(&folder, XS, |scope| declare_mgu(scope, XS)).err().expect("a file that is too short");
    assert!(error.ends_with("b.f32: 4 bytes, where the sizes need 128"), "{error}");
}

/// The rows of each weight of a captioner with a minimal gated unit at this size; a bias is one row.
fn rows(index: usize) -> usize {
    [XS.f, 1, XS.v, XS.d, XS.d, XS.h, XS.h, 1, 1, XS.h, 1][index]
}
