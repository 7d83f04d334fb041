//! Data as users have it: every format, what is made of it, and every fault that can be in it. All tests change the same folder of
//! twelve pictures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod features;
mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use caption::data::doctor::{Diagnosis, examine};
use caption::data::fault::FaultKind;
use caption::data::recognise::{Recognised, Wishes, recognise};
use caption::data::stored::store;
use caption::data::tokens::Tokens;
use caption::data::{Dataset, Pictures, Source};
use hdf5_pure::FileBuilder;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// Twelve pictures, each of a colour of its own, with two captions.
fn names() -> Vec<String> {
    (0..12).map(|number| format!("p{number:02}.png")).collect()
}

fn captions(number: usize) -> [String; 2] {
    let thing = ["dog", "cat", "개", "狗"][number % 4];
    [format!("A {thing} runs."), format!("The {thing}, number {number}!")]
}

fn colour(number: usize) -> [u8; 3] {
    [number as u8 * 20, 255 - number as u8 * 20, 7]
}

fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn pictures(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (number, name) in names().iter().enumerate() {
        RgbImage::from_pixel(24, 20, Rgb(colour(number))).save(folder.join(name)).unwrap();
    }
}

/// All captions with the number and the name of their picture.
fn all() -> Vec<(usize, String, String)> {
    let of = |(number, name): (usize, String)| captions(number).map(|text| (number, name.clone(), text));
    names().into_iter().enumerate().flat_map(of).collect()
}

fn table() -> String {
    let lines = all().into_iter().map(|(_, name, text)| format!("{name},\"{text}\"\n"));
    format!("image,caption\n{}", lines.collect::<String>())
}

fn karpathy() -> String {
    let image = |(number, name): (usize, String)| {
        let sentences = captions(number).map(|text| serde_json::json!({ "raw": text }));
        serde_json::json!({ "filename": name, "sentences": sentences })
    };
    let images: Vec<_> = names().into_iter().enumerate().map(image).collect();
    serde_json::json!({ "images": images, "dataset": "mine" }).to_string()
}

fn coco() -> String {
    let images: Vec<_> = names()
        .iter()
        .enumerate()
        .map(|(id, name)| serde_json::json!({ "id": id, "file_name": name }))
        .collect();
    let annotations: Vec<_> = all()
        .into_iter()
        .enumerate()
        .map(|(id, (image, _, text))| serde_json::json!({ "id": id, "image_id": image, "caption": text }))
        .collect();
    serde_json::json!({ "images": images, "annotations": annotations }).to_string()
}

fn numbered() -> String {
    all()
        .into_iter()
        .enumerate()
        .map(|(at, (_, name, text))| format!("{name}#{}\t{text}\n", at % 2))
        .collect()
}

/// A folder with pictures and a table, which tests change.
fn tabled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("images"));
    write(folder.path().join("captions.txt"), table());
    folder
}

fn wishes() -> Wishes {
    Wishes { side: Some(8), threshold: Some(1), ..Wishes::default() }
}

fn load(path: &Path, wishes: &Wishes) -> Dataset {
    recognise(path, wishes).and_then(|source| source.load()).unwrap_or_else(|error| panic!("{error}"))
}

/// A dataset as the bytes of its file.
fn bytes(dataset: &Dataset) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prepared");
    store(&path, dataset, "some data").unwrap();
    fs::read(path).unwrap()
}

/// An array as numpy saves it; its shape as Python writes it.
fn npy(shape: &str, numbers: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &numbers].concat()
}

fn rows() -> Vec<[f32; 4]> {
    (0..12u8).map(|number| [f32::from(number), 1.0, 2.0, 3.0]).collect()
}

/// Examines a folder that was changed in one way, which must show in these faults and no others.
#[track_caller]
fn check_faults(change: impl FnOnce(&Path, &mut Wishes), expected: &[(FaultKind, usize, &str)]) {
    let folder = tabled();
    let mut wishes = wishes();
    change(folder.path(), &mut wishes);
    let found = examine(folder.path(), &wishes, Some(1 << 40), &|_, _| ());
    check_found(&found, expected);
}

#[track_caller]
fn check_found(found: &Diagnosis, expected: &[(FaultKind, usize, &str)]) {
    for (kind, count, text) in expected {
        let of_kind: Vec<_> = found.faults.iter().filter(|fault| fault.kind == *kind).collect();
        assert_eq!(of_kind.len(), *count, "{kind:?} in {:?}", found.faults);
        assert!(
            of_kind.iter().any(|fault| format!("{}: {}", fault.place, fault.problem).contains(text)),
            "`{text}` is missing in {of_kind:?}"
        );
    }
    let all: usize = expected.iter().map(|(_, count, _)| count).sum();
    assert_eq!(found.faults.len(), all, "{:?}", found.faults);
}

fn append(folder: &Path, line: impl AsRef<[u8]>) {
    let path = folder.join("captions.txt");
    let text = [fs::read(&path).unwrap().as_slice(), line.as_ref()].concat();
    fs::write(path, text).unwrap();
}

#[test]
fn every_format_of_the_same_pictures_gives_the_same_dataset() {
    let expected = {
        let folder = tabled();
        let dataset = load(folder.path(), &wishes());
        let counts =
            [&dataset.train, &dataset.val, dataset.test.as_ref().unwrap()].map(|split| split.pictures.len());
        assert_eq!(counts, [10, 1, 1]);
        let Pictures::Pixels { height: 8, width: 8, data } = &dataset.train.pictures else {
            panic!("no pixels")
        };
        for (picture, name) in dataset.train.names.iter().enumerate() {
            let number = names().iter().position(|other| other == name).unwrap();
            assert_eq!(data[picture * 192..][..192], colour(number).repeat(64));
            assert_eq!(dataset.train.references[picture][1].last().unwrap(), &number.to_string());
            assert_eq!(
                dataset.vocabulary.decode(dataset.train.captions.row(2 * picture)),
                dataset.train.references[picture][0]
            );
        }
        bytes(&dataset)
    };
    let check = |files: &[(&str, String)], within: &str, kind: &str| {
        let folder = tempfile::tempdir().unwrap();
        pictures(&folder.path().join(within));
        files.iter().for_each(|(name, text)| write(folder.path().join(name), text));
        let source = recognise(folder.path(), &wishes()).unwrap();
        assert!(source.describe().starts_with(kind), "{}", source.describe());
        assert!(bytes(&source.load().unwrap()) == expected, "{kind} gives another dataset");
    };
    check(&[("dataset_mine.json", karpathy())], "images", "Karpathy's splits in");
    check(&[("annotations/captions_mine.json", coco())], "mine", "COCO's annotations in");
    check(&[("Flickr8k.token.txt", numbered())], "Flicker8k_Dataset", "Flickr's numbered captions in");
    check(
        &[("my.csv", table().replace(",\"", ";\"").replace("image,", "image;"))],
        "",
        "a table of captions in",
    );
    let texts: Vec<(String, String)> = names()
        .iter()
        .enumerate()
        .map(|(number, name)| (name.replace("png", "txt"), captions(number).join("\n")))
        .collect();
    let texts: Vec<(&str, String)> = texts.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    check(&texts, "", "pictures with texts beside them in");
}

#[test]
fn of_several_files_one_is_taken_and_the_others_are_named() {
    let folder = tabled();
    write(folder.path().join("dataset.json"), karpathy());
    let described = recognise(folder.path(), &wishes()).unwrap().describe();
    assert!(described.starts_with("Karpathy's splits in") && described.contains("not used: "), "{described}");
    assert!(described.ends_with("captions.txt"), "{described}");
}

#[test]
fn files_of_coco_are_the_part_that_their_name_says_and_one_of_both_is_neither() {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("images"));
    let described = |names: &[&str]| {
        names.iter().for_each(|name| write(folder.path().join(name), coco()));
        let described = recognise(folder.path(), &wishes()).unwrap().describe();
        described.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(described(&["captions_trainval.json"]), "COCO's annotations in captions_trainval.json");
    let found = examine(folder.path(), &wishes(), Some(1 << 40), &|_, _| ());
    check_found(&found, &[]);
    assert_eq!(
        described(&["captions_train.json", "captions_val.json"]),
        "COCO's annotations in captions_train.json and captions_val.json; also there, and not used: captions_trainval.json"
    );
}

#[test]
fn what_is_unknown_or_cannot_be_wished_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, wishes: &Wishes, expected: &str| {
        let error = recognise(path, wishes).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&path.display().to_string()), "{error}");
    };
    check(&folder.path().join("none"), &wishes(), "Check the path");
    check(folder.path(), &wishes(), "holds nothing that is known");
    for (name, text) in [
        ("a.txt", "some words\n"),
        ("b.json", "{}"),
        ("c.json", "[1]"),
        ("d", ""),
        ("e.json", &"[".repeat(100_000)),
    ] {
        write(folder.path().join(name), text);
        check(&folder.path().join(name), &wishes(), "is of no kind that is known");
    }
    write(folder.path().join("deep.json"), format!("{{\"images\": {}", "[".repeat(100_000)));
    let deep = recognise(&folder.path().join("deep.json"), &wishes()).and_then(|source| source.load());
    assert!(deep.unwrap_err().to_string().contains("cannot be read as Karpathy's splits"));
    let prepared = folder.path().join("prepared");
    store(&prepared, &load(tabled().path(), &wishes()), "x").unwrap();
    check(&prepared, &wishes(), "Leave them out");
}

#[test]
fn characters_and_pieces_of_words_are_tokens_too() {
    let folder = tabled();
    let check = |tokens: Tokens| {
        let dataset = load(folder.path(), &Wishes { tokens: Some(tokens), ..wishes() });
        let train = &dataset.train;
        for caption in 0..train.captions.len() {
            let words = &train.references[train.picture_of[caption]][caption % 2];
            assert_eq!(&dataset.vocabulary.decode(train.captions.row(caption)), words);
        }
        dataset.vocabulary.words()[4..].to_vec()
    };
    assert!(check(Tokens::Characters).iter().all(|token| token.chars().count() == 1));
    let pieces = check(Tokens::Bpe);
    assert!(pieces.contains(&"▁number".to_string()), "{pieces:?}");
}

fn program(arguments: &[&str], threads: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_caption"))
        .args(arguments)
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_program_prepares_lists_what_it_left_out_and_trains_on_the_file() {
    let folder = tabled();
    append(folder.path(), "p00.png,\n");
    fs::write(folder.path().join("images/p04.png"), "no picture").unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let data = path("");
    let prepare = |out: &str, threads: &str| {
        program(
            &["prepare", "--data", &data, "--out", &path(out), "--side", "16", "--threshold", "2"],
            threads,
        )
    };
    let (code, printed) = prepare("one", "1");
    assert_eq!(code, Some(0), "{printed}");
    for expected in [
        "data: a table of captions in",
        "at 16 by 16 pixels",
        "parts: drawn by picture with seed 1",
        "<UNK> is ",
        "left out, 2 items",
        "captions without a word: 1",
        "pictures that cannot be decoded: 1",
        "p04.png: cannot be decoded",
        "wrote ",
    ] {
        assert!(printed.contains(expected), "`{expected}` is missing in {printed}");
    }
    assert!(!printed.contains('\r') && !printed.contains('\u{1b}'), "{printed:?}");
    assert_eq!(prepare("three", "3").0, Some(0));
    assert!(fs::read(path("one")).unwrap() == fs::read(path("three")).unwrap(), "threads show in the file");

    let (code, printed) = program(&["doctor", "--data", &data], "2");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("to mend: ") && printed.ends_with("2 faults\n"), "{printed}");
    assert_eq!(program(&["doctor", "--data", &path("one")], "2").0, Some(0));

    let run = path("run");
    let prepared = path("one");
    let settings = ["--hidden", "8", "--embedding", "8", "--epochs", "1", "--batch", "8"];
    let (code, printed) =
        program(&[&["train", "--data", &prepared, "--out", &run][..], &settings].concat(), "2");
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = program(&["describe", &run, &path("images/p00.png")], "2");
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn real_folders_are_recognised() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("UNSPOOL_DATA").map_or_else(beside, PathBuf::from);
    if !data.join("flickr8k_folder").is_dir() {
        println!("skipped: set UNSPOOL_DATA to a folder with flickr8k_folder/, {} has none", data.display());
        return;
    }
    let check = |path: &str, kind: &str, expected: [(usize, usize); 3]| {
        let wishes = Wishes { side: Some(4), ..Wishes::default() };
        let source = recognise(&data.join(path), &wishes).unwrap();
        assert!(source.describe().starts_with(kind), "{}", source.describe());
        let Recognised::Collection(collection, _) = source else { panic!("no collection") };
        let mut faults = Vec::new();
        let (_, report) = collection.prepare(&mut faults, &|_, _| ()).unwrap();
        assert_eq!(faults, []);
        assert_eq!(report.counts, expected);
    };
    check("flickr8k_folder", "Karpathy's splits in", [(753, 3765), (113, 565), (0, 0)]);
    check("flickr8k_folder/captions.txt", "a table of captions in", [(701, 3505), (87, 435), (87, 435)]);
    check("coco_mini", "COCO's annotations in", [(64, 320), (8, 40), (8, 40)]);
}
