//! The language model: what it is trained on, what is kept out, and files that are no texts.

use std::fs;

use lab::tasks::{Batch, Task, Text, generator, parse};

use crate::rows;

/// The windows of a batch as text; a character that the training part does not have is `?`.
fn windows(text: &Text, batch: &Batch) -> Vec<String> {
    let character = |symbol: &usize| text.character(*symbol as i32).unwrap_or('?');
    rows(batch)
        .iter()
        .map(|row| {
            assert_eq!(row.shown[1..], row.answers()[..row.shown.len() - 1], "an answer is what comes next");
            row.shown[..1].iter().chain(&row.answers()).map(character).collect()
        })
        .collect()
}

/// Opens a text that is written to a file.
fn open(content: &[u8]) -> Result<Text, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("novel.txt");
    fs::write(&path, content).unwrap();
    Text::open(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "novel.txt"))
}

#[test]
fn training_and_held_out_windows_do_not_overlap() {
    // No five characters of it stand at two places.
    let content: String = (1000..2000).map(|number| format!("{number},")).collect();
    let (training, held_out) = content.split_at(4500);
    let text = open(content.as_bytes()).unwrap();
    for length in [9, 100] {
        for window in windows(&text, &text.draw(200, length, &mut generator(1, 1))) {
            assert!(training.contains(&window) && window.len() == length + 1, "{window}");
        }
        for window in windows(&text, &text.draw_held_out(200, length, &mut generator(1, 1))) {
            assert!(held_out.contains(&window) && window.len() == length + 1, "{window}");
        }
    }
}

#[test]
fn both_ends_of_each_part_are_drawn() {
    let text = open("abcdefghijklmnopqrstuvwxyz0123".as_bytes()).unwrap();
    assert_eq!(text.steps, 2, "the last tenth has three characters");
    let seen = windows(&text, &text.draw(500, 2, &mut generator(1, 1))).concat();
    assert!(seen.contains("ab") && seen.contains("z0") && !seen.contains('?'));
    assert_eq!(windows(&text, &text.draw_held_out(2, 9, &mut generator(1, 1))), ["???", "???"]);
}

#[test]
fn the_vocabulary_is_that_of_the_training_part() {
    let text = open(format!("{}ébcé{}", "ab".repeat(25), "ß".repeat(6)).as_bytes()).unwrap();
    let characters: Vec<Option<char>> = (-1..6).map(|symbol| text.character(symbol)).collect();
    assert_eq!(characters, [None, None, Some('a'), Some('b'), Some('c'), Some('é'), None]);
    assert_eq!(text.inputs().width(), 5);
    // Of the 54 characters that are trained on none is a ß; with one more for each of five symbols its share is 1/59.
    let baseline = text.baseline(3);
    assert!((baseline.loss - 59f64.ln()).abs() < 1e-12 && (baseline.score - 59f64.log2()).abs() < 1e-12);
}

#[test]
fn the_tales_are_a_text_of_some_length_and_always_the_same() {
    let text = Text::default();
    let tales = windows(&text, &text.draw_held_out(1, usize::MAX, &mut generator(1, 1))).remove(0);
    assert!((5_000..10_000).contains(&tales.len()), "{}", tales.len());
    let checksum = tales.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    // Other tales are another task: results would not compare with recorded ones.
    assert_eq!(checksum, 4_108_289_563, "{tales}");
}

fn check_refused(content: &[u8], expected: &str) {
    assert_eq!(open(content).unwrap_err(), expected);
}

#[test]
fn files_that_are_no_texts_are_refused() {
    let longer = "give a text of at least 20 characters, and better 100,000";
    check_refused(b"", &format!("novel.txt: is empty; {longer}"));
    check_refused("é".repeat(19).as_bytes(), &format!("novel.txt: is too short: 19 characters; {longer}"));
    check_refused(
        b"a text\xff with a byte",
        "novel.txt: is not UTF-8 text from byte 6 on; check that it is the file you mean",
    );
    assert!(open("é".repeat(20).as_bytes()).is_ok());
}

#[test]
fn a_text_is_chosen_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a, b=c:d.txt");
    fs::write(&path, "To and fro. ".repeat(100)).unwrap();
    let path = path.to_str().unwrap();
    let check = |word: String, name: String| {
        let task = parse(&word).unwrap();
        assert_eq!(task.name(), name);
        assert!(task.about().contains("one of 9"), "{}", task.about());
    };
    check(format!("text:file={path}"), format!("text:file={path}"));
    check(format!("text:steps=50,file={path}"), format!("text:steps=50,file={path}"));
    let error = parse(&format!("text:steps=500,file={path}")).err().unwrap().to_string();
    assert_eq!(error, "the setting `steps` of the task `text` is 500, but must be from 1 to 119");
    let error = parse("text:file=/no/such/file").err().unwrap().to_string();
    assert!(error.starts_with("/no/such/file: cannot be read: "), "{error}");
}
