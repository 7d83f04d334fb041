//! `caption report` as a user meets it: one run or two, their pictures, and maps that lie where they belong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod tiny;

use std::fs;
use std::path::Path;

use caption::data::encoder::{Card, Origin};
use caption::data::stored::store;
use caption::data::{Captions, Dataset, END, Pictures, START, Split, Vocabulary};
use program::{Setting, borrowed, caption, fail, succeed, text};

#[test]
fn a_run_is_reported_alone_and_beside_another() {
    let setting = Setting::new();
    succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "2"])));
    let other = setting.folder.path().join("other").display().to_string();
    succeed(&borrowed(&setting.train(&other, &["--epochs", "2", "--cell", "gru"])));

    let printed = succeed(&["report", &setting.run]);
    assert!(printed.contains("report.html"), "{printed}");
    let page = fs::read_to_string(Path::new(&setting.run).join("report.html")).unwrap();
    for expected in
        ["A captioner with the cell rnn", "6 steps in 2 epochs", "on 2 validation pictures", "beam of 5"]
    {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(page.contains("holds features and not the pictures"));
    // The page does not stand in the way of going on.
    assert!(
        succeed(&borrowed(&setting.train(&setting.run, &["--epochs", "2"]))).contains("going on from step 6")
    );

    // Pictures by their names, of which one is no picture.
    let pictures = setting.folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    image::RgbImage::from_pixel(9, 9, image::Rgb([200, 10, 10]))
        .save(pictures.join("val picture 0.png"))
        .unwrap();
    fs::rename(pictures.join("val picture 0.png"), pictures.join("val picture 0")).unwrap();
    fs::write(pictures.join("val picture 1"), "no picture").unwrap();
    let out = setting.folder.path().join("both.html").display().to_string();
    let pictures = pictures.display().to_string();
    let arguments = ["report", &setting.run, &other, "--pictures", &pictures, "--beam", "2", "--out", &out];
    let output = caption(&arguments);
    assert!(output.status.success() && text(&output.stderr).contains("a picture is left out"));
    let page = fs::read_to_string(out).unwrap();
    for expected in ["Settings that differ", "model.cell", "beam of 2", "data:image/jpeg;base64,"] {
        assert!(page.contains(expected), "{expected}");
    }

    let message = fail(1, &["report", &setting.data]);
    assert!(message.contains("config.json") && message.lines().count() == 1, "{message}");
}

/// A folder of pictures of one colour, each with two captions beside it.
fn coloured_pictures(folder: &Path) -> String {
    let data = folder.join("pictures");
    for (part, count) in [("train", 6), ("val", 3)] {
        let folder = data.join(part);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            let (name, colour) =
                [("red", [220, 20, 20]), ("green", [20, 220, 20]), ("blue", [20, 20, 220])][number % 3];
            let path = folder.join(format!("{number}.png"));
            image::RgbImage::from_pixel(20, 16, image::Rgb(colour)).save(&path).unwrap();
            let captions = format!("a {name} picture\nall of it is {name}\n");
            fs::write(path.with_extension("txt"), captions).unwrap();
        }
    }
    data.display().to_string()
}

#[test]
fn a_model_that_attends_is_reported_with_maps_and_scored_from_its_files() {
    let setting = Setting::new();
    let data = coloured_pictures(setting.folder.path());
    let ready = ["--data", &data, "--side", "16", "--threshold", "1"];
    let model = "--model attention --attention-width 8 --cell gru --hidden 16 --embedding 8";
    let learning = "--batch 6 --epochs 30 --learning-rate 1e-2";
    let chosen: Vec<&str> = model.split(' ').chain(learning.split(' ')).collect();
    succeed(&[&["train", "--out", &setting.run], &ready[..], &chosen[..]].concat());

    succeed(&["report", &setting.run]);
    let page = fs::read_to_string(Path::new(&setting.run).join("report.html")).unwrap();
    for expected in [
        "Where the model looked for",
        "of 2 by 2, with",
        "the largest centred part",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // Beside a run on other data, whose captions and pictures have nothing to do with these.
    let other = setting.folder.path().join("other").display().to_string();
    succeed(&borrowed(&setting.train(&other, &["--epochs", "1"])));
    let out = setting.folder.path().join("both.html").display().to_string();
    succeed(&["report", &setting.run, &other, "--out", &out]);
    let page = fs::read_to_string(&out).unwrap();
    for expected in
        ["not asked about the same pictures", "Where the model looked for", "data:image/png;base64,"]
    {
        assert!(page.contains(expected), "{expected}");
    }

    // What was said and what people said, as files that are scored alike.
    let [captions, references] = ["captions.json", "references.json"]
        .map(|name| setting.folder.path().join(name).display().to_string());
    let files = ["--captions", &captions, "--references", &references];
    let evaluated = succeed(&[&["evaluate", &setting.run], &ready[..], &files].concat());
    let scored = succeed(&["score", "--tokenized", "--hypotheses", &captions, "--references", &references]);
    assert!(scored.starts_with("3 captions"), "{scored}");
    let numbers: Vec<&str> = scored.lines().skip(1).collect();
    assert!(numbers.len() > 8 && !numbers[0].contains(" 0.0000"), "{scored}");
    for line in numbers {
        assert!(evaluated.contains(line), "{line:?} of score is missing in\n{evaluated}");
    }
    let said: serde_json::Value = serde_json::from_str(&fs::read_to_string(&captions).unwrap()).unwrap();
    assert!(said["val/0.png"].is_string(), "{said}");
    for line in evaluated.lines().skip_while(|line| !line.starts_with("DIAGNOSIS")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn maps_of_an_encoders_grid_lie_over_what_the_encoder_saw() {
    let folder = tempfile::tempdir().unwrap();
    let [prepared, run, pictures] =
        ["data.safetensors", "run", "pictures"].map(|name| folder.path().join(name).display().to_string());
    let part = |name: &str, count: usize| Split {
        pictures: Pictures::Grid {
            rows: 2,
            columns: 2,
            width: 3,
            data: (0..12 * count).map(|at| (at % 7) as f32).collect(),
        },
        names: (0..count).map(|number| format!("{name}{number}.png")).collect(),
        captions: Captions { width: 4, ids: [START, 4, 5, END].repeat(count) },
        picture_of: (0..count).collect(),
        references: vec![vec![vec!["a".into(), "dog".into()]]; count],
    };
    // An encoder of pictures that are twice as wide as high, which files are not.
    let card = Card { size: Some([32, 64]), ..Card::default() };
    let data = Dataset {
        vocabulary: Vocabulary::new(["a", "dog"].map(String::from)),
        train: part("t", 4),
        val: part("v", 2),
        test: None,
        origin: Some(Origin { file: "encoder.onnx".into(), sha256: "0".repeat(64), card }),
    };
    store(Path::new(&prepared), &data, "grids").unwrap();
    fs::create_dir(&pictures).unwrap();
    for name in &data.val.names {
        image::RgbImage::new(100, 80).save(Path::new(&pictures).join(name)).unwrap();
    }
    let model = "--model attention --hidden 6 --embedding 4 --batch 2 --epochs 1";
    let fixed = ["train", "--data", &prepared, "--out", &run];
    succeed(&fixed.into_iter().chain(model.split(' ')).collect::<Vec<_>>());
    succeed(&["report", &run, "--pictures", &pictures]);
    let page = fs::read_to_string(Path::new(&run).join("report.html")).unwrap();
    for expected in ["data:image/jpeg;base64,", "of 2 by 2, with", "viewBox=\"0 0 84 42.00\""] {
        assert!(page.contains(expected), "{expected}");
    }
}
