//! Event files of runs, read by TensorBoard's own reader where it is installed, and by a small one that shares no code with
//! what wrote them.
//!
//! TensorBoard is looked for in the Python that `UNSPOOL_TENSORBOARD` names, else in `python3`. Where it is not there, the
//! test says so and passes, unless `UNSPOOL_TENSORBOARD` is set. To install it where the test finds it:
//!
//! ```text
//! python3 -m venv target/tensorboard && target/tensorboard/bin/pip install tensorboard
//! UNSPOOL_TENSORBOARD=$PWD/target/tensorboard/bin/python cargo test -p unspool-lab --test events
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, and says where")]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::files::list_folder;
use lab::run_dir::RunDir;
use serde_json::{Value, json};

/// What is found under each tag: steps and numbers, or steps and texts.
#[derive(Debug, PartialEq)]
struct Found {
    numbers: BTreeMap<String, Vec<(u64, f64)>>,
    texts: BTreeMap<String, Vec<(u64, String)>>,
}

impl Found {
    /// Numbers in single precision, which is what TensorBoard keeps.
    fn expected(numbers: &[(&str, &[(u64, f64)])], texts: &[(&str, &[(u64, &str)])]) -> Found {
        let single = |(step, number): &(u64, f64)| (*step, f64::from(*number as f32));
        let said = |all: &[(u64, &str)]| all.iter().map(|(step, text)| (*step, text.to_string())).collect();
        Found {
            numbers: numbers
                .iter()
                .map(|(tag, all)| (tag.to_string(), all.iter().map(single).collect()))
                .collect(),
            texts: texts.iter().map(|(tag, all)| (tag.to_string(), said(all))).collect(),
        }
    }
}

fn files(run: &Path) -> Vec<PathBuf> {
    let names = list_folder(run).unwrap().into_iter().filter(|name| name.contains("tfevents"));
    names.map(|name| run.join(name)).collect()
}

/// CRC-32C bit by bit, turned and moved as TFRecord wants it.
fn checksum(bytes: &[u8]) -> u32 {
    let sum = !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg()))
    });
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The fields of a protocol buffer, with whole numbers and lengths decoded.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let field = match key & 7 {
            0 => Field::Whole(varint(&mut bytes)),
            1 => Field::Bytes(bytes.split_off(..8).unwrap()),
            5 => Field::Bytes(bytes.split_off(..4).unwrap()),
            2 => {
                let length = varint(&mut bytes) as usize;
                Field::Bytes(bytes.split_off(..length).unwrap())
            }
            other => panic!("wire type {other}"),
        };
        all.push((key >> 3, field));
    }
    all
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field<'a> {
    Whole(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let digits = bytes.split_off(..length).unwrap();
    digits.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

fn bytes_of<'a>(fields: &[(u64, Field<'a>)], number: u64) -> Option<&'a [u8]> {
    fields.iter().find_map(|(field, value)| match value {
        Field::Bytes(bytes) if *field == number => Some(*bytes),
        _ => None,
    })
}

/// What the small reader finds, in all files one after another and without regard to starts.
fn read(run: &Path) -> Found {
    let mut found = Found { numbers: BTreeMap::new(), texts: BTreeMap::new() };
    for path in files(run) {
        let bytes = fs::read(path).unwrap();
        let mut rest = &bytes[..];
        let mut first = true;
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let (record, others) = rest.split_at(length + 16);
            rest = others;
            let sum = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
            assert_eq!(
                (sum(8), sum(12 + length)),
                (checksum(&record[..8]), checksum(&record[12..12 + length]))
            );
            let event = fields(&record[12..12 + length]);
            let time = f64::from_le_bytes(bytes_of(&event, 1).unwrap().try_into().unwrap());
            assert!(time > 1.7e9, "{time} is no time of this century's second quarter");
            if std::mem::take(&mut first) {
                assert_eq!(bytes_of(&event, 3), Some(&b"brain.Event:2"[..]));
                continue;
            }
            let Some(summary) = bytes_of(&event, 5) else { continue };
            let step = event.iter().find_map(|(field, value)| match value {
                Field::Whole(step) if *field == 2 => Some(*step),
                _ => None,
            });
            for (_, value) in fields(summary) {
                let Field::Bytes(value) = value else { panic!("a value is a message") };
                let value = fields(value);
                let tag = String::from_utf8(bytes_of(&value, 1).unwrap().into()).unwrap();
                if let Some(number) = bytes_of(&value, 2) {
                    let number = f64::from(f32::from_le_bytes(number.try_into().unwrap()));
                    found.numbers.entry(tag).or_default().push((step.unwrap(), number));
                } else {
                    let text = bytes_of(&fields(bytes_of(&value, 8).unwrap()), 8).unwrap().to_vec();
                    let text = String::from_utf8(text).unwrap();
                    found.texts.entry(tag).or_default().push((step.unwrap(), text));
                }
            }
        }
    }
    found
}

/// A Python that has TensorBoard.
fn python() -> Option<String> {
    let named = std::env::var("UNSPOOL_TENSORBOARD").ok();
    let python = named.clone().unwrap_or("python3".into());
    let found = Command::new(&python).args(["-c", "import tensorboard"]).output();
    let found = found.is_ok_and(|output| output.status.success());
    assert!(found || named.is_none(), "UNSPOOL_TENSORBOARD={python} has no TensorBoard");
    if !found {
        println!(
            "skipped: there is no TensorBoard to read event files with; UNSPOOL_TENSORBOARD can name its Python"
        );
    }
    found.then_some(python)
}

/// Both readers find this.
fn check(run: &Path, expected: &Found) {
    assert_eq!(&read(run), expected);
    let Some(python) = python() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/events/read.py");
    let output = Command::new(python).arg(script).arg(run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["file_version"], 2.0);
    let of = |kind: &str| serde_json::to_string(&found[kind]).unwrap();
    let found = Found {
        numbers: serde_json::from_str(&of("numbers")).unwrap(),
        texts: serde_json::from_str(&of("texts")).unwrap(),
    };
    assert_eq!(&found, expected);
}

fn step(step: u64, loss: f64) -> Value {
    json!({ "step": step, "loss": loss })
}

#[test]
fn numbers_and_texts_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &"config").unwrap();
    assert!(files(folder.path()).is_empty(), "a run that has said nothing has no events");
    run.append(&step(1, 31.4159)).unwrap();
    // Neither what is no number, nor what belongs to no step.
    run.append(&step(2, f64::NAN)).unwrap();
    run.append(&json!({ "cell": "rnn", "loss": 3.0 })).unwrap();
    let long = "a *dog* — 犬 — runs\n".repeat(40);
    run.append(&json!({ "step": 300, "bleu": [0.5, 0.25], "val": { "loss": 1e-9 }, "said": long })).unwrap();
    run.sync().unwrap();
    let numbers: [(&str, &[(u64, f64)]); 4] = [
        ("bleu/1", &[(300, 0.5)]),
        ("bleu/2", &[(300, 0.25)]),
        ("loss", &[(1, 31.4159)]),
        ("val/loss", &[(300, 1e-9)]),
    ];
    check(folder.path(), &Found::expected(&numbers, &[("said", &[(300, &long)])]));
}

#[test]
fn a_run_that_goes_on_has_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || RunDir::open(folder.path(), &"config").unwrap();
    let mut run = open();
    (1..=9).for_each(|number| run.append(&step(number, number as f64)).unwrap());
    drop(run);
    // Stopped after nine steps with a torn record behind them, it goes on from six; then again from four.
    let torn = |path: &Path| {
        let half = fs::read(path).unwrap()[..20].to_vec();
        OpenOptions::new().append(true).open(path).unwrap().write_all(&half).unwrap();
    };
    torn(&files(folder.path())[0]);
    let mut run = open();
    run.rewind(6).unwrap();
    (7..=8).for_each(|number| run.append(&step(number, 10.0 * number as f64)).unwrap());
    drop(run);
    torn(&files(folder.path())[1]);
    let seven: Vec<(u64, f64)> = (1..=6).map(|n| (n, n as f64)).chain([(7, 70.0), (8, 80.0)]).collect();
    // A stop leaves what is torn until the run is opened again.
    drop(open());
    check(folder.path(), &Found::expected(&[("loss", &seven)], &[]));

    let mut run = open();
    run.rewind(4).unwrap();
    (5..=6).for_each(|number| run.append(&step(number, 100.0 * number as f64)).unwrap());
    let five: Vec<(u64, f64)> = (1..=4).map(|n| (n, n as f64)).chain([(5, 500.0), (6, 600.0)]).collect();
    check(folder.path(), &Found::expected(&[("loss", &five)], &[]));
    assert_eq!(files(folder.path()).len(), 3);
    // Within one opening too.
    run.rewind(5).unwrap();
    run.append(&step(6, -1.0)).unwrap();
    let five: Vec<(u64, f64)> = five[..5].iter().copied().chain([(6, -1.0)]).collect();
    check(folder.path(), &Found::expected(&[("loss", &five)], &[]));
}

#[test]
fn where_no_later_name_is_left_a_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &"config").unwrap();
    fs::write(folder.path().join(format!("events.out.tfevents.{}", u64::MAX)), "").unwrap();
    let error = run.append(&step(1, 1.0)).unwrap_err().to_string();
    assert!(error.contains("18446744073709551615: cannot be made: "), "{error}");
}

#[test]
fn a_reader_that_follows_is_told_what_was_taken_back() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunDir::open(folder.path(), &"config").unwrap();
    (1..=4).for_each(|number| run.append(&step(number, number as f64)).unwrap());
    let script = "
import sys
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
for line in sys.stdin:
    events.Reload()
    print([event.step for event in events.Tensors('loss')], flush=True)
";
    let mut reader = Command::new(python)
        .args(["-c", script])
        .arg(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ask = reader.stdin.take().unwrap();
    let mut answers = std::io::BufRead::lines(std::io::BufReader::new(reader.stdout.take().unwrap()));
    let mut check = |expected: &str| {
        ask.write_all(b"\n").unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), expected);
    };
    check("[1, 2, 3, 4]");
    run.rewind(2).unwrap();
    run.append(&step(3, 30.0)).unwrap();
    check("[1, 2, 3]");
    run.append(&step(4, 40.0)).unwrap();
    check("[1, 2, 3, 4]");
    drop(ask);
    reader.wait().unwrap();
}
