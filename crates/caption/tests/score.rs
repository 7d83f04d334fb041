//! `caption score` as a user meets it: the reference program's numbers, and what is said of odd files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use caption::scoring::{Corpus, ids, write_hypotheses, write_references};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with captions and references.
struct Files(TempDir);

impl Files {
    fn new(hypotheses: impl AsRef<[u8]>, references: impl AsRef<[u8]>) -> Files {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hypotheses.json"), hypotheses).unwrap();
        fs::write(folder.path().join("references.json"), references).unwrap();
        Files(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn score(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_caption"));
        command.arg("score").args(["--hypotheses", &self.path("hypotheses.json")]);
        command.args(["--references", &self.path("references.json")]).args(more).output().unwrap()
    }

    /// The numbers as JSON on standard output, and what stands on standard error.
    fn numbers(&self, more: &[&str]) -> (Value, String) {
        let output = self.score(&[more, &["--json"]].concat());
        let message = text(&output.stderr);
        assert!(output.status.success(), "{message}");
        (serde_json::from_slice(&output.stdout).unwrap(), message)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn close(found: &Value, expected: f64, within: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() <= within, "{found}, expected {expected}");
}

#[test]
fn the_reference_program_gives_the_same_numbers() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("UNSPOOL_DATA").map_or_else(beside, PathBuf::from).join("metrics");
    if !folder.is_dir() {
        println!("skipped: set UNSPOOL_DATA to a folder with metrics/, {} is not there", folder.display());
        return;
    }
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap().to_lowercase();
    let [said, first, second] = ["hyp", "ref1", "ref2"].map(|part| read(&format!("nlg-eval.{part}.txt")));
    let (mut hypotheses, mut references) = (json!({}), json!({}));
    for (number, ((said, first), second)) in said.lines().zip(first.lines()).zip(second.lines()).enumerate() {
        hypotheses[number.to_string()] = json!(said);
        references[number.to_string()] = json!([first, second]);
    }
    let (scores, _) = Files::new(hypotheses.to_string(), references.to_string()).numbers(&["--tokenized"]);
    for (name, expected) in [
        ("bleu_1", 0.55),
        ("bleu_2", 0.428174),
        ("bleu_3", 0.284043),
        ("bleu_4", 0.201143),
        ("rouge_l", 0.5221037854154413),
        ("cider_d", 1.2421919556558583),
    ] {
        close(&scores["corpus"][name], expected, 1e-6);
    }
}

// By hand, "ü": "ein roter Hund" against itself, "x": nothing in common with its reference. BLEU-1 3/5, no brevity (5
// words against 3 + 2); ROUGE-L 1 and 0. CIDEr: no n-gram is in both items, orders 1 to 3 are equal, order 4 is empty:
// 10 · 3/4 and 0.
const HYPOTHESES: &str = r#"{"ü": "Ein roter Hund!", "x": "two cats"}"#;
const REFERENCES: &str = r#"{"x": ["one bird"], "ü": ["ein roter Hund."]}"#;

#[test]
fn numbers_are_those_computed_by_hand_and_each_says_its_convention() {
    let files = Files::new(HYPOTHESES, REFERENCES);
    let (scores, table) = files.numbers(&[]);
    let corpus = &scores["corpus"];
    let expected = [
        ("bleu_1", 0.6),
        ("rouge_l", 0.5),
        ("cider_d", 3.75),
        ("cider", 3.75),
        ("distinct_1", 1.0),
        ("distinct_2", 1.0),
        ("length", 2.5),
        ("unknown", 0.0),
    ];
    expected.iter().for_each(|(name, expected)| close(&corpus[name], *expected, 1e-8));
    let of = |id: &str, name: &str| scores["per_id"][id][name].clone();
    for (name, expected) in
        [("bleu_1", [1.0, 0.0]), ("rouge_l", [1.0, 0.0]), ("cider_d", [7.5, 0.0]), ("cider", [7.5, 0.0])]
    {
        close(&of("ü", name), expected[0], 1e-8);
        close(&of("x", name), expected[1], 1e-8);
    }
    for name in corpus.as_object().unwrap().keys() {
        assert!(scores["conventions"][name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }

    // The table is the same on standard output, and beside a file.
    let output = files.score(&[]);
    assert_eq!(text(&output.stdout), table);
    let path = files.path("scores.json");
    let output = files.score(&["--json", &path]);
    assert_eq!(text(&output.stdout), table);
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap(), scores);
    for line in table.lines().skip(1) {
        let convention = line.rsplit("   ").next().unwrap();
        assert!(convention.len() > 10 && convention != line, "{line}");
    }

    // Words that are taken as they are keep capital letters and full stops.
    let (scores, _) = files.numbers(&["--tokenized"]);
    close(&scores["corpus"]["bleu_1"], 0.2, 1e-8);
}

#[test]
fn no_two_ids_are_the_same_whatever_the_names() {
    let check = |names: &[&str], expected: &[&str]| {
        assert_eq!(ids(&names.iter().map(|name| name.to_string()).collect::<Vec<_>>()), expected);
    };
    check(&["a", "a", "a #2"], &["a", "a #3", "a #2"]);
    check(&["a #2", "a", "a", "a #2", "a"], &["a #2", "a", "a #3", "a #2 #2", "a #4"]);
    check(&[], &[]);
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let ids = ids(&["b", "a", "b", "b"].map(String::from));
    assert_eq!(ids, ["b", "a", "b #2", "b #3"]);
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(String::from).collect() };
    let captions = ["a \"dog\" .", "", "ein Hund", "犬"].map(words);
    let references: Vec<Vec<Vec<String>>> =
        captions.iter().map(|caption| vec![words("One , two"), caption.clone()]).collect();
    let folder = tempfile::tempdir().unwrap();
    let [said, known] = ["said.json", "known.json"].map(|name| folder.path().join(name));
    write_hypotheses(&said, &ids, &captions).unwrap();
    write_references(&known, &ids, &references).unwrap();
    let read = Corpus::read(&said, &known, true).unwrap();
    assert_eq!((read.ids, read.hypotheses, read.references), (ids, captions.to_vec(), references));
}

#[test]
fn odd_captions_are_named_and_scored() {
    let files = Files::new(
        "\u{feff}{\"b\": \"\", \"a\": \"a dog\"}",
        r#"{"a": ["a dog"], "b": ["a cat"], "c": ["one"], "d": ["two", "..."]}"#,
    );
    let (scores, message) = files.numbers(&[]);
    assert_eq!(scores["captions"], 2);
    for part in ["2 ids (`c`, `d`)", "not scored", "1 id (`b`)", "scored zero"] {
        assert!(message.contains(part), "{part} is missing in {message}");
    }
    assert_eq!(scores["warnings"].as_array().unwrap().len(), 2);
    close(&scores["per_id"]["b"]["cider_d"], 0.0, 0.0);
}

#[test]
fn files_that_cannot_be_scored_are_refused_with_one_message() {
    let check = |hypotheses: &[u8], references: &[u8], expected: &[&str]| {
        let files = Files::new(hypotheses, references);
        let output = files.score(&["--json", &files.path("scores.json")]);
        let message = text(&output.stderr);
        assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
        expected.iter().for_each(|part| assert!(message.contains(part), "{part} is missing in {message}"));
        assert!(!Path::new(&files.path("scores.json")).exists());
    };
    let good = br#"{"a": ["a dog"]}"#;
    check(br#"{"a": "x", "z": "y"}"#, good, &["references.json", "no references for 1 id (`z`)"]);
    check(br#"{"a": "x"}"#, br#"{"a": []}"#, &["references.json", "empty list for 1 id (`a`)"]);
    check(b"{}", good, &["hypotheses.json", "holds no captions"]);
    check(br#"{"a": "x", "a": "y"}"#, good, &["hypotheses.json", "`a` stands there twice"]);
    check(
        br#"[{"image_id": 1, "caption": "x"}]"#,
        good,
        &["hypotheses.json", "line 1", "{\"id\": \"caption\""],
    );
    check(br#"{"a": ["x"]}"#, good, &["hypotheses.json", "expected a string", "line 1"]);
    check(
        br#"{"a": "x"}"#,
        br#"{"a": "a dog"}"#,
        &["references.json", "expected a sequence", "[\"caption\""],
    );
    check(br#"{"a": "x""#, good, &["hypotheses.json", "line 1 column 9"]);
    check(b"{\"a\": \"\xff\"}", good, &["hypotheses.json", "not UTF-8 text from byte 7"]);
    check(b"", good, &["hypotheses.json", "line 1"]);
}
