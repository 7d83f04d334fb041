//! Image encoders in ONNX files, against the numbers of `fixtures/encoders/make.py`, and the whole way from pictures to a caption.
#![cfg(feature = "onnx")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use caption::data::encoder::{Card, Encoder, Layout, Order};
use caption::data::features::{self, Form};
use caption::data::picture::Fit;
use image::{ImageFormat, Rgb, RgbImage};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/encoders").join(name)
}

/// The pictures of `make.py`, as files in memory.
fn pictures() -> [Vec<u8>; 2] {
    let picture = |p: u32, columns: u32| {
        let value = |i: u32, j: u32, c: u32| ((37 * i + 91 * j + 53 * c + 17 * p + i * j) % 256) as u8;
        let picture = RgbImage::from_fn(columns, 8, |j, i| Rgb([0, 1, 2].map(|c| value(i, j, c))));
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    [picture(0, 12), picture(1, 8)]
}

fn expected(name: &str) -> [Vec<f32>; 2] {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

/// As the script brings its pictures: without a picture's edge cut off.
fn plain() -> Card {
    Card { fit: Fit::WHOLE, ..Card::default() }
}

/// Blue first, and from -1 to 1.
fn other() -> Card {
    Card { size: Some([8, 8]), mean: [0.5; 3], std: [0.5; 3], order: Order::Bgr, ..plain() }
}

fn encoded(encoder: &Encoder, pictures: &[&[u8]]) -> Vec<f32> {
    let mut brought = Vec::new();
    pictures.iter().for_each(|picture| encoder.bring(picture, "a picture", &mut brought).unwrap());
    encoder.encode(brought).unwrap()
}

#[track_caller]
fn check_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let error = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(error < 1e-5, "{error}: {found:?}\n{expected:?}");
}

#[test]
fn encoders_give_the_numbers_of_another_program() {
    let [first, second] = pictures();
    let check = |name: &str, card: Card, form: Form, layout: Layout| {
        let [one, two] = expected(name);
        for batch in 1..=3 {
            let encoder = Encoder::load(&fixture(&format!("{name}.onnx")), card.clone(), batch).unwrap();
            assert_eq!((encoder.form(), encoder.origin().card.layout), (form, Some(layout)), "{name}");
            assert_eq!(encoder.origin().card.size, Some([8, 8]), "{name}");
            check_near(&encoded(&encoder, &[&second]), &two);
            if encoder.batch() > 1 {
                check_near(&encoded(&encoder, &[&first, &second]), &[&one[..], &two].concat());
            }
        }
    };
    check("vector", plain(), Form::Vector { width: 4 }, Layout::Nchw);
    check("grid", other(), Form::Grid { rows: 4, columns: 4, width: 4 }, Layout::Nchw);
    check("places", plain(), Form::Grid { rows: 1, columns: 16, width: 4 }, Layout::Nhwc);

    // The file says at how many pictures it looks.
    assert_eq!(Encoder::load(&fixture("places.onnx"), plain(), 7).unwrap().batch(), 2);
    // Another output of the same network: the mean of each channel over the grid.
    let pooled = Card { output: Some("pooled".into()), ..other() };
    let pooled = Encoder::load(&fixture("grid.onnx"), pooled, 1).unwrap();
    assert_eq!(pooled.form(), Form::Vector { width: 4 });
    let [grid, _] = expected("grid");
    let mean = |channel: usize| grid.iter().skip(channel).step_by(4).sum::<f32>() / 16.0;
    check_near(&encoded(&pooled, &[&first]), &[0, 1, 2, 3].map(mean));
    // What is not said is filled in.
    let encoder = Encoder::load(&fixture("vector.onnx"), plain(), 1).unwrap();
    let origin = encoder.origin();
    assert_eq!(
        (origin.card.input.as_deref(), origin.card.output.as_deref()),
        (Some("image"), Some("features"))
    );
    // As `sha256sum vector.onnx` has it.
    assert_eq!(origin.sha256, "4d5d9d89c96ad40368c8d42cb4aebbceede364a0966ca4871b8c5724e5e87a43");
}

#[test]
fn networks_that_are_no_encoders_are_refused_in_words() {
    let check = |name: &str, card: Card, expected: &[&str]| {
        let error = Encoder::load(&fixture(name), card, 2).map(|_| ()).unwrap_err().to_string();
        for expected in [name].iter().chain(expected) {
            assert!(error.contains(expected), "`{expected}` is missing in: {error}");
        }
    };
    check("make.py", plain(), &["is no ONNX file", "torch.onnx.export"]);
    check("nowhere.onnx", plain(), &["cannot be read", "check that the path is right"]);
    check("unknown_op.onnx", plain(), &["operations that the runtime does not know: Foo", "--features"]);
    check("flat_input.onnx", plain(), &["input of shape [?, 192]; expected pictures"]);
    check("four_colours.onnx", plain(), &["input of shape [?, 4, 8, 8]; expected 3 colours"]);
    check("two_inputs.onnx", plain(), &["has the inputs image, more; expected one"]);
    check("one_number.onnx", plain(), &["makes `mean` of shape []; expected 2 first"]);
    check("deep.onnx", plain(), &["makes `deep` of shape [2, 4, 4, 4, 1]"]);
    check("no_such_output.onnx", plain(), &["has an output `elsewhere` that nothing in it makes"]);
    check("outside.onnx", plain(), &["keeps weights such as `weights` in another file"]);
    let with = |change: fn(&mut Card)| {
        let mut card = plain();
        change(&mut card);
        card
    };
    check("vector.onnx", with(|card| card.size = Some([9, 9])), &["its card says a size of [9, 9]"]);
    check(
        "vector.onnx",
        with(|card| card.layout = Some(Layout::Nhwc)),
        &["not the layout that its card says"],
    );
    check(
        "vector.onnx",
        with(|card| card.input = Some("x".into())),
        &["has the input `image`, but its card says"],
    );
    check("vector.onnx", with(|card| card.output = Some("y".into())), &["has no output `y`", "but features"]);
}

#[test]
fn a_network_for_no_picture_is_refused() {
    // In the file the shape of the input begins with `n` for the pictures and 3 for the colours; 0 takes as many bytes as `n`.
    let mut bytes = fs::read(fixture("vector.onnx")).unwrap();
    let [named, zero] = [[0x0a, 3, 0x12, 1, b'n'], [0x0a, 3, 0x08, 0x80, 0]];
    let begins = [&named[..], &[0x0a, 2, 0x08, 3]].concat();
    let at = bytes.windows(begins.len()).position(|window| window == begins).unwrap();
    bytes[at..at + 5].copy_from_slice(&zero);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.onnx");
    fs::write(&path, bytes).unwrap();
    let error = Encoder::load(&path, plain(), 2).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("input of shape [0, 3, 8, 8]; expected at least one picture"), "{error}");
}

#[test]
fn damaged_networks_are_errors_or_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = fs::read(fixture("vector.onnx")).unwrap();
    for length in (0..whole.len()).step_by(37) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(Encoder::load(&path, plain(), 1).is_err(), "cut to {length} bytes");
    }
}

/// Twelve pictures of two kinds with captions, one of them no picture, in a folder.
fn data(folder: &Path) {
    let images = folder.join("images");
    fs::create_dir(&images).unwrap();
    let mut table = "image,caption\n".to_string();
    for number in 0..12u32 {
        let dark = number % 2 == 0;
        let name = format!("p{number}.png");
        let shade = |x: u32, y: u32| if dark { (x + y + number) as u8 } else { (255 - x - number) as u8 };
        RgbImage::from_fn(20, 16, |x, y| Rgb([shade(x, y); 3])).save(images.join(&name)).unwrap();
        table += &format!("{name},a {} picture\n", if dark { "dark" } else { "bright" });
    }
    fs::write(images.join("p3.png"), "no picture").unwrap();
    fs::write(folder.join("captions.txt"), table).unwrap();
}

/// Runs `caption` in a folder; what it printed on standard output, or on standard error where it must fail.
fn caption(folder: &Path, well: bool, line: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_caption"));
    let output = command.current_dir(folder).args(line.split(' ')).output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.success(), well, "{line}: {out}{err}");
    if well { out } else { err }
}

/// What `caption serve` with these arguments says of a picture that is sent to it, as the page sends one that is dropped on it.
fn served(folder: &Path, line: &str, picture: &str) -> serde_json::Value {
    struct Ended(Child);
    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_caption"));
    let command = command.current_dir(folder).args(line.split(' ')).stdout(Stdio::piped());
    let mut server = Ended(command.spawn().unwrap());
    let mut said = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let address = said.split("http://").nth(1).and_then(|rest| rest.split(';').next());
    let address = address.unwrap_or_else(|| panic!("no address in {said}"));
    let body = fs::read(folder.join(picture)).unwrap();
    let head = format!(
        "POST /api/describe HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn pictures_are_encoded_trained_on_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    data(folder);
    for (from, to) in [("grid.onnx", "e.onnx"), ("vector.onnx", "other.onnx")] {
        fs::copy(fixture(from), folder.join(to)).unwrap();
    }
    fs::write(folder.join("e.json"), r#"{"size": [8, 8], "fit": "stretch"}"#).unwrap();

    let printed = caption(folder, true, "encode --model e.onnx --data . --out f.safetensors --batch 2");
    for expected in [
        "features of length 4 at each of 4 by 4 places",
        "pictures as e.json says",
        "left out, 1 pictures",
        "p3.png",
        "of 11 pictures",
    ] {
        assert!(printed.contains(expected), "`{expected}` is missing in: {printed}");
    }
    let table = features::read(&folder.join("f.safetensors"), None).unwrap();
    assert_eq!((table.rows(), table.form), (11, Form::Grid { rows: 4, columns: 4, width: 4 }));
    let sha256 = table.origin.unwrap().sha256;
    let printed = caption(folder, true, "encode --model other.onnx --data . --out o.safetensors");
    assert!(
        printed.contains("there is no card other.json, so pictures are brought as ImageNet's"),
        "{printed}"
    );

    let small = "--hidden 8 --embedding 8 --batch 4 --threshold 1";
    let train =
        format!("train --data . --features f.safetensors --out run --model attention --epochs 2 {small}");
    let printed = caption(folder, true, &train);
    assert!(printed.contains("made by e.onnx (SHA-256"), "{printed}");
    let config = fs::read_to_string(folder.join("run/config.json")).unwrap();
    assert!(config.contains(&sha256) && config.contains("\"stretch\""), "{config}");

    let described = caption(folder, true, "describe run images/p1.png --encoder e.onnx");
    assert!(described.starts_with("images/p1.png: "), "{described}");
    // The same as of its row in the file: the card is the run's own, also where there is none beside the encoder.
    fs::remove_file(folder.join("e.json")).unwrap();
    assert_eq!(caption(folder, true, "describe run images/p1.png --encoder e.onnx"), described);
    let answer = served(folder, "serve run --port 0 --encoder e.onnx", "images/p1.png");
    let caption_of = &answer["captions"][0];
    assert_eq!(described.trim(), format!("images/p1.png: {}", caption_of["text"].as_str().unwrap()));
    // Where it looked is a grid of the encoder's places.
    assert_eq!(caption_of["attention"]["rows"], 4, "{answer}");
    let refused = |line: &str, expected: &str| {
        let error = caption(folder, false, line);
        assert!(
            error.contains(expected) && error.lines().count() == 1,
            "`{expected}` is missing in: {error}"
        );
    };
    refused("describe run images/p1.png", "e.onnx (SHA-256");
    refused("describe run images/p1.png --encoder other.onnx", "is another encoder than the one that made");
    refused("serve run --port 0", "give it by --encoder FILE");
    refused("serve run --port 0 --encoder other.onnx", "is another encoder");
    let attention = format!("train --data . --features o.safetensors --out none --model attention {small}");
    refused(&attention, "so that attention has nothing to choose from");
    // The same encoder, but pictures were brought to it in another way.
    fs::write(folder.join("e2.json"), r#"{"size": [8, 8]}"#).unwrap();
    caption(folder, true, "encode --model e.onnx --card e2.json --data . --out g.safetensors");
    refused(
        "evaluate run --data . --features g.safetensors --threshold 1",
        "or of pictures that were brought to it in another way",
    );
}
