//! Data as users have it: every format, what is made of it, and every fault that can be in it.
//! This file is long because all tests here change the same folder of twelve pictures, a test for each fault.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use caption::data::doctor::{Diagnosis, examine};
use caption::data::fault::FaultKind;
use caption::data::recognise::{Recognised, Wishes, recognise};
use caption::data::stored::{Stored, store};
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
fn what_was_prepared_is_loaded_as_it_was() {
    let folder = tabled();
    let dataset = load(folder.path(), &wishes());
    let path = folder.path().join("prepared");
    store(&path, &dataset, "some data").unwrap();
    let source = recognise(&path, &Wishes::default()).unwrap();
    assert!(matches!(source, Recognised::Stored(_)));
    assert!(source.describe().ends_with("prepared, made of some data"), "{}", source.describe());
    let loaded = source.load().unwrap();
    assert_eq!(loaded.vocabulary, dataset.vocabulary);
    assert_eq!(loaded.train.captions, dataset.train.captions);
    assert_eq!(loaded.train.references, dataset.train.references);
    assert_eq!(loaded.test.as_ref().unwrap().names, dataset.test.as_ref().unwrap().names);
    assert!(bytes(&loaded) == bytes(&dataset));
}

#[test]
fn a_damaged_file_of_prepared_data_is_an_error_and_never_a_panic() {
    let folder = tabled();
    let file = folder.path().join("prepared");
    store(&file, &load(folder.path(), &Wishes { side: Some(1), ..wishes() }), "x").unwrap();
    let whole = fs::read(&file).unwrap();
    let stored = Stored { file: file.clone() };
    for length in (0..whole.len()).step_by(97) {
        fs::write(&file, &whole[..length]).unwrap();
        assert!(stored.load().is_err(), "a file cut at {length} was loaded");
    }
    for at in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&file, &damaged).unwrap();
        let _ = stored.load().map(|dataset| bytes(&dataset));
        let _ = stored.faults();
    }
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

/// numpy's form of rows of four numbers.
fn npy(rows: &[[f32; 4]]) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 4), }}", rows.len());
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    header.push('\n');
    let numbers = rows.iter().flatten().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), &numbers].concat()
}

fn rows() -> Vec<[f32; 4]> {
    (0..12u8).map(|number| [f32::from(number), 1.0, 2.0, 3.0]).collect()
}

#[test]
fn features_stand_for_pictures_whose_files_are_not_needed() {
    let folder = tabled();
    fs::remove_dir_all(folder.path().join("images")).unwrap();
    let file = folder.path().join("features.npy");
    write(&file, npy(&rows()));
    let wishes = Wishes { features: Some(file), ..wishes() };
    let dataset = load(folder.path(), &wishes);
    let Pictures::Features { width: 4, data } = &dataset.train.pictures else { panic!("no features") };
    for (picture, name) in dataset.train.names.iter().enumerate() {
        let number = names().iter().position(|other| other == name).unwrap();
        assert_eq!(data[4 * picture], number as f32);
    }
}

/// A file of grids of 2 by 2 places with 3 channels for the twelve pictures: a number, and its place in the grid.
fn grids(folder: &Path, change: impl FnOnce(&mut [f32])) -> PathBuf {
    let mut numbers: Vec<f32> = (0..144).map(|at| (at / 12 * 100 + at % 12) as f32).collect();
    change(&mut numbers);
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 2, 2, 3), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    let path = folder.join("grid.npy");
    write(&path, file);
    path
}

#[test]
fn grids_of_features_are_prepared_stored_and_loaded() {
    let folder = tabled();
    let wishes = Wishes { features: Some(grids(folder.path(), |_| ())), ..wishes() };
    let dataset = load(folder.path(), &wishes);
    let grid = |dataset: &Dataset| match &dataset.train.pictures {
        Pictures::Grid { rows: 2, columns: 2, width: 3, data } => data.clone(),
        other => panic!("{other:?}"),
    };
    for (picture, name) in grid(&dataset).chunks(12).zip(&dataset.train.names) {
        let number = names().iter().position(|other| other == name).unwrap();
        assert!(picture.iter().enumerate().all(|(at, found)| *found == (100 * number + at) as f32));
    }
    let path = folder.path().join("prepared");
    store(&path, &dataset, "grids").unwrap();
    let stored = load(&path, &Wishes::default());
    assert_eq!(grid(&stored), grid(&dataset));
    assert_eq!(bytes(&stored)[..], bytes(&dataset)[..]);
}

#[test]
fn faults_of_grids_are_found() {
    let check = |change: fn(&mut [f32]), expected: &[(FaultKind, usize, &str)]| {
        check_faults(|folder, wishes| wishes.features = Some(grids(folder, change)), expected);
    };
    check(|_| (), &[]);
    // One place without anything may be; a whole picture may not.
    check(|numbers| numbers[60..63].fill(0.0), &[]);
    check(
        |numbers| numbers[60..72].fill(0.0),
        &[(FaultKind::ZeroFeatures, 1, "`p05.png`: all 12 numbers are zero")],
    );
    check(
        |numbers| numbers[71] = f32::INFINITY,
        &[(FaultKind::NonFiniteFeatures, 1, "`p05.png`: number 11 is inf")],
    );
}

#[test]
fn a_caption_of_a_picture_that_is_not_there_is_a_fault_of_a_prepared_file() {
    let folder = tabled();
    let path = folder.path().join("prepared");
    store(&path, &load(folder.path(), &wishes()), "some data").unwrap();
    let mut file = fs::read(&path).unwrap();
    let (header, about) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    let at = 8 + header + about.info("train/picture_of").unwrap().data_offsets.0;
    file[at..at + 4].copy_from_slice(&99i32.to_le_bytes());
    fs::write(&path, file).unwrap();
    let found = examine(&path, &Wishes::default(), Some(1 << 40), &|_, _| ());
    let expected = "key `train/picture_of`, row 0: is of picture 99, but there are 10";
    check_found(&found, &[(FaultKind::PictureOutside, 1, expected)]);
    let error = recognise(&path, &Wishes::default()).unwrap().load().unwrap_err().to_string();
    assert!(error.contains("is of picture 99"), "{error}");
}

#[test]
fn a_picture_under_two_names_is_noted_and_no_fault() {
    let folder = tabled();
    let images = folder.path().join("images");
    let notes = || examine(folder.path(), &wishes(), Some(1 << 40), &|_, _| ());
    assert!(notes().notes.is_empty(), "{:?}", notes().notes);
    for copy in ["p05.png", "p07.png"] {
        fs::copy(images.join("p02.png"), images.join(copy)).unwrap();
    }
    check_found(&notes(), &[]);
    assert_eq!(notes().notes, ["p02.png, p05.png and p07.png are the same file"]);
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
fn a_sound_folder_has_no_fault() {
    check_faults(|_, _| {}, &[]);
}

#[test]
fn faults_of_captions_are_found() {
    check_faults(
        |folder, _| append(folder, "p00.png,\n"),
        &[(FaultKind::EmptyCaption, 1, "captions.txt, line 26: the caption of `p00.png` is empty")],
    );
    check_faults(
        |folder, _| append(folder, "p00.png,...!\n"),
        &[(FaultKind::EmptyCaption, 1, "`...!` has no word in it")],
    );
    check_faults(
        |folder, _| append(folder, b"p00.png,caf\xe9\n"),
        &[(FaultKind::Encoding, 1, "line 26: character 4 was no UTF-8")],
    );
    check_faults(|folder, _| append(folder, "p00.png,cafÃ©\n"), &[(FaultKind::Encoding, 1, "for `café`")]);
    check_faults(
        |folder, _| append(folder, "p00.png\n"),
        &[(FaultKind::BadEntry, 1, "line 26: expected 2 columns")],
    );
    check_faults(
        |folder, _| append(folder, format!("p00.png,{}\n", "word ".repeat(51))),
        &[(FaultKind::LongCaption, 1, "has 51 words and 204 letters; expected at most 50")],
    );
    check_faults(
        |folder, _| {
            write(folder.join("dataset.json"), karpathy().replacen("p01.png", "p00.png", 1));
        },
        &[(FaultKind::DuplicateId, 1, "images[1]: `p00.png` was listed before")],
    );
    check_faults(
        |folder, _| {
            fs::remove_file(folder.join("captions.txt")).unwrap();
            write(folder.join("c.json"), coco().replacen("\"image_id\":3", "\"image_id\":99", 1));
        },
        &[(FaultKind::OrphanCaption, 1, "annotations[6]: image_id 99 is not among the images")],
    );
}

#[test]
fn faults_of_pictures_are_found() {
    check_faults(
        |folder, _| fs::remove_file(folder.join("images/p03.png")).unwrap(),
        &[(FaultKind::MissingPicture, 1, "p03.png: there is no such file in")],
    );
    check_faults(
        |folder, _| {
            let path = folder.join("images/p03.png");
            let whole = fs::read(&path).unwrap();
            fs::write(path, &whole[..60]).unwrap();
        },
        &[(FaultKind::CorruptPicture, 1, "p03.png: cannot be decoded")],
    );
    // One system writes names of files with accents apart from their letters.
    check_faults(
        |folder, _| {
            append(folder, "갓.png,A dog\n");
            RgbImage::new(4, 4).save(folder.join("images/\u{1100}\u{1161}\u{11ba}.png")).unwrap();
        },
        &[],
    );
    check_faults(
        |folder, _| append(folder, "p00.png,\np99.png,\n"),
        &[(FaultKind::EmptyCaption, 2, "p99.png"), (FaultKind::NoCaption, 1, "p99.png: no caption")],
    );
    check_faults(
        |folder, _| fs::remove_dir_all(folder.join("images")).unwrap(),
        &[
            (FaultKind::MissingPicture, 12, "there is no such file in"),
            (FaultKind::Unreadable, 1, "no picture of the part `train`"),
        ],
    );
}

#[test]
fn faults_of_features_are_found() {
    let check = |rows: &[[f32; 4]], expected: &[(FaultKind, usize, &str)]| {
        let file = npy(rows);
        check_faults(
            |folder, wishes| {
                write(folder.join("f.npy"), file);
                wishes.features = Some(folder.join("f.npy"));
            },
            expected,
        );
    };
    let changed = |row: [f32; 4]| {
        let mut rows = rows();
        rows[5] = row;
        rows
    };
    check(&rows(), &[]);
    check(&changed([0.0; 4]), &[(FaultKind::ZeroFeatures, 1, "`p05.png`: all 4 numbers are zero")]);
    check(
        &changed([1.0, f32::NAN, 0.0, 0.0]),
        &[(FaultKind::NonFiniteFeatures, 1, "`p05.png`: number 1 is NaN")],
    );
    check(&rows()[1..], &[(FaultKind::Unreadable, 1, "has 11 rows, but the captions list 12 pictures")]);
    check_faults(
        |folder, wishes| {
            let one = |name: &str| format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#);
            let header =
                format!("{{{}}}", names()[1..].iter().map(|name| one(name)).collect::<Vec<_>>().join(","));
            let file =
                [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &1f32.to_le_bytes()].concat();
            write(folder.join("f.safetensors"), file);
            wishes.features = Some(folder.join("f.safetensors"));
        },
        &[(FaultKind::MissingFeatures, 1, "`p00.png`: there is no row for this picture")],
    );
}

#[test]
fn too_much_memory_is_a_fault() {
    let found = examine(tabled().path(), &wishes(), Some(1000), &|_, _| ());
    check_found(&found, &[(FaultKind::Memory, 1, "0.0 GB are free")]);
}

#[test]
fn a_folder_of_the_course_is_examined_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cs231n");
    for name in ["coco2014_captions.h5", "train2014_vgg16_fc7_pca.h5", "val2014_vgg16_fc7_pca.h5"] {
        fs::copy(fixtures.join(name), folder.path().join(name)).unwrap();
    }
    let vocabulary = |words: &[&str]| {
        let words = ["<NULL>", "<START>", "<END>", "<UNK>"].iter().chain(words).copied().collect::<Vec<_>>();
        write(
            folder.path().join("coco2014_vocab.json"),
            serde_json::json!({ "idx_to_word": words }).to_string(),
        );
    };
    let examined = || examine(folder.path(), &Wishes::default(), None, &|_, _| ());
    // The first picture of both parts is zero in its first numbers only.
    vocabulary(&["a", "dog", "runs"]);
    check_found(&examined(), &[]);
    vocabulary(&["a", "dog"]);
    let found = examined();
    let outside = found.faults.iter().filter(|fault| fault.kind == FaultKind::IndexOutside).count();
    assert!(outside >= 2 && outside == found.faults.len(), "{:?}", found.faults);

    vocabulary(&["a", "dog", "runs"]);
    let val = folder.path().join("val2014_vgg16_fc7_pca.h5");
    let features = |numbers: [f32; 8]| {
        let mut file = FileBuilder::new();
        file.create_dataset("features").with_data(&numbers).with_shape(&[2, 4]);
        file.write(&val).unwrap();
    };
    features([0.0, 0.0, 0.0, 0.0, 1.0, f32::INFINITY, 1.0, 1.0]);
    check_found(
        &examined(),
        &[
            (FaultKind::ZeroFeatures, 1, "row 0: all 4 numbers"),
            (FaultKind::NonFiniteFeatures, 1, "row 1: number 1 is inf"),
        ],
    );
    // Zeros are told, but what a user has may be trained on, prepared as well.
    features([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    let file = folder.path().join("prepared");
    store(&file, &load(folder.path(), &Wishes::default()), "x").unwrap();
    load(&file, &Wishes::default());
    check_found(
        &examine(&file, &Wishes::default(), None, &|_, _| ()),
        &[(FaultKind::ZeroFeatures, 1, "row 0: all 4 numbers")],
    );

    fs::remove_file(folder.path().join("val2014_vgg16_fc7_pca.h5")).unwrap();
    fs::remove_file(folder.path().join("coco2014_vocab.json")).unwrap();
    check_found(&examined(), &[(FaultKind::Unreadable, 2, "coco2014_vocab.json: cannot be read")]);
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
