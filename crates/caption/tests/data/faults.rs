//! Every fault that can be in data, each brought about.

use super::*;

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
        let file = npy(&format!("({}, 4)", rows.len()), rows.as_flattened());
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
    // What loading alone finds is told as well.
    let mut file = FileBuilder::new();
    file.create_dataset("features").with_data(&[1f32; 6]).with_shape(&[2, 3]);
    file.write(&val).unwrap();
    check_found(&examined(), &[(FaultKind::Unreadable, 1, "3 numbers a picture, but")]);
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
