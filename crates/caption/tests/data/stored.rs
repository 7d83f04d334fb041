//! Prepared data: what is written is read, a picture when it is looked at, and damage is an error wherever it shows.

use caption::data::Split;
use caption::data::stored::Stored;
use caption::model::{Input, ModelSettings};
use caption::training::{Recipe, Training};

use super::*;

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
fn parts_whose_pictures_are_of_different_sizes_are_an_error() {
    let folder = tabled();
    let [data, other] = [8, 4].map(|side| load(folder.path(), &Wishes { side: Some(side), ..wishes() }));
    let stored = Stored { file: folder.path().join("prepared") };
    store(&stored.file, &Dataset { val: other.val, ..data }, "two sizes").unwrap();
    let error = stored.load().unwrap_err().to_string();
    assert!(error.contains("key `val/pictures`: has pictures of 4 by 4 pixels"), "{error}");
    assert!(error.contains("`train` has pictures of 8 by 8 pixels"), "{error}");
    assert_eq!(stored.faults().len(), 1);
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
        let _ = stored.load().map(|dataset| store(&folder.path().join("copy"), &dataset, "x"));
        let _ = stored.faults();
    }
}

/// The twelve pictures as pixels, or as vectors of features, prepared in the folder's file `prepared`.
fn prepared(folder: &Path, features: bool) -> Stored {
    let mut wishes = wishes();
    if features {
        let file = folder.join("features.npy");
        write(&file, npy("(12, 4)", rows().as_flattened()));
        wishes.features = Some(file);
    }
    let file = folder.join("prepared");
    store(&file, &load(folder, &wishes), "some data").unwrap();
    Stored { file }
}

fn training(data: &Dataset) -> Training {
    let settings = ModelSettings {
        input: Input::of(&data.train),
        embedding: 4,
        hidden: 6,
        vocabulary: data.vocabulary.len(),
        ..ModelSettings::default()
    };
    let recipe = Recipe { steps: 9, batch: 7, ..Recipe::default() };
    Training::new(settings, recipe, data.vocabulary.clone(), data.train.captions.len()).unwrap()
}

#[test]
fn a_training_on_a_file_has_the_bits_of_one_in_memory() {
    for features in [false, true] {
        let folder = tabled();
        let in_file = prepared(folder.path(), features).load().unwrap();
        let loaded = |split: &Split| Split { pictures: split.pictures.in_memory().unwrap(), ..split.clone() };
        let in_memory =
            Dataset { train: loaded(&in_file.train), val: loaded(&in_file.val), ..in_file.clone() };
        assert!(matches!(in_file.train.pictures, Pictures::InFile { .. }));
        assert!(!matches!(in_memory.train.pictures, Pictures::InFile { .. }));
        let [found, expected] = [&in_file, &in_memory].map(|data| {
            let mut training = training(data);
            let losses: Vec<f64> =
                (0..9).map(|_| training.take_step(&data.train).unwrap().per_caption).collect();
            let weights: Vec<_> = training.params.iter().map(|entry| entry.value.to_f64()).collect();
            (losses, weights, training.losses(&data.val, 3).unwrap())
        });
        assert!(found == expected, "with features: {features}");
        let pixels = in_memory.train.pictures.pixels(3).unwrap();
        assert_eq!(in_file.train.pictures.pixels(3).unwrap(), pixels);
        assert_eq!(pixels.is_none(), features);
    }
}

/// Where the bytes of a picture stand in a file.
fn place_of(file: &Path, row: &[u8]) -> usize {
    let bytes = fs::read(file).unwrap();
    bytes.windows(row.len()).position(|some| some == row).unwrap()
}

#[test]
fn a_picture_that_is_damaged_stops_the_step_that_looks_at_it_and_names_its_row() {
    let folder = tabled();
    let stored = prepared(folder.path(), false);
    let data = stored.load().unwrap();
    let row = 4;
    let at = place_of(&stored.file, &data.train.pictures.pixels(row).unwrap().unwrap());
    let place = format!("{}, key `train/pictures`, row {row}", stored.file.display());
    let whole = fs::read(&stored.file).unwrap();
    let mut damaged = whole.clone();
    damaged[at + 100] ^= 1;
    // The same file is written over, not replaced by another.
    let write_over = |bytes: &[u8]| {
        let file = fs::File::options().write(true).open(&stored.file).unwrap();
        std::io::Write::write_all(&mut &file, bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    };
    let mut one = training(&data);
    write_over(&damaged);
    let error = (0..9).find_map(|_| one.take_step(&data.train).err()).unwrap().to_string();
    assert!(error.contains(&place) && error.contains("does not have the checksum"), "{error}");
    assert!(error.contains("prepare the data again"), "{error}");
    let faults = stored.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].kind, &faults[0].place), (FaultKind::Unreadable, &place));
    let copied = store(&folder.path().join("copy"), &data, "x").unwrap_err().to_string();
    assert!(copied.contains(&place), "{copied}");

    // Cut short in the middle of a training.
    write_over(&whole);
    let mut two = training(&data);
    two.take_step(&data.train).unwrap();
    write_over(&whole[..at + 100]);
    let error = (0..9).find_map(|_| two.take_step(&data.train).err()).unwrap().to_string();
    assert!(error.contains("key `train/pictures`, row ") && error.contains("cannot be read"), "{error}");
    assert!(stored.load().unwrap_err().to_string().contains("cut short"));

    // A file in its place is another file: the training goes on with the one that it has opened.
    write_over(&whole);
    let mut three = training(&data);
    store(&folder.path().join("other"), &data, "others").unwrap();
    fs::rename(folder.path().join("other"), &stored.file).unwrap();
    (0..9).for_each(|_| _ = three.take_step(&data.train).unwrap());
}

#[test]
fn a_feature_that_is_not_finite_is_named_when_it_is_read() {
    let folder = tabled();
    let stored = prepared(folder.path(), true);
    let data = stored.load().unwrap();
    let mut row = Vec::new();
    data.train.pictures.see([2].into_iter(), &mut row).unwrap();
    let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
    let at = place_of(&stored.file, &bytes);
    let mut changed = fs::read(&stored.file).unwrap();
    changed[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    // As a file from before checksums were written: the key has another name.
    let changed = replaced(&changed, b"train/checksums", b"train/other_key");
    fs::write(&stored.file, changed).unwrap();
    let data = stored.load().unwrap();
    let error = data.train.pictures.see(0..3, &mut row).unwrap_err().to_string();
    assert!(error.contains("key `train/pictures`, row 2: has the number NaN"), "{error}");
    let faults = stored.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].kind, FaultKind::NonFiniteFeatures);
}

/// Bytes with the first occurrence of some replaced by as many others.
fn replaced(bytes: &[u8], some: &[u8], others: &[u8]) -> Vec<u8> {
    let at = bytes.windows(some.len()).position(|window| window == some).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + some.len()].copy_from_slice(others);
    bytes
}
