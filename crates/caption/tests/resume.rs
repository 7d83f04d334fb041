//! A training that was saved and resumed goes on with the bits of one that was not interrupted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use caption::data::scenes::Scenes;
use caption::model::{Input, ModelSettings};
use caption::training::{Draw, Recipe, SavedState, Schedule, Training};

fn training(scenes: &caption::data::Dataset, cell: &str, draw: Draw) -> Training {
    let settings = ModelSettings {
        input: Input::of(&scenes.train),
        cell: cell.into(),
        embedding: 8,
        hidden: 12,
        vocabulary: scenes.vocabulary.len(),
        picture_at_every_step: true,
        ..ModelSettings::default()
    };
    let recipe = Recipe {
        steps: 6,
        batch: 8,
        learning_rate: 1e-3,
        schedule: Schedule::Cosine,
        clip: Some(1.0),
        seed: 4,
        draw,
        ..Recipe::default()
    };
    Training::new(settings, recipe, scenes.vocabulary.clone(), scenes.train.captions.len()).unwrap()
}

fn weights(training: &Training) -> Vec<(String, Vec<f64>)> {
    training.params.iter().map(|entry| (entry.name.to_string(), entry.value.to_f64())).collect()
}

#[test]
fn an_interruption_leaves_no_trace_in_the_weights() {
    let data = Scenes::small().generate().unwrap().dataset;
    for (cell, draw) in [("rnn", Draw::Epochs), ("lstm", Draw::WithReplacement)] {
        let mut whole = training(&data, cell, draw);
        let mut first_half = training(&data, cell, draw);
        for _ in 0..6 {
            whole.take_step(&data.train).unwrap();
        }
        for _ in 0..3 {
            first_half.take_step(&data.train).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("half.json");
        let (tensors, state) = first_half.saved();
        lab::checkpoint::save(&path, &tensors, &state).unwrap();

        let mut resumed = Training::resumed(&lab::checkpoint::load::<SavedState>(&path).unwrap()).unwrap();
        assert_eq!(resumed.step, 3);
        for _ in 0..3 {
            resumed.take_step(&data.train).unwrap();
        }
        assert_eq!(weights(&whole), weights(&resumed), "{cell:?}");
    }
}

#[test]
fn other_data_than_before_is_refused() {
    let data = Scenes::small().generate().unwrap().dataset;
    let mut training = training(&data, "rnn", Draw::Epochs);
    let error = training.take_step(&data.train.first(5)).unwrap_err();
    assert!(error.to_string().contains("320 captions and cannot go on with 5"), "{error}");
}
