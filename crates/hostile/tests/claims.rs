//! Headers that claim more than any machine has, one for every reader: each is an error in words, and takes little memory.

use std::path::{Path, PathBuf};

use caption::data::cs231n::Cs231n;
use caption::data::formats::{Coco, Format, Karpathy, Table};
use caption::data::picture::{Fit, picture_of_bytes};
use caption::data::stored::Stored;
use caption::data::{Source, features};
use caption::scoring::Corpus;
use caption::training::Model;
use hostile::TARGETS;
use serde_json::{Value, json};

/// Memory that a refusal may take.
const LITTLE: u64 = 4 << 20;

/// A small file that a reader must refuse, in these words among others.
#[track_caller]
fn check<T>(bytes: &[u8], read: impl Fn(&Path) -> Result<T, String>, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.json");
    std::fs::write(&path, bytes).expect("a small file");
    let mut found = None;
    let memory = allocation_counter::measure(|| found = read(&path).err()).bytes_max;
    let error = found.expect("it is refused");
    assert!(error.contains(expected), "`{expected}` is missing in: {error}");
    assert!(memory < LITTLE + 100 * bytes.len() as u64, "{memory} bytes for {error}");
}

fn text<T, E: ToString>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn read_features(path: &Path) -> Result<features::FeatureTable, String> {
    text(features::read(path, None))
}

/// An array of numpy with nothing after its header.
fn npy(descr: &str, shape: &str) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn numpy_arrays() {
    check(&npy("<f4", "(1000000000000,)"), read_features, "more than the");
    check(
        &npy("<f4", "(18446744073709551615, 18446744073709551615)"),
        read_features,
        "more than any file can hold",
    );
    check(&npy("<U1000000000000", "(1,)"), read_features, "more than the");
    // No text at all, each of four terabytes.
    check(&npy("<U1000000000000", "(0,)"), read_features, "holds texts");
    check(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", read_features, "claims a header of 4294967295 bytes");
}

/// The largest size that an archive of 32 bits can claim; one more means another form.
const MOST: u32 = u32::MAX - 1;

/// An archive with one array that is stored as it is, whose sizes are lies.
fn npz(name: &str, array: &[u8], claimed: u32) -> Vec<u8> {
    let sizes = [claimed.to_le_bytes(), claimed.to_le_bytes()].concat();
    let crc = crc32fast::hash(array).to_le_bytes();
    let length = (name.len() as u16).to_le_bytes();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &crc[..], &sizes, &length, &[0, 0]].concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), array].concat();
    let central = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], name.as_bytes()].concat();
    let end = [
        b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00",
        &(central.len() as u32).to_le_bytes()[..],
        &(local.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

#[test]
fn archives_of_numpy() {
    let honest = npy("<f4", "(1000000000000,)");
    check(&npz("features.npy", &honest, honest.len() as u32), read_features, "more than the");
    // The archive says that four gigabytes follow, and so does the array.
    check(&npz("features.npy", &npy("<f4", "(1000000000,)"), MOST), read_features, "file.json");
    check(&npz("names.npy", &npy("<U1000000000", "(1,)"), MOST), read_features, "file.json");
}

/// A header of safetensors with some bytes after it.
fn safetensors(header: &str, bytes: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), bytes].concat()
}

#[test]
fn safetensors_files() {
    let array = |shape: &str, to: u64| {
        safetensors(
            &format!("{{\"features\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[0,{to}]}}}}"),
            &[0; 16],
        )
    };
    let weights = |path: &Path| text(lab::weights::read(path));
    let stored = |path: &Path| text(Stored { file: path.into() }.load());
    for (shape, to) in
        [("[1000000000000]", 4_000_000_000_000), ("[4611686018427387904,4]", 16), ("[1000000000000]", 16)]
    {
        check(&array(shape, to), read_features, "features");
        check(&array(shape, to), weights, "");
        check(&array(shape, to), stored, "");
    }
    // No element, and axes that a tensor cannot have.
    let empty = safetensors(r#"{"w":{"dtype":"F32","shape":[0,1000000000000],"data_offsets":[0,0]}}"#, b"");
    check(&empty, weights, "an axis of more than 2^31 - 1 entries");
    let wide = r#"{"w":{"dtype":"F32","shape":[2000000000,2000000000,2000000000,0],"data_offsets":[0,0]}}"#;
    check(&safetensors(wide, b""), weights, "");
    check(&u64::MAX.to_le_bytes(), weights, "header");
    check(
        &[&99_000_000u64.to_le_bytes()[..], b"{"].concat(),
        read_features,
        "claims a header of 99000000 bytes",
    );
}

/// A file of h5py in which an extent of its table is another.
fn hdf5(bytes: &[u8], extents: [u64; 2], claimed: [u64; 2]) -> Vec<u8> {
    let [from, to] = [extents, claimed].map(|extents| extents.map(u64::to_le_bytes).concat());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len() - 16).filter(|at| bytes[*at..at + 16] == from).collect();
    assert!(!places.is_empty(), "the extents are in the file");
    places.into_iter().for_each(|at| bytes[at..at + 16].copy_from_slice(&to));
    bytes
}

#[test]
fn hdf5_tables() {
    let fixture = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../caption/tests/fixtures");
        std::fs::read(folder.join(name)).expect("it is in the repository")
    };
    let whole = fixture("features/whole.h5");
    for claimed in [[1_000_000_000_000, 4], [3, 1_000_000_000_000], [u64::MAX, u64::MAX]] {
        check(&hdf5(&whole, [3, 4], claimed), read_features, "more than a file of");
    }
    let captions = fixture("cs231n/coco2014_captions.h5");
    let read = |path: &Path| {
        let folder: PathBuf = path.parent().expect("it lies in a folder").into();
        std::fs::rename(path, folder.join("coco2014_captions.h5")).expect("it is there");
        for name in ["train2014_vgg16_fc7_pca.h5", "val2014_vgg16_fc7_pca.h5"] {
            std::fs::write(folder.join(name), fixture(&format!("cs231n/{name}"))).expect("a small file");
        }
        let words = r#"{"idx_to_word": ["<NULL>", "<START>", "<END>", "<UNK>", "a", "dog", "cat"]}"#;
        std::fs::write(folder.join("coco2014_vocab.json"), words).expect("a small file");
        text(Cs231n::new(folder).load())
    };
    check(&hdf5(&captions, [3, 6], [1_000_000_000_000, 6]), read, "more than a file of");
}

#[test]
fn forms_of_json_and_tables() {
    let deep = [b"{\"images\":".to_vec(), vec![b'['; 200_000]].concat();
    check(&deep, |path| text(Karpathy { file: path.into() }.list()), "cannot be read as Karpathy's splits");
    check(
        &deep,
        |path| text(Coco { files: vec![(path.into(), None)] }.list()),
        "cannot be read as COCO's annotations",
    );
    check(&vec![b'['; 200_000], |path| text(Corpus::read(path, path, false)), "is not what was expected");
    let config = |path: &Path| {
        std::fs::rename(path, path.with_file_name("config.json")).expect("it is there");
        text(lab::run_dir::read_config::<Value>(path.parent().expect("a folder")))
    };
    check(&vec![b'['; 200_000], config, "holds other settings");
    // A table of one field that is never closed is read, for it is as long as it says.
    let open = [b"image,caption\na,\"".to_vec(), vec![b'x'; 300_000]].concat();
    check(
        &open,
        |path| {
            text(Table { file: path.into(), columns: None }.list().map_err(|_| "").and(Err::<(), _>("read")))
        },
        "read",
    );
}

#[test]
fn pictures() {
    let refuse = |bytes: &[u8]| {
        check(
            bytes,
            |path| text(picture_of_bytes(&std::fs::read(path).expect("a file"), "it", 8, 8, Fit::WHOLE)),
            "at most 16384",
        );
    };
    // A header of PNG, and the size in a frame of JPEG: 4 billion and 65 thousand pixels a side.
    let png = [&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 8, 6, 0, 0, 0][..]].concat();
    let chunk = [b"IHDR", &png[..]].concat();
    let crc = crc32fast::hash(&chunk).to_be_bytes();
    refuse(&[b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d", &chunk[..], &crc, b"\x00\x00\x00\x00IDAT"].concat());
    let frame =
        b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda";
    refuse(frame);
}

#[test]
fn checkpoints() {
    let seed = seeds("checkpoint").remove(0);
    let cut = seed.windows(2).position(|two| two == b"\n\n").expect("a state and tensors");
    let (state, tensors) = (&seed[..cut], &seed[cut + 2..]);
    let state: Value = serde_json::from_slice(state).expect("a state");
    let crc32 = |bytes: &[u8]| format!("{:08x}", crc32fast::hash(bytes));
    let record = |state: &Value| {
        let state = state.to_string();
        let tensors_of = json!({ "file": "t.safetensors", "bytes": tensors.len(), "crc32": crc32(tensors) });
        let crc = crc32(state.as_bytes());
        format!("{{\"format\":1,\"tensors\":{tensors_of},\"state_crc32\":\"{crc}\",\"state\":{state}}}")
    };
    let load = |path: &Path| {
        std::fs::write(path.with_file_name("t.safetensors"), tensors).expect("a small file");
        text(Model::load(path))
    };
    let terabyte = 1_000_000_000_000_u64;
    for (key, value, expected) in [
        ("hidden", json!(terabyte), "tells of a model of at least"),
        ("hidden", json!(u64::MAX), "tells of a model of at least"),
        ("hidden", json!(100_000), "tells of a model of at least"),
        ("embedding", json!(u64::MAX), "tells of a model of at least"),
        ("input", json!({ "features": { "width": terabyte } }), "tells of a model of at least"),
        (
            "input",
            json!({ "pixels": { "height": terabyte, "width": terabyte } }),
            "tells of a model of at least",
        ),
        ("input", json!({ "pixels": { "height": terabyte, "width": 4 } }), "give 1 to 1024 a side"),
        ("architecture", json!({ "attention": { "width": terabyte } }), "tells of a model of at least"),
        (
            "architecture",
            json!({ "transformer": { "layers": terabyte, "heads": 1, "positions": 9, "norm_first": true } }),
            "tells of a model of at least",
        ),
        (
            "architecture",
            json!({ "transformer": { "layers": 1, "heads": 1, "positions": terabyte, "norm_first": true } }),
            "tells of a model of at least",
        ),
    ] {
        let mut claims = state.clone();
        claims["settings"][key] = value;
        check(record(&claims).as_bytes(), load, expected);
        // The unchanged one is a model, or this would show nothing.
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.json");
        std::fs::write(&path, record(&state)).expect("a small file");
        load(&path).expect("it is a model");
    }
    let claims = record(&state).replace(&format!("\"bytes\":{}", tensors.len()), "\"bytes\":1000000000000");
    check(claims.as_bytes(), load, "1000000000000");
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    (TARGETS.iter().find(|target| target.name == name).expect(name).seeds)()
}

#[test]
fn event_files_programs_and_requests() {
    // These have no error to show: what is claimed is cut off, refused, or answered. The targets bound the memory.
    let run = |name: &str, bytes: &[u8]| hostile::run(name, bytes);
    run("events", &[&[100][..], &u64::MAX.to_le_bytes(), &[0; 20]].concat());
    let shape = "f32[2147483647, 2147483647, 2147483647, 2147483647]";
    let error =
        tape::text::parse(&format!("%0 = input 0 {shape}\noutputs %0")).expect_err("more than there is");
    assert!(error.to_string().contains("expected a type"), "{error}");
    run("program_text", b"%0 = scan steps=4294967295x4294967295 f32 {\n}\noutputs %0");
    let head = "POST /api/describe HTTP/1.1\r\nHost: localhost\r\n";
    run("request", format!("{head}Content-Length: 1000000000000\r\n\r\n").as_bytes());
    run("request", format!("{head}Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n").as_bytes());
    run("request", [head.as_bytes(), &vec![b'a'; 1 << 20]].concat().as_slice());
}
