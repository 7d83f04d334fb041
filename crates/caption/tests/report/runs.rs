//! Runs that were made up: curves and captions of the right kind, with pictures, beams and attention.

use caption::data::{Pictures, Split};
use caption::diagnosis::{Finding, Symptom};
use caption::metrics::{ItemScores, Scores};
use caption::model::AttentionMaps;
use caption::report::described::{Item, Spoken};
use caption::report::{Described, Picture, Report, Run};
use serde_json::json;

/// A picture has two references and three captions; how good they are depends on its number and the shift.
pub fn described(pictures: usize, shift: usize) -> Described {
    let truth = |picture: usize| -> Vec<String> {
        let colour = ["brown", "white", "black"][picture % 3];
        let animal = ["dog", "cat", "horse", "bird", "sheep"][picture % 5];
        let ground = ["grass", "snow", "road", "beach"][picture / 3 % 4];
        format!("a {colour} {animal} runs over the {ground}").split(' ').map(str::to_string).collect()
    };
    // From some word on, what is true of another picture.
    let said: Vec<Vec<String>> = (0..pictures)
        .map(|picture| {
            let right = (picture * 5 + shift) % 8;
            [&truth(picture)[..right.min(7)], &truth(picture + 1)[right.min(7)..]].concat()
        })
        .collect();
    let references: Vec<Vec<Vec<String>>> =
        (0..pictures).map(|picture| vec![truth(picture), vec!["an".into(), "animal".into()]]).collect();
    let scores = ItemScores::of_each(&said, &references);
    let item = |picture: usize| {
        let caption = |beam: usize| {
            let words: Vec<(String, f64)> =
                said[picture].iter().map(|word| (word.clone(), 0.9 / (1.0 + beam as f64))).collect();
            let weights: Vec<Vec<f64>> = (0..=words.len()).map(|step| focus(step, 12)).collect();
            Spoken {
                text: said[picture].join(" "),
                words,
                end: (beam < 2).then_some(0.5),
                log_probability: -1.5 - beam as f64,
                attention: (beam == 0).then_some(AttentionMaps { rows: 3, columns: 4, weights }),
            }
        };
        Item {
            name: format!("{picture:04}.jpg"),
            references: references[picture].iter().map(|words| words.join(" ")).collect(),
            captions: (0..3).map(caption).collect(),
            scores: scores[picture],
        }
    };
    Described {
        pictures: format!("{pictures} validation pictures"),
        decoding: "beam of 3".into(),
        step: Some(400),
        weights: 1_234_567,
        loss_per_caption: 31.4,
        loss_per_token: 2.71,
        loss_of_exchanged: Some(3.25),
        scores: Scores::of(&said, &references),
        findings: Vec::new(),
        items: (0..pictures).map(item).collect(),
    }
}

/// Weights with most in one place.
fn focus(place: usize, places: usize) -> Vec<f64> {
    let weight = |at: usize| if at == place % places { 0.45 } else { 0.55 / (places - 1) as f64 };
    (0..places).map(weight).collect()
}

/// A run with 400 steps and four looks at validation.
pub fn run(name: &str, cell: &str, described: Option<Described>) -> Run {
    let mut metrics = Vec::new();
    for step in 1..=400_u64 {
        let wobble = (step * 37 % 11) as f64 / 20.0;
        let loss = 2.0 + 5.0 / (1.0 + step as f64 / 30.0) + wobble;
        metrics.push(json!({
            "step": step, "epoch": 1 + (step - 1) / 100, "loss_per_caption": 11.0 * loss, "loss_per_token": loss,
            "gradient_norm": 1.0 + wobble, "learning_rate": 1e-3 * (1.0 - step as f64 / 401.0), "reward": wobble,
        }));
        if step % 100 == 0 {
            let score = step as f64 / 1000.0;
            metrics.push(json!({
                "step": step, "epoch": step / 100, "val_loss_per_caption": 11.0 * loss, "val_loss_per_token": loss,
                "val_perplexity": loss.exp(), "val_loss_per_token_of_exchanged": loss + 0.4,
                "bleu": [score + 0.3, score + 0.2, score + 0.1, score], "rouge_l": score, "cider_d": score * 2.0,
                "cider": null, "samples": ["0001.jpg: a dog"],
            }));
        }
    }
    let config = json!({
        "data": "data/flickr", "model": { "cell": cell, "hidden": 512, "embedding": 256 },
        "recipe": { "steps": 400, "batch": 50, "learning_rate": 1e-3, "clip": null },
    });
    Run { name: name.into(), config, metrics, described }
}

/// A report with a picture in every place that it has for one.
pub fn report(runs: Vec<Run>) -> Report {
    let mut report = Report::new(runs);
    for picture in report.wanted() {
        let pixel = |at: usize| [(at * 3 + picture) as u8, (at * 7) as u8, !(at as u8)];
        let pixels: Vec<u8> = (0..24 * 32).flat_map(pixel).collect();
        report.pictures.insert(picture, Picture::png(&pixels, 24, 32).unwrap());
    }
    report
}

/// Something to be diagnosed.
pub fn finding() -> Finding {
    Finding { symptom: Symptom::PicturesIgnored, observed: "the loss is <the same> & \"so\"".into() }
}

/// The page of one run with the pictures of a split.
pub fn page_of(described: Described, split: &Split) -> String {
    let mut report = Report::new(vec![run("attentive", "gru", Some(described))]);
    let Pictures::Pixels { height, width, data } = &split.pictures else { panic!("features are not shown") };
    for picture in report.wanted() {
        let pixels = &data[picture * height * width * 3..][..height * width * 3];
        report.pictures.insert(picture, Picture::png(pixels, *height, *width).unwrap());
    }
    report.page().html()
}
