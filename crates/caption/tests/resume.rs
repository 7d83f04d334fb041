//! A training that was saved and resumed goes on with the bits of one that was not interrupted, whatever its options.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the server and reports are tested with others of these models")]
mod trained;

use caption::data::Dataset;
use caption::model::{Architecture, Dropouts, ModelSettings};
use caption::training::{Draw, Metric, Recipe, Rule, SavedState, Schedule, Training, Validation};
use lab::checkpoint;
use trained::{data, saved, small};

fn recipe() -> Recipe {
    Recipe { steps: 6, batch: 8, clip: Some(1.0), seed: 4, ..Recipe::default() }
}

fn training(data: &Dataset, settings: &ModelSettings, recipe: Recipe) -> Training {
    let captions = data.train.captions.len();
    Training::new(settings.clone(), recipe, data.vocabulary.clone(), captions).unwrap()
}

fn weights(training: &Training) -> Vec<(String, Vec<f64>)> {
    training.params.iter().map(|entry| (entry.name.to_string(), entry.value.to_f64())).collect()
}

/// Steps up to `to`, with a validation after every one, which becomes better twice and then no more.
fn run(training: &mut Training, data: &Dataset, to: u64) {
    while training.step < to {
        training.take_step(&data.train).unwrap();
        let loss = [3.0, 2.0, 2.5, 2.5, 2.5, 2.5][training.step as usize - 1];
        training.note(&Validation { loss, bleu_4: 0.1, cider_d: -loss });
    }
}

#[track_caller]
fn check(data: &Dataset, settings: &ModelSettings, recipe: Recipe) {
    let mut whole = training(data, settings, recipe);
    run(&mut whole, data, 6);
    for cut in [0, 3, 4] {
        let mut first = training(data, settings, recipe);
        run(&mut first, data, cut);
        let mut resumed = Training::resumed(&saved(&first)).unwrap();
        assert_eq!((resumed.step, resumed.watch), (cut, first.watch));
        assert_eq!(resumed.learning_rate(), first.learning_rate());
        run(&mut resumed, data, 6);
        assert!(weights(&whole) == weights(&resumed), "cut at {cut}: {settings:?} {recipe:?}");
        assert_eq!(whole.watch, resumed.watch);
        assert_eq!(whole.is_over(), resumed.is_over());
    }
}

#[test]
fn an_interruption_leaves_no_trace_with_any_recipe() {
    let data = data();
    let plain = small(&data);
    let plateau = Schedule::Plateau { factor: 0.5, patience: 2 };
    for recipe in [
        recipe(),
        Recipe { draw: Draw::WithReplacement, warmup: 4, ..recipe() },
        Recipe { schedule: plateau, metric: Metric::ValLoss, patience: Some(3), ..recipe() },
        Recipe { schedule: Schedule::Decay { factor: 0.9, every: 2 }, optimizer: Rule::Momentum, ..recipe() },
        Recipe { scheduled_sampling: 0.8, label_smoothing: 0.1, ..recipe() },
        Recipe { bias_from_frequencies: true, optimizer: Rule::AdamW { weight_decay: 0.1 }, ..recipe() },
        Recipe { optimizer: Rule::RmsProp, metric: Metric::CiderD, ..recipe() },
        Recipe { optimizer: Rule::Sgd, schedule: Schedule::Constant, ..recipe() },
    ] {
        check(&data, &plain, recipe);
    }
}

#[test]
fn an_interruption_leaves_no_trace_where_steps_are_left_out() {
    let data = data();
    let steps = |training: &mut Training, to: u64| {
        while training.step < to {
            training.take_step(&data.train).unwrap();
        }
    };
    // So close that many steps are left out, once the first 25 have told what is usual.
    let recipe = Recipe { steps: 40, skip_outliers: Some(0.1), ..recipe() };
    let mut whole = training(&data, &small(&data), recipe);
    steps(&mut whole, 40);
    assert!((1..15).contains(&whole.skipped()), "{}", whole.skipped());
    for cut in [10, 32] {
        let mut first = training(&data, &small(&data), recipe);
        steps(&mut first, cut);
        let mut resumed = Training::resumed(&saved(&first)).unwrap();
        assert_eq!(resumed.skipped(), first.skipped());
        steps(&mut resumed, 40);
        assert!(weights(&whole) == weights(&resumed), "cut at {cut}");
        assert_eq!(whole.skipped(), resumed.skipped());
    }
    // A recipe without the option leaves nothing out, and its checkpoints say nothing of it.
    let plain = training(&data, &small(&data), Recipe { skip_outliers: None, ..recipe });
    assert!(!serde_json::to_string(&plain.saved().1).unwrap().contains("norms"));
}

#[test]
fn an_interruption_leaves_no_trace_in_any_model() {
    let data = data();
    let plain = small(&data);
    let dropout = Dropouts { inputs: 0.2, state: 0.3, scores: 0.4 };
    let everywhere = Dropouts { state: 0.0, ..dropout };
    let transformer = Architecture::Transformer { layers: 2, heads: 2, positions: 30, norm_first: true };
    let some = Recipe { scheduled_sampling: 0.5, ..recipe() };
    for settings in [
        ModelSettings { cell: "lstm".into(), dropout, ..plain.clone() },
        ModelSettings { cell: "gru".into(), tied: true, hidden: 8, ..plain.clone() },
        ModelSettings {
            architecture: Architecture::Attention { width: 5 },
            cell: "lstm".into(),
            dropout,
            ..plain.clone()
        },
        ModelSettings {
            architecture: transformer,
            picture_at_every_step: false,
            dropout: everywhere,
            tied: true,
            ..plain.clone()
        },
    ] {
        check(&data, &settings, some);
    }
}

#[test]
fn other_data_than_before_is_refused() {
    let data = data();
    let mut training = training(&data, &small(&data), recipe());
    let error = training.take_step(&data.train.first(5)).unwrap_err();
    assert!(error.to_string().contains("320 captions and cannot go on with 5"), "{error}");
}

#[test]
fn words_that_the_weights_were_not_trained_with_are_refused() {
    let data = data();
    let training = training(&data, &small(&data), recipe());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    let (tensors, mut state) = training.saved();
    state.words.swap(4, 5);
    checkpoint::save(&path, &tensors, &state).unwrap();
    let loaded = checkpoint::load::<SavedState>(&path).unwrap();
    let problems = [
        Training::resumed(&loaded).unwrap_err().to_string(),
        caption::training::Model::load(&path).unwrap_err().to_string(),
    ];
    for problem in problems {
        let expected = ["model.json", "the weights were trained with words of hash", "put back the file"];
        assert!(expected.iter().all(|part| problem.contains(part)), "{problem}");
    }

    // A checkpoint from before the hash and the options is taken as it is.
    let (tensors, state) = training.saved();
    let old: Vec<_> = tensors.into_iter().filter(|tensor| tensor.name != "vocabulary/hash").collect();
    let text = serde_json::to_string(&state).unwrap();
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    fields.remove("watch").unwrap();
    fields.insert("best".into(), 0.25.into());
    assert!(!text.contains("architecture") && !text.contains("scheduled_sampling"), "{text}");
    checkpoint::save(&path, &old, &fields).unwrap();
    let resumed = Training::resumed(&checkpoint::load::<SavedState>(&path).unwrap()).unwrap();
    assert_eq!(resumed.watch.best, Some(0.25));
    assert_eq!(weights(&resumed), weights(&training));
}
