//! What each option of a training does, held against formulas by hand and against trainings without it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the server and reports are tested with others of these models")]
mod trained;

use caption::data::batch::Batch;
use caption::data::{Dataset, NULL, Pictures, START, UNKNOWN};
use caption::metrics::CiderD;
use caption::model::{Architecture, Dropouts, ModelSettings};
use caption::training::{
    Metric, Model, Recipe, Rewards, Rule, Schedule, Training, Validation, reward_references,
};
use tape::Engine;
use trained::data;

fn training(data: &Dataset, change: impl FnOnce(&mut ModelSettings, &mut Recipe)) -> Training {
    let mut settings = trained::small(data);
    let mut recipe = Recipe { steps: 6, batch: 8, ..Recipe::default() };
    change(&mut settings, &mut recipe);
    let captions = data.train.captions.len();
    Training::new(settings, recipe, data.vocabulary.clone(), captions).unwrap()
}

fn weights(training: &Training) -> Vec<Vec<f64>> {
    training.params.iter().map(|entry| entry.value.to_f64()).collect()
}

fn steps(training: &mut Training, data: &Dataset, count: usize) -> Vec<f64> {
    (0..count).map(|_| training.take_step(&data.train).unwrap().per_caption).collect()
}

#[test]
fn smoothed_words_share_their_probability_out() {
    let data = data();
    let mut training = training(&data, |_, _| ());
    let mut batch = Batch::default();
    batch.fill(&data.train, &[3, 0, 7]).unwrap();
    let (_, params, model) = training.parts();
    let tape = params.tape();
    let scores = model.scores_of(&tape, &batch);
    let losses = [0.0, 0.2].map(|smoothing| model.smoothed_loss(&tape, &batch, smoothing).sum);
    let mut engine = Engine::new();
    let run = engine.run(&[scores.rows, losses[0], losses[1]]).unwrap();
    let (rows, plain, smoothed) = (run.tensor(0).to_f64(), run.number(1), run.number(2));

    let words = batch.layout.pack(&batch.captions_out);
    let vocabulary = data.vocabulary.len();
    let (mut expected, mut expected_plain) = (0.0, 0.0);
    for (scores, word) in rows.chunks_exact(vocabulary).zip(words) {
        let total = scores.iter().map(|score| score.exp()).sum::<f64>().ln();
        let share = 0.2 / vocabulary as f64;
        for (number, score) in scores.iter().enumerate() {
            let right = number == word as usize;
            expected -= (share + if right { 0.8 } else { 0.0 }) * (score - total);
            expected_plain -= if right { score - total } else { 0.0 };
        }
    }
    assert!((plain - expected_plain).abs() < 1e-4 * expected_plain, "{plain} and {expected_plain}");
    assert!((smoothed - expected).abs() < 1e-4 * expected, "{smoothed} and {expected}");
    assert!((smoothed - plain).abs() > 1e-3 * plain);
}

#[test]
fn the_bias_starts_from_how_frequent_words_are() {
    let data = data();
    // Steps too small to be seen.
    let mut with = training(&data, |_, recipe| {
        recipe.bias_from_frequencies = true;
        recipe.learning_rate = 1e-30;
    });
    steps(&mut with, &data, 1);
    let found = with.params.get("scores/b").unwrap().to_f64();
    let mut counts = vec![0_usize; data.vocabulary.len()];
    for caption in 0..data.train.captions.len() {
        for word in &data.train.captions.row(caption)[1..] {
            counts[*word as usize] += usize::from(*word != 0);
        }
    }
    let total: usize = counts.iter().map(|count| (*count).max(1)).sum();
    for (word, count) in counts.iter().enumerate() {
        let expected = ((*count).max(1) as f64 / total as f64).ln();
        assert!((found[word] - expected).abs() < 1e-5, "{word}: {} and {expected}", found[word]);
    }
    // It is what the language is without pictures, so that learning starts from less.
    let mut without = training(&data, |_, recipe| recipe.learning_rate = 1e-30);
    steps(&mut without, &data, 1);
    let [(with, _), (without, _)] = [&mut with, &mut without].map(|one| one.losses(&data.val, 50).unwrap());
    assert!(with < 0.9 * without, "{with} and {without}");
}

#[test]
fn what_is_dropped_is_dropped_in_training_only() {
    let data = data();
    let dropped = |inputs, state, scores| Dropouts { inputs, state, scores };
    let transformer = Architecture::Transformer { layers: 1, heads: 2, positions: 30, norm_first: true };
    for (architecture, dropout) in [
        (Architecture::Recurrent, dropped(0.5, 0.0, 0.0)),
        (Architecture::Recurrent, dropped(0.0, 0.5, 0.0)),
        (Architecture::Recurrent, dropped(0.0, 0.0, 0.5)),
        (Architecture::Attention { width: 4 }, dropped(0.5, 0.0, 0.0)),
        (transformer, dropped(0.5, 0.0, 0.0)),
        (transformer, dropped(0.0, 0.0, 0.5)),
    ] {
        let make = |dropout| {
            training(&data, |settings, recipe| {
                settings.architecture = architecture;
                settings.picture_at_every_step = false;
                settings.dropout = dropout;
                recipe.learning_rate = 1e-30;
            })
        };
        let (mut plain, mut noisy) = (make(Dropouts::default()), make(dropout));
        let [expected, found] = [&mut plain, &mut noisy].map(|one| one.losses(&data.val, 50).unwrap());
        assert_eq!(expected, found, "{architecture:?} {dropout:?}");
        let [plain, noisy] = [&mut plain, &mut noisy].map(|one| steps(one, &data, 2));
        assert_ne!(plain[0], noisy[0], "{architecture:?} {dropout:?}");
    }
}

#[test]
fn own_words_come_in_as_their_probability_rises() {
    let data = data();
    let [mut never, mut zero, mut rising] = [None, Some(0.0), Some(1.0)].map(|probability| {
        training(&data, |_, recipe| {
            recipe.scheduled_sampling = probability.unwrap_or_default();
        })
    });
    let [never_losses, zero_losses, rising_losses] =
        [&mut never, &mut zero, &mut rising].map(|training| steps(training, &data, 6));
    assert_eq!(never_losses, zero_losses);
    assert_eq!(weights(&never), weights(&zero));
    // The first step has a probability of zero, the last of one.
    assert_eq!(never_losses[0], rising_losses[0]);
    assert_ne!(never_losses[1..], rising_losses[1..]);
    let mut again = training(&data, |_, recipe| recipe.scheduled_sampling = 1.0);
    assert_eq!(steps(&mut again, &data, 6), rising_losses);
}

#[test]
fn every_rule_goes_down_and_no_two_go_the_same_way() {
    let data = data();
    let rules = [Rule::Sgd, Rule::Momentum, Rule::RmsProp, Rule::Adam, Rule::AdamW { weight_decay: 0.5 }];
    let found = rules.map(|optimizer| {
        let rate = if matches!(optimizer, Rule::Sgd | Rule::Momentum) { 2e-2 } else { 2e-3 };
        let mut training = training(&data, |_, recipe| {
            (recipe.optimizer, recipe.learning_rate, recipe.steps) = (optimizer, rate, 40);
        });
        let (before, _) = training.losses(&data.val, 50).unwrap();
        steps(&mut training, &data, 40);
        let (after, _) = training.losses(&data.val, 50).unwrap();
        assert!(after < 0.95 * before, "{optimizer:?}: {before}, then {after}");
        after
    });
    for (number, one) in found.iter().enumerate() {
        assert!(found[..number].iter().all(|other| other != one), "{found:?}");
    }
}

#[test]
fn a_training_is_over_when_patience_is_and_its_rate_falls_on_a_plateau() {
    let data = data();
    let mut training = training(&data, |_, recipe| {
        recipe.schedule = Schedule::Plateau { factor: 0.1, patience: 1 };
        (recipe.metric, recipe.patience) = (Metric::ValLoss, Some(2));
    });
    let note = |training: &mut Training, loss| {
        let best = training.note(&Validation { loss, bleu_4: 0.0, cider_d: 0.0 });
        (best, training.is_over(), (1e3 * training.learning_rate() * 1e6).round() / 1e6)
    };
    assert_eq!(note(&mut training, 3.0), (true, false, 1.0));
    assert_eq!(note(&mut training, 3.5), (false, false, 0.1));
    assert_eq!(note(&mut training, 2.0), (true, false, 0.1));
    assert_eq!(note(&mut training, 2.0), (false, false, 0.01));
    assert_eq!(note(&mut training, 2.0), (false, true, 0.001));
}

#[test]
fn every_architecture_learns_captions_by_heart() {
    let data = data();
    // Of one picture each, so that a caption can be certain.
    let first = |picture: usize| data.train.picture_of.iter().position(|of| *of == picture).unwrap();
    let chosen: Vec<usize> = (0..6).map(first).collect();
    let few = Dataset { train: data.train.clone().subset(&chosen), ..data };
    let transformer = Architecture::Transformer { layers: 2, heads: 2, positions: 30, norm_first: true };
    for architecture in [Architecture::Attention { width: 16 }, transformer] {
        let mut training = training(&few, |settings, recipe| {
            (settings.embedding, settings.hidden) = (16, 32);
            (settings.architecture, settings.cell) = (architecture, "lstm".into());
            settings.picture_at_every_step = false;
            (recipe.steps, recipe.batch, recipe.learning_rate) = (400, 6, 1e-2);
        });
        steps(&mut training, &few, 400);
        let (_, per_token) = training.losses(&few.train, 6).unwrap();
        assert!(per_token < 0.05, "{architecture:?}: {per_token}");
    }
}

#[test]
fn a_weighted_loss_is_the_sum_of_captions_by_their_weights() {
    let data = data();
    let mut training = training(&data, |_, _| ());
    let (_, params, model) = training.parts();
    let (chosen, weights) = ([3, 0, 7], [0.5, -2.0, 0.0]);
    let mut engine = Engine::new();
    let mut batch = Batch::default();
    let mut expected = 0.0;
    for (caption, weight) in chosen.iter().zip(weights) {
        batch.fill(&data.train, &[*caption]).unwrap();
        let tape = params.tape();
        let loss = model.loss(&tape, &batch).sum;
        expected += weight * engine.run(&[loss]).unwrap().number(0) / 3.0;
    }
    batch.fill(&data.train, &chosen).unwrap();
    let tape = params.tape();
    let loss = model.weighted_loss(&tape, &batch, &weights, &[]);
    let found = engine.run(&[loss]).unwrap().number(0);
    assert!((found - expected).abs() < 1e-4 * expected.abs(), "{found} and {expected}");
}

#[test]
fn words_that_are_never_said_leave_their_probability_to_the_others() {
    let data = data();
    let mut training = training(&data, |_, _| ());
    let (engine, params, model) = training.parts();
    let mut batch = Batch::default();
    batch.fill(&data.train, &[3, 0]).unwrap();
    let silent = [NULL, START, UNKNOWN];
    let tape = params.tape();
    let scores = model.scores_of(&tape, &batch).rows;
    let loss = model.weighted_loss(&tape, &batch, &[1.0, 1.0], &silent);
    let run = engine.run(&[scores, loss]).unwrap();
    let scores = run.tensor(0).to_f64();
    let said = batch.layout.pack(&batch.captions_out);
    let surprise = |row: &[f64], word: i32| {
        let words = (0..).zip(row).filter(|(word, _)| !silent.contains(word));
        words.map(|(_, score)| score.exp()).sum::<f64>().ln() - row[word as usize]
    };
    let expected: f64 =
        scores.chunks(data.vocabulary.len()).zip(said).map(|(row, word)| surprise(row, word)).sum::<f64>()
            / 2.0;
    let found = run.number(1);
    assert!((found - expected).abs() < 1e-5 * expected, "{found} and {expected}");
}

/// A model that has learned a little of scenes.
fn taught(data: &Dataset, change: impl FnOnce(&mut ModelSettings, &mut Recipe)) -> Model {
    let mut training = training(data, change);
    let count = training.recipe.steps as usize;
    steps(&mut training, data, count);
    trained::model(&training)
}

#[test]
fn rewards_rise_when_they_are_trained_on() {
    let data = data();
    let few = Dataset { train: data.train.clone().first(32), ..data };
    let model = taught(&few, |settings, recipe| {
        (settings.embedding, settings.hidden) = (16, 32);
        (recipe.steps, recipe.batch, recipe.learning_rate) = (150, 32, 5e-3);
    });
    let references = reward_references(&few.train);
    let cider = CiderD::of(&references);
    rewards_rise(&few, &model, &cider, 1, 1.05);
    rewards_rise(&few, &model, &cider, 4, 1.3);
}

#[track_caller]
fn rewards_rise(few: &Dataset, model: &Model, cider: &CiderD<'_>, samples: usize, times: f64) {
    let recipe = Recipe {
        steps: 100,
        batch: 32,
        samples,
        learning_rate: 1e-3,
        schedule: Schedule::Constant,
        ..Recipe::default()
    };
    let mut training = Training::from_model(model, recipe, 32).unwrap();
    let found: Vec<Rewards> =
        (0..100).map(|_| training.take_reward_step(&few.train, cider).unwrap().rewards.unwrap()).collect();
    let mean = |some: &[Rewards]| some.iter().map(|rewards| rewards.sampled).sum::<f64>() / some.len() as f64;
    let [before, after] = [&found[..10], &found[80..]].map(mean);
    assert!(after > times * before, "{samples}: {before}, then {after}");
    assert!(found.iter().all(|rewards| rewards.greedy.is_some() == (samples == 1)));

    // And again with an interruption, to the bit.
    let mut first = Training::from_model(model, recipe, 32).unwrap();
    for _ in 0..2 {
        first.take_reward_step(&few.train, cider).unwrap();
    }
    let mut resumed = Training::resumed(&trained::saved(&first)).unwrap();
    for expected in &found[2..5] {
        assert_eq!(resumed.take_reward_step(&few.train, cider).unwrap().rewards.unwrap(), *expected);
    }
}

#[test]
fn a_fault_in_the_features_stops_a_step_and_is_named_with_its_caption_and_picture() {
    let mut data = data();
    let pictures = data.train.pictures.len();
    data.train.pictures = Pictures::Features { width: 3, data: vec![f32::INFINITY; 3 * pictures] };
    let mut seeing = training(&data, |_, _| ());
    let untouched = weights(&seeing);
    let error = seeing.take_step(&data.train).unwrap_err().to_string();
    assert!(error.contains("the weights are left as they were"), "{error}");
    seeing.check_numbers(true);
    let error = seeing.take_step(&data.train).unwrap_err().to_string();
    assert!(error.contains("inf, element [0, 0] of input [8, 3] recorded at"), "{error}");
    assert!(weights(&seeing) == untouched && seeing.step == 0);
    let described = seeing.describe_batch(&data.train);
    assert!(described.contains("captions") && described.matches(" of `").count() == 8, "{described}");
}
