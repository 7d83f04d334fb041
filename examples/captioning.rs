//! Teaches a vanilla RNN to caption pictures of coloured shapes, from nothing, in about a minute.
//!
//! The pictures are rendered here and seen as pixels: a small convolution net, the word vectors and the
//! recurrent cell are trained end to end on one tape. At the end the captioner describes scenes with
//! combinations that no training picture has shown, and every caption is judged against its scene.
//!
//! `cargo run --release --example captioning`, or with `-- --quick` for a few seconds' worth of it.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use unspool::caption::contact_sheet::{self, Entry};
use unspool::caption::data::scenes::{Scenes, Verdict, judge};
use unspool::caption::data::{Pictures, Split};
use unspool::caption::evaluate::{describe_all, describe_pictures, score_scenes};
use unspool::caption::model::{Decoding, Input, ModelSettings};
use unspool::caption::progress::Progress;
use unspool::caption::training::{Draw, Recipe, Schedule, Training};
use unspool::lab::{checkpoint, files};

/// Validation pictures that are described while it learns, and the number on the contact sheet.
const SHOWN: [usize; 3] = [0, 1, 2];
const ON_SHEET: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let start = Instant::now();
    let scenes = if quick { Scenes::small() } else { Scenes::default() };
    let generated = scenes.generate()?;
    let (data, train) = (&generated.dataset, &generated.dataset.train);
    let (pictures, captions) = (train.pictures.len(), train.captions.len());
    println!(
        "rendered {pictures} pictures, {captions} captions to learn from, {} words",
        data.vocabulary.len()
    );

    let settings = ModelSettings {
        input: Input::of(train),
        cell: "rnn".into(),
        embedding: 128,
        hidden: 256,
        vocabulary: data.vocabulary.len(),
        picture_at_every_step: true,
        ..ModelSettings::default()
    };
    let recipe = Recipe {
        steps: if quick { 40 } else { 4500 },
        batch: 64,
        learning_rate: 2e-3,
        schedule: Schedule::Cosine,
        clip: Some(5.0),
        seed: 1,
        draw: Draw::Epochs,
        ..Recipe::default()
    };
    let mut training = Training::new(settings, recipe, data.vocabulary.clone(), captions)?;
    let (weights, bytes) = (training.params.weight_count(), training.bytes(train));
    println!("{weights} weights; a step works in at most {:.1} MB", 1e-6 * bytes as f64);

    let greedy = &Decoding::default();
    let mut progress = Progress::new(training.epochs(), recipe.steps, 0);
    while training.step < recipe.steps {
        let losses = training.take_step(train)?;
        progress.report(&training.progress(&losses));
        if training.step.is_multiple_of(recipe.steps / 8) {
            let (engine, params, model) = training.parts();
            let captions =
                describe_pictures(engine, params, model, &data.vocabulary, &data.val, &SHOWN, greedy)?;
            for (picture, caption) in SHOWN.iter().zip(&captions) {
                let truth = data.val.references[*picture][0].join(" ");
                progress.println(&format!("  {:<58} said of: {truth}", caption.join(" ")));
            }
        }
    }
    progress.finish();

    let test = data.test.as_ref().unwrap_or(&data.val);
    let (engine, params, model) = training.parts();
    for (name, split, scenes) in [("seen", &data.val, &generated.val), ("held-out", test, &generated.test)] {
        let captions = describe_all(engine, params, model, &data.vocabulary, split, greedy)?;
        let scores = score_scenes(&captions, split, scenes);
        println!(
            "{name} combinations, {} pictures: {:.1}% true captions, {:.1}% word for word a reference, \
             BLEU-4 {:.3}",
            captions.len(),
            100.0 * scores.truth,
            100.0 * scores.exact,
            scores.bleu_4
        );
    }

    let shown: Vec<usize> = (0..test.pictures.len().min(ON_SHEET)).collect();
    let captions = describe_pictures(engine, params, model, &data.vocabulary, test, &shown, greedy)?;
    let said: Vec<String> = captions.iter().map(|caption| caption.join(" ")).collect();
    let truths: Vec<String> = shown.iter().map(|n| test.references[*n][0].join(" ")).collect();
    let ok = |n: usize| judge(&captions[n], &generated.test[n]) == Verdict::True;
    let entry = |n: &usize| entry(test, *n, &truths[*n], &said[*n], ok(*n));
    let entries: Vec<Entry<'_>> = shown.iter().map(entry).collect();
    let folder = Path::new("runs/captioning");
    files::create_folder(folder)?;
    files::write_atomically(&folder.join("contact_sheet.png"), &contact_sheet::render(&entries, 6)?)?;
    let (tensors, state) = training.saved();
    checkpoint::save(&folder.join("model.json"), &tensors, &state)?;
    println!("saved model.json and contact_sheet.png in runs/captioning after {:.0?}", start.elapsed());
    Ok(())
}

/// A picture with what is true of it and what was said of it.
fn entry<'a>(split: &'a Split, picture: usize, truth: &'a str, said: &'a str, ok: bool) -> Entry<'a> {
    let Pictures::Pixels { height, width, data } = &split.pictures else { unreachable!("scenes are pixels") };
    let size = height * width * 3;
    let pixels = &data[picture * size..][..size];
    Entry { pixels, height: *height, width: *width, truth, prediction: said, verdict: Some(ok) }
}
