//! What all tasks have in common.

use lab::sequence_model::SequenceModel;
use lab::tasks::{Batch, Kind, Task, Values, all, generator, named};
use nn::{Adam, Params, Trainer};
use tape::{DType, Engine};

/// What stands there has the width and the range of its kind.
fn check_values(values: &Values, kind: Kind, places: usize) {
    match (values, kind) {
        (Values::Symbols(symbols), Kind::Symbols(kinds)) => {
            assert_eq!(symbols.len(), places);
            assert!(symbols.iter().all(|symbol| (0..kinds as i32).contains(symbol)));
        }
        (Values::Numbers(numbers), Kind::Numbers(width)) => assert_eq!(numbers.len(), places * width),
        (values, kind) => panic!("{values:?} are not {kind:?}"),
    }
}

fn check_batch(task: &dyn Task, batch: &Batch, sequences: usize) {
    let layout = &batch.layout;
    let places = sequences * layout.steps();
    assert_eq!(layout.sequences(), sequences);
    assert!(layout.lengths().iter().all(|length| *length > 0));
    assert!(sequences == 0 || layout.lengths().iter().max() == Some(&layout.steps()));
    check_values(&batch.inputs, task.inputs(), places);
    check_values(&batch.targets, task.outputs(), places);
    assert_eq!((batch.counted.len(), batch.judged.len()), (places, places));

    let mut beyond = vec![true; places];
    layout.places().for_each(|place| beyond[place] = false);
    let marks = batch.counted.iter().zip(&batch.judged).zip(beyond);
    assert!(marks.clone().all(|((counted, judged), beyond)| !(beyond && *counted) && (*counted || !judged)));
    for (steps, judged) in batch.judged.chunks(layout.steps().max(1)).enumerate() {
        assert!(judged.contains(&true), "sequence {steps} of {} has nothing to judge", task.name());
    }
}

#[test]
fn batches_fit_their_task_at_every_length() {
    for task in all() {
        for length in task.test_lengths().into_iter().chain([0, 1, 2, 3, 5]) {
            for sequences in [0, 1, 4] {
                let mut generator = generator(7, length as u64);
                check_batch(&*task, &task.draw(sequences, length, &mut generator), sequences);
                let held_out = task.draw_held_out(sequences, length, &mut generator);
                check_batch(&*task, &held_out, sequences);
                let mut lengths = held_out.layout.lengths().iter();
                assert!(lengths.all(|length| *length == held_out.layout.steps()), "{}", task.name());
            }
            let baseline = task.baseline(length);
            assert!(baseline.loss.is_finite() && baseline.score.is_finite(), "{}: {baseline:?}", task.name());
        }
    }
}

#[test]
fn a_batch_depends_on_its_generator_alone() {
    for task in all() {
        let draw = |seed| task.draw(3, 10, &mut generator(seed, 2));
        let held_out = |seed| task.draw_held_out(3, 10, &mut generator(seed, 2));
        assert_eq!((draw(1), held_out(1)), (draw(1), held_out(1)));
        assert!(draw(1) != draw(2) && held_out(1) != held_out(2), "{}", task.name());
    }
}

#[test]
fn lengths_that_are_tested_ascend_from_the_trained_one() {
    for task in all() {
        let lengths = task.test_lengths();
        assert_eq!(lengths[0], task.length());
        assert!(lengths.is_sorted_by(|a, b| a < b), "{lengths:?}");
        assert!(task.source().contains("https://"), "{}", task.source());
    }
}

#[test]
fn rules_are_trained_on_shorter_sequences_too() {
    for name in ["parity", "dyck1", "dyck2", "sorting"] {
        let task = named(name).unwrap();
        let batch = task.draw(2000, task.length(), &mut generator(1, 1));
        let lengths = batch.layout.lengths();
        let shortest = if name == "parity" { 1 } else { 2 };
        assert_eq!(lengths.iter().min(), Some(&shortest), "{name}");
        assert_eq!(
            lengths.iter().max(),
            Some(&task.draw_held_out(1, task.length(), &mut generator(1, 1)).layout.steps())
        );
    }
}

#[test]
fn a_gated_recurrent_unit_learns_a_batch_of_each_task() {
    for task in all() {
        let batch = task.draw(4, 6, &mut generator(1, 1));
        let mut params = Params::seeded(DType::F32, 1);
        let model = SequenceModel::new(&mut params, &*task, &nn::cells::named("gru").unwrap(), 8);
        let judge =
            |params: &Params| model.judge(&mut Engine::new(), params, &batch, task.measure()).unwrap();
        let before = judge(&params);
        let mut trainer = Trainer::new(&mut params, Adam::new(0.03));
        for _ in 0..30 {
            trainer.step(&mut params, |tape| model.loss(tape, &batch)).unwrap();
        }
        let after = judge(&params);
        assert!(after.loss < 0.9 * before.loss, "{}: {before:?}, then {after:?}", task.name());
    }
}
