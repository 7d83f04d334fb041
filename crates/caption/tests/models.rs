//! Captioners with attention, with a transformer and with tied scores, held against plain loops, differences, and against
//! themselves one word at a time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use caption::data::batch::Batch;
use caption::data::{Captions, END, Pictures, START, Split};
use caption::model::{Architecture, Beam, Captioner, Decoding, Dropouts, Input, Method, ModelSettings};
use nn::{AnyCell, Params, cells, check};
use tape::{DType, Engine, Tensor};

const WORDS: usize = 9;
const FEATURES: usize = 5;
const GRID: Input = Input::Grid { rows: 2, columns: 3, width: FEATURES };
const PIXELS: Input = Input::Pixels { height: 16, width: 24 };
const TRANSFORMER: Architecture =
    Architecture::Transformer { layers: 2, heads: 2, positions: 12, norm_first: true };
const ATTENTION: Architecture = Architecture::Attention { width: 3 };

fn settings(input: Input, architecture: Architecture) -> ModelSettings {
    ModelSettings {
        input,
        embedding: 6,
        hidden: 4,
        vocabulary: WORDS,
        architecture,
        ..ModelSettings::default()
    }
}

/// A model whose scores and words are large enough that they differ.
fn model(settings: &ModelSettings) -> (Captioner<AnyCell>, Params) {
    let cell = cells::named(&settings.cell).unwrap();
    settings.check(&cell).unwrap();
    let mut params = Params::seeded(DType::F64, 7);
    let model = Captioner::new(&mut params, settings, &cell);
    let apart = (!settings.tied).then_some((model.scores.affine.w, 4.0));
    for (param, times) in [(model.embed.w, 40.0)].into_iter().chain(apart) {
        let shape = params[param].shape().clone();
        let larger: Vec<f64> = params[param].to_f64().iter().map(|x| x * times).collect();
        params.set(param, Tensor::from_f64(DType::F64, &shape, &larger)).unwrap();
    }
    (model, params)
}

fn split(input: Input) -> Split {
    let number = |i: usize| (i * i * 37 + i * 11) % 101;
    let pictures = match input {
        Input::Features { width } => Pictures::Features {
            width,
            data: (0..3 * width).map(|i| number(i) as f32 / 25.0 - 2.0).collect(),
        },
        Input::Grid { rows, columns, width } => Pictures::Grid {
            rows,
            columns,
            width,
            data: (0..3 * rows * columns * width).map(|i| number(i) as f32 / 25.0 - 2.0).collect(),
        },
        Input::Pixels { height, width } => Pictures::Pixels {
            height,
            width,
            data: (0..3 * height * width * 3).map(|i| (2 * number(i)) as u8).collect(),
        },
    };
    let ids = vec![1, 4, 5, 2, 0, 0, 1, 6, 7, 8, 4, 2, 1, 5, 2, 0, 0, 0];
    let captions = Captions { width: 6, ids };
    Split { pictures, names: vec![], captions, picture_of: vec![0, 1, 2], references: vec![] }
}

fn batch(input: Input) -> Batch {
    let mut batch = Batch::default();
    batch.fill(&split(input), &[0, 1, 2]).unwrap();
    batch
}

fn all() -> Vec<ModelSettings> {
    let features = Input::Features { width: FEATURES };
    let mut all = Vec::new();
    for input in [features, GRID, PIXELS] {
        all.push(settings(input, TRANSFORMER));
        all.push(ModelSettings { tied: true, ..settings(input, TRANSFORMER) });
        all.push(settings(input, ATTENTION));
        let lstm = ModelSettings { cell: "lstm".into(), hidden: 6, ..settings(input, ATTENTION) };
        all.push(ModelSettings { tied: true, picture_at_every_step: true, ..lstm });
    }
    all
}

#[test]
fn gradients_agree_with_differences() {
    for settings in all().into_iter().filter(|settings| settings.input != PIXELS) {
        let (model, params) = model(&settings);
        let batch = batch(settings.input);
        let error = check::gradients(&params, |tape| model.smoothed_loss(tape, &batch, 0.1).per_sequence());
        let error = error.unwrap_or_else(|error| panic!("{settings:?}: {error}"));
        assert!(error < 1e-5, "{settings:?}: {error}");
    }
}

#[test]
fn a_grid_is_looked_at_place_by_place_and_elsewhere_seen_as_its_mean() {
    let Pictures::Grid { rows, columns, width, data } = split(GRID).pictures else { panic!("a grid") };
    let places = rows * columns;
    let captions: [&[i32]; 3] = [&[4, 5], &[6, 7, 8], &[5]];
    // The places of each picture in the opposite order.
    let turned: Vec<f32> = data
        .chunks(places * width)
        .flat_map(|picture| picture.chunks(width).rev())
        .flatten()
        .copied()
        .collect();
    for architecture in [ATTENTION, TRANSFORMER] {
        let (model, params) = model(&settings(GRID, architecture));
        let looks = |pictures: &[f32]| {
            model.attention_maps(&mut Engine::new(), &params, pictures, &captions).unwrap().unwrap()
        };
        for (one, other) in looks(&data).iter().zip(looks(&turned)) {
            assert_eq!((one.rows, one.columns), (2, 3));
            for (weights, turned) in one.weights.iter().zip(&other.weights) {
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(weights.iter().any(|weight| (weight - 1.0 / 6.0).abs() > 1e-6), "{weights:?}");
                let apart = weights.iter().zip(turned.iter().rev()).map(|(one, other)| (one - other).abs());
                assert!(apart.fold(0.0, f64::max) < 1e-9, "{weights:?} and {turned:?}");
            }
        }
    }

    let mean =
        |picture: &[f32], at: usize| picture.iter().skip(at).step_by(width).sum::<f32>() / places as f32;
    let means = data.chunks(places * width).flat_map(|picture| (0..width).map(move |at| mean(picture, at)));
    let vectors = Pictures::Features { width, data: means.collect() };
    let loss = |input: Input, pictures: Pictures| {
        let (model, params) = model(&settings(input, Architecture::Recurrent));
        let mut batch = Batch::default();
        batch.fill(&Split { pictures, ..split(input) }, &[0, 1, 2]).unwrap();
        let tape = params.tape();
        Engine::new().run(&[model.loss(&tape, &batch).sum]).unwrap().number(0)
    };
    let grid = Pictures::Grid { rows, columns, width, data: data.clone() };
    let (seen, expected) = (loss(GRID, grid), loss(Input::Features { width }, vectors));
    assert!((seen - expected).abs() < 1e-5, "{seen} and {expected}");
}

#[test]
fn words_one_at_a_time_have_the_probabilities_of_whole_captions() {
    for settings in all() {
        let (model, params) = model(&settings);
        let split = split(settings.input);
        let mut seen = Vec::new();
        split.pictures.see(0..3, &mut seen).unwrap();
        let beam = Method::Beam(Beam { width: 3, ..Beam::default() });
        let decoding = Decoding { method: beam, longest: 8, say_unknown: true, ..Decoding::default() };
        let decoded = model.decode(&mut Engine::new(), &params, &[0, 1, 2], &seen, &decoding).unwrap();
        for (picture, captions) in decoded.iter().enumerate() {
            for caption in captions {
                let end: &[i32] = if caption.ended { &[END] } else { &[] };
                let ids = [&[START][..], &caption.words, end].concat();
                let captions = Captions { width: ids.len(), ids };
                let one = Split { captions, picture_of: vec![picture], ..split.clone() };
                let mut batch = Batch::default();
                batch.fill(&one, &[0]).unwrap();
                let tape = params.tape();
                let loss = model.loss(&tape, &batch).sum;
                let expected = -Engine::new().run(&[loss]).unwrap().number(0);
                let found = caption.log_probability;
                assert!((found - expected).abs() < 1e-9, "{settings:?}: {found} and {expected}");
            }
        }
    }
}

#[test]
fn a_transformer_says_no_more_words_than_it_has_positions() {
    for settings in all() {
        let Architecture::Transformer { positions, .. } = settings.architecture else { continue };
        let (model, params) = model(&settings);
        let split = split(settings.input);
        let mut seen = Vec::new();
        split.pictures.see(0..3, &mut seen).unwrap();
        for longest in [positions, 4 * positions] {
            let decoding = Decoding { longest, say_unknown: true, ..Decoding::default() };
            let decoded = model.decode(&mut Engine::new(), &params, &[0, 1, 2], &seen, &decoding).unwrap();
            for caption in decoded.iter().flatten() {
                assert!(
                    caption.words.len() <= positions && caption.log_probability.is_finite(),
                    "{caption:?}"
                );
            }
        }
    }
}

/// A matrix by the name of its parameter, as rows.
fn matrix(params: &Params, name: &str) -> Vec<Vec<f64>> {
    let value = params.get(name).unwrap();
    let width = *value.shape().sizes().last().unwrap();
    value.to_f64().chunks(width).map(<[f64]>::to_vec).collect()
}

fn times(x: &[f64], w: &[Vec<f64>]) -> Vec<f64> {
    (0..w[0].len()).map(|j| x.iter().zip(w).map(|(x, row)| x * row[j]).sum()).collect()
}

fn plus(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

#[test]
fn a_cell_with_attention_computes_its_equations() {
    let settings = settings(PIXELS, ATTENTION);
    let (model, params) = model(&settings);
    let batch = batch(PIXELS);
    let tape = params.tape();
    let seen = model.vision.see(&tape, 3, &batch.pictures);
    let loss = model.loss(&tape, &batch).sum;
    let mut engine = Engine::new();
    let run = engine.run(&[loss, seen.features(), seen.places()]).unwrap();
    let (found, features, places) = (run.number(0), run.tensor(1).to_f64(), run.tensor(2).to_f64());
    let (count, width) = (2 * 3, 64);
    assert_eq!(places.len(), 3 * count * width);

    let named = |name: &str| matrix(&params, name);
    let bias = |name: &str| named(name).concat();
    let mut expected = 0.0;
    let mut looked = Vec::new();
    for picture in 0..3 {
        let places: Vec<&[f64]> =
            places[picture * count * width..][..count * width].chunks_exact(width).collect();
        let features = &features[picture * 256..][..256];
        let mut h = plus(&times(features, &named("project/w")), &bias("project/b"));
        let words = &batch.captions_in[picture * batch.steps..][..batch.layout.lengths()[picture]];
        for (t, word) in words.iter().enumerate() {
            let query = times(&h, &named("attention/wq"));
            let score = |place: &&[f64]| {
                let seen = plus(&query, &times(place, &named("attention/wk")));
                times(&seen.iter().map(|x| x.tanh()).collect::<Vec<_>>(), &named("attention/v"))[0].exp()
            };
            let scores: Vec<f64> = places.iter().map(score).collect();
            let total: f64 = scores.iter().sum();
            let weights: Vec<f64> = scores.iter().map(|score| score / total).collect();
            let mut x = named("embed/w")[*word as usize].clone();
            x.extend((0..width).map(|k| (0..count).map(|l| weights[l] * places[l][k]).sum::<f64>()));
            looked.push(weights);
            let sum = plus(&plus(&times(&x, &named("rnn/wx")), &times(&h, &named("rnn/wh"))), &bias("rnn/b"));
            h = sum.iter().map(|x| x.tanh()).collect();
            let s = plus(&times(&h, &named("scores/w")), &bias("scores/b"));
            let right = batch.captions_out[picture * batch.steps + t] as usize;
            expected += s.iter().map(|s| s.exp()).sum::<f64>().ln() - s[right];
        }
    }
    assert!((found - expected).abs() < 1e-9, "{found} and {expected}");

    // Where it looked, for the same captions without <START> and <END>.
    let captions: [&[i32]; 3] = [&[4, 5], &[6, 7, 8, 4], &[5]];
    let looks = model.attention_maps(&mut engine, &params, &batch.pictures, &captions).unwrap().unwrap();
    assert!(looks.iter().all(|look| (look.rows, look.columns) == (2, 3)));
    let weights: Vec<Vec<f64>> = looks.into_iter().flat_map(|look| look.weights).collect();
    assert_eq!(weights.len(), looked.len());
    for (found, expected) in weights.concat().iter().zip(looked.concat()) {
        assert!((found - expected).abs() < 1e-12, "{found} and {expected}");
    }
}

#[test]
fn every_model_says_where_it_looked() {
    for settings in all() {
        let (model, params) = model(&settings);
        let batch = batch(settings.input);
        let captions: [&[i32]; 3] = [&[4, 5], &[], &[5]];
        let looks =
            model.attention_maps(&mut Engine::new(), &params, &batch.pictures, &captions).unwrap().unwrap();
        for (look, words) in looks.iter().zip(captions) {
            assert_eq!(look.weights.len(), words.len() + 1);
            for weights in &look.weights {
                assert_eq!(weights.len(), look.rows * look.columns);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{weights:?}");
            }
        }
    }
    let plain = settings(PIXELS, Architecture::Recurrent);
    let (model, params) = model(&plain);
    let pictures = batch(PIXELS).pictures;
    let found = model.attention_maps(&mut Engine::new(), &params, &pictures, &[&[4], &[5], &[6]]).unwrap();
    assert_eq!(found, None);
}

#[test]
fn words_one_at_a_time_look_where_whole_captions_look() {
    let plain = settings(PIXELS, Architecture::Recurrent);
    for settings in all().into_iter().chain([plain]) {
        let (model, params) = model(&settings);
        let mut seen = Vec::new();
        split(settings.input).pictures.see([1].into_iter(), &mut seen).unwrap();
        let beam = Method::Beam(Beam { width: 3, ..Beam::default() });
        for method in [Method::Greedy, beam] {
            let decoding = Decoding { method, longest: 6, say_unknown: true, ..Decoding::default() };
            let mut engine = Engine::new();
            let mut shown = 0;
            let watch = |captions: &[caption::model::Caption]| {
                shown += captions.iter().map(|caption| caption.attention.len()).sum::<usize>();
                std::ops::ControlFlow::Continue(())
            };
            let decoded = model.decode_one(&mut engine, &params, 1, &seen, &decoding, watch).unwrap();
            for caption in decoded {
                let words = &caption.words[..];
                let Some(looks) = model.attention_maps(&mut engine, &params, &seen, &[words]).unwrap() else {
                    assert!(caption.attention.is_empty() && shown == 0, "{settings:?}");
                    continue;
                };
                // A caption that was cut off did not look for an end.
                assert_eq!(caption.attention.len(), caption.probabilities.len());
                for (found, expected) in caption.attention.iter().zip(&looks[0].weights) {
                    assert_eq!(found.len(), expected.len());
                    for (found, expected) in found.iter().zip(expected) {
                        assert!(
                            (f64::from(*found) - expected).abs() < 1e-6,
                            "{settings:?}: {found} and {expected}"
                        );
                    }
                }
            }
            let whole = model.decode(&mut engine, &params, &[1], &seen, &decoding).unwrap();
            assert!(
                whole[0].iter().all(|caption| caption.attention.is_empty()),
                "nobody asked where it looked"
            );
        }
    }
}

#[test]
fn a_shared_table_has_the_gradients_of_both_of_its_uses() {
    let tied = ModelSettings {
        tied: true,
        hidden: 6,
        ..settings(Input::Features { width: FEATURES }, Architecture::Recurrent)
    };
    let apart = ModelSettings { tied: false, ..tied.clone() };
    let [(one, one_params), (two, mut two_params)] = [&tied, &apart].map(model);
    assert!(one_params.get("scores/w").is_err());
    // The other model's two tables are the one of this.
    let table = one_params[one.embed.w].clone();
    let turned: Vec<f64> = (0..6 * WORDS).map(|i| table.to_f64()[i % WORDS * 6 + i / WORDS]).collect();
    two_params.set("embed/w", table).unwrap();
    two_params.set("scores/w", Tensor::from_f64(DType::F64, [6, WORDS], &turned)).unwrap();

    let batch = batch(tied.input);
    let gradients = |model: &Captioner<AnyCell>, params: &Params, names: &[&str]| -> Vec<Vec<f64>> {
        let tape = params.tape();
        let loss = model.loss(&tape, &batch).sum;
        let vars: Vec<_> = names.iter().map(|name| params.find(*name).unwrap().on(&tape)).collect();
        let gradients = tape::grad(loss, &vars);
        let mut engine = Engine::new();
        let run = engine.run(&gradients).unwrap();
        (0..names.len()).map(|number| run.tensor(number).to_f64()).collect()
    };
    let shared = &gradients(&one, &one_params, &["embed/w"])[0];
    let both = gradients(&two, &two_params, &["embed/w", "scores/w"]);
    assert!(both.iter().all(|gradient| gradient.iter().any(|entry| entry.abs() > 1e-3)));
    for (i, found) in shared.iter().enumerate() {
        let expected = both[0][i] + both[1][i % 6 * WORDS + i / 6];
        assert!((found - expected).abs() < 1e-10, "{i}: {found} and {expected}");
    }
}

#[test]
fn a_transformer_starts_from_small_weights() {
    let settings = ModelSettings {
        embedding: 64,
        hidden: 128,
        vocabulary: 200,
        ..settings(Input::Features { width: 100 }, TRANSFORMER)
    };
    let mut params = Params::seeded(DType::F64, 3);
    Captioner::new(&mut params, &settings, &cells::named("rnn").unwrap());
    let matrices = [
        "embed/w",
        "project/w",
        "decoder/layer1/cross/v/w",
        "decoder/layer0/feed_forward/outer/w",
        "scores/w",
    ];
    for name in matrices {
        let numbers = params.get(name).unwrap().to_f64();
        let deviation = (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt();
        assert!((deviation - 0.02).abs() < 0.001, "{name}: {deviation}");
    }
}

#[test]
fn settings_that_contradict_one_another_are_named() {
    #[track_caller]
    fn check(settings: &ModelSettings, expected: &str) {
        let cell = cells::named(&settings.cell).unwrap();
        let problem = settings.check(&cell).unwrap_err().to_string();
        assert!(problem.contains(expected), "{expected:?} is missing in {problem:?}");
    }
    let plain = settings(Input::Features { width: FEATURES }, Architecture::Recurrent);
    let dropout = |inputs, state| Dropouts { inputs, state, scores: 0.0 };
    check(&ModelSettings { tied: true, ..plain.clone() }, "the cell's are 4 wide, the vectors 6; give both");
    check(&ModelSettings { dropout: dropout(1.0, 0.0), ..plain.clone() }, "a dropout of inputs of 1; give 0");
    let gru = ModelSettings { cell: "gru".into(), dropout: dropout(0.0, 0.5), ..plain.clone() };
    check(&gru, "the cell `gru` hands its state on");
    check(&ModelSettings { embedding: 0, ..plain.clone() }, "a word's vector of width 0");
    let transformer = ModelSettings { architecture: TRANSFORMER, ..plain.clone() };
    check(&ModelSettings { embedding: 7, ..transformer.clone() }, "2 heads do not share");
    check(&ModelSettings { picture_at_every_step: true, ..transformer.clone() }, "at every step as it is");
    check(&ModelSettings { dropout: dropout(0.0, 0.5), ..transformer.clone() }, "has no state");
    let none = Architecture::Transformer { layers: 0, heads: 2, positions: 12, norm_first: true };
    check(&ModelSettings { architecture: none, ..plain.clone() }, "a transformer of 0 layers");
    check(
        &ModelSettings { architecture: Architecture::Attention { width: 0 }, ..plain },
        "attention of width 0",
    );

    let long = Captions { width: 15, ids: [&[1][..], &[4; 13], &[2]].concat() };
    let problem = transformer.check_lengths(&long).unwrap_err().to_string();
    assert!(problem.contains("14 steps, but the transformer has positions for 12"), "{problem}");
}

#[test]
fn settings_from_before_there_were_choices_say_the_same() {
    let old = r#"{"input":{"features":{"width":5}},"cell":"lstm","embedding":6,"hidden":4,"vocabulary":9,"picture_at_every_step":true}"#;
    let read: ModelSettings = serde_json::from_str(old).unwrap();
    assert_eq!(read.architecture, Architecture::Recurrent);
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
    for settings in all() {
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<ModelSettings>(&text).unwrap(), settings, "{text}");
    }
}
