//! Files of arrays: features in npy, npz, HDF5 and safetensors, weights, prepared data, and CS231n's folder.

use std::io::{Cursor, Write};

use caption::data::cs231n::Cs231n;
use caption::data::features::Channels;
use caption::data::stored::{Stored, store};
use caption::data::{Captions, Dataset, Pictures, Source, Split, Vocabulary, features};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::place;

/// What a user can say of where a grid has its channels.
const CHANNELS: [Option<Channels>; 3] = [None, Some(Channels::First), Some(Channels::Last)];

/// Reads bytes as features, told by how they begin.
pub fn features(bytes: &[u8]) {
    let path = place::file("features", bytes);
    for channels in CHANNELS {
        let _ = features::read(&path, channels);
    }
}

/// Arrays of one array, some of which are refused.
pub fn npy() -> Vec<Vec<u8>> {
    fixtures!["features":
        "float16.npy",
        "float32.npy",
        "big_endian_float64.npy",
        "fortran.npy",
        "integers.npy",
        "objects.npy",
        "grid.npy",
        "places.npy"
    ]
}

/// HDF5 files of one table and of several.
pub fn hdf5() -> Vec<Vec<u8>> {
    fixtures!["features": "whole.h5", "by_name.h5", "places.h5"]
}

/// Reads bytes as an archive; or, after a byte that is odd, as two arrays of an archive whose checksums are right.
pub fn npz(bytes: &[u8]) {
    match bytes {
        [first, rest @ ..] if first % 2 == 1 => features(&archive(rest)),
        [_, rest @ ..] => features(rest),
        [] => features(bytes),
    }
}

/// The bytes as `features` and, from the second array on, as `names`.
fn archive(bytes: &[u8]) -> Vec<u8> {
    let second =
        bytes.windows(6).skip(1).position(|six| six == b"\x93NUMPY").map_or(bytes.len(), |at| at + 1);
    let (array, names) = bytes.split_at(second);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [("features.npy", array), ("names.npy", names)] {
        if !content.is_empty() {
            archive
                .start_file(name, plain)
                .and_then(|()| Ok(archive.write_all(content)?))
                .expect("memory takes it");
        }
    }
    archive.finish().expect("memory takes it").into_inner()
}

/// Archives behind an even byte, arrays behind an odd one.
pub fn npz_seeds() -> Vec<Vec<u8>> {
    let archives = fixtures!["features": "named.npz", "named_compressed.npz", "by_name.npz"];
    let arrays = npy().into_iter().map(|array| [array, names()].concat());
    let marked = |mark: u8| move |bytes: Vec<u8>| [vec![mark], bytes].concat();
    archives.into_iter().map(marked(0)).chain(arrays.map(marked(1))).collect()
}

/// Three texts as an array.
fn names() -> Vec<u8> {
    let header = b"{'descr': '<U1', 'fortran_order': False, 'shape': (3,), }\n";
    let texts: Vec<u8> = "abc".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header, &texts].concat()
}

/// Reads bytes as features, as weights, and as prepared data.
pub fn safetensors(bytes: &[u8]) {
    let path = place::file("arrays.safetensors", bytes);
    for channels in CHANNELS {
        let _ = features::read(&path, channels);
    }
    let _ = lab::weights::read(&path);
    let _ = lab::tensors::decode(bytes);
}

/// Arrays of several types.
pub fn safetensors_seeds() -> Vec<Vec<u8>> {
    use lab::tensors::{NamedTensor, encode};
    use tape::tensor::Slice;

    let tensors = [
        NamedTensor { name: "a", shape: vec![1, 2], data: Slice::F32(&[0.5, 1.0]) },
        NamedTensor { name: "b", shape: vec![2], data: Slice::F64(&[0.5, 1.0]) },
        NamedTensor { name: "c", shape: vec![0, 3], data: Slice::I32(&[]) },
    ];
    let mut seeds =
        fixtures!["features": "float16.safetensors", "by_name.safetensors", "grid_by_name.safetensors"];
    seeds.push(encode(&tensors).expect("they can be written"));
    seeds
}

/// Reads bytes as prepared data: whole, and for all that is wrong with it.
pub fn prepared(bytes: &[u8]) {
    let stored = Stored { file: place::file("prepared.safetensors", bytes) };
    let faults = stored.faults();
    if let Ok(dataset) = stored.load() {
        assert!(Stored::is_one(&stored.file) && faults.len() < 1 + bytes.len());
        for (_, split) in dataset.parts() {
            assert!(
                split.picture_of.iter().all(|row| *row < split.pictures.len()),
                "a caption has its picture"
            );
            let _ = split.captions.words(&dataset.vocabulary);
            // A picture that is damaged is an error, which the faults have told.
            let mut seen = Vec::new();
            let damaged = (0..split.pictures.len()).filter(|picture| {
                seen.clear();
                split.pictures.see(std::iter::once(*picture), &mut seen).is_err()
            });
            assert!(damaged.count() <= faults.len(), "the faults tell of every picture that cannot be seen");
        }
    }
}

/// Features and pixels, with two captions of a picture.
pub fn prepared_seeds() -> Vec<Vec<u8>> {
    let vocabulary = Vocabulary::new(["a", "dog"].map(String::from));
    let features = Pictures::Features { width: 2, data: vec![0.5, 1.0] };
    let pixels = Pictures::Pixels { height: 2, width: 1, data: vec![7; 6] };
    let written = |pictures: Pictures| {
        let split = Split {
            pictures,
            names: vec!["a.png".into()],
            captions: Captions { width: 4, ids: vec![1, 4, 2, 0, 1, 4, 5, 2] },
            picture_of: vec![0, 0],
            references: vec![vec![vec!["a".into()], vec!["a".into(), "dog".into()]]],
        };
        let dataset = Dataset {
            vocabulary: vocabulary.clone(),
            train: split.clone(),
            val: split,
            test: None,
            origin: None,
        };
        let path = place::folder().join("seed.safetensors");
        store(&path, &dataset, "two captions").expect("there is space");
        std::fs::read(&path).expect("it was written")
    };
    [features, pixels].map(written).into()
}

/// The files of CS231n's folder, as h5py and by hand.
const CS231N: [(&str, &[u8]); 6] = [
    ("coco2014_captions.h5", include_bytes!("../../caption/tests/fixtures/cs231n/coco2014_captions.h5")),
    (
        "train2014_vgg16_fc7_pca.h5",
        include_bytes!("../../caption/tests/fixtures/cs231n/train2014_vgg16_fc7_pca.h5"),
    ),
    (
        "val2014_vgg16_fc7_pca.h5",
        include_bytes!("../../caption/tests/fixtures/cs231n/val2014_vgg16_fc7_pca.h5"),
    ),
    (
        "coco2014_vocab.json",
        b"{\"idx_to_word\": [\"<NULL>\", \"<START>\", \"<END>\", \"<UNK>\", \"a\", \"dog\", \"cat\"]}",
    ),
    ("references_val.json", b"{\"references_tok\": [[\"a dog\"], [\"a cat\", \"cat\"]]}"),
    ("val2014_images.txt", b"a.png\nb.png\n"),
];

/// Reads CS231n's folder with one of its files replaced, which the first byte names.
pub fn cs231n(bytes: &[u8]) {
    let (first, content) = bytes.split_first().unwrap_or((&0, &[]));
    let folder = place::fresh("cs231n");
    for (number, (name, usual)) in CS231N.into_iter().enumerate() {
        let content = if number == usize::from(*first) % CS231N.len() { content } else { usual };
        std::fs::write(folder.join(name), content).expect("there is space for a small file");
    }
    let _ = Cs231n::new(&folder).load();
}

/// Each file.
pub fn cs231n_seeds() -> Vec<Vec<u8>> {
    (0..).zip(CS231N).map(|(number, (_, content))| [&[number], content].concat()).collect()
}
