//! Small folders of the right form, each broken in one place, and the real one where it is at hand. [`tiny`] writes them.

mod tiny;

use std::collections::BTreeMap;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};

use hdf5_pure::FileBuilder;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::*;
use tiny::{Content, Table, Tiny, Values};

const TRAIN_FEATURES: &str = "train2014_vgg16_fc7_pca.h5";
const VAL_FEATURES: &str = "val2014_vgg16_fc7_pca.h5";

/// The tables of [`Tiny`] as h5py writes them; `make.py` beside them made them.
const H5PY: [(&str, &[u8]); 3] = [
    (CAPTIONS, include_bytes!("../../../tests/fixtures/cs231n/coco2014_captions.h5")),
    (TRAIN_FEATURES, include_bytes!("../../../tests/fixtures/cs231n/train2014_vgg16_fc7_pca.h5")),
    (VAL_FEATURES, include_bytes!("../../../tests/fixtures/cs231n/val2014_vgg16_fc7_pca.h5")),
];

fn load(folder: &TempDir) -> Result<Dataset, DataError> {
    Cs231n::new(folder.path()).load()
}

/// Breaks a valid folder in one place; the error must say each of the parts, the file's name among them.
#[track_caller]
fn check_fault(damage: impl FnOnce(&mut Tiny), parts: &[&str]) {
    let mut tiny = Tiny::new();
    damage(&mut tiny);
    check_error(&tiny.write(), parts);
}

#[track_caller]
fn check_error(folder: &TempDir, parts: &[&str]) {
    let error = load(folder).expect_err("the folder is broken").to_string();
    assert!(error.contains(&folder.path().display().to_string()), "the folder is missing in: {error}");
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    // Printed to be read with `--nocapture`: an error is for people.
    println!("{}: {error}", Location::caller());
}

#[track_caller]
fn check_same(a: &Dataset, b: &Dataset) {
    assert_eq!(a.vocabulary, b.vocabulary);
    for (a, b) in [(&a.train, &b.train), (&a.val, &b.val)] {
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(String::from).collect()
}

#[test]
fn a_valid_folder_loads_as_it_is() {
    let folder = Tiny::new().write();
    let dataset = load(&folder).unwrap();
    assert_eq!(dataset.vocabulary, Vocabulary::new(words("a dog runs")));
    assert!(dataset.test.is_none());

    let train = &dataset.train;
    assert_eq!(train.picture_of, [0, 2, 1, 0, 2]);
    assert_eq!((train.captions.len(), train.captions.width), (5, 6));
    assert_eq!(train.captions.row(3), [1, 4, 5, 3, 6, 2]);
    assert_eq!(train.names, ["images/a.jpg", "images/b.jpg", "images/c.jpg"]);
    assert_eq!(train.references[0], [words("a dog"), words("a dog <UNK> runs")]);
    let Pictures::Features { width: 4, data } = &train.pictures else { panic!("features of width 4") };
    assert_eq!(*data, (0..12u8).map(|value| f32::from(value) / 8.0).collect::<Vec<_>>());

    assert_eq!(dataset.val.references, [vec![words("a dog")], vec![words("runs"), words("a")]]);
    assert_eq!(dataset.val.pictures.len(), 2);

    let line = Cs231n::new("somewhere").describe();
    assert_eq!(line, "CS231n captions in somewhere, features *2014_vgg16_fc7_pca.h5");
}

#[test]
fn compressed_and_wider_tables_give_the_same_numbers() {
    let plain = load(&Tiny::new().write()).unwrap();
    let mut tiny = Tiny::new();
    tiny.compress(Some(2));
    if let Values::F32(values) = tiny.table(VAL_FEATURES, "features").values.clone() {
        tiny.table(VAL_FEATURES, "features").values =
            Values::F64(values.into_iter().map(f64::from).collect());
    }
    tiny.table(CAPTIONS, "val_image_idxs").values = Values::I64(vec![1, 0, 1]);
    tiny.table(CAPTIONS, "train_image_idxs").values = Values::U16(vec![0, 2, 1, 0, 2]);
    let other = load(&tiny.write()).unwrap();
    check_same(&plain, &other);
}

#[test]
fn files_written_by_h5py_give_the_same_numbers() {
    let tiny = Tiny::new();
    let plain = load(&tiny.write()).unwrap();
    let folder = tiny.write();
    for (file, bytes) in H5PY {
        fs::write(folder.path().join(file), bytes).unwrap();
    }
    check_same(&plain, &load(&folder).unwrap());
}

#[test]
fn a_table_of_several_windows_is_read_whole() {
    let mut tiny = Tiny::new();
    let count = 70_000;
    let row = [1, 4, 5, 2, 0, 0];
    *tiny.table(CAPTIONS, "train_captions") =
        Table::new(&[count, 6], Values::I32(row.repeat(count as usize)));
    let indices: Vec<i32> = (0..count as i32).map(|index| index % 3).collect();
    *tiny.table(CAPTIONS, "train_image_idxs") = Table::new(&[count], Values::I32(indices));
    let width = 1 << 18;
    let values: Vec<f32> = (0..3 * width).map(|value| value as f32).collect();
    *tiny.table(TRAIN_FEATURES, "features") = Table::new(&[3, width], Values::F32(values.clone()));
    let values_val = values[..2 * width as usize].to_vec();
    *tiny.table(VAL_FEATURES, "features") = Table::new(&[2, width], Values::F32(values_val));
    let dataset = load(&tiny.write()).unwrap();
    assert_eq!(dataset.train.captions.ids, row.repeat(count as usize));
    assert!(dataset.train.picture_of.iter().enumerate().all(|(caption, picture)| caption % 3 == *picture));
    let Pictures::Features { data, .. } = dataset.train.pictures else { panic!("features") };
    assert!(data == values);
}

#[test]
fn the_full_features_are_read_when_asked_for() {
    let mut tiny = Tiny::new();
    for (reduced, full) in
        [(TRAIN_FEATURES, "train2014_vgg16_fc7.h5"), (VAL_FEATURES, "val2014_vgg16_fc7.h5")]
    {
        let content = tiny.files.remove(reduced).unwrap();
        tiny.files.insert(full, content);
    }
    let folder = tiny.write();
    assert_eq!(Cs231n::new(folder.path()).full_features().load().unwrap().train.pictures.len(), 3);
    check_error(&folder, &[VAL_FEATURES, "but val2014_vgg16_fc7.h5 is there", "ask for the full features"]);
}

#[test]
fn what_need_not_be_there_is_made() {
    let mut tiny = Tiny::new();
    tiny.files.remove(REFERENCES);
    tiny.files.remove("train2014_images.txt");
    tiny.files.remove("val2014_images.txt");
    tiny.set_text("train2014_urls.txt", "http://a\r\nhttp://b\r\nhttp://c");
    let dataset = load(&tiny.write()).unwrap();
    assert_eq!(dataset.train.names, ["http://a", "http://b", "http://c"]);
    assert_eq!(dataset.val.names, ["val picture 0", "val picture 1"]);
    let [first, second] = &dataset.val.references[..] else { panic!("two pictures") };
    assert_eq!(*first, [words("dog <UNK>")]);
    assert_eq!(*second, [words("a runs"), words("a dog")]);
}

#[test]
fn missing_files_are_named() {
    let error = Cs231n::new("no/such/folder").load().unwrap_err().to_string();
    assert!(error.starts_with("no/such/folder: there is no such folder; expected one"), "{error}");
    for file in [CAPTIONS, TRAIN_FEATURES, VAL_FEATURES, VOCABULARY] {
        check_fault(|tiny| drop(tiny.files.remove(file)), &[file, "coco_captioning", "Check the path"]);
    }
    let folder = Tiny::new().write();
    fs::remove_file(folder.path().join(CAPTIONS)).unwrap();
    fs::create_dir(folder.path().join(CAPTIONS)).unwrap();
    check_error(&folder, &[CAPTIONS, "is not a plain file; give the path of a file"]);
}

#[test]
fn missing_keys_are_named_beside_those_there() {
    check_fault(
        |tiny| {
            let Some(Content::Tables(tables)) = tiny.files.get_mut(CAPTIONS) else { panic!("tables") };
            tables.remove("val_image_idxs");
        },
        &[
            CAPTIONS,
            "key `val_image_idxs`",
            "no such key",
            "`train_captions`, `train_image_idxs`, `val_captions`",
        ],
    );
    check_fault(
        |tiny| drop(tiny.files.insert(TRAIN_FEATURES, Content::Tables(BTreeMap::new()))),
        &[TRAIN_FEATURES, "key `features`", "no key at all"],
    );
    let folder = Tiny::new().write();
    let mut file = FileBuilder::new();
    let group = file.create_group("features").finish();
    file.add_group(group);
    file.write(folder.path().join(VAL_FEATURES)).unwrap();
    check_error(&folder, &[VAL_FEATURES, "key `features`", "is no table"]);
}

#[test]
fn wrong_types_are_named() {
    check_fault(
        |tiny| tiny.table(CAPTIONS, "train_captions").values = Values::F32(vec![1.0; 30]),
        &[CAPTIONS, "key `train_captions`", "holds f32; expected whole numbers such as int32"],
    );
    check_fault(
        |tiny| tiny.table(CAPTIONS, "val_image_idxs").values = Values::F64(vec![0.0; 3]),
        &[CAPTIONS, "key `val_image_idxs`", "holds f64; expected whole numbers"],
    );
    check_fault(
        |tiny| tiny.table(VAL_FEATURES, "features").values = Values::I32(vec![1; 8]),
        &[VAL_FEATURES, "key `features`", "holds i32; expected floats such as float32"],
    );
    let folder = Tiny::new().write();
    let mut file = FileBuilder::new();
    file.create_dataset("features").with_strings(&["a", "b"]).unwrap();
    file.write(folder.path().join(VAL_FEATURES)).unwrap();
    check_error(&folder, &[VAL_FEATURES, "key `features`", "expected floats"]);
}

#[test]
fn wrong_ranks_are_named() {
    check_fault(
        |tiny| tiny.table(CAPTIONS, "train_captions").shape = vec![30],
        &[CAPTIONS, "key `train_captions`", "rank 1, shape (30); expected rank 2"],
    );
    check_fault(
        |tiny| tiny.table(CAPTIONS, "train_image_idxs").shape = vec![5, 1],
        &[CAPTIONS, "key `train_image_idxs`", "rank 2, shape (5, 1); expected rank 1"],
    );
    check_fault(
        |tiny| tiny.table(TRAIN_FEATURES, "features").shape = vec![3, 2, 2],
        &[TRAIN_FEATURES, "key `features`", "rank 3, shape (3, 2, 2); expected rank 2"],
    );
}

#[test]
fn empty_tables_are_named() {
    check_fault(
        |tiny| *tiny.table(TRAIN_FEATURES, "features") = Table::new(&[0, 4], Values::F32(vec![])),
        &[TRAIN_FEATURES, "key `features`", "is empty, shape (0, 4)"],
    );
}

#[test]
fn numbers_out_of_range_are_named() {
    check_fault(
        |tiny| tiny.set(CAPTIONS, "train_captions", 8, 7.0),
        &[CAPTIONS, "key `train_captions`", "row 1, column 2 holds 7", VOCABULARY, "has 7 entries", "0..7"],
    );
    check_fault(
        |tiny| tiny.set(CAPTIONS, "val_captions", 1, -1.0),
        &[CAPTIONS, "key `val_captions`", "row 0, column 1 holds -1"],
    );
    check_fault(
        |tiny| tiny.set(CAPTIONS, "train_image_idxs", 3, 3.0),
        &[CAPTIONS, "key `train_image_idxs`", "row 3 holds 3", TRAIN_FEATURES, "has 3 pictures"],
    );
    check_fault(
        |tiny| tiny.table(CAPTIONS, "val_image_idxs").values = Values::U64(vec![0, 1, u64::MAX]),
        &[CAPTIONS, "key `val_image_idxs`"],
    );
    check_fault(
        |tiny| tiny.set(TRAIN_FEATURES, "features", 6, f32::NAN),
        &[TRAIN_FEATURES, "key `features`", "row 1, column 2 holds NaN; expected a finite number"],
    );
    check_fault(
        |tiny| tiny.set(VAL_FEATURES, "features", 0, f32::INFINITY),
        &[VAL_FEATURES, "key `features`", "row 0, column 0 holds inf"],
    );
}

#[test]
fn parts_that_do_not_fit_each_other_are_named() {
    check_fault(
        |tiny| *tiny.table(CAPTIONS, "train_image_idxs") = Table::new(&[4], Values::I32(vec![0; 4])),
        &[CAPTIONS, "key `train_image_idxs`", "4 picture indices", "`train_captions` has 5 rows"],
    );
    check_fault(
        |tiny| *tiny.table(VAL_FEATURES, "features") = Table::new(&[2, 3], Values::F32(vec![0.0; 6])),
        &[VAL_FEATURES, "key `features`", "3 numbers a picture, but train2014_vgg16_fc7_pca.h5 has 4"],
    );
    check_fault(
        |tiny| tiny.set(CAPTIONS, "train_captions", 6, 4.0),
        &[CAPTIONS, "key `train_captions`", "caption 1 begins with 4 instead of <START>"],
    );
    check_fault(
        |tiny| {
            *tiny.table(CAPTIONS, "val_captions") = Table::new(&[3, 2], Values::I32(vec![1, 2, 1, 0, 1, 2]))
        },
        &[CAPTIONS, "key `val_captions`", "caption 1 has nothing after <START>"],
    );
    check_fault(
        |tiny| tiny.set_text("train2014_images.txt", "one\ntwo\n"),
        &["train2014_images.txt", "has 2 lines", "3 pictures"],
    );
    check_fault(
        |tiny| drop(tiny.files.insert("val2014_images.txt", Content::Text(vec![0xff, 0xfe]))),
        &["val2014_images.txt", "cannot be read as text"],
    );
}

#[test]
fn faults_of_the_vocabulary_are_named() {
    check_fault(
        |tiny| tiny.set_text(VOCABULARY, "{\"idx_to_word\": [\"<NU"),
        &[VOCABULARY, "is not the JSON expected"],
    );
    check_fault(|tiny| tiny.set_text(VOCABULARY, "{}"), &[VOCABULARY, "missing field `idx_to_word`"]);
    check_fault(|tiny| tiny.set_text(VOCABULARY, "{\"idx_to_word\": 3}"), &[VOCABULARY, "invalid type"]);
    check_fault(|tiny| tiny.set_text(VOCABULARY, &"[".repeat(100_000)), &[VOCABULARY]);
    check_fault(|tiny| drop(tiny.files.insert(VOCABULARY, Content::Text(vec![0xff; 9]))), &[VOCABULARY]);
    check_fault(
        |tiny| tiny.set_text(VOCABULARY, "{\"idx_to_word\": [\"<START>\", \"<NULL>\"]}"),
        &[VOCABULARY, "key `idx_to_word`", "entry 0 is `<START>`; expected `<NULL>`"],
    );
    check_fault(
        |tiny| tiny.set_text(VOCABULARY, "{\"idx_to_word\": [\"<NULL>\", \"<START>\"]}"),
        &[VOCABULARY, "key `idx_to_word`", "entry 2 is missing; expected `<END>`"],
    );
    check_fault(
        |tiny| tiny.edit(VOCABULARY, "\"dog\", \"runs\"]", "\"dog\", \"a\"]"),
        &[VOCABULARY, "key `idx_to_word`", "`a` stands at 4 and at 6"],
    );
    check_fault(
        |tiny| tiny.edit(VOCABULARY, "\"dog\": 5", "\"dog\": 6"),
        &[VOCABULARY, "key `word_to_idx`", "gives `dog` 6, but it stands at 5"],
    );
    check_fault(
        |tiny| tiny.edit(VOCABULARY, "\"dog\": 5, ", ""),
        &[VOCABULARY, "key `word_to_idx`", "holds 6 words, but `idx_to_word` holds 7"],
    );
}

#[test]
fn faults_of_the_references_are_named() {
    check_fault(|tiny| tiny.set_text(REFERENCES, "[]"), &[REFERENCES, "is not the JSON expected"]);
    check_fault(
        |tiny| tiny.set_text(REFERENCES, "{\"references_tok\": [[\"a\"]]}"),
        &[REFERENCES, "key `references_tok`", "has 1 entries; expected one for each of the 2 pictures"],
    );
    check_fault(
        |tiny| tiny.set_text(REFERENCES, "{\"references_tok\": [[\"a\"], []]}"),
        &[REFERENCES, "key `references_tok`", "picture 1 has no caption"],
    );
    check_fault(
        |tiny| tiny.edit(REFERENCES, "\"y.jpg\"", "\"z.jpg\""),
        &[REFERENCES, "key `image_names`", "picture 1 is `z.jpg`, but `images/y.jpg`"],
    );
    check_fault(
        |tiny| tiny.edit(REFERENCES, ", \"y.jpg\"", ""),
        &[REFERENCES, "key `image_names`", "has 1 entries"],
    );
}

#[test]
fn a_header_that_claims_a_huge_table_is_an_error_and_no_allocation() {
    for claim in [1u64 << 12, 1 << 33, 1 << 40, 1 << 62, u64::MAX] {
        for compressed in [None, Some(3)] {
            let mut tiny = Tiny::new();
            tiny.compress(compressed);
            tiny.files.remove("train2014_images.txt");
            let folder = tiny.write();
            let path = folder.path().join(TRAIN_FEATURES);
            let mut bytes = fs::read(&path).unwrap();
            // The two axes of the shape stand one after the other in the header.
            let shape = [3u64.to_le_bytes(), 4u64.to_le_bytes()].concat();
            let at = bytes.windows(16).position(|window| window == shape).unwrap();
            bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            mend_header(&mut bytes, at);
            fs::write(&path, &bytes).unwrap();
            check_error(&folder, &[TRAIN_FEATURES, "key `features`"]);
        }
    }
}

#[test]
fn a_block_that_claims_to_be_huge_is_an_error_and_no_allocation() {
    let folder = Tiny::new().write();
    let mut bytes = H5PY[1].1.to_vec();
    // The first key of the tree of blocks, and in it the size of its block, stands 24 bytes into the node.
    let at = bytes.windows(5).position(|window| window == b"TREE\x01").unwrap() + 24;
    bytes[at..at + 4].copy_from_slice(&0xdf00_0000u32.to_le_bytes());
    fs::write(folder.path().join(TRAIN_FEATURES), &bytes).unwrap();
    check_error(
        &folder,
        &[TRAIN_FEATURES, "key `features`", "has a block of 3741319168 bytes", "4069 bytes"],
    );
}

/// Puts the right check sum after the object header that holds `at`, so that the claim in it is believed.
fn mend_header(bytes: &mut [u8], at: usize) {
    let start = bytes[..at].windows(4).rposition(|window| window == b"OHDR").unwrap();
    let flags = bytes[start + 5];
    let size_bytes = 1usize << (flags & 3);
    let prefix = 6 + if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 };
    let mut size = [0; 8];
    size[..size_bytes].copy_from_slice(&bytes[start + prefix..][..size_bytes]);
    let end = start + prefix + size_bytes + u64::from_le_bytes(size) as usize;
    let sum = lookup3(&bytes[start..end]);
    bytes[end..end + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Jenkins' lookup3, the check sum of HDF5's metadata.
fn lookup3(bytes: &[u8]) -> u32 {
    let mut sum = [0xdead_beef_u32.wrapping_add(bytes.len() as u32); 3];
    let blocks: Vec<&[u8]> = bytes.chunks(12).collect();
    for (number, block) in blocks.iter().enumerate() {
        let mut padded = [0; 12];
        padded[..block.len()].copy_from_slice(block);
        for (word, part) in sum.iter_mut().zip(padded.chunks(4)) {
            *word = word.wrapping_add(u32::from_le_bytes([part[0], part[1], part[2], part[3]]));
        }
        let [mut a, mut b, mut c] = sum;
        if number + 1 < blocks.len() {
            for turn in [4, 6, 8, 16, 19, 4] {
                a = a.wrapping_sub(c) ^ c.rotate_left(turn);
                c = c.wrapping_add(b);
                (a, b, c) = (b, c, a);
            }
        } else {
            for turn in [14, 11, 25, 16, 4, 14, 24] {
                c = (c ^ b).wrapping_sub(b.rotate_left(turn));
                (a, b, c) = (b, c, a);
            }
            // After seven turns `c` has moved on by one place.
            (a, b, c) = (c, a, b);
        }
        sum = [a, b, c];
    }
    sum[2]
}

/// Loads a folder with other bytes in one file. Whatever they are, there is an answer; an error names the folder.
fn load_damaged(folder: &Path, file: &str, bytes: &[u8]) -> Result<Dataset, DataError> {
    fs::write(folder.join(file), bytes).unwrap();
    let result = Cs231n::new(folder).load();
    if let Err(error) = &result {
        assert!(error.place.contains(&folder.display().to_string()), "{error}");
    }
    result
}

/// Valid folders in the forms that HDF5 files come in: plain, compressed, and as h5py writes them.
fn valid_folders() -> [TempDir; 3] {
    let mut tiny = Tiny::new();
    let plain = tiny.write();
    let old = tiny.write();
    for (file, bytes) in H5PY {
        fs::write(old.path().join(file), bytes).unwrap();
    }
    tiny.compress(Some(2));
    [plain, tiny.write(), old]
}

#[test]
fn files_cut_short_anywhere_are_errors() {
    for folder in valid_folders() {
        for file in [CAPTIONS, TRAIN_FEATURES, VAL_FEATURES, VOCABULARY, REFERENCES] {
            let whole = fs::read(folder.path().join(file)).unwrap();
            for length in (0..whole.len()).step_by(whole.len() / 150 + 1) {
                let error =
                    load_damaged(folder.path(), file, &whole[..length]).expect_err("the file is cut short");
                assert!(error.place.contains(file), "cut to {length} bytes: {error}");
            }
            let last = load_damaged(folder.path(), file, &whole[..whole.len() - 1]);
            assert!(last.is_err(), "{file} without its last byte");
            load_damaged(folder.path(), file, &whole).unwrap();
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for folder in valid_folders() {
        for file in [CAPTIONS, TRAIN_FEATURES, VAL_FEATURES, VOCABULARY, REFERENCES, "val2014_images.txt"] {
            let whole = fs::read(folder.path().join(file)).unwrap();
            for _ in 0..300 {
                let mut damaged = whole.clone();
                for _ in 0..rng.random_range(1..4) {
                    let place = rng.random_range(0..damaged.len());
                    damaged[place] = rng.random();
                }
                let _ = load_damaged(folder.path(), file, &damaged);
            }
            fs::write(folder.path().join(file), &whole).unwrap();
        }
    }
}

#[test]
fn a_table_that_was_never_written_is_named() {
    let folder = Tiny::new().write();
    let path = folder.path().join(VAL_FEATURES);
    let mut bytes = H5PY[2].1.to_vec();
    // A contiguous table's address and size stand one after the other; no address is all ones.
    let at = bytes.windows(8).position(|window| window == 32u64.to_le_bytes()).unwrap() - 8;
    bytes[at..at + 8].fill(0xff);
    fs::write(&path, &bytes).unwrap();
    check_error(&folder, &[VAL_FEATURES, "key `features`", "was never written"]);
}

/// The folder of real data, or none after a line that says why.
fn real_folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("UNSPOOL_DATA").map_or(beside, PathBuf::from);
    let folder = data.join("flickr8k_cs231n");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there; set UNSPOOL_DATA to the folder of real data", folder.display());
    None
}

#[test]
fn the_real_folder_loads() {
    let Some(folder) = real_folder() else { return };
    let dataset = Cs231n::new(folder).load().unwrap();
    assert_eq!(dataset.vocabulary.len(), 1004);
    for (split, captions, pictures) in [(&dataset.train, 26_767, 6000), (&dataset.val, 4414, 1000)] {
        assert_eq!((split.captions.len(), split.captions.width), (captions, 17));
        assert_eq!(split.picture_of.len(), captions);
        assert!(matches!(split.pictures, Pictures::Features { width: 512, .. }));
        assert_eq!(
            (split.pictures.len(), split.names.len(), split.references.len()),
            (pictures, pictures, pictures)
        );
    }
    assert!(dataset.val.references.iter().all(|references| references.len() == 5));
    println!("peak memory: {:?}", peak_memory());
}

/// The line of the system's that says how much memory the process took at most.
fn peak_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find(|line| line.starts_with("VmHWM")).map(String::from)
}
