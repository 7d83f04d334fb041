//! Names in files that lead to other files: what is taken, and what is refused, format by format.

use std::fs;
use std::path::Path;

use caption::data::collection::{Collection, Preparation};
use caption::data::fault::{Fault, FaultKind};
use caption::data::formats::{Coco, Format, Karpathy, Table, TokensFile};
use image::RgbImage;

/// A folder `data` with two pictures, and one beside it that nobody has asked for.
fn pictures(folder: &Path) {
    fs::create_dir(folder.join("data")).expect("a folder");
    for name in ["data/a.png", "data/b.png", "secret.png"] {
        RgbImage::new(2, 2).save(folder.join(name)).expect("a small picture");
    }
}

/// What is told of names of pictures that a list gives beside `a.png` and `b.png`, which are there.
#[track_caller]
fn check(format: fn(&Path, &[&str]) -> Box<dyn Format>, names: &[&str], expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path());
    let secret = folder.path().join("secret.png").display().to_string();
    let names: Vec<String> = names.iter().map(|name| name.replace("SECRET", &secret)).collect();
    let all: Vec<&str> = ["a.png", "b.png"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let collection = Collection::new(format(&folder.path().join("data"), &all), preparation());
    let mut faults = Vec::new();
    // Whether enough is left to train and to validate on is not the question here.
    let _ = collection.prepare(&mut faults, &|_, _| {});
    let told = |fault: &Fault| fault.kind == FaultKind::MissingPicture && fault.problem.contains(expected);
    for name in names {
        assert!(faults.iter().any(|fault| fault.place == name && told(fault)), "{name}: {faults:?}");
    }
}

fn preparation() -> Preparation {
    Preparation { side: 2, threshold: 1, ..Preparation::default() }
}

fn karpathy(folder: &Path, names: &[&str]) -> Box<dyn Format> {
    let image = |name: &&str| serde_json::json!({ "filename": name, "sentences": [{ "raw": "a dog" }] });
    let images: Vec<_> = names.iter().map(image).collect();
    let file = folder.join("dataset.json");
    fs::write(&file, serde_json::json!({ "images": images }).to_string()).expect("a small file");
    Box::new(Karpathy { file })
}

fn coco(folder: &Path, names: &[&str]) -> Box<dyn Format> {
    let numbered = || names.iter().enumerate();
    let images: Vec<_> =
        numbered().map(|(id, name)| serde_json::json!({ "id": id, "file_name": name })).collect();
    let annotations: Vec<_> =
        numbered().map(|(id, _)| serde_json::json!({ "image_id": id, "caption": "a dog" })).collect();
    let file = folder.join("captions.json");
    fs::write(&file, serde_json::json!({ "images": images, "annotations": annotations }).to_string())
        .expect("a small file");
    Box::new(Coco { files: vec![(file, None)] })
}

fn table(folder: &Path, names: &[&str]) -> Box<dyn Format> {
    let file = folder.join("captions.csv");
    let lines: String = names.iter().map(|name| format!("{name},a dog\n")).collect();
    fs::write(&file, format!("image,caption\n{lines}")).expect("a small file");
    Box::new(Table { file, columns: None })
}

fn flickr(folder: &Path, names: &[&str]) -> Box<dyn Format> {
    let file = folder.join("captions.token");
    let lines: String = names.iter().map(|name| format!("{name}#0\ta dog\n")).collect();
    fs::write(&file, lines).expect("a small file");
    Box::new(TokensFile { file })
}

#[test]
fn no_list_leads_out_of_the_folders_of_pictures() {
    for format in [karpathy, coco, table, flickr] {
        check(
            format,
            &["../secret.png", "SECRET", "x/../../secret.png", "/etc/passwd"],
            "leads out of every folder",
        );
        check(format, &["c.png"], "there is no such file");
    }
}

#[test]
#[cfg(unix)]
fn whoever_names_the_root_as_the_folder_may_name_any_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path());
    let names = ["data/a.png", "data/b.png"].map(|name| folder.path().join(name).display().to_string());
    let preparation = Preparation { images: Some("/".into()), ..preparation() };
    let format = table(folder.path(), &names.each_ref().map(String::as_str));
    let (dataset, _) = Collection::new(format, preparation)
        .prepare(&mut Vec::new(), &|_, _| {})
        .expect("pictures are there");
    assert_eq!(dataset.train.pictures.len() + dataset.val.pictures.len(), 2);
}

#[test]
#[cfg(unix)]
fn links_in_a_folder_are_its_owners() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path());
    let data = folder.path().join("data");
    std::os::unix::fs::symlink(folder.path().join("secret.png"), data.join("c.png")).expect("a link");
    let mut faults = Vec::new();
    let collection = Collection::new(table(&data, &["a.png", "b.png", "c.png"]), preparation());
    let prepared = collection.prepare(&mut faults, &|_, _| {});
    assert!(prepared.is_ok() && faults.is_empty(), "{faults:?}");
}
